//! The DNS sync as a whole: what is new is at Cloudflare soon, what is not new is left alone, and in how many calls.

use std::net::IpAddr;

use gatepost::dns::Notice;

use crate::support::sync::{address, sync};

#[tokio::test(start_paused = true)]
async fn a_node_that_comes_is_at_cloudflare_within_two_seconds() {
    let sync = sync().node("n1", "203.0.113.1").start();
    sync.settle().await;
    assert_eq!(sync.records("k.example.com"), ["A 203.0.113.1"]);
    sync.after(77).await;
    sync.node("n2", "203.0.113.2 2001:db8::2");
    sync.after(2).await;
    assert_eq!(sync.records("k.example.com"), ["A 203.0.113.1", "A 203.0.113.2", "AAAA 2001:db8::2"]);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_written_is_at_cloudflare_within_two_seconds() {
    let mut sync = sync().node("n1", "203.0.113.1").start();
    sync.after(77).await;
    sync.names(&["k.example.com", "*.k.example.com", "example.org"]);
    sync.after(2).await;
    for name in ["*.k.example.com", "example.org"] {
        assert_eq!(sync.records(name), ["A 203.0.113.1"], "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn several_changes_within_half_a_second_are_one_look_and_one_write() {
    let mut sync = sync().node("n1", "203.0.113.1").start();
    sync.settle().await;
    sync.forget();
    for n in 2..6 {
        sync.node(&format!("n{n}"), &format!("203.0.113.{n}"));
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    sync.settle().await;
    assert_eq!((sync.calls(), sync.cluster.looks()), (vec!["records".to_owned(), "+4 ~0 -0".to_owned()], 1));
}

#[tokio::test(start_paused = true)]
async fn news_that_change_nothing_are_looked_at_and_write_nothing() {
    let sync = sync().node("n1", "203.0.113.1").start();
    sync.settle().await;
    sync.calls();
    for _ in 0..3 {
        sync.cluster.stirs();
        sync.settle().await;
    }
    assert_eq!(sync.calls(), ["records"; 3]);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_older_than_what_was_written_is_not_believed() {
    let sync = sync().nodes(4).at(|server| server.set_lag(std::time::Duration::from_secs(20))).start();
    sync.settle().await;
    sync.cluster.stirs();
    sync.settle().await;
    sync.node("n3", "203.0.113.3");
    sync.gone(&["n2"]);
    sync.settle().await;
    assert_eq!(sync.writes(), ["+4 ~0 -0", "+0 ~1 -0", "+0 ~1 -1"]);
    for _ in 0..10 {
        sync.cluster.stirs();
        sync.settle().await;
    }
    assert_eq!((sync.writes(), sync.records("k.example.com").len()), (Vec::new(), 3));
}

#[tokio::test(start_paused = true)]
async fn a_second_run_over_an_unchanged_world_writes_nothing() {
    let setup = sync()
        .names(&["K.Example.com", "*.k.example.com"])
        .dns("proxied: true, ttl: 300, routeHosts: cname")
        .node("n1", "203.0.113.1 2001:DB8:0:0::1")
        .node("n2", "::ffff:203.0.113.2")
        .route("host: WWW.Example.com")
        .route("host: direct.example.com, dns: {proxied: false}");
    let first = setup.clone().start();
    first.settle().await;
    assert_eq!(first.records("k.example.com"), ["A 203.0.113.1", "A 203.0.113.2", "AAAA 2001:db8::1"]);
    assert_eq!(first.writes(), ["+8 ~0 -0"]);
    // forms in which Cloudflare has never told them
    first.by_hand("example.com", |records| {
        for record in records {
            record.name.make_ascii_uppercase();
            record.content = record.content.to_uppercase().replace("::", ":0::");
            record.ttl = if record.proxied { 300 } else { record.ttl };
        }
    });
    drop(first);
    let second = setup.start();
    second.after(1000).await;
    assert_eq!(second.calls(), ["zones", "usage", "records", "records", "zones", "usage", "records", "records"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_person_edited_in_our_records_is_mended_within_ten_minutes() {
    let sync =
        sync().names(&["k.example.com", "l.example.com"]).node("n1", "203.0.113.1").node("n2", "203.0.113.2").start();
    sync.settle().await;
    sync.after(100).await;
    sync.calls();
    sync.by_hand("example.com", |records| {
        records.retain(|record| record.name != "l.example.com");
        records[0].ttl = 3600;
        records[1].proxied = true;
    });
    sync.after(490).await;
    assert_eq!(sync.calls(), [""; 0]);
    sync.after(10).await;
    assert_eq!(sync.calls(), ["zones", "usage", "records", "records", "+2 ~2 -0"]);
    assert_eq!(sync.records("l.example.com"), ["A 203.0.113.1", "A 203.0.113.2"]);
}

#[tokio::test(start_paused = true)]
async fn a_thousand_nodes_come_and_go_in_batches_of_200() {
    let sync = sync().nodes(1000).at(|server| server.set_quota("example.com", 5000)).start();
    sync.after(5).await;
    assert_eq!(sync.records("k.example.com").len(), 1000);
    let calls = sync.calls();
    assert_eq!(
        calls,
        ["zones", "usage", "records", "records", "+200 ~0 -0", "+200 ~0 -0", "+200 ~0 -0", "+200 ~0 -0", "+200 ~0 -0"]
    );
    // each half of them has a new address, and then none
    sync.cluster.edit(|nodes| {
        for (n, node) in nodes.values_mut().take(500).enumerate() {
            node.external = vec![address(2000 + n).parse::<IpAddr>().unwrap()];
        }
    });
    sync.after(5).await;
    assert_eq!(sync.calls(), ["records", "+0 ~200 -0", "+0 ~200 -0", "+0 ~100 -0"]);
    sync.after(30).await;
    sync.cluster.edit(|nodes| nodes.retain(|name, _| name[1..].parse::<usize>().unwrap() >= 400));
    sync.after(5).await;
    assert_eq!(sync.calls(), ["records", "+0 ~1 -199", "+0 ~1 -199", "+0 ~1 -2"]);
    assert_eq!(sync.records("k.example.com").len(), 600);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_comes_and_goes_for_hours_never_brings_the_calls_to_their_bound() {
    let names = ["k.example.com", "l.example.org"];
    let sync = sync().names(&names).nodes(3).start();
    let mut minutes = Vec::new();
    // two looks and two writes, every second
    for _ in 0..120 {
        for _ in 0..30 {
            sync.node("flapping", "203.0.113.9");
            sync.after(1).await;
            sync.gone(&["flapping"]);
            sync.after(1).await;
        }
        minutes.push(sync.calls().len());
    }
    let most = minutes.windows(5).map(|five| five.iter().sum::<usize>()).max();
    // unpaced it would be the bound, and then nothing for minutes
    assert!(most.is_some_and(|most| most < 900), "{minutes:?}");
    assert!(minutes[0] > 200 && minutes.iter().all(|calls| *calls > 50), "{minutes:?}");
    // it is paced, not forgotten
    sync.node("flapping", "203.0.113.9");
    sync.after(10).await;
    for name in names {
        assert_eq!(sync.records(name).len(), 4);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_written_is_told_once_a_minute_in_sum() {
    let mut sync = sync().nodes(3).start();
    sync.after(100).await;
    sync.forget();
    for n in 10..20 {
        sync.node(&format!("n{n}"), &format!("203.0.113.{n}"));
        sync.after(3).await;
    }
    let one = Notice::Applied { added: 1, changed: 0, deleted: 0 };
    assert_eq!(sync.heard(), [one]);
    sync.after(60).await;
    sync.gone(&["n19"]);
    sync.after(3).await;
    assert_eq!(sync.heard(), [Notice::Applied { added: 9, changed: 0, deleted: 1 }]);
}

#[tokio::test(start_paused = true)]
async fn of_several_conflicts_only_the_new_one_is_logged_when_one_more_comes() {
    let setup = sync().names(&["k.example.com", "l.example.org"]).nodes(1);
    let mut sync = setup.there("k.example.com", "A", "192.0.2.1", "").start();
    sync.settle().await;
    let log = sync.log();
    assert!(log.contains("k.example.com: there is a record") && !log.contains("l.example.org: there is"), "{log}");
    sync.forget();
    sync.cloud.server.tell(|server| {
        server.add_by_hand(std::time::Duration::ZERO, "l.example.org", "A", "192.0.2.2", None).expect("a zone");
    });
    sync.cluster.stirs();
    sync.settle().await;
    let log = sync.log();
    assert!(!log.contains("k.example.com: there is a record") && log.contains("l.example.org: there is"), "{log}");
}
