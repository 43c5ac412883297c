//! A ConfigMap cannot point the proxy at the node it runs on. One door: [`refuse_local`]. What a name resolves to is
//! looked at again in `upstream`; here it is what is written.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use crate::config::{Action, BackendName, Config, HostPattern, Problem, Route, Severity};

/// The metadata services that clouds run on addresses outside the link-local range.
const METADATA: [IpAddr; 3] = [
    // Alibaba Cloud, Oracle Cloud, AWS over IPv6
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// Takes every route to the node itself out of `config`: its hosts keep their last good version of that path and those
/// conditions, else they get a tombstone.
pub(super) fn refuse_local(
    config: &mut Config,
    last: Option<&Config>,
    origin: &str,
    is_own: impl Fn(IpAddr) -> bool,
) -> Vec<Problem> {
    if !config.routes.iter().any(|route| local_backend(route, &is_own).is_some()) {
        return Vec::new();
    }
    let mut problems = Vec::new();
    let mut routes = Vec::with_capacity(config.routes.len());
    for route in config.routes.drain(..) {
        match local_backend(&route, &is_own) {
            None => routes.push(route),
            Some(name) => {
                problems.push(problem(&route, origin, &name));
                routes.extend(route.hosts.iter().map(|host| replacement(&route, host, last)));
            }
        }
    }
    config.routes = routes;
    problems
}

fn problem(route: &Route, origin: &str, name: &str) -> Problem {
    let message = format!("the backend {name} is the node itself or a place only the node may ask");
    let mut problem = Problem::new(Severity::Error, origin, route.line, 0, message);
    problem.hint = Some("name a Service; or start gatepost with --allow-local-backends when this is meant".to_owned());
    problem
}

fn replacement(route: &Route, host: &HostPattern, last: Option<&Config>) -> Route {
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

/// The first backend of the route that is on the node, as it is written.
fn local_backend(route: &Route, is_own: &impl Fn(IpAddr) -> bool) -> Option<String> {
    let Action::Forward(targets) = &route.action else { return None };
    targets.iter().find_map(|target| match &target.to.name {
        BackendName::Localhost => Some("localhost".to_owned()),
        BackendName::Ip(ip) if is_local(*ip) || is_own(*ip) => Some(ip.to_string()),
        BackendName::Outside(name) if name == "localhost" || name.ends_with(".localhost") => Some(name.clone()),
        BackendName::Ip(_) | BackendName::Outside(_) | BackendName::Service { .. } => None,
    })
}

/// Loopback, unspecified, link-local and metadata addresses: the same on every node.
fn is_local(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    let by_range = match ip {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_unspecified() || ip.is_link_local() || ip.octets()[0] == 0,
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unspecified() || ip.is_unicast_link_local(),
    };
    by_range || METADATA.contains(&ip)
}

/// Whether an interface of this node has the address. Nothing is sent: a socket that is connected to an address of its
/// own machine gets that same address as its source.
pub(super) fn is_own(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    let unspecified = match ip {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    // any port but 0 will do
    let source = UdpSocket::bind(SocketAddr::new(unspecified, 0)).and_then(|socket| {
        socket.connect(SocketAddr::new(ip, 9))?;
        socket.local_addr()
    });
    // without a route there is no source, and then the address is not ours
    source.is_ok_and(|source| source.ip() == ip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{
        Backend, BackendPort, BackendScheme, Conditions, HeaderEdits, PathPattern, Rewrite, Timeouts, Weighted,
    };

    fn route(hosts: &[&str], name: BackendName) -> Route {
        let to = Backend { scheme: BackendScheme::Http, name, port: BackendPort::Number(80) };
        Route {
            line: 2,
            hosts: hosts.iter().map(|host| HostPattern::Exact((*host).to_owned())).collect(),
            path: PathPattern::Prefix("/".to_owned()),
            conditions: Conditions::default(),
            action: Action::Forward(vec![Weighted { to, weight: 1 }]),
            rewrite: Rewrite::default(),
            headers: HeaderEdits::default(),
            timeouts: Timeouts::default(),
            max_body: None,
            via: false,
            log: true,
        }
    }

    fn service(name: &str) -> BackendName {
        BackendName::Service { name: name.to_owned(), namespace: None }
    }

    fn ip(text: &str) -> BackendName {
        BackendName::Ip(text.parse().unwrap())
    }

    fn refused(name: BackendName) -> bool {
        let mut config = Config { routes: vec![route(&["a.example"], name)], ..Config::default() };
        let own: IpAddr = "203.0.113.9".parse().unwrap();
        let problems = refuse_local(&mut config, None, "routes.yaml", |ip| ip == own);
        assert_eq!(problems.is_empty(), config.routes[0].action != Action::Broken);
        !problems.is_empty()
    }

    #[test]
    fn the_node_and_what_only_the_node_may_ask_are_refused() {
        for text in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "100.100.100.200",
            "::1",
            "::",
            "fe80::1",
            "fd00:ec2::254",
            "::ffff:127.0.0.1",
            "203.0.113.9",
        ] {
            assert!(refused(ip(text)), "{text}");
        }
        assert!(refused(BackendName::Localhost));
        assert!(refused(BackendName::Outside("localhost".to_owned())));
        assert!(refused(BackendName::Outside("x.localhost".to_owned())));
    }

    #[test]
    fn other_addresses_and_names_pass() {
        for text in ["10.0.0.7", "192.168.1.1", "203.0.113.8", "fd00::7", "2001:db8::1"] {
            assert!(!refused(ip(text)), "{text}");
        }
        assert!(!refused(service("localhost-app")));
        assert!(!refused(BackendName::Outside("api.example.com".to_owned())));
    }

    #[test]
    fn one_local_target_of_a_split_is_enough_even_with_no_weight() {
        let mut split = route(&["a.example"], service("web"));
        if let Action::Forward(targets) = &mut split.action {
            let local = Backend { name: BackendName::Localhost, ..targets[0].to.clone() };
            targets.push(Weighted { to: local, weight: 0 });
        }
        let mut config = Config { routes: vec![split], ..Config::default() };
        assert_eq!(refuse_local(&mut config, None, "routes.yaml", |_| false).len(), 1);
    }

    #[test]
    fn a_host_that_was_good_keeps_its_last_version_and_a_new_one_gets_a_tombstone() {
        let last = Config { routes: vec![route(&["old.example"], service("web"))], ..Config::default() };
        let good = route(&["good.example"], service("web"));
        let mut config = Config {
            routes: vec![good.clone(), route(&["old.example", "new.example"], BackendName::Localhost)],
            ..Config::default()
        };
        let problems = refuse_local(&mut config, Some(&last), "routes.yaml", |_| false);
        assert_eq!(problems.len(), 1);
        assert!(problems[0].to_string().starts_with("routes.yaml:2: the backend localhost"), "{}", problems[0]);
        let broken = Route { action: Action::Broken, ..route(&["new.example"], BackendName::Localhost) };
        assert_eq!(config.routes, [good, route(&["old.example"], service("web")), broken]);
    }

    #[test]
    fn an_address_of_an_interface_is_known_as_our_own() {
        assert!(is_own("127.0.0.1".parse().unwrap()));
        // TEST-NET-1 (RFC 5737) is on no interface
        assert!(!is_own("192.0.2.1".parse().unwrap()));
    }
}
