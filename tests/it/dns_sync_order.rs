//! The order in which the DNS sync writes, and what it leaves out when Cloudflare refuses something.

use std::time::Duration;

use gatepost::demo::cloudflare::Server;
use gatepost::dns::Notice;

use crate::support::sync::{Setup, Syncing, address, mark, sync};

fn four() -> Setup {
    (1..=4).fold(sync(), |setup, n| setup.node(&format!("n{n}"), &format!("203.0.113.{n}")))
}

/// Nodes that come and nodes that go, so that there is something for each of the two calls.
fn change(sync: &Syncing) {
    sync.cluster.edit(|nodes| {
        nodes.remove("n3");
        let mut five = nodes.remove("n4").unwrap();
        five.external = vec!["2001:db8::5".parse().unwrap()];
        nodes.insert("n5".to_owned(), five);
    });
}

const CHANGED: [&str; 3] = ["A 203.0.113.1", "A 203.0.113.2", "AAAA 2001:db8::5"];

/// Lists do not show for 20 s what has become of the records since now.
fn hide(server: &mut Server) {
    server.set_lag(Duration::from_secs(20));
}

/// One round, and no time for another.
async fn one_round() {
    tokio::time::sleep(Duration::from_millis(400)).await;
}

#[tokio::test(start_paused = true)]
async fn what_comes_is_written_before_what_goes_and_in_a_call_of_its_own() {
    let sync = four().start();
    sync.after(100).await;
    sync.calls();
    change(&sync);
    sync.settle().await;
    assert_eq!(sync.writes(), ["+1 ~0 -0", "+0 ~1 -2"]);
    assert_eq!(sync.records("k.example.com"), CHANGED);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_is_replaced_is_one_record_that_changes() {
    let sync = four().start();
    sync.after(100).await;
    let ids = |sync: &Syncing| {
        sync.cloud.server.tell(|server| server.all("example.com").iter().map(|r| r.id.clone()).collect::<Vec<_>>())
    };
    let before = ids(&sync);
    sync.calls();
    sync.cluster.edit(|nodes| {
        nodes.remove("n4");
    });
    sync.node("n5", "203.0.113.5");
    sync.settle().await;
    assert_eq!((sync.writes(), ids(&sync)), (vec!["+0 ~1 -0".to_owned()], before));
    assert_eq!(sync.records("k.example.com").last().unwrap(), "A 203.0.113.5");
}

#[tokio::test(start_paused = true)]
async fn a_name_of_which_something_is_refused_loses_nothing_and_the_other_names_go_on() {
    let mut sync = four().names(&["k.example.com", "l.example.com"]).start();
    sync.after(100).await;
    sync.forget();
    sync.cloud.server.tell(hide);
    let now = sync.cloud.now();
    let alias = |server: &mut Server| server.add_by_hand(now, "l.example.com", "CNAME", "x.example.net", None);
    sync.cloud.server.tell(alias);
    change(&sync);
    tokio::time::sleep(Duration::from_millis(900)).await;
    assert_eq!(sync.writes(), ["+2 ~0 -0 nothing", "+1 ~0 -0", "+1 ~0 -0 nothing", "+0 ~1 -2"]);
    assert_eq!(sync.records("k.example.com"), CHANGED);
    assert_eq!(sync.records("l.example.com").len(), 5);
    let heard = sync.heard();
    assert!(matches!(&heard[..], [Notice::Applied { added: 1, deleted: 2, .. }, Notice::Failed(_)]), "{heard:?}");
    let log = sync.log();
    assert!(log.contains("does not take a record") && log.contains("name=\"l.example.com\""), "{log}");
    // told once, however often it is tried, and seen for what it is when the list shows it
    sync.after(18).await;
    assert_eq!((sync.heard(), sync.log()), (Vec::new(), String::new()));
    sync.after(60).await;
    assert_eq!(sync.reasons()[0], "DnsConflict");
}

#[tokio::test(start_paused = true)]
async fn one_record_of_200_that_is_refused_is_found_in_a_few_calls_and_the_others_are_written() {
    let sync = sync().nodes(200).at(hide).there("k.example.com", "A", &address(77), "");
    let sync = sync.at(|server| {
        server.set_quota("example.com", 500);
        server.by_hand(Duration::ZERO, "example.com", |records| records[0].ttl = 300);
    });
    let sync = sync.start();
    one_round().await;
    assert_eq!(sync.records("k.example.com").len(), 200);
    let writes = sync.writes();
    // two calls for each time that the half with it is halved
    assert!((9..=17).contains(&writes.len()), "{writes:?}");
    assert_eq!(writes.iter().filter(|call| *call == "+1 ~0 -0 nothing").count(), 1, "{writes:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_everywhere_is_given_up_after_a_bounded_number_of_calls() {
    let sync = sync().nodes(200).at(hide).at(|server| server.set_quota("example.com", 500));
    let sync = (0..200).fold(sync, |sync, n| sync.there("k.example.com", "A", &address(n), ""));
    let sync = sync.at(|server| {
        server.by_hand(Duration::ZERO, "example.com", |records| records.iter_mut().for_each(|r| r.ttl = 300));
    });
    let sync = sync.start();
    one_round().await;
    assert_eq!(sync.writes().len(), 65);
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_there_already_counts_as_made() {
    let mut sync = sync().node("n1", "203.0.113.1").node("n2", "203.0.113.2").at(hide);
    sync = sync.there("k.example.com", "A", "203.0.113.2", &mark("cluster"));
    let mut sync = sync.start();
    one_round().await;
    assert_eq!(sync.records("k.example.com"), ["A 203.0.113.1", "A 203.0.113.2"]);
    assert_eq!(sync.writes(), ["+2 ~0 -0 nothing", "+1 ~0 -0", "+1 ~0 -0 nothing"]);
    assert_eq!(
        (sync.reasons(), sync.metric("gatepost_dns_last_success_seconds").is_some()),
        (vec!["DnsApplied"], true)
    );
    sync.after(500).await;
    assert_eq!((sync.calls(), sync.records("k.example.com").len()), (Vec::new(), 2));
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_with_others_that_are_there_already_is_not_taken_for_made() {
    let sync = sync().nodes(200).at(hide).at(|server| server.set_quota("example.com", 500));
    let sync = (0..199).fold(sync, |sync, n| sync.there("k.example.com", "A", &address(n), &mark("cluster"))).start();
    one_round().await;
    // more are there than can be found out one by one
    assert_eq!(sync.metric("gatepost_dns_last_success_seconds"), None);
    sync.after(60).await;
    assert_eq!(sync.records("k.example.com").len(), 200);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_deleted_when_the_record_that_the_name_should_keep_is_gone() {
    let sync = sync().node("n1", "203.0.113.1").node("n2", "203.0.113.2").start();
    sync.after(100).await;
    sync.calls();
    sync.cloud.server.tell(hide);
    sync.by_hand("example.com", |records| records.retain(|record| record.content != "203.0.113.1"));
    sync.gone(&["n2"]);
    sync.after(15).await;
    // the list shows both
    assert_eq!(sync.records("k.example.com"), ["A 203.0.113.2"]);
    assert!(sync.writes().iter().all(|call| call == "+0 ~1 -1 nothing"));
    sync.after(60).await;
    assert_eq!(sync.records("k.example.com"), ["A 203.0.113.1"]);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_changes_from_alias_to_addresses_and_back_is_one_call_and_never_empty() {
    let mut sync = four().names(&["a.example.com"]).dns("routeHosts: cname").route("host: k.example.com").start();
    sync.settle().await;
    assert_eq!(sync.records("k.example.com"), ["CNAME a.example.com"]);
    sync.calls();
    sync.names(&["a.example.com", "k.example.com"]);
    sync.settle().await;
    assert_eq!((sync.writes(), sync.records("k.example.com").len()), (vec!["+4 ~0 -1".to_owned()], 4));
    sync.names(&["a.example.com"]);
    sync.settle().await;
    assert_eq!(sync.writes(), ["+1 ~0 -4"]);
    assert_eq!(sync.records("k.example.com"), ["CNAME a.example.com"]);
}

#[tokio::test(start_paused = true)]
async fn more_addresses_than_a_call_takes_change_places_with_an_alias_too() {
    let sync = sync().names(&["a.example.com"]).nodes(250).at(|server| server.set_quota("example.com", 1000));
    let mut sync = sync.dns("routeHosts: cname").route("host: k.example.com").start();
    sync.settle().await;
    sync.calls();
    sync.names(&["a.example.com", "k.example.com"]);
    sync.settle().await;
    assert_eq!(
        (sync.writes(), sync.records("k.example.com").len()),
        (vec!["+199 ~0 -1".to_owned(), "+51 ~0 -0".to_owned()], 250)
    );
    sync.names(&["a.example.com"]);
    sync.settle().await;
    assert_eq!(sync.writes(), ["+0 ~0 -51", "+1 ~0 -199"]);
    assert_eq!(sync.records("k.example.com"), ["CNAME a.example.com"]);
}
