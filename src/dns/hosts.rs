//! Which hosts of the routes get a name of their own: [`hosts`].

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::Host;
use crate::config::{HostPattern, Route, RouteDns};

/// What all routes of one host say.
#[derive(Default)]
struct Said {
    is_off: bool,
    proxied: Option<bool>,
    is_known: bool,
}

/// The hosts of these routes that can have a CNAME, each once, by name. `dns: false` in one route of a host is enough for
/// it to have none; of several that say whether it is proxied, the first counts.
pub fn hosts(routes: &[Route]) -> Vec<Host> {
    let mut hosts: BTreeMap<String, Said> = BTreeMap::new();
    for route in routes {
        for name in route.hosts.iter().filter_map(name) {
            let said = hosts.entry(name).or_default();
            match route.dns {
                RouteDns::Off => said.is_off = true,
                RouteDns::Proxied(proxied) => said.proxied = said.proxied.or(Some(proxied)),
                RouteDns::AsSection | RouteDns::Unknown => {}
            }
            said.is_known |= route.dns != RouteDns::Unknown;
        }
    }
    let wanted = hosts.into_iter().filter(|(_, said)| !said.is_off);
    wanted.map(|(name, Said { proxied, is_known, .. })| Host { name, proxied, is_doubtful: !is_known }).collect()
}

/// The name that a record can have.
fn name(host: &HostPattern) -> Option<String> {
    match host {
        // an IPv6 address stands in brackets there
        HostPattern::Exact(name) if name.starts_with('[') || name.parse::<Ipv4Addr>().is_ok() => None,
        HostPattern::Exact(_) | HostPattern::Wildcard(_) => Some(host.to_string()),
        HostPattern::Any => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hosts of a routes file, a line each.
    fn of(routes: &[&str]) -> Vec<String> {
        let routes: String = routes.iter().map(|route| format!("- {{backend: \"a:1\", {route}}}\n")).collect();
        let config = crate::config::parse(&format!("routes:\n{routes}"), "x").unwrap().settle(None).unwrap().0;
        let shown = |Host { name, proxied, is_doubtful }: Host| {
            let proxied = proxied.map_or(String::new(), |proxied| format!(" proxied={proxied}"));
            format!("{name}{proxied}{}", if is_doubtful { " doubtful" } else { "" })
        };
        hosts(&config.routes).into_iter().map(shown).collect()
    }

    #[test]
    fn every_name_of_the_routes_is_there_once_in_order() {
        let routes =
            ["hosts: [b.example, \"*.a.example\"]", "host: b.example, path: /x", "host: \"*\"", "host: a.example"];
        assert_eq!(of(&routes), ["*.a.example", "a.example", "b.example"]);
    }

    #[test]
    fn an_address_is_no_name() {
        assert_eq!(of(&["hosts: [192.0.2.7, \"[2001:db8::1]\", \"2001:db8::2\", 7.example]"]), ["7.example"]);
    }

    #[test]
    fn one_route_that_wants_no_record_is_enough() {
        assert_eq!(
            of(&["host: a.example", "host: a.example, path: /x, dns: false", "hosts: [b.example]"]),
            ["b.example"]
        );
        assert_eq!(of(&["host: a.example, dns: {proxied: true}", "host: a.example, path: /x, dns: false"]), [""; 0]);
    }

    #[test]
    fn the_first_route_that_says_whether_it_is_proxied_counts() {
        let routes = [
            "host: a.example",
            "host: a.example, path: /x, dns: {proxied: false}",
            "host: a.example, path: /y, dns: {proxied: true}",
        ];
        assert_eq!(of(&routes), ["a.example proxied=false"]);
    }

    #[test]
    fn a_host_is_doubtful_when_none_of_its_routes_could_be_read() {
        let bad = "host: a.example, path: /x, maxBody: x";
        assert_eq!(of(&[bad]), ["a.example doubtful"]);
        assert_eq!(of(&[bad, "host: a.example"]), ["a.example"]);
        assert_eq!(of(&[bad, "host: a.example, path: /y, dns: false"]), [""; 0]);
    }
}
