//! Which addresses of which nodes are published. Doors: [`published`], and [`of_all`] for those that nodes have at all.

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::{Addresses, Node, Settings, World};

/// Addresses of one node and one family that are published at most: a node tells of itself, and one that has been taken
/// over must not fill the zone.
const MAX_OF_NODE: usize = 8;

/// Addresses of the nodes that may be published, each once, sorted.
pub(super) fn published(settings: &Settings, world: &World) -> Vec<IpAddr> {
    let nodes = world.nodes.iter().filter(|node| is_published(settings, node));
    let sorted: BTreeSet<IpAddr> = nodes.flat_map(|node| bounded(of(settings, node))).collect();
    sorted.into_iter().collect()
}

fn bounded(addresses: Vec<IpAddr>) -> impl Iterator<Item = IpAddr> {
    let sorted: BTreeSet<IpAddr> = addresses.into_iter().collect();
    let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) = sorted.into_iter().partition(IpAddr::is_ipv4);
    v4.into_iter().take(MAX_OF_NODE).chain(v6.into_iter().take(MAX_OF_NODE))
}

/// Addresses of all nodes, of both types and in whatever state, and whether a gatepost serves there.
pub(super) fn of_all(world: &World) -> HashMap<IpAddr, bool> {
    let mut all = HashMap::new();
    for node in &world.nodes {
        for address in node.external.iter().chain(&node.internal) {
            *all.entry(address.to_canonical()).or_default() |= node.serves;
        }
    }
    all
}

fn is_published(settings: &Settings, node: &Node) -> bool {
    let Node { name: _, labels, external: _, internal: _, is_ready, is_cordoned, is_leaving, serves } = node;
    *is_ready
        && *serves
        && !is_leaving
        && (settings.cordoned || !is_cordoned)
        && settings.selector.matches(|key| labels.get(key).cloned())
}

fn of(settings: &Settings, node: &Node) -> Vec<IpAddr> {
    let usable = |addresses: &[IpAddr], private: bool| -> Vec<IpAddr> {
        let known = addresses.iter().map(|address| address.to_canonical());
        let is_usable = |address: &IpAddr| match reach(*address) {
            Reach::Nowhere => false,
            Reach::Private => private,
            Reach::Public => true,
        };
        known.filter(|address| is_usable(address) && (settings.ipv6 || address.is_ipv4())).collect()
    };
    match settings.addresses {
        Addresses::External => usable(&node.external, false),
        Addresses::Internal => usable(&node.internal, true),
        Addresses::Both => [usable(&node.external, true), usable(&node.internal, true)].concat(),
        Addresses::ExternalElseInternal => {
            let external = usable(&node.external, true);
            if external.is_empty() { usable(&node.internal, true) } else { external }
        }
    }
}

/// From where an address can be reached.
#[derive(Debug, PartialEq, Eq)]
enum Reach {
    /// It is nobody's, or everybody's.
    Nowhere,
    /// From within some network.
    Private,
    /// From everywhere.
    Public,
}

fn reach(address: IpAddr) -> Reach {
    match address {
        IpAddr::V4(address) if is_nowhere(address) => Reach::Nowhere,
        IpAddr::V4(address) if is_private(address) => Reach::Private,
        IpAddr::V6(address) if address.is_unspecified() || address.is_multicast() => Reach::Nowhere,
        IpAddr::V6(address) if is_private_v6(address) => Reach::Private,
        _ => Reach::Public,
    }
}

fn is_nowhere(address: Ipv4Addr) -> bool {
    // all of 0.0.0.0/8 is "this network" (RFC 791 3.2)
    address.octets()[0] == 0 || address.is_multicast() || address.is_broadcast()
}

fn is_private(address: Ipv4Addr) -> bool {
    let [first, second, ..] = address.octets();
    // behind a provider's address translation (RFC 6598)
    let is_shared = first == 100 && second & 0xc0 == 64;
    address.is_private() || address.is_loopback() || address.is_link_local() || is_shared
}

fn is_private_v6(address: Ipv6Addr) -> bool {
    address.is_unique_local() || address.is_loopback() || address.is_unicast_link_local()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_public_unless_a_network_keeps_it_to_itself() {
        for (addresses, expected) in [
            ("203.0.113.1 8.8.8.8 172.32.0.1 100.63.255.255 100.128.0.0 2001:db8::1 2606:4700::1", Reach::Public),
            ("10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1", Reach::Private),
            ("100.64.0.0 100.127.255.255 127.0.0.1 169.254.1.1", Reach::Private),
            ("fc00::1 fdff::1 fe80::1 febf::1 ::1", Reach::Private),
            ("0.0.0.0 0.1.2.3 224.0.0.1 239.1.1.1 255.255.255.255 :: ff02::1", Reach::Nowhere),
        ] {
            for address in addresses.split(' ') {
                assert_eq!(reach(address.parse().unwrap()), expected, "{address}");
            }
        }
    }
}
