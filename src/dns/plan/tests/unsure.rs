//! A write has had no answer: its record may be what the list says, or what it was to become.

use super::language::{Scene, check};

#[test]
fn a_name_with_a_record_that_is_unsure_gets_what_it_lacks_and_loses_nothing() {
    check(&[
        // it may be 3 in truth, which was wanted until now
        ("nodes 1 2; ours k 1 unsure", "+ k 2"),
        ("nodes 1 2; ours k 1; ours k 2; ours k 3 unsure", ""),
        ("nodes 1 4; ours k 1; ours k 2 unsure", "+ k 4"),
        // the sure one of two that look the same is not a duplicate then
        ("nodes 1; ours k 1 unsure; ours k 1", ""),
        ("nodes 1; ours k 1 ttl=60 unsure", ""),
        ("nodes 1; free k 1 unsure", ""),
        // other names are as ever
        ("names k j; nodes 1; ours k 1 unsure; ours k 2; ours j 1; ours j 2", "- j 2"),
        ("names k; nodes 1; ours k 1; ours j 1; ours j 2 unsure", "held j 1 2 of 2"),
    ]);
}

#[test]
fn a_host_with_a_record_that_is_unsure_stays_as_it_is() {
    check(&[
        ("nodes 1; hosts www; ours k 1; ours www j unsure", ""),
        ("nodes 1; hosts www; ours k 1; ours www 1 unsure", ""),
        ("nodes 1; ours k 1; ours www k unsure", ""),
        // a name that is to have addresses and may lead elsewhere still
        ("nodes 1; ours k www unsure", ""),
    ]);
}

#[test]
fn what_is_unwanted_has_been_so_all_the_while_that_it_was_unsure() {
    let mut scene = Scene::of("nodes 1; ours k 1; ours k 2 unsure; ours k 3");
    assert_eq!(scene.done(), "held k 2 3 of 3");
    assert_eq!(scene.after(30).done(), "");
    assert_eq!(scene.say("answered").done(), "- k 2; - k 3");
}
