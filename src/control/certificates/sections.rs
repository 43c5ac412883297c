//! A section that has changed, joined with what is known of the one before: [`Certificates::replan`].

use std::collections::HashSet;

use super::{Certificates, Named, SourceName};
use crate::certs::Clients;
use crate::config::{CertificateSource, ClientAuth, ClientCaSource};

/// One entry of `tls.certificates`.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) source: CertificateSource,
    pub(super) hosts: Vec<Box<str>>,
    pub(super) ca: Option<(ClientCaSource, ClientAuth)>,
    /// How many things are wrong with it, for all its hosts.
    pub(super) wrong: usize,
}

impl Certificates {
    /// Makes the plan of the section anew. Hosts and sources that it still names keep what they have.
    pub(super) fn replan(&mut self) {
        let entries = self.section.certificates.iter().map(|entry| Entry {
            source: entry.source.clone(),
            hosts: entry.hosts.iter().map(|host| host.to_string().into_boxed_str()).collect(),
            ca: entry.client_ca.as_ref().map(|ca| (ca.source.clone(), ca.mode)),
            wrong: 0,
        });
        self.entries = entries.collect();
        self.authorities.keep(self.entries.iter().filter_map(|entry| entry.ca.as_ref().map(|(source, _)| source)));

        let mut hosts = std::mem::take(&mut self.hosts);
        let mut sources = std::mem::take(&mut self.sources);
        self.stale.extend(hosts.keys().cloned());
        for (place, entry) in self.entries.iter().enumerate() {
            let known = sources.remove(&entry.source).map(|mut source| {
                source.hosts.clear();
                source
            });
            let source = self.sources.entry(entry.source.clone()).or_insert_with(|| known.unwrap_or_default());
            source.hosts.extend(entry.hosts.iter().cloned());
            for host in &entry.hosts {
                let named = self.hosts.entry(host.clone()).or_insert_with(|| Named::again(hosts.remove(host)));
                named.entries.push(place);
            }
        }
        self.stale.extend(self.hosts.keys().cloned());
        let names: HashSet<SourceName> = SourceName::all(&self.section).collect();
        self.told.retain(|(source, _, _, host)| names.contains(source) && self.hosts.contains_key(host));
        self.fresh.retain(|source, _| self.sources.contains_key(source));
    }
}

impl Named {
    /// A host as it was before, without its old place in the section.
    fn again(before: Option<Named>) -> Named {
        let Some(before) = before else {
            return Named {
                entries: Vec::new(),
                certificates: Vec::new(),
                clients: Clients::Anyone,
                wrong: Vec::new(),
                is_made: false,
            };
        };
        Named { entries: Vec::new(), wrong: Vec::new(), ..before }
    }
}
