//! Which addresses a request may leave to: a ConfigMap cannot point the proxy at the node it runs on.
//!
//! One door: [`Policy::allows`].

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

/// Whether an interface of this host has the address: only then can a socket be bound to it.
fn is_own(ip: IpAddr) -> bool {
    UdpSocket::bind((unmapped(ip), 0)).is_ok()
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
    fn a_local_routes_file_may_name_the_node() {
        assert!(Policy { allow_local: true }.allows(IpAddr::V4(Ipv4Addr::LOCALHOST), Origin::Outside));
    }
}
