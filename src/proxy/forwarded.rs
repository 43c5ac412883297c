//! Who the client is: the peer, unless the peer is a proxy whose word is believed.
//!
//! One door: [`Origin::of`].

use std::net::IpAddr;

use crate::config::{CloudflareNetworks, Trust};
use crate::message::{Head, Name, Sender};

/// Bytes of `CF-Visitor`: Cloudflare writes some twenty, and what is longer is not read into memory.
const VISITOR: usize = 256;

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
    pub(super) fn of(peer: IpAddr, head: &Head, trust: &Trust, cloudflare: &CloudflareNetworks) -> Self {
        let peer = unmapped(peer);
        // asked only where it matters: for most requests it does not, and the list is the longest walk of all that is done
        let is_cloudflare = || cloudflare.contains(peer);
        let sender = match trusts(trust, cloudflare, peer) {
            false => Sender::Stranger,
            true if is_cloudflare() => Sender::Cloudflare,
            true => Sender::Proxy,
        };
        let tells = head.get(Name::XForwardedProto).is_some() || head.get(Name::CfVisitor).is_some();
        let secure = tells && (sender != Sender::Stranger || is_cloudflare()) && says_https(head);
        let client = match head.get(Name::CfConnectingIp) {
            _ if sender == Sender::Stranger => peer,
            Some(said) if trust.cloudflare && sender == Sender::Cloudflare => address(said).unwrap_or(peer),
            _ => forwarded_for(head, trust, cloudflare).unwrap_or(peer),
        };
        Origin { client, secure, sender }
    }
}

/// Whether this peer's word about the client is believed.
pub(super) fn trusts(trust: &Trust, cloudflare: &CloudflareNetworks, ip: IpAddr) -> bool {
    trust.networks.iter().any(|network| network.contains(&ip)) || (trust.cloudflare && cloudflare.contains(ip))
}

fn forwarded_for(head: &Head, trust: &Trust, cloudflare: &CloudflareNetworks) -> Option<IpAddr> {
    let mut nearest = None;
    // fields in order, addresses in order: the last one was added by the peer. A list that is no list ends the search.
    let mut values: smallvec::SmallVec<[&[u8]; 4]> = head.all(Name::XForwardedFor).collect();
    values.reverse();
    for part in values.into_iter().flat_map(|value| value.rsplit(|&byte| byte == b',')) {
        let Some(ip) = address(part) else { break };
        nearest = Some(ip);
        if !trusts(trust, cloudflare, ip) {
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
    let visitor = head.get(Name::CfVisitor).filter(|visitor| visitor.len() <= VISITOR).is_some_and(|visitor| {
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

    fn origin(peer: &str, fields: &[(&str, &str)], trust: &Trust) -> Origin {
        Origin::of(peer.parse().unwrap(), &head(fields), trust, &CloudflareNetworks::default())
    }

    fn client(peer: &str, fields: &[(&str, &str)], trust: &Trust) -> String {
        origin(peer, fields, trust).client.to_string()
    }

    #[test]
    fn a_stranger_cannot_say_who_it_is() {
        let fields =
            [("x-forwarded-for", "192.0.2.9"), ("x-forwarded-proto", "https"), ("cf-connecting-ip", "192.0.2.8")];
        let origin = origin("198.51.100.1", &fields, &trust(&["10.0.0.0/8"], true));
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
            assert_eq!(origin(peer, &[], &trust(networks, named)).sender, sender, "{peer} {networks:?} {named}");
        }
    }

    #[test]
    fn https_at_cloudflare_counts_even_when_cloudflare_is_not_named() {
        let visitor = [("cf-visitor", r#"{"scheme":"https"}"#)];
        let trust = trust(&[], false);
        assert!(origin("104.16.1.1", &visitor, &trust).secure);
        assert!(!origin("192.0.2.1", &visitor, &trust).secure);
        let long = format!(r#"{{"scheme":"https",{}"more":1}}"#, " ".repeat(300));
        assert!(!origin("104.16.1.1", &[("cf-visitor", &long)], &trust).secure);
    }

    #[test]
    fn another_list_of_networks_takes_the_place_of_the_built_in_one() {
        let list = CloudflareNetworks::parse(r#"["198.51.100.0/24","2400:cb00::/32"]"#).unwrap();
        let (trust, fields) = (trust(&[], true), head(&[("cf-connecting-ip", "192.0.2.1")]));
        for (peer, client) in [("198.51.100.7", "192.0.2.1"), ("104.16.1.1", "104.16.1.1")] {
            assert_eq!(Origin::of(peer.parse().unwrap(), &fields, &trust, &list).client.to_string(), client);
        }
    }
}
