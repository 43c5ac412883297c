//! Claims about routing, and the few words they are written in.

mod conditions;
mod explain;
mod expressions;
mod hosts;
mod paths;
mod properties;
mod rewrite;
mod table;
mod target;

use super::{RouteTable, Target};
use crate::config::{
    Action, Backend, BackendName, BackendPort, BackendScheme, Conditions, Config, HostPattern, PathPattern, Rewrite,
    Route, ValuePattern, Weighted,
};
use crate::message::{Head, Name, Version};

/// A head of HTTP/1.1 with this Host.
fn get(host: &str, target: &str) -> Head {
    request("GET", host, target)
}

fn request(method: &str, host: &str, target: &str) -> Head {
    let mut head = Head::new();
    head.start_request(method, target, Version::Http11);
    head.push(Name::Host, host.as_bytes());
    head
}

fn target(head: &Head) -> Target {
    let mut target = Target::new();
    target.set(head).unwrap();
    target
}

fn host(text: &str) -> HostPattern {
    match text.strip_prefix("*.") {
        Some(domain) => HostPattern::Wildcard(domain.into()),
        None if text == "*" => HostPattern::Any,
        None => HostPattern::Exact(text.into()),
    }
}

/// `/x` is a prefix, `=/x` exact, `~/x` a regular expression.
fn path(text: &str) -> PathPattern {
    match text.split_at(1) {
        ("=", exact) => PathPattern::Exact(exact.into()),
        ("~", regex) => PathPattern::Regex(regex.into()),
        _ => PathPattern::Prefix(text.into()),
    }
}

fn route(hosts: &str, text: &str) -> Route {
    let to = Backend { scheme: BackendScheme::Http, name: BackendName::Localhost, port: BackendPort::Number(80) };
    let action = Action::Forward(vec![Weighted { to, weight: 1 }]);
    Route::new(0, hosts.split(' ').map(host).collect(), path(text), action)
}

/// `GET`, `x-name: value`, `x-name` and `?name=value` are conditions; a value that begins with `~` is an expression.
fn when(mut route: Route, conditions: &[&str]) -> Route {
    for condition in conditions {
        let (list, text) = match condition.strip_prefix('?') {
            Some(text) => (&mut route.conditions.query, text),
            None => (&mut route.conditions.headers, *condition),
        };
        let value = |value: &str| match value.strip_prefix('~') {
            Some(pattern) => ValuePattern::Regex(pattern.into()),
            None => ValuePattern::Is(value.into()),
        };
        match text.split_once(": ").or(text.split_once('=')) {
            Some((name, wanted)) => list.push((name.into(), value(wanted))),
            None if text.bytes().all(|byte| byte.is_ascii_uppercase()) => route.conditions.methods.push(text.into()),
            None => list.push((text.into(), ValuePattern::Present)),
        }
    }
    route
}

/// The lines count from 1, a route a line.
fn config(routes: impl IntoIterator<Item = Route>) -> Config {
    let routes = routes.into_iter().zip(1..).map(|(route, line)| Route { line, ..route }).collect();
    Config { routes, ..Config::default() }
}

fn table(routes: impl IntoIterator<Item = Route>) -> RouteTable {
    RouteTable::build(&config(routes), 1).unwrap()
}

/// The line of the route that takes the request; 0 when none does.
fn line(table: &RouteTable, head: &Head) -> u32 {
    table.find(&target(head), head).map_or(0, |id| table.route(id).rule.line)
}
