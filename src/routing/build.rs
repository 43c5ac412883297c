//! How a table is made of a configuration. The one door is [`RouteTable::build`].

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use super::closed::Closed;
use super::conditions::Conditions;
use super::expressions;
use super::hosts::{Hosts, MAX_HOST};
use super::index::NONE;
use super::paths::{Paths, Span};
use super::table::{Candidate, RouteTable, Settings};
use super::{Error, Route, RouteId, canonical, label};
use crate::config::{self, Config, HostPattern, PathPattern};

impl RouteTable {
    /// The table of a configuration. `generation` tells it from the tables before and after.
    pub fn build(config: &Config, generation: u64) -> Result<RouteTable, Error> {
        // `defaults` are in the routes already
        let Config { routes, defaults: _, trust, limits, drain, access_log, tls, dns: _ } = config;
        let mut draft = Draft::for_routes(routes);
        for route in routes {
            draft.add(route)?;
        }
        let settings = Settings {
            trust: trust.clone(),
            limits: limits.clone(),
            drain: drain.clone(),
            access_log: access_log.clone(),
        };
        draft.finish(settings, Closed::of(tls), generation)
    }
}

/// A table in the making.
struct Draft<'c> {
    routes: Vec<Arc<Route>>,
    hosts: Hosts,
    paths: Paths,
    conditions: Vec<Conditions>,
    expressions: expressions::Builder,
    /// Path expressions in the order of the file, each once per host.
    by_expression: Vec<Expression<'c>>,
    /// Numbers in `by_expression` by host and pattern.
    numbers: HashMap<(u32, &'c str), u32>,
    placed: Vec<Placed>,
}

struct Expression<'c> {
    host: u32,
    pattern: &'c str,
    /// The first route that has it.
    first: u32,
}

/// A route in its place. The order is that in which routes of one host are tried, as far as they are in one place.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Placed {
    place: Place,
    more_conditions_first: Reverse<usize>,
    route: u32,
    conditions: u32,
}

/// Where a route is looked for, by numbers of nodes and expressions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Exact(u32),
    Expression(u32),
    Prefix(u32),
}

impl<'c> Draft<'c> {
    fn for_routes(routes: &[config::Route]) -> Draft<'c> {
        let hosts = routes.iter().map(|route| route.hosts.len()).sum();
        let segments = routes.iter().map(|route| route.hosts.len() * segments(&route.path)).sum();
        Draft {
            routes: Vec::with_capacity(hosts),
            hosts: Hosts::for_hosts(hosts),
            paths: Paths::for_segments(hosts, segments),
            conditions: Vec::new(),
            expressions: expressions::Builder::default(),
            by_expression: Vec::new(),
            numbers: HashMap::new(),
            placed: Vec::with_capacity(hosts),
        }
    }

    fn add(&mut self, route: &'c config::Route) -> Result<(), Error> {
        let conditions = if route.conditions.count() == 0 {
            NONE
        } else {
            let built = Conditions::build(&route.conditions, &mut self.expressions);
            self.conditions.push(built.map_err(|reason| Error::Conditions { line: route.line, reason })?);
            self.conditions.len() as u32 - 1
        };
        let rule = Arc::new(route.clone());
        let path = match &route.path {
            PathPattern::Prefix(path) => canonical::prefix_form(path),
            PathPattern::Exact(path) => canonical::exact_form(path),
            PathPattern::Regex(_) => String::new(),
        };
        for host in &route.hosts {
            let id = self.routes.len() as u32;
            let number = self.host(host, path.len()).ok_or(Error::Full { line: route.line })?;
            let root = self.hosts.entry(number).root;
            let place = match &route.path {
                PathPattern::Prefix(_) => Place::Prefix(self.paths.insert_prefix(root, &path)),
                PathPattern::Exact(_) => Place::Exact(self.paths.insert_exact(root, &path)),
                PathPattern::Regex(pattern) => Place::Expression(self.expression(number, pattern, id)),
            };
            let more_conditions_first = Reverse(route.conditions.count());
            self.placed.push(Placed { place, more_conditions_first, route: id, conditions });
            self.routes.push(Arc::new(Route {
                id: RouteId(id),
                host: host.clone(),
                path: route.path.clone(),
                label: label::of(host, &route.path),
                rule: Arc::clone(&rule),
            }));
        }
        Ok(())
    }

    /// The number of a host, which is added when it is new. Numbers of hosts, nodes and routes, and places in their texts,
    /// stay below 2^32 when there is room for one more host and a path of this length.
    fn host(&mut self, host: &HostPattern, path_len: usize) -> Option<u32> {
        if self.paths.size().max(self.hosts.size()).max(self.routes.len()) + path_len + MAX_HOST + 2 >= NONE as usize {
            return None;
        }
        if let Some(number) = self.hosts.number(host) {
            return Some(number);
        }
        let root = self.paths.root();
        self.hosts.insert(host, root)
    }

    fn expression(&mut self, host: u32, pattern: &'c str, first: u32) -> u32 {
        *self.numbers.entry((host, pattern)).or_insert_with(|| {
            self.by_expression.push(Expression { host, pattern, first });
            self.by_expression.len() as u32 - 1
        })
    }

    fn finish(mut self, settings: Settings, closed: Closed, generation: u64) -> Result<RouteTable, Error> {
        self.placed.sort_unstable();
        let candidates =
            self.placed.iter().map(|placed| Candidate { route: placed.route, conditions: placed.conditions }).collect();
        let mut spans = vec![Span::default(); self.by_expression.len()];
        let mut start = 0;
        for of_place in self.placed.chunk_by(|a, b| a.place == b.place) {
            let span = Span { start, end: start + of_place.len() as u32 };
            start = span.end;
            match of_place[0].place {
                Place::Exact(node) => self.paths.node(node).exact = span,
                Place::Prefix(node) => self.paths.node(node).prefix = span,
                Place::Expression(number) => spans[number as usize] = span,
            }
        }
        self.paths.link();
        let by_expression = self.join_expressions(&spans)?;
        let mut table = RouteTable {
            routes: self.routes,
            hosts: self.hosts,
            paths: self.paths,
            by_expression,
            candidates,
            conditions: self.conditions,
            expressions: self.expressions.build(),
            settings,
            closed,
            generation,
        };
        table.find_lone_routes();
        Ok(table)
    }

    /// One automaton for each host that has expressions.
    fn join_expressions(&mut self, spans: &[Span]) -> Result<Vec<Span>, Error> {
        let mut numbers: Vec<usize> = (0..spans.len()).collect();
        // stable: within a host the order of the file stays
        numbers.sort_by_key(|&number| self.by_expression[number].host);
        let mut joined = Vec::with_capacity(spans.len());
        for of_host in numbers.chunk_by(|&a, &b| self.by_expression[a].host == self.by_expression[b].host) {
            let patterns: Vec<&str> = of_host.iter().map(|&number| self.by_expression[number].pattern).collect();
            let Expression { host, first, .. } = self.by_expression[of_host[0]];
            let automaton = self.expressions.add(&patterns).map_err(|reason| {
                let route = &self.routes[first as usize];
                Error::Paths { host: label::host(&route.host), line: route.rule.line, reason }
            })?;
            let entry = self.hosts.entry(host);
            entry.automaton = automaton;
            entry.expressions = joined.len() as u32;
            joined.extend(of_host.iter().map(|&number| spans[number]));
        }
        Ok(joined)
    }
}

impl RouteTable {
    /// Marks the hosts whose one route takes everything.
    fn find_lone_routes(&mut self) {
        for host in self.hosts.entries() {
            let first = self.candidates.get(self.paths.node(host.root).prefix.start as usize);
            if let Some(first) = first
                && !self.paths.node(host.root).prefix.is_empty()
                && self.paths.is_bare(host.root)
                && host.automaton == NONE
                && first.conditions == NONE
            {
                host.only = first.route;
            }
        }
    }
}

fn segments(path: &PathPattern) -> usize {
    match path {
        PathPattern::Prefix(path) | PathPattern::Exact(path) => memchr::memchr_iter(b'/', path.as_bytes()).count() + 1,
        PathPattern::Regex(_) => 0,
    }
}
