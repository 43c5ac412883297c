//! What is to be done, every default filled in: [`Settings::of`].

use crate::config::{Dns, DnsNodes, DnsPolicy, NodeAddresses, RouteHosts, Selector};

/// Seconds.
const TTL: u32 = 120;
const MIN_ADDRESSES: usize = 1;

/// What the operator wants, from the section `dns`, the flags and the variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Names of the nodes, the first of which route hosts point at, so that it is no wildcard if any is none. Without any
    /// there is nothing to do.
    pub names: Vec<String>,
    /// Seconds.
    pub ttl: u32,
    /// Cloudflare's edge stands in front; the TTL is then automatic.
    pub proxied: bool,
    /// What becomes of the hosts of routes. `Off` when there is no name that they could point at.
    pub route_hosts: RouteHosts,
    /// Whether records are taken away.
    pub policy: DnsPolicy,
    /// Records of wanted names that nobody has marked become ours.
    pub adopt: bool,
    /// Cordoned nodes are published too.
    pub cordoned: bool,
    /// No name is left with fewer addresses.
    pub min_addresses: usize,
    /// Which nodes.
    pub selector: Selector,
    /// Which of their addresses.
    pub addresses: Addresses,
    /// IPv6 addresses too.
    pub ipv6: bool,
}

/// What the flags and variables say. `None`: nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Flags {
    /// In the form of [`Dns::names`].
    pub names: Option<Vec<String>>,
    /// Seconds, 60 to 86,400, or 1 for automatic.
    pub ttl: Option<u32>,
    /// Cloudflare's edge stands in front.
    pub proxied: Option<bool>,
    /// Which nodes.
    pub selector: Option<Selector>,
    /// Which of their addresses.
    pub addresses: Option<Addresses>,
}

/// Which addresses of a node are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Addresses {
    /// Of type `ExternalIP`, as far as they are public.
    #[default]
    External,
    /// Of type `InternalIP`, private ones too.
    Internal,
    /// Of both types, private ones too.
    Both,
    /// Of type `ExternalIP`, and of a node that has none those of type `InternalIP`, private ones too.
    ExternalElseInternal,
}

impl Settings {
    /// Key by key: what the section says, else what the flags say, else the default.
    pub fn of(section: &Dns, flags: &Flags) -> Settings {
        let Dns { names, ttl, proxied, route_hosts, policy, adopt, cordoned, min_addresses, nodes } = section;
        let DnsNodes { selector, addresses, ipv6 } = nodes;
        let mut names = names.clone().or_else(|| flags.names.clone()).unwrap_or_default();
        let target = names.iter().position(|name| !name.starts_with("*."));
        if let Some(target) = target {
            names[..=target].rotate_right(1);
        }
        Settings {
            route_hosts: route_hosts.filter(|_| target.is_some()).unwrap_or_default(),
            names,
            ttl: ttl.or(flags.ttl).unwrap_or(TTL),
            proxied: proxied.or(flags.proxied).unwrap_or(false),
            policy: policy.unwrap_or_default(),
            adopt: adopt.unwrap_or(false),
            cordoned: cordoned.unwrap_or(false),
            min_addresses: min_addresses.unwrap_or(MIN_ADDRESSES),
            selector: selector.clone().or_else(|| flags.selector.clone()).unwrap_or_default(),
            addresses: addresses.map(Addresses::from).or(flags.addresses).unwrap_or_default(),
            ipv6: ipv6.unwrap_or(true),
        }
    }
}

impl From<NodeAddresses> for Addresses {
    fn from(addresses: NodeAddresses) -> Addresses {
        match addresses {
            NodeAddresses::External => Addresses::External,
            NodeAddresses::Internal => Addresses::Internal,
            NodeAddresses::Both => Addresses::Both,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(text: &str) -> Dns {
        let file = format!("routes: [{{host: a, backend: \"a:1\"}}]\ndns: {text}\n");
        crate::config::parse(&file, "x").unwrap().settle(None).unwrap().0.dns
    }

    fn flags() -> Flags {
        Flags {
            names: Some(vec!["f.example.com".to_owned()]),
            ttl: Some(300),
            proxied: Some(true),
            selector: Some("a=b".parse().unwrap()),
            addresses: Some(Addresses::ExternalElseInternal),
        }
    }

    #[test]
    fn without_a_word_there_is_nothing_to_do_and_every_default_is_the_careful_one() {
        let expected = Settings {
            names: Vec::new(),
            ttl: 120,
            proxied: false,
            route_hosts: RouteHosts::Off,
            policy: DnsPolicy::Sync,
            adopt: false,
            cordoned: false,
            min_addresses: 1,
            selector: Selector::default(),
            addresses: Addresses::External,
            ipv6: true,
        };
        assert_eq!(Settings::of(&Dns::default(), &Flags::default()), expected);
    }

    #[test]
    fn the_section_wins_over_the_flags_key_by_key() {
        let defaults = Settings::of(&Dns::default(), &Flags::default());
        let Flags { names, ttl, proxied, selector, addresses } = flags();
        let by_flags = Settings {
            names: names.unwrap(),
            ttl: ttl.unwrap(),
            proxied: proxied.unwrap(),
            selector: selector.unwrap(),
            addresses: addresses.unwrap(),
            ..defaults
        };
        assert_eq!(Settings::of(&Dns::default(), &flags()), by_flags);
        let names = |name: &str| vec![name.to_owned()];
        for (text, expected) in [
            ("{names: [s.example.com]}", Settings { names: names("s.example.com"), ..by_flags.clone() }),
            ("{names: []}", Settings { names: Vec::new(), ..by_flags.clone() }),
            ("{ttl: 60}", Settings { ttl: 60, ..by_flags.clone() }),
            ("{proxied: false}", Settings { proxied: false, ..by_flags.clone() }),
            ("{routeHosts: cname}", Settings { route_hosts: RouteHosts::Cname, ..by_flags.clone() }),
            ("{policy: upsert}", Settings { policy: DnsPolicy::Upsert, ..by_flags.clone() }),
            ("{adopt: true}", Settings { adopt: true, ..by_flags.clone() }),
            ("{cordoned: true}", Settings { cordoned: true, ..by_flags.clone() }),
            ("{minAddresses: 0}", Settings { min_addresses: 0, ..by_flags.clone() }),
            ("{nodes: {selector: \"\"}}", Settings { selector: Selector::default(), ..by_flags.clone() }),
            ("{nodes: {addresses: external}}", Settings { addresses: Addresses::External, ..by_flags.clone() }),
            ("{nodes: {ipv6: false}}", Settings { ipv6: false, ..by_flags.clone() }),
        ] {
            assert_eq!(Settings::of(&section(text), &flags()), expected, "{text}");
        }
    }

    #[test]
    fn route_hosts_point_at_the_first_name_that_is_no_wildcard() {
        let of = |names: &[&str]| {
            let names = Some(names.iter().map(|name| (*name).to_owned()).collect());
            let settings = Settings::of(&section("{routeHosts: cname}"), &Flags { names, ..Flags::default() });
            (settings.names, settings.route_hosts)
        };
        let (names, route_hosts) = of(&["*.a.b", "c.b", "d.b"]);
        assert_eq!((names, route_hosts), (["c.b", "*.a.b", "d.b"].map(str::to_owned).to_vec(), RouteHosts::Cname));
        assert_eq!(of(&["*.a.b"]).1, RouteHosts::Off);
        assert_eq!(of(&[]).1, RouteHosts::Off);
    }
}
