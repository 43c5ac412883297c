//! Which addresses are published, and which names are wanted with them.

use super::*;
use crate::config::{Dns, Requirement, Selector};
use crate::dns::{Addresses, Flags, Node};

fn settings(names: &[&str]) -> Settings {
    Settings {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        route_hosts: RouteHosts::Cname,
        ..Settings::of(&Dns::default(), &Flags::default())
    }
}

fn parsed(addresses: &str) -> Vec<IpAddr> {
    addresses.split_whitespace().map(|address| address.parse().unwrap()).collect()
}

fn node(external: &str, internal: &str) -> Node {
    let (external, internal) = (parsed(external), parsed(internal));
    Node { external, internal, is_ready: true, serves: true, ..Node::default() }
}

fn zone(name: &str) -> Zone {
    Zone { id: name.into(), name: name.to_owned(), is_active: true, usage: None }
}

fn host(name: &str) -> Host {
    Host { name: name.to_owned(), proxied: None, is_doubtful: false }
}

#[test]
fn private_addresses_are_published_only_when_asked_for() {
    let nodes = vec![
        node("203.0.113.1 10.9.9.9 2001:db8::1", "10.0.0.1 fd00::1"),
        node("", "10.0.0.2 198.51.100.2"),
        node("100.64.0.3 0.0.0.0", "192.168.0.3 ff02::1 ::ffff:10.0.0.33"),
    ];
    let world = World { nodes };
    for (addresses, ipv6, expected) in [
        (Addresses::External, true, "203.0.113.1 2001:db8::1"),
        (Addresses::External, false, "203.0.113.1"),
        (Addresses::Internal, true, "10.0.0.1 10.0.0.2 10.0.0.33 192.168.0.3 198.51.100.2 fd00::1"),
        (
            Addresses::Both,
            false,
            "10.0.0.1 10.0.0.2 10.0.0.33 10.9.9.9 100.64.0.3 192.168.0.3 198.51.100.2 203.0.113.1",
        ),
        (Addresses::ExternalElseInternal, true, "10.0.0.2 10.9.9.9 100.64.0.3 198.51.100.2 203.0.113.1 2001:db8::1"),
    ] {
        let settings = Settings { addresses, ipv6, ..settings(&["k.example.com"]) };
        let wanted = Wanted::of(&settings, &world, &[], &[zone("example.com")]);
        let target = Target::Addresses(parsed(expected).into());
        assert_eq!(wanted.zones[0].names[0].target, target, "{addresses:?}");
    }
}

#[test]
fn a_node_whose_only_address_is_of_the_wrong_family_has_none() {
    let world = World { nodes: vec![node("2001:db8::1", "10.0.0.1")] };
    let only_v4 = Settings { addresses: Addresses::ExternalElseInternal, ipv6: false, ..settings(&["k.example.com"]) };
    let wanted = Wanted::of(&only_v4, &world, &[], &[zone("example.com")]);
    assert_eq!(wanted.zones[0].names[0].target, Target::Addresses(parsed("10.0.0.1").into()));
}

#[test]
fn only_nodes_that_the_selector_means_are_published_and_all_are_known() {
    let mut edge = node("203.0.113.1", "10.0.0.1");
    edge.labels.insert("role".to_owned(), "edge".to_owned());
    let mut gone = node("::ffff:203.0.113.3", "");
    (gone.is_ready, gone.serves) = (false, false);
    let world = World { nodes: vec![edge, node("203.0.113.2", ""), gone] };
    let selector = Selector(vec![Requirement::In("role".to_owned(), vec!["edge".to_owned()])]);
    let settings = Settings { selector, ..settings(&["k.example.com"]) };
    let wanted = Wanted::of(&settings, &world, &[], &[zone("example.com")]);
    assert_eq!(wanted.zones[0].names[0].target, Target::Addresses(parsed("203.0.113.1").into()));
    let ranks: Vec<u8> = parsed("203.0.113.1 10.0.0.1 203.0.113.2 203.0.113.3 203.0.113.4")
        .into_iter()
        .map(|address| wanted.rank(address))
        .collect();
    assert_eq!(ranks, [0, 0, 0, 1, 2]);
    assert!(wanted.is_node("203.0.113.3".parse().unwrap()) && !wanted.is_node("203.0.113.4".parse().unwrap()));
}

#[test]
fn names_of_nodes_come_in_their_order_and_hosts_by_name_behind_them() {
    let world = World { nodes: vec![node("203.0.113.1", "")] };
    let hosts = ["b.example.com", "*.example.com", "A.example.com.", "z.example.com", "x.example.org"].map(host);
    let zones = [zone("example.org"), zone("example.com"), zone("example.net")];
    let wanted = Wanted::of(&settings(&["z.example.com", "k.example.com"]), &world, &hosts, &zones);
    let names: Vec<(&str, Vec<&str>)> = wanted
        .zones
        .iter()
        .map(|zone| (zone.zone.name.as_str(), zone.names.iter().map(|name| name.name.as_str()).collect()))
        .collect();
    let com = vec!["z.example.com", "k.example.com", "*.example.com", "a.example.com", "b.example.com"];
    assert_eq!(names, [("example.com", com), ("example.net", vec![]), ("example.org", vec!["x.example.org"])]);
}

#[test]
fn a_zone_that_is_seen_twice_is_taken_once() {
    let world = World { nodes: vec![node("203.0.113.1", "")] };
    let twice =
        ["b", "a"].map(|id| Zone { id: id.into(), name: "example.com".to_owned(), is_active: true, usage: None });
    let wanted = Wanted::of(&settings(&["k.example.com"]), &world, &[], &twice);
    let counts: Vec<(&str, usize)> =
        wanted.zones.iter().map(|zone| (zone.zone.id.as_ref(), zone.names.len())).collect();
    assert_eq!(counts, [("a", 1), ("b", 0)]);
}

#[test]
fn a_node_that_tells_of_a_thousand_addresses_has_eight_of_each_family() {
    let v4 = (0..1000_u32).map(|at| IpAddr::from(std::net::Ipv4Addr::from(0xcb00_7100_u32 - at)));
    let v6 = (0..1000_u128).map(|at| IpAddr::from(std::net::Ipv6Addr::from((0x2001_0db8 << 96) + at)));
    let node = Node { external: v4.chain(v6).collect(), is_ready: true, serves: true, ..Node::default() };
    let settings = Settings::of(&crate::config::Dns::default(), &crate::dns::Flags::default());
    let published = super::addresses::published(&settings, &World { nodes: vec![node] });
    let v4 = published.iter().filter(|address| address.is_ipv4()).count();
    assert_eq!((v4, published.len() - v4), (8, 8));
}
