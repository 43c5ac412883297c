//! Cloudflare's networks: the leader asks for them, and every process believes whom it finds there.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::wait::await_condition;
use serde_json::{Value, json};

use super::Edge;
use crate::process::Gatepost;
use crate::testbed::{Namespace, PATIENCE, shared};

const KEY: &str = "cloudflare-ips";
const TRUST: &str = "trust: {proxies: [cloudflare, 127.0.0.0/8], proxyProtocol: accept}\n";
/// Tells who the client is.
const ROUTE: &str =
    r#"{host: www.example.com, respond: {status: 200}, headers: {response: {set: {X-Client: "{client.ip}"}}}}"#;
/// Somebody between us and Cloudflare says that this one has connected to him, and that one that it speaks for another.
const ASK: &str = "PROXY TCP4 203.0.113.9 203.0.113.1 5000 80\r\nGET / HTTP/1.1\r\nHost: www.example.com\r\n\
    CF-Connecting-IP: 198.51.100.7\r\nConnection: close\r\n\r\n";

/// Who the client is, as this process sees it.
fn client_at(gatepost: &Gatepost) -> String {
    let mut stream = TcpStream::connect(gatepost.http()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(ASK.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let field = answer.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("x-client: ").map(str::to_owned));
    field.unwrap_or_else(|| panic!("no X-Client in {answer:?}"))
}

/// Waits until the client is this one.
fn client_becomes(gatepost: &Gatepost, wanted: &str) {
    let end = Instant::now() + PATIENCE;
    while client_at(gatepost) != wanted {
        assert!(Instant::now() < end, "the client is {} for ever", client_at(gatepost));
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[tokio::test]
async fn the_leader_asks_for_cloudflares_networks_and_every_process_believes_those_that_it_writes_down() {
    let _shared = shared();
    let namespace = Namespace::new("dns-networks").await;
    let edge = Edge::new(&namespace, 2).await;
    namespace.write(&(edge.routes("", ROUTE) + TRUST)).await;
    let _leader = edge.leader(1);
    let other = edge.start(2);
    let read = |status: &ConfigMap| -> Option<Value> { serde_json::from_str(status.data.as_ref()?.get(KEY)?).ok() };
    let written = await_condition(namespace.config_maps(), "gatepost-status", |status: Option<&ConfigMap>| {
        status.is_some_and(|status| read(status).is_some())
    });
    let found = tokio::time::timeout(PATIENCE, written).await.expect("the networks").unwrap().unwrap();
    let mut networks: Vec<String> = serde_json::from_value(read(&found).unwrap()).unwrap();
    assert!(
        networks.contains(&"173.245.48.0/20".to_owned()) && networks.len() == 5,
        "those of the stand-in: {networks:?}"
    );
    other.line("of the networks", |line| line["message"] == "Cloudflare's networks have changed");
    assert_eq!(edge.calls_of(2), 0, "only the leader asks");

    assert_eq!(client_at(&other), "203.0.113.9");
    networks.push("203.0.113.0/24".to_owned());
    namespace.tells(json!({KEY: json!(networks).to_string()})).await;
    client_becomes(&other, "198.51.100.7");
    // a list that would have everybody believed
    namespace.tells(json!({KEY: "[\"0.0.0.0/0\", \"::/0\"]"})).await;
    other.line("of the doubt", |line| {
        line["message"] == "The networks of Cloudflare in gatepost-status are not believed"
    });
    assert_eq!(client_at(&other), "198.51.100.7");
    // without a list there is the one that is built in
    namespace.tells(json!({})).await;
    client_becomes(&other, "203.0.113.9");
    edge.nodes.all_gone().await;
}
