//! Hosts whose clients must show a certificate, by the generation that decides a request: not by the certificates, which
//! arrive by another way and may be late. One door: [`Closed`].

use foldhash::HashMap;

use crate::config::{ClientAuth, HostPattern, Tls};

/// Who may come to which host, as the section `tls` says. Both empty when no host is closed.
#[derive(Debug, Default)]
pub(super) struct Closed {
    exact: HashMap<String, bool>,
    /// Held without `*.`.
    wildcard: HashMap<String, bool>,
}

impl Closed {
    pub(super) fn of(tls: &Tls) -> Closed {
        let mut closed = Closed::default();
        for entry in &tls.certificates {
            let is_closed = entry.client_ca.as_ref().is_some_and(|ca| ca.mode == ClientAuth::Require);
            for host in &entry.hosts {
                let (names, name) = match host {
                    HostPattern::Exact(name) => (&mut closed.exact, name),
                    HostPattern::Wildcard(parent) => (&mut closed.wildcard, parent),
                    HostPattern::Any => continue,
                };
                *names.entry(name.clone()).or_default() |= is_closed;
            }
        }
        let any = closed.exact.values().chain(closed.wildcard.values()).any(|is_closed| *is_closed);
        if any { closed } else { Closed::default() }
    }

    /// Whether nobody comes to this host without a certificate. A wildcard of the section has one label in place of its
    /// star and one of a route has any number: of a name that has no entry of its own the nearest wildcard above decides,
    /// so that what is behind `*.example.com` is behind it at every depth.
    pub(super) fn has(&self, host: &str) -> bool {
        if self.exact.is_empty() && self.wildcard.is_empty() {
            return false;
        }
        let mut above = std::iter::successors(host.split_once('.'), |(_, parent)| parent.split_once('.'));
        let of_wildcard = || above.find_map(|(_, parent)| self.wildcard.get(parent));
        self.exact.get(host).or_else(of_wildcard).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn the_nearest_entry_says_whether_a_host_is_closed_at_any_depth() {
        let section = "
tls:
  certificates:
    - {host: \"*.closed.test\", secret: a, clientCa: {secret: ca}}
    - {host: open.closed.test, secret: b}
    - {host: \"*.part.closed.test\", secret: c}
    - {host: alone.test, secret: d, clientCa: {secret: ca, mode: require}}
    - {host: asked.test, secret: e, clientCa: {secret: ca, mode: optional}}
routes: []
";
        let (config, _) = config::parse(section, "test.yaml").unwrap().settle(None).unwrap();
        let closed = Closed::of(&config.tls);
        for (host, expected) in [
            ("a.closed.test", true),
            ("a.b.closed.test", true),
            ("alone.test", true),
            ("closed.test", false),
            ("open.closed.test", false),
            ("a.part.closed.test", false),
            ("b.a.part.closed.test", false),
            ("part.closed.test", true),
            ("below.alone.test", false),
            ("asked.test", false),
            ("test", false),
            ("", false),
        ] {
            assert_eq!(closed.has(host), expected, "{host}");
        }
    }
}
