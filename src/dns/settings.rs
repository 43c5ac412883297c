//! What is to be done, every default filled in: [`Settings`].

use crate::config::{DnsPolicy, RouteHosts, Selector};

/// What the operator wants, from the section `dns`, the flags and the variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Names of the nodes, the first of which route hosts point at. Without any there is nothing to do.
    pub names: Vec<String>,
    /// Seconds.
    pub ttl: u32,
    /// Cloudflare's edge stands in front; the TTL is then automatic.
    pub proxied: bool,
    /// What becomes of the hosts of routes.
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
