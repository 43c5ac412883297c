//! Which DNS record the host of a request gets, as far as the routes file tells: flags and zones only the running program
//! knows. One door: [`of`].

use crate::config::{Dns, RouteHosts};
use crate::dns::Host;

/// Nothing when the file says nothing about DNS. `hosts` are those of [`crate::dns::hosts`].
pub(super) fn of(dns: &Dns, hosts: &[Host], host: &str) -> Option<String> {
    if *dns == Dns::default() {
        return None;
    }
    let names = dns.names.as_deref().unwrap_or_default();
    let edge = |proxied: bool| if proxied { ", proxied" } else { "" };
    let by_section = dns.proxied.unwrap_or(false);
    if covering(names.iter().map(String::as_str), host).is_some() {
        return Some(format!("A and AAAA of the nodes{} (`dns.names`)", edge(by_section)));
    }
    if dns.route_hosts != Some(RouteHosts::Cname) {
        return Some("none of gatepost's: `dns.routeHosts` is off".to_owned());
    }
    let target = match names.iter().find(|name| !name.starts_with("*.")) {
        Some(target) => format!("`{target}`"),
        None if dns.names.is_none() => "the first name of `--dns-name`".to_owned(),
        None => return Some("none: there is no name in `dns.names` that it could point at".to_owned()),
    };
    let name = covering(hosts.iter().map(|host| &*host.name), host);
    let Some(own) = name.and_then(|name| hosts.iter().find(|host| host.name == name)) else {
        return Some("none: no route names this host, or one says `dns: false`".to_owned());
    };
    let of_wildcard = if own.name == host { String::new() } else { format!(" of `{}`", own.name) };
    Some(match own.is_doubtful {
        true => format!("CNAME{of_wildcard} as it is now: what its routes say could not be read"),
        false => format!(
            "CNAME{of_wildcard} to {target}{}, when its zone is one of yours",
            edge(own.proxied.unwrap_or(by_section))
        ),
    })
}

/// The name itself, else the longest wildcard above it (RFC 4592: of any depth).
fn covering<'n>(names: impl Iterator<Item = &'n str> + Clone, host: &str) -> Option<&'n str> {
    let above = |name: &&str| {
        let rest = name.strip_prefix('*');
        rest.is_some_and(|rest| host.len() > rest.len() && host.ends_with(rest))
    };
    names.clone().find(|name| *name == host).or_else(|| names.filter(above).max_by_key(|name| name.len()))
}
