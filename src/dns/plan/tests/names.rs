//! Which records are made, changed and deleted, as long as nothing is held and all are ours.

use std::time::Duration;

use super::language::{Scene, check};

#[test]
fn every_name_gets_the_addresses_of_the_nodes_that_serve() {
    check(&[
        ("nodes 1 2", "+ k 1; + k 2"),
        ("nodes 1 #2 3+", "+ k 1; + k 3; + k #2; + k #3"),
        ("nodes 1 2!unready 3!cordoned 4!leaving 5!silent", "+ k 1"),
        ("nodes 1 3!cordoned; set cordoned", "+ k 1; + k 3"),
        ("nodes 1 1 ::ffff:203.0.113.1", "+ k 1"),
        ("nodes 1 10.0.0.1 100.64.0.1 fd00::1", "+ k 1"),
        ("names k *.k @; nodes 1", "+ k 1; + *.k 1; + @ 1"),
        ("names K.Example.COM. k; nodes 1", "+ k 1"),
        ("nodes 1; set ttl=300", "+ k 1 ttl=300"),
        ("nodes 1; set ttl=300 proxied", "+ k 1 proxied"),
    ]);
}

#[test]
fn what_is_right_stays_whatever_form_it_has() {
    check(&[
        ("nodes 1; ours k 1", ""),
        ("nodes 1; ours K.EXAMPLE.com. 1", ""),
        ("nodes #1; ours k AAAA 2001:DB8:0:0::0001", ""),
        // what a proxied record reports as its TTL means nothing
        ("nodes 1; set proxied ttl=300; ours k 1 proxied ttl=300", ""),
        ("nodes 1; set proxied ttl=300; ours k 1 proxied ttl=1", ""),
        ("nodes 1; ours k 1 comment=MARK_do_not_touch", ""),
        ("nodes 1; hosts www; ours k 1; ours www K.Example.com.", ""),
        ("nodes 1; hosts WWW.example.com.; ours k 1; ours www k", ""),
    ]);
}

#[test]
fn a_node_that_is_replaced_changes_its_record_and_makes_none() {
    check(&[
        ("nodes 1 2 4; ours k 1; ours k 2; ours k 3", "~ k 3 -> 4 replaced"),
        ("nodes 1 2 4 5; ours k 1; ours k 2; ours k 3", "+ k 5; ~ k 3 -> 4 replaced"),
        ("nodes 1 2 5; ours k 1; ours k 2; ours k 3; ours k 4", "~ k 3 -> 5 replaced; - k 4"),
        // an address of one family does not become one of the other
        ("nodes 1 2 #4; ours k 1; ours k 2; ours k 3", "+ k #4; - k 3"),
        (
            "nodes 1 2 3 #5 6; ours k 1; ours k 2; ours k 3; ours k 4; ours k #4",
            "~ k 4 -> 6 replaced; ~ k #4 -> #5 replaced",
        ),
    ]);
}

#[test]
fn settings_that_changed_are_changed_in_place_also_where_a_record_is_held() {
    check(&[
        ("nodes 1; ours k 1 ttl=60", "~ k 1 -> 1 settings"),
        ("nodes 1; ours k 1 proxied", "~ k 1 -> 1 settings"),
        ("nodes 1; set proxied; ours k 1", "~ k 1 -> 1 proxied settings"),
        ("nodes 2; set proxied; ours k 1", "+ k 2 proxied; ~ k 1 -> 1 proxied settings; held k 1 of 1"),
    ]);
}

#[test]
fn of_duplicates_the_one_with_the_smallest_id_stays() {
    let mut scene = Scene::of("nodes 1; ours k 1 id=b; ours k 1 id=a; ours k 1 id=c");
    let ids: Vec<String> = scene.plan().zones[0].deletes.iter().map(|record| record.id.clone()).collect();
    assert_eq!(ids, ["b", "c"]);
    // pages that change while they are read tell of one record twice
    check(&[("nodes 1; ours k 1 id=a; ours k 1 id=a", "")]);
}

#[test]
fn hosts_of_routes_lead_to_the_first_name() {
    check(&[
        ("names k l; nodes 1; hosts www *.w @; ours k 1; ours l 1", "+ *.w k; + @ k; + www k"),
        ("nodes 1; ours k 1; hosts www k", "+ www k"),
        ("nodes 1; ours k 1; hosts K.example.com", ""),
        (
            "nodes 1; ours k 1; hosts a!proxied b!direct; set proxied",
            "+ a k proxied; + b k; ~ k 1 -> 1 proxied settings",
        ),
        ("nodes 1; ours k 1; hosts a a!proxied", "+ a k proxied"),
        ("nodes 1; ours k 1; hosts elsewhere.net localhost.", ""),
        ("nodes 1; ours k 1; hosts www; set off", ""),
        // nothing can point at a pattern
        ("names *.k k; nodes 1; ours k 1; ours *.k 1; hosts www", "+ www k"),
        ("names *.k; nodes 1; ours *.k 1; hosts www", ""),
    ]);
}

#[test]
fn a_host_that_is_gone_from_the_routes_loses_its_record_when_all_routes_are_known() {
    check(&[
        ("nodes 1; ours k 1; ours www k", "- www k"),
        ("nodes 1; ours k 1; ours www k; set unread", ""),
        ("nodes 1; ours k 1; hosts www; ours www k; set off", "- www k"),
        ("nodes 1; ours k 1; ours www k; set upsert", ""),
        ("names l; nodes 1; ours l 1; hosts www; ours www k", "~ www k -> l replaced"),
        ("names l; nodes 1; ours l 1; hosts www; ours www k; set upsert", "! kept www CNAME k"),
        ("nodes 1; ours k 1; hosts www; ours www k id=b; ours www old id=a", "- www old"),
    ]);
}

#[test]
fn a_host_whose_route_cannot_be_read_stays_as_it_is() {
    check(&[
        ("nodes 1; ours k 1; hosts www!doubtful", ""),
        ("nodes 1; ours k 1; hosts www!doubtful; ours www old proxied", ""),
        ("nodes 1; ours k 1; hosts www!doubtful; free www 9; set adopt", ""),
        // another route says what is wanted
        ("nodes 1; ours k 1; hosts www!doubtful www", "+ www k"),
    ]);
}

#[test]
fn the_zone_of_a_name_is_the_one_with_the_longest_suffix() {
    check(&[
        ("zones co.uk b.co.uk; names a.b.co.uk b.co.uk c.co.uk; nodes 1", "+ a.b.co.uk 1; + b.co.uk 1; + c.co.uk 1"),
        ("zones example.com example.org; names k k.example.org; nodes 1", "+ k 1; + k.example.org 1"),
        ("names k k.example.net notexample.com; nodes 1; ours k 1", "! nozone k.example.net; ! nozone notexample.com"),
        // a zone of its own was made for a part of another one: what is there may be asked for still
        ("zones co.uk b.co.uk; names b.co.uk; nodes 1; ours b.co.uk 1 in=co.uk", "+ b.co.uk 1"),
    ]);
    let mut scene = Scene::of("zones co.uk b.co.uk; names a.b.co.uk c.co.uk; nodes 1");
    let plan = scene.plan();
    let zones: Vec<(&str, &str)> =
        plan.zones.iter().map(|zone| (zone.zone.name.as_str(), zone.adds[0].name.as_str())).collect();
    assert_eq!(zones, [("b.co.uk", "a.b.co.uk"), ("co.uk", "c.co.uk")]);
}

#[test]
fn a_zone_with_nothing_of_ours_and_nothing_wanted_is_left_out() {
    let mut scene = Scene::of("zones example.com example.org; nodes 1; free www.example.org 9");
    assert_eq!(scene.plan().zones.len(), 1);
    scene.say("ours old.example.org k");
    let plan = scene.plan();
    assert_eq!((plan.zones.len(), plan.zones[1].ours), (2, 0));
}

#[test]
fn a_name_that_changes_its_type_does_so_in_one_call() {
    check(&[
        ("nodes 1 2; ours k old", "* k [old] -> [1 2]"),
        ("nodes 1; ours k 1; hosts www; ours www 1; ours www #2", "* www [1 #2] -> [k]"),
        // better an old answer than none
        ("nodes 1!unready; ours k old", "! noaddress k"),
        ("nodes 1; ours k old; set upsert", "! kept k CNAME old"),
        ("nodes 1; ours k 1; hosts www; ours www 1; set upsert", "! kept www A 1"),
        // somebody else's address is in the way
        ("nodes 1; ours k 1; hosts www; ours www 1; free www 9", "! unmarked www A 9"),
        ("zones example.com=199/200; nodes 1 2 3; ours k old", "* k [old] -> [1 2]; ! noroom @ 2 in 1"),
    ]);
}

#[test]
fn a_full_zone_gets_what_there_is_room_for_and_names_of_nodes_come_first() {
    check(&[
        ("zones example.com=198/200; names z; nodes 1; hosts a b", "+ z 1; + a z; ! noroom @ 3 in 2"),
        ("zones example.com=200/200; nodes 1 2; ours k 1", "! noroom @ 1 in 0"),
        ("zones example.com=250/200; nodes 1 2; ours k 1", "! noroom @ 1 in 0"),
        ("zones example.com=199/200; nodes 1 2; ours k 1", "+ k 2"),
        // a record that changes needs no room
        ("zones example.com=200/200; nodes 1 2 4; ours k 1; ours k 2; ours k 3", "~ k 3 -> 4 replaced"),
    ]);
}

#[test]
fn ours_and_the_budget_are_counted_as_they_will_be() {
    let given = "zones example.com=37/200; nodes 1 2; hosts www; ours k 1; ours k 1; free k 9; ours old k; ours www 1; ours www 2";
    let mut scene = Scene::of(given);
    assert_eq!(scene.told(), "+ k 2; - k 1; - old k; * www [1 2] -> [k]; ! unmarked k A 9");
    let plan = scene.plan();
    let usage = plan.zones[0].budget().unwrap();
    assert_eq!((plan.zones[0].ours, usage.used, usage.quota), (3, 35, 200));
}

#[test]
fn without_a_name_nothing_happens() {
    check(&[("names; nodes 1; hosts www; ours k 1; ours www k", "")]);
}

#[test]
fn release_takes_everything_that_is_marked_and_nothing_else() {
    let given = "zones example.org example.com; nodes 1; ours k 1; free k 2; theirs k 3; ours a.example.org k; ours b TXT hello";
    let scene = Scene::of(given);
    let plan = super::plan_release(&scene.zones, &scene.records, &super::language::mark());
    let gone: Vec<&str> = plan.zones.iter().flat_map(|zone| &zone.deletes).map(|old| old.name.as_str()).collect();
    assert_eq!(gone, ["k.example.com", "a.example.org"]);
    assert!(plan.zones.iter().all(|zone| zone.ours == 0 && zone.adds.is_empty()));
}

#[test]
fn a_host_leads_where_it_did_until_the_new_name_of_the_nodes_has_an_address() {
    check(&[
        // a new first name: its addresses are made, and nothing is sent there yet
        ("names new; nodes 1; hosts www; ours k 1; ours www k", "+ new 1; wait www"),
        ("names new; nodes 1; hosts www; ours k 1; ours new 1; ours www k", "~ www k -> new replaced"),
        // a name in no zone, and one for which no node is published, never get one
        ("names new.example.net; nodes 1; hosts www; ours k 1; ours www k", "wait www; ! nozone new.example.net"),
        ("names new; hosts www; ours k 1; ours www k", "wait www; ! noaddress new"),
        // nor does it lose what it has of its own
        ("names new; nodes 1; hosts www; ours www 9", "+ new 1; wait www"),
        // one that has nothing yet has nothing to lose
        ("names new; nodes 1; hosts www", "+ new 1; + www new"),
    ]);
}

#[test]
fn a_name_that_a_host_leads_to_still_keeps_its_addresses() {
    let mut scene = Scene::of("names new; nodes 1; hosts www; ours k 1; ours www k");
    assert_eq!(scene.done(), "+ new 1; wait www");
    assert_eq!(scene.after(1).done(), "~ www k -> new replaced");
    // so long resolvers may send clients here
    assert_eq!(scene.holds.due(), Some(scene.now + Duration::from_secs(120)));
    assert_eq!(scene.after(60).done(), "held k 1 of 1");
    assert_eq!(scene.after(59).done(), "held k 1 of 1");
    assert_eq!(scene.after(1).done(), "- k 1");
}

#[test]
fn a_zone_that_is_not_active_gets_nothing_and_loses_nothing() {
    check(&[
        ("zones example.com k.example.com?; nodes 1; ours k 1 in=example.com", ""),
        ("zones example.com k.example.com?; nodes 1; ours k 9 in=k.example.com", "+ k 1"),
        ("zones example.com?; nodes 1; ours k 9; ours www k", "! nozone k"),
        // active it wins, and what the zone above has stays: who is asked is not ours to know
        ("zones example.com k.example.com; nodes 1; ours k 1 in=example.com", "+ k 1"),
    ]);
}
