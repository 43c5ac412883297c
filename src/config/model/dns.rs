//! The `dns` section and what a route says of its names: as written. What is left out may come from a flag, so the
//! defaults are filled in elsewhere (`dns::Settings`).

use std::fmt;

/// The TTL that is left to Cloudflare, which every proxied record has (developers.cloudflare.com, "Time to Live").
pub const AUTOMATIC: u32 = 1;

/// The `dns` section. `None`: not written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dns {
    /// Names of the nodes, in lower case and A-labels, exact or `*.example.com`. The first is what route hosts point at.
    pub names: Option<Vec<String>>,
    /// Seconds, 60 to 86,400, or 1 for automatic.
    pub ttl: Option<u32>,
    /// Cloudflare's edge stands in front.
    pub proxied: Option<bool>,
    /// What becomes of the hosts of routes.
    pub route_hosts: Option<RouteHosts>,
    /// Whether records are taken away.
    pub policy: Option<DnsPolicy>,
    /// Records of wanted names that nobody has marked become ours.
    pub adopt: Option<bool>,
    /// Cordoned nodes are published too.
    pub cordoned: Option<bool>,
    /// No name is left with fewer addresses.
    pub min_addresses: Option<usize>,
    /// Which nodes and which of their addresses.
    pub nodes: DnsNodes,
}

/// `dns.nodes`. `None`: not written.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DnsNodes {
    /// Which nodes.
    pub selector: Option<Selector>,
    /// Which of their addresses.
    pub addresses: Option<NodeAddresses>,
    /// IPv6 addresses too.
    pub ipv6: Option<bool>,
}

/// What becomes of the hosts of routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RouteHosts {
    /// Their names are somebody else's business.
    #[default]
    Off,
    /// Each gets a CNAME to the first name of the nodes.
    Cname,
}

/// Whether records are taken away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DnsPolicy {
    /// What is ours and not wanted any more is deleted.
    #[default]
    Sync,
    /// Nothing is ever deleted, and no address is replaced by another.
    Upsert,
}

/// Which addresses of a node are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeAddresses {
    /// Of type `ExternalIP`, as far as they are public.
    External,
    /// Of type `InternalIP`, private ones too.
    Internal,
    /// Of both types, private ones too.
    Both,
}

/// What a route says of the names of its hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RouteDns {
    /// Nothing: as the section `dns` has it.
    #[default]
    AsSection,
    /// `dns: false`: no record for these hosts.
    Off,
    /// `dns: {proxied: …}`
    Proxied(bool),
    /// It could not be read: a record that is there stays, and none is made.
    Unknown,
}

/// A label selector of Kubernetes (API reference, "Label selectors"): all requirements hold. Empty: everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selector(pub Vec<Requirement>);

/// One requirement of a [`Selector`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Requirement {
    /// `key=value`, `key in (a, b)`
    In(String, Vec<String>),
    /// `key!=value`, `key notin (a, b)`; also where there is no such label.
    NotIn(String, Vec<String>),
    /// `key`
    Exists(String),
    /// `!key`
    Absent(String),
}

impl Selector {
    /// Whether something with these labels is meant.
    pub fn matches(&self, label: impl Fn(&str) -> Option<String>) -> bool {
        let Selector(requirements) = self;
        requirements.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => label(key).is_some_and(|value| values.contains(&value)),
            Requirement::NotIn(key, values) => label(key).is_none_or(|value| !values.contains(&value)),
            Requirement::Exists(key) => label(key).is_some(),
            Requirement::Absent(key) => label(key).is_none(),
        })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, requirement) in self.0.iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            match requirement {
                Requirement::In(key, values) if values.len() == 1 => write!(f, "{comma}{key}={}", values[0])?,
                Requirement::In(key, values) => write!(f, "{comma}{key} in ({})", values.join(","))?,
                Requirement::NotIn(key, values) if values.len() == 1 => write!(f, "{comma}{key}!={}", values[0])?,
                Requirement::NotIn(key, values) => write!(f, "{comma}{key} notin ({})", values.join(","))?,
                Requirement::Exists(key) => write!(f, "{comma}{key}")?,
                Requirement::Absent(key) => write!(f, "{comma}!{key}")?,
            }
        }
        Ok(())
    }
}
