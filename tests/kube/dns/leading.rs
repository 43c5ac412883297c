//! Who writes: one process of all, and another one when that one ends, drains or stands still.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Edge, NAME, ROUTE, address, node, pod};
use crate::process::Gatepost;
use crate::testbed::{Namespace, shared};

/// As long as a machine that swaps, or a virtual one that moves, may stand still.
const STILL: Duration = Duration::from_secs(60);

fn leads(gatepost: &Gatepost) -> bool {
    gatepost.metrics().contains("\ngatepost_leader 1\n")
}

/// Each address was put there once, and so many records were taken away in all.
fn written_once(edge: &Edge<'_>, numbers: &[u8], deleted: usize) {
    let written = edge.cloudflare.written();
    let mut put: Vec<&String> = written.iter().flat_map(|(put, _)| put).collect();
    put.sort_unstable();
    assert_eq!(put, numbers.iter().map(|number| address(*number)).collect::<Vec<_>>().iter().collect::<Vec<_>>());
    assert_eq!(written.iter().map(|(_, deleted)| deleted).sum::<usize>(), deleted);
    let marks: BTreeSet<_> = edge.cloudflare.comments();
    assert_eq!(marks.len(), 1, "the mark is that of the installation, whoever writes: {marks:?}");
}

#[tokio::test]
async fn one_of_three_asks_cloudflare_and_when_it_ends_another_goes_on_where_it_stopped() {
    let _shared = shared();
    let namespace = Namespace::new("dns-three").await;
    let edge = Edge::new(&namespace, 3).await;
    let one = edge.leader(1);
    let others = [edge.start(2), edge.start(3)];
    for other in &others {
        other.line("of a follower", |line| line["message"] == "This process follows");
    }
    edge.points_at(&[1, 2, 3]);
    edge.serves(4).await;
    edge.points_at(&[1, 2, 3, 4]);
    println!("calls of the three: {:?}", [1, 2, 3].map(|number| (edge.calls_of(number), edge.writes_of(number))));
    assert_eq!([1, 2, 3].map(|number| edge.writes_of(number)), [2, 0, 0]);
    assert_eq!([2, 3].map(|number| edge.calls_of(number)), [0, 0]);

    let (status, said) = one.terminate();
    assert!(status.success(), "{said}");
    let asked = edge.calls_of(1);
    edge.nodes.pod_gone(&pod(1)).await;
    edge.follows("the end of the leader and of its pod", &[2, 3, 4]);
    edge.serves(5).await;
    edge.points_at(&[2, 3, 4, 5]);
    written_once(&edge, &[1, 2, 3, 4, 5], 1);
    println!("calls of the three: {:?}", [1, 2, 3].map(|number| (edge.calls_of(number), edge.writes_of(number))));
    let (next, follower) = if leads(&others[0]) { (2, 3) } else { (3, 2) };
    assert_eq!([edge.writes_of(1), edge.writes_of(next), edge.calls_of(follower)], [2, 2, 0]);
    assert_eq!(edge.calls_of(1), asked);
    edge.nodes.all_gone().await;
}

#[tokio::test]
async fn a_leader_that_stood_still_for_a_minute_asks_cloudflare_nothing_when_it_wakes() {
    let _shared = shared();
    let namespace = Namespace::new("dns-stopped").await;
    let edge = Edge::new(&namespace, 4).await;
    edge.nodes.pod_not_ready(&pod(4)).await;
    let one = edge.leader(1);
    let two = edge.start(2);
    two.line("of a follower", |line| line["message"] == "This process follows");
    edge.points_at(&[1, 2, 3]);
    // it knows of something to do, and has not begun with it
    edge.nodes.pod_ready(&node(4), &pod(4)).await;
    one.signal("STOP");
    let asked = edge.calls_of(1);
    let stopped = tokio::time::Instant::now();
    edge.follows("SIGSTOP of the leader", &[1, 2, 3, 4]);
    assert_eq!((edge.calls_of(1), edge.writes_of(2)), (asked, 1));
    tokio::time::sleep_until(stopped + STILL).await;
    one.signal("CONT");
    one.line("of the end", |line| line["message"] == "This process leads no more");
    edge.serves(5).await;
    edge.points_at(&[1, 2, 3, 4, 5]);
    edge.nodes.gone(&node(5)).await;
    edge.points_at(&[1, 2, 3, 4]);
    println!("calls of the two: {:?}", [1, 2].map(|number| (edge.calls_of(number), edge.writes_of(number))));
    assert_eq!((edge.calls_of(1), edge.writes_of(1), edge.writes_of(2)), (asked, 1, 3));
    written_once(&edge, &[1, 2, 3, 4, 5], 1);
    edge.nodes.all_gone().await;
}

#[tokio::test]
async fn the_node_of_a_pod_that_was_told_to_end_is_left_out_while_it_still_serves() {
    let _shared = shared();
    let namespace = Namespace::new("dns-drains").await;
    let edge = Edge::new(&namespace, 3).await;
    let in_pod = [("KUBERNETES_SERVICE_HOST", "127.0.0.1")];
    let one = edge.start_with(1, &[], &in_pod);
    one.metric("gatepost_leader", "1");
    let two = edge.start_with(2, &[], &in_pod);
    two.line("of a follower", |line| line["message"] == "This process follows");
    edge.points_at(&[1, 2, 3]);
    let mut client = one.client();
    assert_eq!(client.get("www.example.com", "/").unwrap().status, 200);
    // it is the leader too: the other one has to take that over first
    one.signal("TERM");
    edge.follows("SIGTERM of the leader in a pod", &[2, 3]);
    assert!(!one.is_ready());
    for _ in 0..100 {
        assert_eq!(client.get("www.example.com", "/").unwrap().status, 200);
    }
    assert_eq!((client.connections, edge.writes_of(1), edge.writes_of(2)), (1, 1, 1));
    // its successor on the node
    edge.nodes.pod_gone(&pod(1)).await;
    edge.nodes.pod_ready(&node(1), "gatepost-1b").await;
    edge.follows("its successor", &[1, 2, 3]);
    edge.nodes.all_gone().await;
}

#[tokio::test]
async fn what_the_first_has_made_is_what_the_next_keeps_and_not_what_it_makes_anew() {
    let _shared = shared();
    let namespace = Namespace::new("dns-mark").await;
    let edge = Edge::new(&namespace, 2).await;
    edge.write(", routeHosts: cname", ROUTE).await;
    let one = edge.leader(1);
    edge.points_at(&[1, 2]);
    edge.cloudflare.holds("www.example.com", &[format!("CNAME {NAME}")]);
    let before = edge.cloudflare.everything();
    let two = edge.start(2);
    two.line("of a follower", |line| line["message"] == "This process follows");
    one.signal("STOP");
    two.metric("gatepost_leader", "1");
    two.metric("gatepost_dns_records{zone=\"example.com\"}", "3");
    assert_eq!((edge.writes_of(2), edge.cloudflare.everything()), (0, before));
    edge.nodes.all_gone().await;
}

#[tokio::test]
async fn a_leader_without_names_asks_nothing_of_the_whole_cluster() {
    let _shared = shared();
    let namespace = Namespace::new("dns-nameless").await;
    let edge = Edge::new(&namespace, 1).await;
    namespace.write(&format!("routes: [{ROUTE}]\n")).await;
    namespace.without_the_cluster().await;
    let leader = edge.leader(1);
    leader.ready();
    let unknown = "DNS records stay as they are: it is not known which of them are ours";
    assert_eq!(leader.refusals(), [""; 0]);
    // with one it has to
    edge.write("", ROUTE).await;
    leader.line("of the uid", |line| line["message"] == unknown);
    assert_eq!(edge.calls_of(1), 0);
    edge.nodes.all_gone().await;
}
