//! The DNS sync and names that others have a hand in: hosts of routes, another cluster, the program that was there before.

use gatepost::dns::{Conflict, Notice, Record};

use crate::support::sync::{Setup, mark, records, sync};

fn hosts() -> Setup {
    sync().node("n1", "203.0.113.1").node("n2", "203.0.113.2").dns("routeHosts: cname")
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_new_gets_its_record_and_one_that_is_gone_loses_it() {
    let mut sync = hosts().route("host: www.example.com").start();
    sync.settle().await;
    assert_eq!(sync.records("www.example.com"), ["CNAME k.example.com"]);
    sync.routes(&["hosts: [www.example.com, shop.example.org]"]);
    sync.after(2).await;
    assert_eq!(sync.records("shop.example.org"), ["CNAME k.example.com"]);
    sync.calls();
    sync.routes(&["host: shop.example.org"]);
    sync.after(2).await;
    assert_eq!((sync.writes(), sync.records("www.example.com").len()), (vec!["+0 ~0 -1".to_owned()], 0));
    assert_eq!(sync.records("shop.example.org").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_may_only_be_unreadable_keeps_its_record_until_all_can_be_read() {
    let mut sync = hosts().route("host: www.example.com").route("host: shop.example.com").start();
    sync.settle().await;
    sync.is_whole(false);
    sync.routes(&["host: new.example.com"]);
    sync.after(3600).await;
    for name in ["www.example.com", "shop.example.com", "new.example.com"] {
        assert_eq!(sync.records(name), ["CNAME k.example.com"], "{name}");
    }
    sync.is_whole(true);
    sync.after(2).await;
    assert_eq!((sync.records("www.example.com").len(), sync.records("new.example.com").len()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn there_are_as_many_records_as_nodes_and_hosts_and_each_is_as_its_route_says() {
    let sync = hosts()
        .route("hosts: [example.com, \"*.example.com\", www.example.com, k.example.com, elsewhere.test]")
        .route("host: off.example.com, dns: false")
        .route("host: edge.example.com, dns: {proxied: true}");
    let mut sync = sync.start();
    sync.settle().await;
    let all: Vec<Record> = sync.cloud.server.tell(|server| server.all("example.com").to_vec());
    let mut shown: Vec<String> =
        all.iter().map(|Record { name, kind, ttl, proxied, .. }| format!("{name} {kind} {ttl} {proxied}")).collect();
    shown.sort();
    let expected = [
        "*.example.com CNAME 120 false",
        "edge.example.com CNAME 1 true",
        "example.com CNAME 120 false",
        "k.example.com A 120 false",
        "k.example.com A 120 false",
        "www.example.com CNAME 120 false",
    ];
    assert_eq!(shown, expected);
    assert!(all.iter().all(|record| record.comment == Some(mark("cluster"))));
    sync.calls();
    sync.routes(&["hosts: [\"*.example.com\", www.example.com]", "host: example.com, dns: false"]);
    sync.settle().await;
    assert_eq!((sync.writes(), sync.records("example.com").len()), (vec!["+0 ~0 -2".to_owned()], 0));
}

#[tokio::test(start_paused = true)]
async fn two_clusters_with_one_name_tell_of_each_other_and_fight_over_nothing() {
    let one = sync().node("n1", "203.0.113.1").dns("routeHosts: cname").route("host: www.example.com");
    let two = one.clone().cluster("another").node("n1", "203.0.113.9");
    let mut one = one.start();
    one.settle().await;
    let mut two = two.start();
    two.settle().await;
    let heard = two.heard();
    let by_first = |conflict: &Conflict| matches!(conflict, Conflict::OtherCluster { mark: whose, .. } if *whose == mark("cluster"));
    assert!(matches!(&heard[0], Notice::Conflicts(all) if all.len() == 2 && all.iter().all(by_first)), "{heard:?}");
    one.after(601).await;
    assert_eq!(one.reasons(), ["DnsApplied", "DnsConflict"]);
    one.calls();
    for _ in 0..10 {
        one.cluster.stirs();
        two.cluster.stirs();
        one.after(600).await;
    }
    assert_eq!(one.writes(), [""; 0]);
    assert_eq!(one.records("k.example.com"), ["A 203.0.113.1", "A 203.0.113.9"]);
    assert_eq!((one.reasons(), two.metric("gatepost_dns_conflicts")), (Vec::new(), Some(2)));
}

#[tokio::test(start_paused = true)]
async fn what_the_program_before_us_left_becomes_ours_without_a_moment_of_emptiness() {
    let sync = sync().node("n1", "203.0.113.1").node("n2", "203.0.113.2").node("n3", "203.0.113.3");
    let sync =
        sync.there("k.example.com", "A", "203.0.113.1", "").there("k.example.com", "A", "203.0.113.2", "by hand");
    let mut sync = sync.there("k.example.com", "TXT", "hello", "").start();
    sync.settle().await;
    assert_eq!(sync.writes(), ["+1 ~2 -0"]);
    let comments = sync.cloud.server.tell(|server| {
        let ours = server.records("k.example.com").into_iter().filter(|record| record.kind.is_address());
        ours.map(|record| record.comment.clone().unwrap()).collect::<Vec<_>>()
    });
    let mark = mark("cluster");
    assert_eq!(comments, [mark.clone(), format!("{mark} by hand"), mark]);
    assert_eq!((sync.reasons(), sync.metric("gatepost_dns_conflicts")), (vec!["DnsApplied"], Some(0)));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_somebody_else_made_stays_beside_ours_and_is_told_of() {
    let sync = sync().node("n1", "203.0.113.1").there("k.example.com", "A", "198.51.100.7", "mine");
    let mut sync = sync.there("www.example.com", "A", "198.51.100.7", "").dns("routeHosts: cname");
    sync = sync.route("host: www.example.com");
    let mut sync = sync.start();
    sync.after(3600).await;
    assert_eq!(sync.writes(), ["+1 ~0 -0"]);
    assert_eq!(records(&sync.cloud, "www.example.com"), ["A 198.51.100.7"]);
    assert_eq!(sync.reasons(), ["DnsConflict", "DnsApplied"]);
}
