//! A name never loses most of its addresses at once, and never its last.

use super::language::{Scene, check, v4};

#[test]
fn up_to_half_of_the_addresses_go_at_once_and_more_are_held() {
    check(&[
        ("nodes 1; ours k 1; ours k 2", "- k 2"),
        ("nodes 1 2; ours k 1; ours k 2; ours k 3; ours k 4", "- k 3; - k 4"),
        ("nodes 1; ours k 1; ours k 2; ours k 3", "held k 2 3 of 3"),
        ("nodes 1; ours k 2", "+ k 1; held k 2 of 1"),
        ("nodes 1 2; ours k 3; ours k 4", "+ k 1; + k 2; held k 3 4 of 2"),
        // both families count together
        ("nodes 1; ours k 1; ours k #1", "- k #1"),
        ("nodes 1 2 3; ours k 1; ours k 2; ours k 3; ours k #1; ours k #2; ours k #3", "- k #1; - k #2; - k #3"),
        // what is replaced counts as what goes, and somebody else's does not count
        ("nodes 1 4 5; ours k 1; ours k 2; ours k 3", "+ k 4; + k 5; held k 2 3 of 3"),
        (
            "nodes 1; ours k 1; ours k 2; ours k 3; theirs k 8; theirs k 9",
            "held k 2 3 of 3; ! theirs k A 8; ! theirs k A 9",
        ),
        ("nodes; ours k 1; ours k 2", "held k 1 2 of 2; ! noaddress k"),
    ]);
}

#[test]
fn what_is_held_goes_when_it_was_unwanted_for_30_seconds_in_every_plan() {
    let mut scene = Scene::of("nodes 1; ours k 1; ours k 2; ours k 3");
    assert_eq!(scene.done(), "held k 2 3 of 3");
    assert_eq!(scene.holds.due(), Some(scene.now + crate::dns::HOLD));
    assert_eq!(scene.after(29).done(), "held k 2 3 of 3");
    assert_eq!(scene.after(1).done(), "- k 2; - k 3");
    assert_eq!((scene.holds.due(), scene.done().as_str()), (None, ""));
}

#[test]
fn one_look_is_not_enough_however_late_it_comes() {
    let mut scene = Scene::of("nodes 1; ours k 1; ours k 2; ours k 3");
    assert_eq!(scene.after(1000).done(), "held k 2 3 of 3");
}

#[test]
fn an_address_that_was_wanted_between_is_held_anew() {
    let mut scene = Scene::of("nodes 1; ours k 1; ours k 2; ours k 3");
    scene.done();
    assert_eq!(scene.after(20).say("nodes 1 2").told(), "- k 3");
    assert_eq!(scene.say("nodes 1").after(10).told(), "- k 3; held k 2 of 3");
    assert_eq!(scene.after(29).told(), "- k 3; held k 2 of 3");
    assert_eq!(scene.after(1).told(), "- k 2; - k 3");
}

#[test]
fn replaced_nodes_are_added_at_once_and_the_old_ones_go_after() {
    let mut scene = Scene::of("nodes 4 5 6; ours k 1; ours k 2; ours k 3");
    assert_eq!(scene.told(), "+ k 4; + k 5; + k 6; held k 1 2 3 of 3");
    // nobody could write meanwhile
    assert_eq!(scene.after(30).done(), "~ k 1 -> 4 replaced; ~ k 2 -> 5 replaced; ~ k 3 -> 6 replaced");
    assert_eq!(scene.done(), "");
}

#[test]
fn a_drip_counts_as_all_at_once() {
    let mut scene = Scene::of("nodes 1 2 3; ours k 1; ours k 2; ours k 3; ours k 4");
    assert_eq!(scene.done(), "- k 4");
    assert_eq!(scene.say("nodes 1 2").after(10).done(), "- k 3");
    assert_eq!(scene.say("nodes 1").after(10).done(), "held k 2 of 2");
    // the first of those that went is forgotten after 30 s, and the second after 40
    assert_eq!(scene.after(10).done(), "held k 2 of 2");
    assert_eq!(scene.after(10).done(), "- k 2");
}

#[test]
fn what_has_come_back_was_not_lost() {
    let mut scene = Scene::of("nodes 1; ours k 1; ours k 2");
    assert_eq!(scene.done(), "- k 2");
    assert_eq!(scene.say("nodes 1 2").done(), "+ k 2");
    assert_eq!(scene.say("nodes 1").done(), "- k 2");
}

#[test]
fn the_last_address_stays_and_rather_that_of_a_node_that_serves() {
    for (nodes, gone, last) in [
        ("", "- k 2; - k 3", "last k 1 of 3; ! noaddress k"),
        ("2!unready", "- k 1; - k 3", "last k 2 of 3; ! noaddress k"),
        ("2!unready 3!cordoned", "- k 1; - k 2", "last k 3 of 3; ! noaddress k"),
    ] {
        let mut scene = Scene::of(&format!("nodes {nodes}; ours k 1; ours k 2; ours k 3"));
        scene.done();
        assert_eq!(scene.after(30).done(), format!("{gone}; {last}"));
        assert_eq!(scene.holds.due(), None);
        assert_eq!(scene.after(60).done(), last.replace("of 3", "of 1"));
    }
}

#[test]
fn the_floor_counts_what_comes_in_the_same_plan() {
    let mut scene = Scene::of("nodes 1; set min=2; ours k 1; ours k 2; ours k 3; ours k 4");
    scene.done();
    assert_eq!(scene.say("nodes 1 5").after(30).told(), "~ k 2 -> 5 replaced; - k 3; - k 4");
    assert_eq!(scene.say("nodes 1 #5").told(), "+ k #5; - k 2; - k 3; - k 4");
    assert_eq!(scene.say("nodes 1").told(), "- k 3; - k 4; last k 2 of 4");
    // what there is no room for does not come
    assert_eq!(scene.say("nodes 1 #5; zones example.com=9/9").told(), "- k 3; - k 4; last k 2 of 4; ! noroom @ 1 in 0");
    assert_eq!(scene.say("nodes 1 5").told(), "~ k 2 -> 5 replaced; - k 3; - k 4");
}

#[test]
fn a_full_zone_does_not_keep_a_dead_address_where_a_live_one_could_be() {
    let mut scene = Scene::of("zones example.com=9/9; nodes 2; set min=3; ours k 1");
    assert_eq!(scene.done(), "held k 1 of 1; ! noroom @ 1 in 0");
    assert_eq!(scene.after(30).done(), "~ k 1 -> 2 replaced");
}

#[test]
fn without_a_floor_a_name_is_emptied_after_the_hold() {
    let mut scene = Scene::of("nodes; set min=0; ours k 1");
    assert_eq!(scene.done(), "held k 1 of 1; ! noaddress k");
    assert_eq!(scene.after(30).done(), "- k 1; ! noaddress k");
}

#[test]
fn a_name_taken_out_of_the_settings_is_emptied_when_it_is_forgotten_whatever_the_floor() {
    let mut scene = Scene::of("names l; nodes 1; ours l 1; ours k 1; ours k 2");
    assert_eq!(scene.done(), "held k 1 2 of 2");
    // its name may stand where nobody can read it now
    assert_eq!(scene.say("set unread").after(30).done(), "");
    assert_eq!(scene.say("set read").done(), "held k 1 2 of 2");
    assert_eq!(scene.after(119).done(), "held k 1 2 of 2");
    assert_eq!(scene.after(1).done(), "- k 1; - k 2");
    // 300 s is what Cloudflare makes of a TTL of 1, and nothing goes within the hold
    for (ttl, seconds) in [("ttl=60", 60), ("ttl=1", 300), ("ttl=1 proxied", 300), ("ttl=20", 30)] {
        let mut scene = Scene::of(&format!("names l; nodes 1; ours l 1; ours k 1 {ttl}"));
        scene.done();
        assert_eq!(scene.after(seconds - 1).done(), "held k 1 of 1", "{ttl}");
        assert_eq!(scene.after(1).done(), "- k 1", "{ttl}");
    }
}

#[test]
fn two_names_are_held_each_by_itself() {
    let mut scene = Scene::of("names k l; nodes 1; ours k 2; ours l 1; ours l 2");
    assert_eq!(scene.done(), "+ k 1; - l 2; held k 2 of 1");
    // k has two now, of which one may go
    assert_eq!(scene.done(), "- k 2");
}

#[test]
fn what_no_plan_comes_by_any_more_is_forgotten() {
    let mut scene = Scene::of("nodes 1; ours k 1; ours k 2; ours k 3");
    scene.done();
    let records = std::mem::take(&mut scene.records);
    scene.after(10).told();
    scene.records = records;
    assert_eq!(scene.after(20).told(), "held k 2 3 of 3");
    scene.records.clear();
    scene.told();
    assert_eq!(format!("{:?}", scene.holds), format!("{:?}", crate::dns::Holds::new()));
}

#[test]
fn what_is_held_names_its_addresses_in_order() {
    let plan = Scene::of("nodes 1; ours k 1; ours k 10; ours k 9").plan();
    assert_eq!(plan.held[0].addresses, [v4(9), v4(10)]);
}
