//! The DNS sync takes little away at once, and never the last.

use gatepost::dns::Notice;

use crate::support::sync::{Setup, sync};

fn three() -> Setup {
    (1..=3).fold(sync(), |setup, n| setup.node(&format!("n{n}"), &format!("203.0.113.{n}")))
}

#[tokio::test(start_paused = true)]
async fn most_of_the_addresses_are_held_for_30_seconds_and_go_when_they_are_still_unwanted() {
    let mut sync = three().start();
    sync.after(100).await;
    sync.forget();
    sync.gone(&["n2", "n3"]);
    sync.after(30).await;
    assert_eq!((sync.writes(), sync.records("k.example.com").len()), (Vec::new(), 3));
    let heard = sync.heard();
    assert!(matches!(&heard[..], [Notice::Held(held)] if held[0].addresses.len() == 2 && held[0].of == 3), "{heard:?}");
    assert_eq!(sync.metric("gatepost_dns_held"), Some(2));
    assert_eq!(sync.log().matches("are held").count(), 1);
    // the second look is a fresh one, and nobody has to say anything
    sync.cluster.looks();
    sync.after(1).await;
    assert_eq!((sync.calls(), sync.cluster.looks()), (vec!["records".to_owned(), "+0 ~1 -2".to_owned()], 1));
    assert_eq!(sync.records("k.example.com"), ["A 203.0.113.1"]);
    assert_eq!((sync.metric("gatepost_dns_held"), sync.reasons()), (Some(0), vec!["DnsApplied"]));
}

#[tokio::test(start_paused = true)]
async fn nodes_that_come_back_while_they_are_held_lose_nothing() {
    let sync = three().start();
    sync.after(100).await;
    sync.calls();
    sync.gone(&["n2", "n3"]);
    sync.after(20).await;
    assert_eq!(sync.metric("gatepost_dns_held"), Some(2));
    (2..=3).for_each(|n| sync.node(&format!("n{n}"), &format!("203.0.113.{n}")));
    sync.settle().await;
    assert_eq!(sync.metric("gatepost_dns_held"), Some(0));
    sync.after(3600).await;
    assert_eq!(sync.writes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_look_before_the_time_does_not_shorten_it() {
    let sync = three().start();
    sync.after(100).await;
    sync.calls();
    sync.gone(&["n2", "n3"]);
    for _ in 0..15 {
        sync.after(2).await;
        sync.cluster.stirs();
    }
    assert_eq!(sync.writes(), [""; 0]);
    sync.after(1).await;
    assert_eq!(sync.writes(), ["+0 ~1 -2"]);
}

#[tokio::test(start_paused = true)]
async fn the_last_address_stays_for_as_long_as_the_name_is_wanted() {
    let mut sync = three().start();
    sync.after(100).await;
    sync.forget();
    sync.gone(&["n1", "n2", "n3"]);
    sync.after(40).await;
    assert_eq!(sync.writes(), ["+0 ~1 -2"]);
    // the third tells that it is the last of one, and no more of three
    sync.after(600).await;
    assert_eq!(sync.reasons(), ["DnsHeld", "DnsConflict", "DnsHeld", "DnsApplied", "DnsHeld"]);
    sync.after(100_000).await;
    assert_eq!((sync.writes(), sync.records("k.example.com").len()), (Vec::new(), 1));
    assert_eq!((sync.metric("gatepost_dns_held"), sync.metric("gatepost_dns_conflicts")), (Some(1), Some(1)));
    assert_eq!(sync.reasons(), [""; 0]);
    sync.node("n4", "203.0.113.4");
    sync.after(40).await;
    assert_eq!(sync.records("k.example.com"), ["A 203.0.113.4"]);
}

#[tokio::test(start_paused = true)]
async fn nodes_that_go_one_after_the_other_count_as_all_at_once() {
    let sync = three().node("n4", "203.0.113.4").start();
    sync.after(100).await;
    for node in ["n4", "n3", "n2"] {
        sync.gone(&[node]);
        sync.after(5).await;
    }
    assert_eq!(sync.records("k.example.com"), ["A 203.0.113.1", "A 203.0.113.2"]);
    sync.after(30).await;
    assert_eq!(sync.records("k.example.com"), ["A 203.0.113.1"]);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_dropped_goes_when_its_ttl_is_over_and_wholly() {
    let mut sync = three().names(&["k.example.com", "l.example.org"]).start();
    sync.after(100).await;
    sync.names(&["k.example.com"]);
    sync.after(120).await;
    assert_eq!(sync.records("l.example.org").len(), 3);
    sync.after(1).await;
    assert_eq!((sync.records("l.example.org").len(), sync.records("k.example.com").len()), (0, 3));
    // its zone is looked at once more, and then no longer
    for calls in [["records"; 2].as_slice(), &["records"]] {
        sync.calls();
        sync.cluster.stirs();
        sync.settle().await;
        assert_eq!(sync.calls(), calls);
    }
}
