//! Only what is ours is touched; what is somebody else's stays, is told of, and is gone round where DNS lets us.

use super::language::{Scene, check};

#[test]
fn a_record_without_our_mark_stays_and_ours_are_made_beside() {
    check(&[
        ("nodes 1; free k 9", "+ k 1; ! unmarked k A 9"),
        ("nodes 1; theirs k 9", "+ k 1; ! theirs k A 9"),
        ("nodes 1; theirs k 9; set adopt", "+ k 1; ! theirs k A 9"),
        ("nodes 1; free k #9", "+ k 1; ! unmarked k AAAA #9"),
        // an identical one would be refused
        ("nodes 1 2; theirs k 1", "+ k 2; ! theirs k A 1"),
        ("nodes #1 #2; free k #1", "+ k #2; ! unmarked k AAAA #1"),
        ("nodes 1; ours k 1; free other 9; theirs another 8", ""),
    ]);
}

#[test]
fn what_looks_like_our_mark_is_not_ours() {
    for comment in ["x_MARK", "MARKa", "GATEPOST:MARK", "gatepost", "gatepost:", "_"] {
        let told = Scene::of(&format!("nodes 1; ours k 1; ours old www comment={comment}")).told();
        assert_eq!(told, "", "{comment}");
    }
    check(&[("nodes 1; ours k 1; ours old www comment=_MARK_hello", "- old www")]);
}

#[test]
fn nothing_stands_beside_a_cname() {
    check(&[
        ("nodes 1; free k www", "! unmarked k CNAME www"),
        ("nodes 1; theirs k www", "! theirs k CNAME www"),
        ("nodes 1; ours k 1; hosts www; free www 9", "! unmarked www A 9"),
        ("nodes 1; ours k 1; hosts www; free www #9", "! unmarked www AAAA #9"),
        ("nodes 1; ours k 1; hosts www; free www elsewhere", "! unmarked www CNAME elsewhere"),
        ("nodes 1; ours k 1; hosts www; free www NS ns.elsewhere.net", "! unmarked www NS ns.elsewhere.net"),
        // the apex has NS records always, and its CNAME is flattened
        ("nodes 1; ours k 1; hosts @; free @ NS ns.elsewhere.net", "+ @ k"),
        ("nodes 1; free k NS ns.elsewhere.net", "+ k 1"),
    ]);
}

#[test]
fn other_types_are_never_touched_whatever_mark_they_have() {
    check(&[
        ("nodes 1; ours k 1; ours k TXT hello; ours old MX mail; free k TXT x; set adopt", ""),
        ("nodes 1; ours k 1; hosts www; ours www TXT hello", "+ www k"),
        ("nodes 1; ours k 1; ours gone NS ns.elsewhere.net", ""),
    ]);
}

#[test]
fn what_the_program_before_us_left_is_adopted() {
    check(&[
        ("nodes 1; free k 1", "~ k 1 -> 1 adopted"),
        ("nodes 1; free k 1 ttl=60 proxied", "~ k 1 -> 1 adopted"),
        (
            "nodes 1 2 3!unready 4!cordoned; free k 1; free k 2; free k 3",
            "~ k 1 -> 1 adopted; ~ k 2 -> 2 adopted; - k 3",
        ),
        (
            "nodes 1 2 3!unready 4; free k 1; free k 2; free k 3",
            "~ k 1 -> 1 adopted; ~ k 2 -> 2 adopted; ~ k 3 -> 4 adopted",
        ),
        // held, and ours from now on
        ("nodes 1 3!unready; free k 3", "+ k 1; ~ k 3 -> 3 adopted; held k 3 of 1"),
        // it knew no IPv6, and no host had a record by it
        ("nodes #1; free k #1", "! unmarked k AAAA #1"),
        ("nodes 1; ours k 1; hosts www; free www 1", "! unmarked www A 1"),
        ("nodes 1; ours k 1; free old 1", ""),
    ]);
}

#[test]
fn whoever_says_so_adopts_all_of_a_wanted_name() {
    check(&[
        ("nodes #1; free k #1; set adopt", "~ k #1 -> #1 adopted"),
        ("nodes 1; free k 1; free k 9; set adopt", "~ k 1 -> 1 adopted; - k 9"),
        ("nodes 1; ours k 1; hosts www; free www K.example.com; set adopt", "~ www K -> k adopted"),
        ("nodes 1; ours k 1; hosts www; free www elsewhere; set adopt", "~ www elsewhere -> k adopted"),
        ("nodes 1; ours k 1; hosts www; free www 9; set adopt", "* www [9] -> [k]"),
        ("nodes 1; free k elsewhere; set adopt", "* k [elsewhere] -> [1]"),
        ("nodes 1; ours k 1; free other 9; set adopt", ""),
        // nothing goes under upsert, but it is ours
        ("nodes 1; ours k 1; free k 9; set adopt upsert", "~ k 9 -> 9 adopted"),
    ]);
}

#[test]
fn of_duplicates_the_marked_one_stays() {
    check(&[("nodes 1; free k 1 id=a; ours k 1 id=b", "- k 1")]);
    let mut scene = Scene::of("nodes 1; free k 1 id=a; ours k 1 id=b");
    assert_eq!(scene.plan().zones[0].deletes[0].id, "a");
}

#[test]
fn upsert_adds_and_takes_nothing_away() {
    check(&[
        ("nodes 1 4; ours k 1; ours k 2; ours k 3; set upsert", "+ k 4"),
        ("nodes 1; ours k 1 ttl=60; set upsert", "~ k 1 -> 1 settings"),
        ("nodes 1; ours k 1; ours k 1; ours gone 1; ours www k; set upsert", ""),
        ("names k; nodes; ours k 1; set upsert min=0", "! noaddress k"),
    ]);
}
