//! What the operator has written: [`Words`], and the configuration that it comes to.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use gatepost::config::{self, Config};
use gatepost::dns::Wish;

/// The zones that there are.
pub const ZONES: [&str; 2] = ["one.example", "two.example"];
/// Names that may be in `dns.names`; the first always is.
pub const NAMES: [&str; 4] = ["nodes.one.example", "edge.two.example", "one.example", "host-1.one.example"];
/// Hosts that routes may have. The first may be one of the names too, the last has no zone here.
pub const HOSTS: [&str; 6] = [
    "host-1.one.example",
    "host-2.one.example",
    "*.apps.two.example",
    "two.example",
    "host-3.two.example",
    "elsewhere.test",
];

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Words {
    pub names: Vec<&'static str>,
    pub hosts: Vec<&'static str>,
    pub is_proxied: bool,
    pub adopt: bool,
    pub min_addresses: usize,
    /// Nothing is ever deleted.
    pub is_upsert: bool,
    /// Somebody has made a mistake in the text: what serves is what was before it.
    pub is_whole: bool,
}

thread_local! {
    static READ: RefCell<BTreeMap<String, Arc<Config>>> = RefCell::default();
}

impl Words {
    pub fn new() -> Words {
        Words {
            names: vec![NAMES[0]],
            hosts: vec![HOSTS[1]],
            is_proxied: false,
            adopt: false,
            min_addresses: 1,
            is_upsert: false,
            is_whole: true,
        }
    }

    pub fn is_name(&self, name: &str) -> bool {
        self.names.contains(&name)
    }

    /// Whether it should be a CNAME.
    pub fn is_host(&self, name: &str) -> bool {
        self.hosts.contains(&name) && !self.is_name(name)
    }

    pub fn wish(&self) -> Wish {
        let config =
            READ.with_borrow_mut(|read| Arc::clone(read.entry(self.text()).or_insert_with_key(|text| parsed(text))));
        Wish { config, is_whole: self.is_whole }
    }

    fn text(&self) -> String {
        let Words { names, hosts, is_proxied, adopt, min_addresses, is_upsert, is_whole: _ } = self;
        let mut text = String::from("routes:\n- {host: nobody.test, backend: \"app:80\"}\n");
        for host in hosts {
            text.push_str(&format!("- {{host: \"{host}\", backend: \"app:80\"}}\n"));
        }
        let (names, policy) = (names.join(", "), if *is_upsert { "upsert" } else { "sync" });
        text.push_str(&format!("dns: {{names: [{names}], routeHosts: cname, proxied: {is_proxied}, adopt: {adopt},\n"));
        text.push_str(&format!("  minAddresses: {min_addresses}, policy: {policy}}}\n"));
        text
    }
}

fn parsed(text: &str) -> Arc<Config> {
    let parsed = config::parse(text, "words").expect("a text that is no YAML");
    assert!(parsed.problems.is_empty(), "{:?}", parsed.problems);
    Arc::new(parsed.settle(None).expect("good words").0)
}
