//! What is wrong with a source of certificates, in words for the log and an Event: [`Finding`].

use std::collections::HashMap;
use std::fmt;

use super::judge::{Kind, Upshot, Wrong};
use crate::config::{CertificateSource, ClientCaSource, SecretName, Severity, Tls};

/// Hosts named in one finding.
const NAMED: usize = 5;

/// One thing that is wrong with one version of a source. `Display` is one line and has nothing of a source's content but
/// the names in a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Which source.
    pub source: SourceName,
    /// Which state of it; `None` when it is absent.
    pub version: Option<String>,
    /// What kind of thing.
    pub kind: Kind,
    /// Whether a host goes without.
    pub severity: Severity,
    /// For whom; at least one.
    pub hosts: Vec<String>,
    pub(super) reason: String,
    pub(super) upshot: Upshot,
}

/// A source of either kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SourceName {
    /// Of a certificate and its key.
    Certificate(CertificateSource),
    /// Of client CAs.
    ClientCa(ClientCaSource),
}

/// Findings, those that are one fact for several hosts as one.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) all: Vec<Finding>,
    places: HashMap<(SourceName, Kind, Upshot), usize>,
}

impl Findings {
    pub(super) fn add(&mut self, finding: Finding) {
        let place =
            *self.places.entry((finding.source.clone(), finding.kind, finding.upshot)).or_insert(self.all.len());
        match self.all.get_mut(place) {
            Some(same) => same.hosts.extend(finding.hosts),
            None => self.all.push(finding),
        }
    }
}

impl Finding {
    pub(super) fn new(source: SourceName, version: Option<String>, host: &str, wrong: Wrong) -> Finding {
        let severity = wrong.severity();
        let Wrong { kind, reason, upshot } = wrong;
        Finding { source, version, kind, severity, hosts: vec![host.to_owned()], reason, upshot }
    }

    /// As one is made of a source that is not there.
    #[cfg(test)]
    pub(in crate::control) fn absent(source: SourceName) -> Finding {
        let wrong = Wrong { kind: Kind::Absent, reason: "there is none".to_owned(), upshot: Upshot::Nothing };
        Finding::new(source, None, "a.example", wrong)
    }

    /// What comes of it, after the hosts.
    fn result(&self) -> &'static str {
        match (&self.source, self.upshot) {
            (SourceName::Certificate(_), Upshot::KeepsOld) => "keeps its old certificate",
            (SourceName::Certificate(_), Upshot::ServesAllTheSame) => "is served with it all the same",
            (SourceName::Certificate(_), Upshot::Nothing) => "gets no certificate of it",
            (SourceName::ClientCa(_), Upshot::Nothing) => {
                "lets nobody in until there is a good one, or the entry has no `clientCa`"
            }
            (SourceName::ClientCa(_), _) => "keeps the old client CA",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::NotCovered => write!(f, "{}: it does not cover {} ({})", self.source, Hosts(self), self.reason)?,
            _ => write!(f, "{}: {}", self.source, self.reason)?,
        }
        write!(f, "; {} {}", Hosts(self), self.result())
    }
}

/// The hosts of a finding, the first of them by name.
struct Hosts<'f>(&'f Finding);

impl fmt::Display for Hosts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hosts = &self.0.hosts;
        for (place, host) in hosts.iter().take(NAMED).enumerate() {
            write!(f, "{}{host}", if place == 0 { "" } else { ", " })?;
        }
        match hosts.len().checked_sub(NAMED) {
            Some(more @ 1..) => write!(f, " and {more} more"),
            _ => Ok(()),
        }
    }
}

impl SourceName {
    /// Every source of a section, client CAs too.
    pub(in crate::control) fn all(section: &Tls) -> impl Iterator<Item = SourceName> {
        section.certificates.iter().flat_map(|entry| {
            let ca = entry.client_ca.as_ref().map(|ca| SourceName::ClientCa(ca.source.clone()));
            ca.into_iter().chain([SourceName::Certificate(entry.source.clone())])
        })
    }

    /// The Secret, if it is one.
    pub fn secret(&self) -> Option<&SecretName> {
        match self {
            SourceName::Certificate(CertificateSource::Secret(name))
            | SourceName::ClientCa(ClientCaSource::Secret(name)) => Some(name),
            SourceName::Certificate(_) | SourceName::ClientCa(_) => None,
        }
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceName::Certificate(CertificateSource::Secret(name)) => write!(f, "Secret {name}"),
            SourceName::Certificate(CertificateSource::Files { certificate, key }) => {
                write!(f, "files {} and {}", certificate.display(), key.display())
            }
            SourceName::ClientCa(ClientCaSource::Secret(name)) => write!(f, "client CA Secret {name}"),
            SourceName::ClientCa(ClientCaSource::File(path)) => write!(f, "client CA file {}", path.display()),
        }
    }
}
