//! What goes wrong: the API server is silent or gone, or Cloudflare does not let us in. Records stay, requests are served.

use gatepost::demo::cloudflare::Access;
use serde_json::Value;

use super::{Edge, node, pod, token};
use crate::process::Gatepost;
use crate::testbed::{Namespace, alone, shared};

const LEADER: &str = "gatepost_leader";
const STAY: &str = "DNS records stay as they are";

/// Three nodes that serve, a fourth whose pod is about to, and who leads.
async fn about_to_serve(namespace: &Namespace) -> (Edge<'_>, Gatepost) {
    let edge = Edge::new(namespace, 4).await;
    edge.nodes.pod_not_ready(&pod(4)).await;
    let leader = edge.leader(1);
    edge.points_at(&[1, 2, 3]);
    (edge, leader)
}

fn is_served(gatepost: &Gatepost) {
    assert_eq!(gatepost.client().get("www.example.com", "/").unwrap().status, 200);
}

/// Each address was put there once, and nothing was taken away.
fn nothing_is_lost(edge: &Edge<'_>, puts: usize) {
    let written = edge.cloudflare.written();
    let (put, deleted) = written.iter().fold((0, 0), |(put, deleted), (more, gone)| (put + more.len(), deleted + gone));
    assert_eq!((put, deleted), (puts, 0), "{written:?}");
}

#[tokio::test]
async fn while_the_api_server_is_frozen_nothing_is_written_and_afterwards_what_it_then_says() {
    let alone = alone();
    let namespace = Namespace::new("dns-frozen").await;
    let (edge, leader) = about_to_serve(&namespace).await;
    edge.nodes.pod_ready(&node(4), &pod(4)).await;
    // the news are on their way, and nobody can look
    alone.freeze();
    let (writes, before) = (edge.writes_of(1), edge.cloudflare.everything());
    leader.metric(LEADER, "0");
    is_served(&leader);
    assert_eq!((edge.writes_of(1), edge.cloudflare.everything()), (writes, before));
    alone.thaw();
    edge.follows("the thaw", &[1, 2, 3, 4]);
    nothing_is_lost(&edge, 4);
    edge.nodes.all_gone().await;
}

#[tokio::test]
async fn while_the_api_server_is_gone_nothing_is_written_and_its_return_is_enough() {
    let alone = alone();
    let namespace = Namespace::new("dns-killed").await;
    let (edge, leader) = about_to_serve(&namespace).await;
    edge.nodes.pod_ready(&node(4), &pod(4)).await;
    alone.kill();
    let (writes, before) = (edge.writes_of(1), edge.cloudflare.everything());
    leader.metric(LEADER, "0");
    is_served(&leader);
    assert_eq!((edge.writes_of(1), edge.cloudflare.everything()), (writes, before));
    alone.restart();
    edge.follows("the return", &[1, 2, 3, 4]);
    nothing_is_lost(&edge, 4);
    edge.nodes.all_gone().await;
}

/// With that access, an Event and one line say what is missing; what is granted then needs no restart.
async fn is_denied(name: &str, access: Option<Access>, permission: &str) {
    let _shared = shared();
    let namespace = Namespace::new(name).await;
    let edge = Edge::new(&namespace, 2).await;
    if let Some(access) = access {
        edge.cloudflare.grant(&token(1), access);
    }
    let leader = edge.start_ungranted(1, &[], &[]);
    let event = namespace.event("DnsDenied", permission).await;
    let (regarding, kind) = (event.regarding.unwrap(), event.type_);
    assert_eq!((regarding.kind.as_deref(), regarding.name.as_deref()), (Some("ConfigMap"), Some("gatepost")));
    assert_eq!(kind.as_deref(), Some("Warning"));
    let is_told = |line: &Value| line["error"].as_str().is_some_and(|error| error.contains(permission));
    leader.line("of what is missing", |line| line["message"] == STAY && is_told(line));
    leader.ready();
    is_served(&leader);
    leader.metric("gatepost_dns_errors_total{kind=\"denied\"}", "2");
    assert_eq!((leader.count(STAY), edge.cloudflare.everything().len()), (1, 0));
    edge.cloudflare.grant(&token(1), Access::Edit);
    edge.follows("the grant", &[1, 2]);
    edge.nodes.all_gone().await;
}

#[tokio::test]
async fn a_token_that_nobody_knows_is_told_once_with_the_permissions_that_one_needs() {
    is_denied("dns-unknown", None, "Zone:Read and DNS:Edit").await;
}

#[tokio::test]
async fn a_token_that_may_only_read_is_told_once_with_the_permission_that_it_lacks() {
    is_denied("dns-reads", Some(Access::Read), "DNS:Edit").await;
}

#[tokio::test]
async fn a_token_that_sees_no_zone_is_told_once_with_the_permission_that_it_lacks() {
    is_denied("dns-zoneless", Some(Access::NoZones), "Zone:Read").await;
}
