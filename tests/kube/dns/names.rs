//! Names of `dns.names`: they have the addresses of the nodes that serve.

use super::{Edge, NAME, ROUTE, node, pod};
use crate::testbed::{Namespace, shared};

#[tokio::test]
async fn names_follow_the_nodes_that_serve() {
    let _shared = shared();
    let namespace = Namespace::new("dns-names").await;
    let edge = Edge::new(&namespace, 9).await;
    // its pod is not ready yet
    edge.nodes.ready(&node(10), &["192.0.2.10"], &[]).await;
    let leader = edge.leader(1);
    edge.points_at(&[1, 2, 3, 4, 5, 6, 7, 8, 9]);
    edge.nodes.pod_ready(&node(10), &pod(10)).await;
    edge.follows("a node that comes", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    edge.nodes.cordon(&node(9)).await;
    edge.follows("a cordon", &[1, 2, 3, 4, 5, 6, 7, 8, 10]);
    edge.nodes.not_ready(&node(8)).await;
    edge.follows("a node that is not ready", &[1, 2, 3, 4, 5, 6, 7, 10]);
    edge.nodes.pod_not_ready(&pod(7)).await;
    edge.follows("a pod that is not ready", &[1, 2, 3, 4, 5, 6, 10]);
    edge.nodes.gone(&node(6)).await;
    edge.follows("a node that is deleted", &[1, 2, 3, 4, 5, 10]);
    edge.nodes.pod_deleted(&pod(5)).await;
    edge.follows("a pod that is deleted", &[1, 2, 3, 4, 10]);
    edge.nodes.pod_ready(&node(7), &pod(7)).await;
    edge.follows("a pod that is ready again", &[1, 2, 3, 4, 7, 10]);

    // one call for each: none was made twice, and none takes away more than what has ended
    let written: Vec<(usize, usize)> =
        edge.cloudflare.written().iter().map(|(put, deleted)| (put.len(), *deleted)).collect();
    assert_eq!(written, [(9, 0), (1, 0), (0, 1), (0, 1), (0, 1), (0, 1), (0, 1), (1, 0)]);
    let [Some(mark)] = &edge.cloudflare.comments().into_iter().collect::<Vec<_>>()[..] else { panic!("one mark") };
    assert!(mark.starts_with("gatepost:"), "{mark}");
    namespace.event("DnsApplied", "9 added, 0 changed, 0 deleted").await;
    leader.metric("gatepost_dns_records{zone=\"example.com\"}", "6");
    leader.metric("gatepost_dns_writes_total{kind=\"deleted\"}", "5");
    edge.nodes.all_gone().await;
}

#[tokio::test]
async fn when_all_nodes_go_at_once_addresses_are_held_and_a_name_is_never_empty() {
    let _shared = shared();
    let namespace = Namespace::new("dns-held").await;
    let edge = Edge::new(&namespace, 3).await;
    let leader = edge.leader(1);
    edge.points_at(&[1, 2, 3]);
    let all = [1, 2, 3].map(node);
    futures_util::future::join_all(all.iter().map(|node| edge.nodes.not_ready(node))).await;
    namespace.event("DnsHeld", "they go when they are seen to be unwanted again").await;
    leader.line("of what is held", |line| {
        line["message"].as_str().is_some_and(|text| text.starts_with("Addresses at Cloudflare are held"))
            && line["name"] == NAME
    });
    // the others go when they are seen to be unwanted again
    leader.metric("gatepost_dns_held", "1");
    namespace.event("DnsHeld", "a name keeps its last addresses").await;
    assert_eq!(edge.cloudflare.held_by(NAME).len(), 1);
    let deleted: usize = edge.cloudflare.written().iter().map(|(_, deleted)| deleted).sum();
    assert_eq!(deleted, 2);
    for number in 1..=3 {
        edge.serves(number).await;
    }
    edge.points_at(&[1, 2, 3]);
    leader.metric("gatepost_dns_held", "0");
    edge.nodes.all_gone().await;
}

#[tokio::test]
async fn hosts_of_routes_come_and_go_with_the_text_of_the_config_map() {
    let _shared = shared();
    let namespace = Namespace::new("dns-hosts").await;
    let edge = Edge::new(&namespace, 2).await;
    let _leader = edge.leader(1);
    edge.points_at(&[1, 2]);
    let (www, app) = ("www.example.com", "app.example.com");
    let alias = [format!("CNAME {NAME}")];
    let and = |more: &str| format!("{ROUTE}, {{host: app.example.com, respond: {{status: 200}}{more}}}");
    assert_eq!(edge.cloudflare.held_by(www), [""; 0], "nobody has asked for it");
    let hosts = ", routeHosts: cname";
    edge.write(hosts, ROUTE).await;
    edge.cloudflare.holds(www, &alias);
    edge.write(hosts, &and("")).await;
    edge.cloudflare.holds(app, &alias);
    edge.write(hosts, ROUTE).await;
    edge.cloudflare.holds(app, &[]);
    edge.write(hosts, &and("")).await;
    edge.cloudflare.holds(app, &alias);
    edge.write(hosts, &and(", dns: false")).await;
    edge.cloudflare.holds(app, &[]);
    edge.write("", &and("")).await;
    edge.cloudflare.holds(www, &[]);
    edge.points_at(&[1, 2]);
    edge.nodes.all_gone().await;
}
