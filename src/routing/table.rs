//! The table that requests are routed by: a value without state, complete when it exists. The one door is
//! [`RouteTable`]; `build` makes it.

use std::sync::Arc;

use super::closed::Closed;
use super::conditions::Conditions;
use super::expressions::Expressions;
use super::hosts::{Host, Hosts};
use super::index::NONE;
use super::paths::{Paths, Span};
use super::{Route, RouteId, Target};
use crate::config::{AccessLog, Drain, Limits, Trust};
use crate::message::Head;

/// All routes of one generation of the file.
#[derive(Debug)]
pub struct RouteTable {
    pub(super) routes: Vec<Arc<Route>>,
    pub(super) hosts: Hosts,
    pub(super) paths: Paths,
    /// Where the routes of each path expression are, the expressions of a host side by side in the order of its
    /// automaton.
    pub(super) by_expression: Vec<Span>,
    /// Routes by host and path, those of one path side by side in the order they are tried.
    pub(super) candidates: Vec<Candidate>,
    pub(super) conditions: Vec<Conditions>,
    pub(super) expressions: Expressions,
    pub(super) settings: Settings,
    pub(super) closed: Closed,
    pub(super) generation: u64,
}

/// A route with what must hold for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) route: u32,
    /// In the table's list of conditions; [`NONE`] when there are none.
    pub(super) conditions: u32,
}

/// What the file says about all routes alike.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    /// Whose word about the client is believed.
    pub trust: Trust,
    /// Bounds on what a client may do.
    pub limits: Limits,
    /// How long things may take to end.
    pub drain: Drain,
    /// What the access log says.
    pub access_log: AccessLog,
}

impl RouteTable {
    /// The route that takes this request. Allocates nothing once the thread's room for the host's expressions is warm.
    #[inline]
    pub fn find(&self, target: &Target, head: &Head) -> Option<RouteId> {
        let host = self.hosts.find(target.host())?;
        if host.only != NONE {
            return Some(RouteId(host.only));
        }
        self.find_path(host, target, head)
    }

    /// Some route is for this host, whatever the path.
    pub fn knows_host(&self, target: &Target) -> bool {
        self.hosts.find(target.host()).is_some()
    }

    /// Whether nobody comes to this host without a client certificate, whatever certificates are loaded.
    pub fn is_closed(&self, target: &Target) -> bool {
        self.closed.has(target.host())
    }

    /// The route of a number that this table gave; one of another table may be out of its bounds and panic.
    pub fn route(&self, id: RouteId) -> &Arc<Route> {
        &self.routes[id.index()]
    }

    /// All routes in file order; a route with several hosts is there once for each, in the order written.
    pub fn routes(&self) -> &[Arc<Route>] {
        &self.routes
    }

    /// What the file says about all routes alike.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Which edit of the file this is, as told to [`RouteTable::build`].
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// What must hold for a route beside host and path; `None` when nothing more.
    pub(super) fn conditions_of(&self, id: RouteId) -> Option<&Conditions> {
        let candidate = self.candidates.iter().find(|candidate| candidate.route == id.0)?;
        self.conditions.get(candidate.conditions as usize)
    }

    fn find_path(&self, host: &Host, target: &Target, head: &Head) -> Option<RouteId> {
        let path = target.matched();
        let first = |span| self.first(span, target, head);
        let walk = self.paths.walk(host.root, path);
        if let Some(found) = first(self.paths.exact(walk)) {
            return Some(found);
        }
        if host.automaton != NONE {
            let found = self.expressions.find(host.automaton, path, |pattern| {
                first(*self.by_expression.get(host.expressions as usize + pattern)?)
            });
            if found.is_some() {
                return found;
            }
        }
        self.paths.prefixes(walk).find_map(first)
    }

    /// The first of these whose conditions hold.
    fn first(&self, span: Span, target: &Target, head: &Head) -> Option<RouteId> {
        let candidates = self.candidates.get(span.start as usize..span.end as usize)?;
        let found = candidates.iter().find(|candidate| match self.conditions.get(candidate.conditions as usize) {
            Some(conditions) => conditions.hold(head, target.query(), &self.expressions),
            None => true,
        })?;
        Some(RouteId(found.route))
    }
}
