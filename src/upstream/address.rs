//! Which addresses a request may leave to: a ConfigMap cannot point the proxy at the node it runs on.
//!
//! Doors: [`Policy::allows`], and [`is_own`] for addresses that are only written.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// What backends may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Loopback, link-local and the node's own addresses are fine: routes from a local file, or `--allow-local-backends`.
    pub allow_local: bool,
}

/// Who named an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It stands in the routes, or an outside DNS name led to it.
    Outside,
    /// The cluster's DNS said so for a Service. Pods on the host network have node addresses: those are fine.
    Cluster,
}

impl Policy {
    /// Whether a request may leave to `ip`.
    pub fn allows(self, ip: IpAddr, origin: Origin) -> bool {
        self.allow_local || !(is_local(ip) || (origin == Origin::Outside && is_own(ip)))
    }
}

/// Unspecified, loopback, link-local (the metadata services of clouds among them) and multicast addresses.
fn is_local(ip: IpAddr) -> bool {
    match unmapped(ip) {
        IpAddr::V4(ip) => {
            ip.is_unspecified()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_broadcast()
                || ip.octets()[0] == 0
                // metadata services of Alibaba, Azure and Oracle
                || [[100, 100, 100, 200], [168, 63, 129, 16], [192, 0, 0, 192]].contains(&ip.octets())
        }
        IpAddr::V6(ip) => {
            ip.is_unspecified()
                || ip.is_loopback()
                || ip.is_unicast_link_local()
                || ip.is_multicast()
                || ip == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)
        }
    }
}

/// Whether an interface of this host has the address. Nothing is sent.
///
/// Only then can a socket be bound to it, unless `ip_nonlocal_bind` lets sockets be bound to anything, as on nodes with a
/// floating address. Then the source that the system chooses towards the address must do: it is the address itself, but
/// for a further address of the same network.
pub fn is_own(ip: IpAddr) -> bool {
    let ip = unmapped(ip);
    let (unspecified, nowhere) = match ip {
        // reserved for ever (RFC 1112 4), and the discard prefix (RFC 6666)
        IpAddr::V4(_) => (IpAddr::V4(Ipv4Addr::UNSPECIFIED), IpAddr::V4(Ipv4Addr::new(240, 0, 0, 1))),
        IpAddr::V6(_) => (IpAddr::V6(Ipv6Addr::UNSPECIFIED), IpAddr::V6(Ipv6Addr::new(0x100, 0, 0, 0, 0, 0, 0, 1))),
    };
    let can_bind = |ip| UdpSocket::bind((ip, 0)).is_ok();
    let source = || {
        let socket = UdpSocket::bind((unspecified, 0))?;
        // any port but 0 will do
        socket.connect((ip, 9))?;
        socket.local_addr()
    };
    // without a way there is no source, and then the address is not ours
    (can_bind(ip) && !can_bind(nowhere)) || source().is_ok_and(|source| source.ip() == ip)
}

/// `::ffff:192.0.2.1` is 192.0.2.1.
fn unmapped(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V6(v6) => match v6.segments() {
            // the well-known prefix of NAT64 (RFC 6052 2.1)
            [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
            }
            _ => v6.to_ipv4_mapped().map_or(ip, IpAddr::V4),
        },
        IpAddr::V4(_) => ip,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRICT: Policy = Policy { allow_local: false };

    fn allowed(ip: &str, origin: Origin) -> bool {
        STRICT.allows(ip.parse().unwrap(), origin)
    }

    #[test]
    fn the_node_itself_and_metadata_services_are_refused_however_they_are_written() {
        for ip in ["127.0.0.1", "127.9.9.9", "0.0.0.0", "169.254.169.254", "::1", "::", "fe80::1", "::ffff:127.0.0.1"] {
            assert!(!allowed(ip, Origin::Outside), "{ip}");
            assert!(!allowed(ip, Origin::Cluster), "{ip}");
        }
        for ip in [
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
            "64:ff9b::a9fe:a9fe",
            "fd00:ec2::254",
            "224.0.0.1",
            "ff02::1",
            "::ffff:169.254.169.254",
        ] {
            assert!(!allowed(ip, Origin::Outside), "{ip}");
        }
    }

    #[test]
    fn other_addresses_are_fine() {
        for ip in ["192.0.2.1", "10.96.0.10", "2001:db8::1", "fd00::7"] {
            assert!(allowed(ip, Origin::Outside), "{ip}");
            assert!(allowed(ip, Origin::Cluster), "{ip}");
        }
    }

    #[test]
    fn an_address_of_an_interface_is_known_as_our_own() {
        assert!(is_own("127.0.0.1".parse().unwrap()) && is_own("::ffff:127.0.0.1".parse().unwrap()));
        // TEST-NET-3 (RFC 5737) and the documentation prefix
        assert!(!is_own("203.0.113.1".parse().unwrap()) && !is_own("2001:db8::1".parse().unwrap()));
    }

    #[test]
    fn a_local_routes_file_may_name_the_node() {
        assert!(Policy { allow_local: true }.allows(IpAddr::V4(Ipv4Addr::LOCALHOST), Origin::Outside));
    }
}
