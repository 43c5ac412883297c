//! Who the client is: the peer, unless the peer is a proxy whose word is believed.
//!
//! One door: [`Origin::of`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::config::Trust;
use crate::message::{Head, Name, Sender};

/// What is known of the client before anything else is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Origin {
    /// Its address.
    pub(super) client: IpAddr,
    /// It spoke https to us or to a proxy that is believed.
    pub(super) secure: bool,
    /// Whose word the peer's is: what of its forwarding fields is kept and added to.
    pub(super) sender: Sender,
}

impl Origin {
    /// `peer` is the other end of the connection. The client is that peer or, when it is in `trust`, the rightmost
    /// address of `X-Forwarded-For` that is not; `CF-Connecting-IP` wins when the peer is Cloudflare's and is believed.
    pub(super) fn of(peer: IpAddr, head: &Head, trust: &Trust) -> Self {
        let peer = unmapped(peer);
        let sender = match (trusts(trust, peer), is_cloudflare(peer)) {
            (false, _) => Sender::Stranger,
            (true, false) => Sender::Proxy,
            (true, true) => Sender::Cloudflare,
        };
        let secure = (sender != Sender::Stranger || is_cloudflare(peer)) && says_https(head);
        let client = match head.get(Name::CfConnectingIp) {
            _ if sender == Sender::Stranger => peer,
            Some(said) if trust.cloudflare && sender == Sender::Cloudflare => address(said).unwrap_or(peer),
            _ => forwarded_for(head, trust).unwrap_or(peer),
        };
        Origin { client, secure, sender }
    }
}

/// Whether this peer's word about the client is believed.
pub(super) fn trusts(trust: &Trust, ip: IpAddr) -> bool {
    trust.networks.iter().any(|network| network.contains(&ip)) || (trust.cloudflare && is_cloudflare(ip))
}

fn forwarded_for(head: &Head, trust: &Trust) -> Option<IpAddr> {
    let mut nearest = None;
    // fields in order, addresses in order: the last one was added by the peer. A list that is no list ends the search.
    let mut values: smallvec::SmallVec<[&[u8]; 4]> = head.all(Name::XForwardedFor).collect();
    values.reverse();
    for part in values.into_iter().flat_map(|value| value.rsplit(|&byte| byte == b',')) {
        let Some(ip) = address(part) else { break };
        nearest = Some(ip);
        if !trusts(trust, ip) {
            break;
        }
    }
    nearest
}

/// An address as proxies write it: with or without brackets, port and white space.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(text).ok()?.trim();
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None => match text.split_once(':') {
            Some((v4, port)) if !port.contains(':') => v4,
            _ => text,
        },
    };
    bare.parse().ok().map(unmapped)
}

fn says_https(head: &Head) -> bool {
    let proto = head.get(Name::XForwardedProto).is_some_and(|proto| proto.eq_ignore_ascii_case(b"https"));
    let visitor = head.get(Name::CfVisitor).is_some_and(|visitor| {
        let scheme = serde_json::from_slice::<serde_json::Value>(visitor).ok();
        scheme.is_some_and(|visitor| visitor.get("scheme").and_then(|scheme| scheme.as_str()) == Some("https"))
    });
    proto || visitor
}

/// An IPv4 client on a dual-stack socket is an IPv4 client.
pub(super) fn unmapped(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        IpAddr::V4(_) => ip,
    }
}

/// The networks that Cloudflare publishes for its edge (cloudflare.com/ips), as (network, prefix length).
const CLOUDFLARE_V4: [(Ipv4Addr, u32); 15] = [
    (Ipv4Addr::new(173, 245, 48, 0), 20),
    (Ipv4Addr::new(103, 21, 244, 0), 22),
    (Ipv4Addr::new(103, 22, 200, 0), 22),
    (Ipv4Addr::new(103, 31, 4, 0), 22),
    (Ipv4Addr::new(141, 101, 64, 0), 18),
    (Ipv4Addr::new(108, 162, 192, 0), 18),
    (Ipv4Addr::new(190, 93, 240, 0), 20),
    (Ipv4Addr::new(188, 114, 96, 0), 20),
    (Ipv4Addr::new(197, 234, 240, 0), 22),
    (Ipv4Addr::new(198, 41, 128, 0), 17),
    (Ipv4Addr::new(162, 158, 0, 0), 15),
    (Ipv4Addr::new(104, 16, 0, 0), 13),
    (Ipv4Addr::new(104, 24, 0, 0), 14),
    (Ipv4Addr::new(172, 64, 0, 0), 13),
    (Ipv4Addr::new(131, 0, 72, 0), 22),
];

/// The same for IPv6.
const CLOUDFLARE_V6: [(Ipv6Addr, u32); 7] = [
    (Ipv6Addr::new(0x2400, 0xcb00, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2606, 0x4700, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2803, 0xf800, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2405, 0xb500, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2405, 0x8100, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2a06, 0x98c0, 0, 0, 0, 0, 0, 0), 29),
    (Ipv6Addr::new(0x2c0f, 0xf248, 0, 0, 0, 0, 0, 0), 32),
];

fn is_cloudflare(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => CLOUDFLARE_V4.iter().any(|(net, len)| (u32::from(ip) ^ u32::from(*net)) >> (32 - len) == 0),
        IpAddr::V6(ip) => {
            CLOUDFLARE_V6.iter().any(|(net, len)| (u128::from(ip) ^ u128::from(*net)) >> (128 - len) == 0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(fields: &[(&str, &str)]) -> Head {
        let mut head = Head::new();
        head.start_request("GET", "/", crate::message::Version::Http11);
        for (name, value) in fields {
            head.push_str(name, value.as_bytes());
        }
        head
    }

    fn trust(networks: &[&str], cloudflare: bool) -> Trust {
        Trust {
            networks: networks.iter().map(|network| network.parse().unwrap()).collect(),
            cloudflare,
            proxy_protocol: false,
        }
    }

    fn client(peer: &str, fields: &[(&str, &str)], trust: &Trust) -> String {
        Origin::of(peer.parse().unwrap(), &head(fields), trust).client.to_string()
    }

    #[test]
    fn a_stranger_cannot_say_who_it_is() {
        let fields =
            [("x-forwarded-for", "192.0.2.9"), ("x-forwarded-proto", "https"), ("cf-connecting-ip", "192.0.2.8")];
        let origin = Origin::of("198.51.100.1".parse().unwrap(), &head(&fields), &trust(&["10.0.0.0/8"], true));
        assert_eq!(origin, Origin { client: "198.51.100.1".parse().unwrap(), secure: false, sender: Sender::Stranger });
    }

    #[test]
    fn the_rightmost_address_that_is_not_trusted_is_the_client() {
        let trust = trust(&["10.0.0.0/8"], false);
        let list = [("x-forwarded-for", "203.0.113.5, 192.0.2.9, 10.1.1.1"), ("x-forwarded-for", "10.2.2.2")];
        assert_eq!(client("10.0.0.1", &list, &trust), "192.0.2.9");
        assert_eq!(client("::ffff:10.0.0.1", &list, &trust), "192.0.2.9");
        assert_eq!(client("10.0.0.1", &[], &trust), "10.0.0.1");
        assert_eq!(client("10.0.0.1", &[("x-forwarded-for", "evil, 10.1.1.1")], &trust), "10.1.1.1");
    }

    #[test]
    fn addresses_are_read_with_ports_and_brackets() {
        let trust = trust(&["10.0.0.0/8"], false);
        for (written, meant) in [
            ("192.0.2.1:4711", "192.0.2.1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("2001:db8::1", "2001:db8::1"),
            (" ::ffff:192.0.2.1 ", "192.0.2.1"),
        ] {
            assert_eq!(client("10.0.0.1", &[("x-forwarded-for", written)], &trust), meant);
        }
    }

    #[test]
    fn cloudflare_is_asked_only_when_it_is_named_and_the_peer_is_its_own() {
        let fields = [("cf-connecting-ip", "192.0.2.1"), ("x-forwarded-for", "192.0.2.2")];
        assert_eq!(client("104.16.1.1", &fields, &trust(&[], true)), "192.0.2.1");
        assert_eq!(client("2606:4700::1", &fields, &trust(&[], true)), "192.0.2.1");
        assert_eq!(client("104.16.1.1", &fields, &trust(&[], false)), "104.16.1.1");
        assert_eq!(client("10.0.0.1", &fields, &trust(&["10.0.0.0/8"], true)), "192.0.2.2");
    }

    #[test]
    fn cloudflare_s_own_fields_are_believed_of_cloudflare_alone() {
        for (peer, networks, named, sender) in [
            ("104.16.1.1", &[][..], true, Sender::Cloudflare),
            ("2606:4700::1", &[], true, Sender::Cloudflare),
            ("104.16.1.1", &["104.16.0.0/13"], false, Sender::Cloudflare),
            ("104.16.1.1", &[], false, Sender::Stranger),
            ("10.0.0.1", &["10.0.0.0/8"], true, Sender::Proxy),
            ("192.0.2.1", &["10.0.0.0/8"], true, Sender::Stranger),
        ] {
            let origin = Origin::of(peer.parse().unwrap(), &head(&[]), &trust(networks, named));
            assert_eq!(origin.sender, sender, "{peer} {networks:?} {named}");
        }
    }

    #[test]
    fn https_at_cloudflare_counts_even_when_cloudflare_is_not_named() {
        let visitor = head(&[("cf-visitor", r#"{"scheme":"https"}"#)]);
        let trust = trust(&[], false);
        assert!(Origin::of("104.16.1.1".parse().unwrap(), &visitor, &trust).secure);
        assert!(!Origin::of("192.0.2.1".parse().unwrap(), &visitor, &trust).secure);
    }
}
