//! A file that may be partly bad joined with what served before. One door: [`Parsed::settle`].
//!
//! What is bad keeps its last good version. A route that never had one leaves a tombstone ([`Action::Broken`]) for the
//! requests it was meant for, and never lets them fall through to another route: what failed may have been the `deny`
//! of `/admin`. When it is not known which requests of a host those are, the tombstone covers the host: it stands alone
//! there, with prefix `/` and no conditions, and every other route of exactly this host is left out. Routes of other
//! hosts stay, also of a wildcard around it or below it.

use foldhash::{HashMap, HashMapExt, HashSet};

use super::problem::{Problem, Refused, Severity};
use super::route::{Content, Identity, Slot};
use super::sections::DrainTimes;
use super::{
    AccessLog, Action, Conditions, Config, Defaults, Dns, HostPattern, Limits, PathPattern, Route, RouteDns, Tls, Trust,
};

/// A routes file that was read, with what is wrong in it.
#[derive(Debug)]
pub struct Parsed {
    /// Errors and warnings, in the order of the file.
    pub problems: Vec<Problem>,
    /// Bytes of the routes themselves, without a manifest around them. A ConfigMap holds 1 MiB.
    pub bytes: usize,
    pub(super) routes: Vec<Slot>,
    /// `None` where a section is bad.
    pub(super) sections: Sections,
}

/// The sections; `None` = bad.
#[derive(Debug)]
pub(super) struct Sections {
    pub(super) defaults: Option<Defaults>,
    pub(super) trust: Option<Trust>,
    pub(super) limits: Option<Limits>,
    pub(super) drain: Option<DrainTimes>,
    pub(super) access_log: Option<AccessLog>,
    pub(super) tls: Option<Tls>,
    pub(super) dns: Option<Dns>,
}

impl Parsed {
    /// Nothing in it is an error.
    pub fn is_clean(&self) -> bool {
        !self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// How many routes could not be taken as they are written.
    pub fn bad_routes(&self) -> usize {
        self.routes.iter().filter(|slot| !matches!(slot.content, Content::Good(_))).count()
    }

    /// Joins it with what served before, as the module says. Refused when a section is bad that has no last good
    /// version.
    pub fn settle(self, last: Option<&Config>) -> Result<(Config, Vec<Problem>), Refused> {
        let Parsed { problems, bytes: _, routes, sections } = self;
        let Sections { defaults, trust, limits, drain, access_log, tls, dns } = sections;
        let config = (|| {
            let dns = dns.or_else(|| last.map(|last| last.dns.clone()))?;
            Some(Config {
                routes: Vec::new(),
                defaults: defaults.or_else(|| last.map(|last| last.defaults.clone()))?,
                trust: trust.or_else(|| last.map(|last| last.trust.clone()))?,
                limits: limits.or_else(|| last.map(|last| last.limits.clone()))?,
                drain: drain.map(|drain| drain.complete(&dns)).or_else(|| last.map(|last| last.drain.clone()))?,
                access_log: access_log.or_else(|| last.map(|last| last.access_log.clone()))?,
                tls: tls.or_else(|| last.map(|last| last.tls.clone()))?,
                dns,
            })
        })();
        let Some(mut config) = config else { return Err(Refused { problems }) };
        config.routes = Settling::new(&routes, last).settle(routes, &config.defaults);
        Ok((config, problems))
    }
}

// === impl Settling ===

type Key = (HostPattern, PathPattern, Conditions);

struct Settling<'l> {
    /// Hosts that a tombstone covers, with whether it already stands.
    covered: HashMap<HostPattern, bool>,
    /// What good routes are for. Only filled when there is a bad one.
    taken: HashSet<Key>,
    last: HashMap<(&'l HostPattern, &'l PathPattern, &'l Conditions), &'l Route>,
}

impl<'l> Settling<'l> {
    fn new(slots: &[Slot], last: Option<&'l Config>) -> Settling<'l> {
        let mut settling = Settling { covered: HashMap::new(), taken: HashSet::default(), last: HashMap::new() };
        if slots.iter().all(|slot| matches!(slot.content, Content::Good(_))) {
            return settling;
        }
        for slot in slots {
            match &slot.content {
                Content::Good(draft) => settling.taken.extend(draft.identity.keys()),
                Content::Covers(hosts) => settling.covered.extend(hosts.iter().map(|host| (host.clone(), false))),
                Content::Bad(_) | Content::Lost => {}
            }
        }
        for route in last.iter().flat_map(|last| &last.routes) {
            for host in &route.hosts {
                settling.last.entry((host, &route.path, &route.conditions)).or_insert(route);
            }
        }
        settling
    }

    fn settle(mut self, slots: Vec<Slot>, defaults: &Defaults) -> Vec<Route> {
        let mut routes = Vec::with_capacity(slots.len());
        for Slot { line, content, .. } in slots {
            match content {
                Content::Good(mut draft) => {
                    draft.identity.hosts.retain(|host| !self.covered.contains_key(host));
                    if !draft.identity.hosts.is_empty() {
                        routes.push(draft.complete(line, defaults));
                    }
                }
                Content::Bad(identity) => routes.extend(identity.keys().filter_map(|key| self.instead_of(key, line))),
                Content::Covers(hosts) => routes.extend(hosts.into_iter().filter_map(|host| self.cover(host, line))),
                Content::Lost => {}
            }
        }
        routes
    }

    /// What serves one host of a bad route.
    fn instead_of(&mut self, key: Key, line: u32) -> Option<Route> {
        if self.covered.contains_key(&key.0) || !self.taken.insert(key.clone()) {
            return None;
        }
        let (host, path, conditions) = key;
        Some(match self.last.get(&(&host, &path, &conditions)).copied() {
            Some(last) => Route { line, hosts: vec![host], ..last.clone() },
            None => tombstone(line, host, path, conditions),
        })
    }

    fn cover(&mut self, host: HostPattern, line: u32) -> Option<Route> {
        let stands = self.covered.get_mut(&host)?;
        if std::mem::replace(stands, true) {
            return None;
        }
        Some(tombstone(line, host, PathPattern::Prefix("/".to_owned()), Conditions::default()))
    }
}

impl Identity {
    fn keys(&self) -> impl Iterator<Item = Key> {
        self.hosts.iter().map(|host| (host.clone(), self.path.clone(), self.conditions.clone()))
    }
}

fn tombstone(line: u32, host: HostPattern, path: PathPattern, conditions: Conditions) -> Route {
    Route { conditions, dns: RouteDns::Unknown, ..Route::new(line, vec![host], path, Action::Broken) }
}
