//! A ConfigMap cannot point the proxy at the node it runs on. `config` refuses what is local on every node; the
//! addresses of this node's interfaces it cannot know, because it is pure: they are looked for here. What a name
//! resolves to is for `upstream`.
//!
//! One door: [`refuse_own`].

use std::net::IpAddr;

use crate::config::{Action, BackendName, Config, HostPattern, Problem, Route, Severity};

/// Takes every route to an address of this node out of `config`: its hosts keep their last good version of that path
/// and those conditions, else they get a tombstone.
pub(super) fn refuse_own(
    config: &mut Config,
    last: Option<&Config>,
    origin: &str,
    is_own: impl Fn(IpAddr) -> bool,
) -> Vec<Problem> {
    // written addresses are rare, and then nothing is built anew
    if !config.routes.iter().any(|route| own_backend(route, &is_own).is_some()) {
        return Vec::new();
    }
    let mut problems = Vec::new();
    let mut routes = Vec::with_capacity(config.routes.len());
    for route in config.routes.drain(..) {
        match own_backend(&route, &is_own) {
            None => routes.push(route),
            Some(ip) => {
                problems.push(problem(&route, origin, ip));
                routes.extend(route.hosts.iter().map(|host| instead_of(&route, host, last)));
            }
        }
    }
    config.routes = routes;
    problems
}

fn problem(route: &Route, origin: &str, ip: IpAddr) -> Problem {
    let message = format!("the backend {ip} is an address of the node itself, which a ConfigMap cannot point at");
    let mut problem = Problem::new(Severity::Error, origin, route.line, 0, message);
    problem.hint = Some("name a Service, or start gatepost with --allow-local-backends".to_owned());
    problem
}

fn instead_of(route: &Route, host: &HostPattern, last: Option<&Config>) -> Route {
    let same = |old: &&Route| {
        old.path == route.path && old.conditions == route.conditions && old.hosts.iter().any(|known| known == host)
    };
    let mut route = match last.and_then(|last| last.routes.iter().find(same)) {
        Some(good) => Route { line: route.line, ..good.clone() },
        None => Route { action: Action::Broken, ..route.clone() },
    };
    route.hosts = vec![host.clone()];
    route
}

/// The first backend of the route that is an address of ours.
fn own_backend(route: &Route, is_own: &impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
    let Action::Forward(targets) = &route.action else { return None };
    targets.iter().find_map(|target| match target.to.name {
        BackendName::Ip(ip) if is_own(ip) => Some(ip),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    fn config(text: &str) -> Config {
        parse(text, "routes.yaml").unwrap().settle(None).unwrap().0
    }

    fn is_ours(ip: IpAddr) -> bool {
        ip == IpAddr::from([203, 0, 113, 9])
    }

    #[test]
    fn an_address_of_this_node_is_refused_and_others_pass() {
        let mut ours = config("routes: [{host: a.example, backend: '203.0.113.9:80'}]");
        let problems = refuse_own(&mut ours, None, "routes.yaml", is_ours);
        assert_eq!((problems.len(), &ours.routes[0].action), (1, &Action::Broken));
        assert!(problems[0].to_string().starts_with("routes.yaml:1: the backend 203.0.113.9 is"), "{}", problems[0]);

        let mut others = config(
            "routes:\n- {host: a.example, backend: '203.0.113.8:80'}\n- {host: b.example, backend: 'web:80'}\n- {host: c.example, respond: {status: 200}}",
        );
        let before = others.clone();
        assert!(refuse_own(&mut others, None, "routes.yaml", is_ours).is_empty());
        assert_eq!(others, before);
    }

    #[test]
    fn one_such_target_of_a_split_is_enough_even_with_no_weight() {
        let split =
            "routes: [{host: a.example, backends: [{to: 'web:80', weight: 1}, {to: '203.0.113.9:80', weight: 0}]}]";
        assert_eq!(refuse_own(&mut config(split), None, "routes.yaml", is_ours).len(), 1);
    }

    #[test]
    fn a_host_that_was_good_keeps_its_last_version_and_a_new_one_gets_a_tombstone() {
        let last = config("routes: [{host: old.example, backend: 'web:80'}]");
        let mut config = config(
            "routes:\n- {host: good.example, backend: 'web:80'}\n- {hosts: [old.example, new.example], backend: '203.0.113.9:80'}",
        );
        let good = config.routes[0].clone();
        assert_eq!(refuse_own(&mut config, Some(&last), "routes.yaml", is_ours).len(), 1);
        let [first, old, new] = config.routes.as_slice() else { panic!("{:?}", config.routes) };
        assert_eq!(first, &good);
        assert_eq!((&old.action, old.line), (&last.routes[0].action, 3));
        assert_eq!((&new.action, &new.hosts), (&Action::Broken, &vec![HostPattern::Exact("new.example".to_owned())]));
    }
}
