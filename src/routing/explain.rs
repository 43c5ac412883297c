//! Why a route won and what the others missed, for people. The one door is [`trace`].
//!
//! It looks at every route and takes its time; [`RouteTable::find`] decides, this only tells.

use std::fmt;

use super::{Route, RouteId, RouteTable, Target, canonical, expressions};
use crate::config::{HostPattern, PathPattern};
use crate::message::Head;

/// Most routes that are told of beside the winner.
pub const MOST: usize = 20;

/// What happened to a request on its way to a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// The pattern whose routes were tried; `None` when none holds this host.
    pub host: Option<HostPattern>,
    /// The route that takes the request.
    pub winner: Option<RouteId>,
    /// Routes whose host holds this one and that did not win, the nearest first, at most [`MOST`].
    pub others: Vec<Near>,
    /// How many more there were.
    pub more: usize,
}

/// A route that did not win.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near {
    /// Which.
    pub route: RouteId,
    /// Everything that kept it from winning.
    pub missed: Vec<Missed>,
}

/// One thing that kept a route from winning. `Display` says it to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missed {
    /// A more specific host has routes, so this one is not tried.
    HostLessSpecific,
    /// The path is another.
    Path,
    /// The method is not among these.
    Method(Vec<String>),
    /// No header field of this name, or none with the right value.
    Header {
        /// In lower case.
        name: String,
        /// There is one, but its value is another.
        present: bool,
    },
    /// No parameter of the query of this name, or none with the right value.
    Query {
        /// Decoded.
        name: String,
        /// There is one, but its value is another.
        present: bool,
    },
    /// It matches, but so does one that is tried before, for this reason.
    Later(Later),
}

/// Why a route that matches is tried after the winner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Later {
    /// The winner's path is more specific.
    Path,
    /// The winner has more conditions.
    Conditions,
    /// The winner stands before it in the file.
    File,
}

impl fmt::Display for Missed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = |present: &bool| if *present { "has another value" } else { "is missing" };
        match self {
            Missed::HostLessSpecific => f.write_str("a more specific host has routes"),
            Missed::Path => f.write_str("the path is another"),
            Missed::Method(methods) => write!(f, "the method is not {}", methods.join(" or ")),
            Missed::Header { name, present } => write!(f, "header {name} {}", value(present)),
            Missed::Query { name, present } => write!(f, "query parameter {name} {}", value(present)),
            Missed::Later(Later::Path) => f.write_str("the winner's path is more specific"),
            Missed::Later(Later::Conditions) => f.write_str("the winner has more conditions"),
            Missed::Later(Later::File) => f.write_str("the winner stands before it in the file"),
        }
    }
}

/// Decides a request as [`RouteTable::find`] does and says what became of every route of its host.
pub fn trace(table: &RouteTable, target: &Target, head: &Head) -> Trace {
    let winner = table.find(target, head);
    let holding = || table.routes().iter().filter(|route| holds_host(&route.host, target.host()));
    let host = holding().map(|route| &route.host).max_by_key(|host| specificity(host)).cloned();
    let mut others: Vec<Near> = holding()
        .filter(|route| Some(route.id) != winner)
        .map(|route| Near { route: route.id, missed: missed(table, route, host.as_ref(), winner, target, head) })
        .collect();
    others.sort_by_key(|near| (near.missed.contains(&Missed::Path), near.missed.len(), near.route));
    let more = others.len().saturating_sub(MOST);
    others.truncate(MOST);
    Trace { host, winner, others, more }
}

fn missed(
    table: &RouteTable,
    route: &Route,
    host: Option<&HostPattern>,
    winner: Option<RouteId>,
    target: &Target,
    head: &Head,
) -> Vec<Missed> {
    let mut missed = Vec::new();
    if Some(&route.host) != host {
        missed.push(Missed::HostLessSpecific);
    }
    if !holds_path(&route.path, target.matched()) {
        missed.push(Missed::Path);
    }
    table.missed_conditions(route, target, head, &mut missed);
    if missed.is_empty()
        && let Some(winner) = winner
    {
        missed.push(Missed::Later(later(table.route(winner), route)));
    }
    missed
}

/// Both match and have the same host.
fn later(winner: &Route, route: &Route) -> Later {
    let conditions = |route: &Route| route.rule.conditions.count();
    if place(&winner.path) == place(&route.path) {
        if conditions(winner) > conditions(route) { Later::Conditions } else { Later::File }
    } else if matches!((&winner.path, &route.path), (PathPattern::Regex(_), PathPattern::Regex(_))) {
        Later::File
    } else {
        Later::Path
    }
}

/// Paths of one place are told apart by conditions and file order alone.
fn place(path: &PathPattern) -> PathPattern {
    match path {
        PathPattern::Prefix(path) => PathPattern::Prefix(canonical::prefix_form(path)),
        PathPattern::Exact(path) => PathPattern::Exact(canonical::exact_form(path)),
        PathPattern::Regex(pattern) => PathPattern::Regex(pattern.clone()),
    }
}

fn specificity(host: &HostPattern) -> (u8, usize) {
    match host {
        HostPattern::Exact(_) => (2, 0),
        HostPattern::Wildcard(domain) => (1, domain.len()),
        HostPattern::Any => (0, 0),
    }
}

fn holds_host(pattern: &HostPattern, host: &str) -> bool {
    match pattern {
        HostPattern::Exact(name) => name == host,
        HostPattern::Wildcard(domain) => host.strip_suffix(domain.as_str()).is_some_and(|labels| labels.ends_with('.')),
        HostPattern::Any => true,
    }
}

fn holds_path(pattern: &PathPattern, path: &str) -> bool {
    match place(pattern) {
        PathPattern::Exact(exact) => exact == path,
        PathPattern::Prefix(prefix) if prefix == "/" => true,
        PathPattern::Prefix(prefix) => {
            path.strip_prefix(&*prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
        PathPattern::Regex(pattern) => {
            expressions::compile(&[&pattern]).is_ok_and(|regex| expressions::is_whole(&regex, path.as_bytes()))
        }
    }
}

impl RouteTable {
    fn missed_conditions(&self, route: &Route, target: &Target, head: &Head, missed: &mut Vec<Missed>) {
        let rule = &route.rule.conditions;
        let Some(conditions) = self.conditions_of(route.id) else { return };
        if !conditions.method_holds(head) {
            missed.push(Missed::Method(rule.methods.clone()));
        }
        for (number, (name, _)) in rule.headers.iter().enumerate() {
            if !conditions.header_holds(number, head, &self.expressions) {
                missed.push(Missed::Header { name: name.clone(), present: head.all_str(name).next().is_some() });
            }
        }
        for (number, (name, _)) in rule.query.iter().enumerate() {
            if !conditions.parameter_holds(number, target.query(), &self.expressions) {
                let present = super::conditions::values(target.query(), name).next().is_some();
                missed.push(Missed::Query { name: name.clone(), present });
            }
        }
    }
}
