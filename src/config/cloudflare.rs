//! The networks from which Cloudflare's edge comes: [`CloudflareNetworks`].
//!
//! There is a list built in, so that nothing has to be asked for. A list from outside takes its place only when it can be
//! one: whoever is in it says who the client is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Most networks of a list. Cloudflare has had between 20 and 25 for years.
const MAX_NETWORKS: usize = 256;

/// Longest list as a text: a network and what stands around it is less than 64 bytes.
const MAX_BYTES: usize = MAX_NETWORKS * 64;

/// The widest networks that are believed; the widest ever published are a /12 and a /29.
const MIN_PREFIX_V4: u8 = 8;
const MIN_PREFIX_V6: u8 = 20;

/// The most addresses that all of them together may have: as many as one of the widest. Cloudflare's have a tenth of that,
/// and whoever is in the list says who the client is.
const MAX_ADDRESSES_V4: u64 = 1 << (32 - MIN_PREFIX_V4);
const MAX_ADDRESSES_V6: u128 = 1 << (128 - MIN_PREFIX_V6);

/// Addresses that the Internet does not carry, or that nobody speaks from (RFC 6890), so that no edge comes from there.
const NOT_PUBLIC_V4: [(Ipv4Addr, u8); 8] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8),
    (Ipv4Addr::new(10, 0, 0, 0), 8),
    (Ipv4Addr::new(100, 64, 0, 0), 10),
    (Ipv4Addr::new(127, 0, 0, 0), 8),
    (Ipv4Addr::new(169, 254, 0, 0), 16),
    (Ipv4Addr::new(172, 16, 0, 0), 12),
    (Ipv4Addr::new(192, 168, 0, 0), 16),
    (Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// The only IPv6 addresses that the Internet carries (IANA, "IPv6 Global Unicast Address Assignments").
const PUBLIC_V6: (Ipv6Addr, u8) = (Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);

/// What Cloudflare publishes at cloudflare.com/ips, as (network, prefix length).
const BUILT_IN_V4: [(Ipv4Addr, u8); 15] = [
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
const BUILT_IN_V6: [(Ipv6Addr, u8); 7] = [
    (Ipv6Addr::new(0x2400, 0xcb00, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2606, 0x4700, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2803, 0xf800, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2405, 0xb500, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2405, 0x8100, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0x2a06, 0x98c0, 0, 0, 0, 0, 0, 0), 29),
    (Ipv6Addr::new(0x2c0f, 0xf248, 0, 0, 0, 0, 0, 0), 32),
];

/// Where Cloudflare's edge comes from. Sorted and without repeats, so that equal lists compare equal. `Default` is the list
/// that is built in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudflareNetworks {
    v4: Vec<Ipv4Net>,
    v6: Vec<Ipv6Net>,
}

/// Why a list from outside is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Implausible {
    /// It is no JSON list of networks.
    #[error("this is no list of networks: {0}")]
    NoList(String),
    /// It has more than anybody needs.
    #[error("there are {0} networks; the most are {MAX_NETWORKS}")]
    TooMany(usize),
    /// Cloudflare has had both families for as long as gatepost knows it.
    #[error("there is no {0} network")]
    NoFamily(&'static str),
    /// So many addresses are not one company's.
    #[error("{0} is wider than any network of Cloudflare")]
    TooWide(IpNet),
    /// So many addresses are not one company's, though each network might be.
    #[error("its {0} networks have more addresses than Cloudflare's ever had")]
    TooMuch(&'static str),
    /// Nobody comes from there over the Internet.
    #[error("{0} is not public")]
    NotPublic(IpNet),
}

impl CloudflareNetworks {
    /// Nobody is Cloudflare.
    pub const NONE: CloudflareNetworks = CloudflareNetworks { v4: Vec::new(), v6: Vec::new() };

    /// A list from outside. Bits behind a prefix do not count.
    ///
    /// # Errors
    /// It cannot be the list of Cloudflare.
    pub fn new(networks: Vec<IpNet>) -> Result<CloudflareNetworks, Implausible> {
        if networks.len() > MAX_NETWORKS {
            return Err(Implausible::TooMany(networks.len()));
        }
        let mut these = CloudflareNetworks::NONE;
        for network in networks {
            let wide = match network {
                IpNet::V4(_) => network.prefix_len() < MIN_PREFIX_V4,
                IpNet::V6(_) => network.prefix_len() < MIN_PREFIX_V6,
            };
            if wide {
                return Err(Implausible::TooWide(network));
            }
            if !is_public(network) {
                return Err(Implausible::NotPublic(network));
            }
            match network.trunc() {
                IpNet::V4(network) => these.v4.push(network),
                IpNet::V6(network) => these.v6.push(network),
            }
        }
        if these.v4.is_empty() || these.v6.is_empty() {
            return Err(Implausible::NoFamily(if these.v4.is_empty() { "IPv4" } else { "IPv6" }));
        }
        let these = these.in_order();
        if these.v4.iter().map(|network| 1u64 << (32 - network.prefix_len())).sum::<u64>() > MAX_ADDRESSES_V4 {
            return Err(Implausible::TooMuch("IPv4"));
        }
        // none is wider than the bound, so 256 of them are far below the type's
        if these.v6.iter().map(|network| 1u128 << (128 - network.prefix_len())).sum::<u128>() > MAX_ADDRESSES_V6 {
            return Err(Implausible::TooMuch("IPv6"));
        }
        Ok(these)
    }

    /// A list as [`CloudflareNetworks::to_json`] writes it.
    ///
    /// # Errors
    /// It is no such list, or cannot be the one of Cloudflare.
    pub fn parse(text: &str) -> Result<CloudflareNetworks, Implausible> {
        if text.len() > MAX_BYTES {
            return Err(Implausible::NoList(format!("it has more than {MAX_BYTES} bytes")));
        }
        let no_list = |error: serde_json::Error| Implausible::NoList(error.to_string());
        let texts: Vec<String> = serde_json::from_str(text).map_err(no_list)?;
        // how it is written is left to the crate; what is no network is shown
        let network = |text: &String| text.parse().map_err(|_| Implausible::NoList(format!("{text:?} is none")));
        CloudflareNetworks::new(texts.iter().map(network).collect::<Result<_, _>>()?)
    }

    /// `["103.21.244.0/22", …]`
    pub fn to_json(&self) -> String {
        let CloudflareNetworks { v4, v6 } = self;
        let texts = v4.iter().map(ToString::to_string).chain(v6.iter().map(ToString::to_string));
        serde_json::Value::from_iter(texts).to_string()
    }

    /// Whether this address is Cloudflare's. One that is IPv4 inside IPv6 is not recognised.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(ip) => self.v4.iter().any(|network| network.contains(&ip)),
            IpAddr::V6(ip) => self.v6.iter().any(|network| network.contains(&ip)),
        }
    }

    fn in_order(mut self) -> CloudflareNetworks {
        self.v4.sort();
        self.v4.dedup();
        self.v6.sort();
        self.v6.dedup();
        self
    }
}

impl Default for CloudflareNetworks {
    fn default() -> Self {
        let v4 = BUILT_IN_V4.map(|(network, prefix)| Ipv4Net::new_assert(network, prefix)).to_vec();
        let v6 = BUILT_IN_V6.map(|(network, prefix)| Ipv6Net::new_assert(network, prefix)).to_vec();
        CloudflareNetworks { v4, v6 }.in_order()
    }
}

/// Nothing of it is out of the public's reach.
fn is_public(network: IpNet) -> bool {
    let apart = |other: IpNet| !other.contains(&network) && !network.contains(&other);
    match network {
        IpNet::V4(_) => NOT_PUBLIC_V4.iter().all(|(other, prefix)| apart(Ipv4Net::new_assert(*other, *prefix).into())),
        IpNet::V6(network) => Ipv6Net::new_assert(PUBLIC_V6.0, PUBLIC_V6.1).contains(&network),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = r#"["173.245.48.0/20","2400:cb00::/32"]"#;

    fn networks(texts: &[&str]) -> Vec<IpNet> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn of(texts: &[&str]) -> Result<CloudflareNetworks, Implausible> {
        CloudflareNetworks::new(networks(texts))
    }

    #[test]
    fn the_built_in_list_holds_its_first_and_last_addresses_and_none_beside_them() {
        let built_in = CloudflareNetworks::default();
        for (ip, expected) in [
            ("104.16.0.0", true),
            ("104.23.255.255", true),
            ("104.27.255.255", true),
            ("104.28.0.0", false),
            ("104.15.255.255", false),
            ("131.0.75.255", true),
            ("131.0.76.0", false),
            ("2606:4700::", true),
            ("2606:4700:ffff:ffff:ffff:ffff:ffff:ffff", true),
            ("2606:4701::", false),
            ("2a06:98c7::1", true),
            ("2a06:98c8::1", false),
            ("::1", false),
            ("192.0.2.1", false),
        ] {
            assert_eq!(built_in.contains(ip.parse().unwrap()), expected, "{ip}");
        }
        assert!(!CloudflareNetworks::NONE.contains("104.16.0.0".parse().unwrap()));
    }

    #[test]
    fn the_built_in_list_is_a_plausible_one_and_reads_as_it_was_written() {
        let built_in = CloudflareNetworks::default();
        assert_eq!(CloudflareNetworks::parse(&built_in.to_json()), Ok(built_in));
        assert_eq!(CloudflareNetworks::parse(LIST).unwrap().to_json(), LIST);
    }

    #[test]
    fn order_repeats_and_bits_behind_the_prefix_do_not_count() {
        let one = of(&["173.245.48.0/20", "103.21.244.0/22", "2400:cb00::/32"]);
        let other = of(&["2400:cb00::1/32", "103.21.244.0/22", "173.245.48.9/20", "173.245.48.0/20"]);
        assert!(one.is_ok());
        assert_eq!(one, other);
    }

    #[test]
    fn a_list_that_cannot_be_cloudflare_s_is_refused_with_a_reason() {
        for (texts, said) in [
            (&[][..], "there is no IPv4 network"),
            (&["2400:cb00::/32"], "there is no IPv4 network"),
            (&["173.245.48.0/20"], "there is no IPv6 network"),
            (&["0.0.0.0/0", "2400:cb00::/32"], "0.0.0.0/0 is wider than any network of Cloudflare"),
            (&["104.0.0.0/7", "2400:cb00::/32"], "104.0.0.0/7 is wider"),
            (&["104.0.0.0/8", "2400:c000::/19"], "2400:c000::/19 is wider"),
            (&["10.1.0.0/16", "2400:cb00::/32"], "10.1.0.0/16 is not public"),
            (&["192.0.0.0/8", "2400:cb00::/32"], "192.0.0.0/8 is not public"),
            (&["127.0.0.1/32", "2400:cb00::/32"], "127.0.0.1/32 is not public"),
            (&["173.245.48.0/20", "fd00::/20"], "fd00::/20 is not public"),
            (&["104.0.0.0/8", "173.245.48.0/20", "2400:cb00::/32"], "its IPv4 networks have more addresses"),
            (&["104.0.0.0/8", "2400:c000::/20", "2606:4700::/32"], "its IPv6 networks have more addresses"),
        ] {
            let error = of(texts).unwrap_err().to_string();
            assert!(error.contains(said), "{texts:?}: {error}");
        }
        assert!(of(&["104.0.0.0/8", "2400:c000::/20"]).is_ok());
        let many = |count: u32| {
            let v4 = (0..count).map(|n| IpNet::from(IpAddr::V4((0x6810_0000 + n).into())));
            CloudflareNetworks::new(v4.chain(networks(&["2400:cb00::/32"])).collect())
        };
        assert!(many(255).is_ok());
        assert_eq!(many(256), Err(Implausible::TooMany(257)));
    }

    #[test]
    fn a_text_that_is_no_list_of_networks_is_refused() {
        for text in ["", "{}", "null", "[1]", r#"["x"]"#, r#"["173.245.48.0"]"#, &format!("[{}", " ".repeat(20_000))] {
            assert!(matches!(CloudflareNetworks::parse(text), Err(Implausible::NoList(_))), "{text:.20}");
        }
    }
}
