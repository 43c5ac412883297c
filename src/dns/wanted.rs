//! What should be at Cloudflare: [`Wanted`], from what the operator wants and what the cluster is like.

mod addresses;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use super::record::in_force;
use super::{Conflict, Host, Settings, World, Zone};
use crate::config::RouteHosts;

/// The names that should be there and what they should hold, by zone.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Every zone that is seen, by name. Without any `dns.names` there is none, so that nothing is done.
    pub zones: Vec<WantedZone>,
    /// Names that cannot be: in no zone, or without an address.
    pub conflicts: Vec<Conflict>,
    /// Addresses of all nodes, of both types and in whatever state, and whether a gatepost serves there.
    nodes: HashMap<IpAddr, bool>,
}

/// What is wanted in one zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedZone {
    /// Which.
    pub zone: Zone,
    /// Those of `dns.names` in their order, then hosts by name. If there are none, only marked records matter here.
    pub names: Vec<WantedName>,
}

/// One name as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedName {
    /// In lower case, absolute, without a dot at the end.
    pub name: String,
    /// What it holds.
    pub target: Target,
    /// Seconds; 1 when it is proxied.
    pub ttl: u32,
    /// Cloudflare's edge stands in front of it.
    pub proxied: bool,
}

/// What a name holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// These, sorted; none if no node can be published.
    Addresses(Arc<[IpAddr]>),
    /// Another name.
    Alias(Arc<str>),
    /// What it holds now, whatever that is.
    AsItIs,
}

impl Wanted {
    /// What `settings` come to in this world.
    pub fn of(settings: &Settings, world: &World, hosts: &[Host], zones: &[Zone]) -> Wanted {
        let mut wanted = Wanted { nodes: addresses::of_all(world), ..Wanted::default() };
        if settings.names.is_empty() {
            return wanted;
        }
        let mut zones: Vec<&Zone> = zones.iter().collect();
        zones.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        wanted.zones = zones.into_iter().map(|zone| WantedZone { zone: zone.clone(), names: Vec::new() }).collect();
        let places = Places::of(&wanted.zones);
        let names = wanted.name_nodes(settings, addresses::published(settings, world).into(), &places);
        if settings.route_hosts == RouteHosts::Cname {
            wanted.name_hosts(settings, hosts, &names, &places);
        }
        wanted
    }

    /// Whether an address is, or was when we last looked, that of a node.
    pub(super) fn is_node(&self, address: IpAddr) -> bool {
        self.nodes.contains_key(&address)
    }

    /// How gladly an address is parted with: 0 serves, 1 is that of a node that does not, 2 of none that we know.
    pub(super) fn rank(&self, address: IpAddr) -> u8 {
        match self.nodes.get(&address) {
            Some(true) => 0,
            Some(false) => 1,
            None => 2,
        }
    }

    /// Those of `dns.names`; tells which they are.
    fn name_nodes(&mut self, settings: &Settings, published: Arc<[IpAddr]>, places: &Places) -> HashSet<String> {
        let mut names = HashSet::new();
        for name in &settings.names {
            let name = one_form(name).into_owned();
            if !names.insert(name.clone()) {
                continue;
            }
            let Some(at) = places.of_name(&name) else {
                self.conflicts.push(Conflict::NoZone { name });
                continue;
            };
            if published.is_empty() {
                self.conflicts.push(Conflict::NoAddress { name: name.clone() });
            }
            let target = Target::Addresses(Arc::clone(&published));
            self.zones[at].names.push(WantedName::new(name, target, settings.proxied, settings));
        }
        names
    }

    /// The hosts of routes, as far as they are in a zone of ours: others have their names elsewhere.
    fn name_hosts(&mut self, settings: &Settings, hosts: &[Host], names: &HashSet<String>, places: &Places) {
        // nothing can point at a wildcard, which is the name of a pattern and of no machine
        let Some(first) = settings.names.iter().find(|name| !name.starts_with("*.")) else { return };
        let alias: Arc<str> = one_form(first).into();
        let mut by_name: BTreeMap<String, &Host> = BTreeMap::new();
        for host in hosts {
            let name = one_form(&host.name);
            if names.contains(name.as_ref()) {
                continue;
            }
            // of two routes with one host the one that can be read decides, and then the one that says something
            let order = |host: &Host| (host.is_doubtful, host.proxied.is_none(), host.proxied);
            let chosen = by_name.entry(name.into_owned()).or_insert(host);
            if order(host) < order(chosen) {
                *chosen = host;
            }
        }
        for (name, host) in by_name {
            let Some(at) = places.of_name(&name) else { continue };
            let target = if host.is_doubtful { Target::AsItIs } else { Target::Alias(Arc::clone(&alias)) };
            let proxied = host.proxied.unwrap_or(settings.proxied);
            self.zones[at].names.push(WantedName::new(name, target, proxied, settings));
        }
    }
}

impl WantedName {
    fn new(name: String, target: Target, proxied: bool, settings: &Settings) -> WantedName {
        WantedName { name, target, ttl: in_force(settings.ttl, proxied), proxied }
    }
}

/// A name as it is compared: in lower case, without a dot at the end.
pub(super) fn one_form(name: &str) -> Cow<'_, str> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

/// Where each zone is in the list, by its name.
struct Places(HashMap<String, usize>);

impl Places {
    fn of(zones: &[WantedZone]) -> Places {
        let mut places = HashMap::new();
        for (at, WantedZone { zone, .. }) in zones.iter().enumerate().filter(|(_, wanted)| wanted.zone.is_active) {
            places.entry(one_form(&zone.name).into_owned()).or_insert(at);
        }
        Places(places)
    }

    /// The zone with the longest name that is this name or one above it.
    fn of_name(&self, name: &str) -> Option<usize> {
        let mut rest = name;
        loop {
            if let Some(at) = self.0.get(rest) {
                return Some(*at);
            }
            (_, rest) = rest.split_once('.')?;
        }
    }
}
