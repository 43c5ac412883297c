//! Which certificate every host of the `tls` section has: [`Certificates`], which is for certificates what `Applier` is
//! for routes. Whoever looks into Secrets or files says what is there ([`Certificates::material`],
//! [`Certificates::authority`]); [`Certificates::settle`] judges what that changes and publishes the next store.
//!
//! What is wrong keeps the old certificate of its host, and is told once per version of its source; a client CA that is
//! wrong lets nobody in. Nothing here has a clock, and a change of one source looks at the hosts that name it alone.

mod authorities;
mod finding;
mod judge;
mod known;
mod material;
mod sections;
mod settled;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;

pub use finding::{Finding, SourceName};
pub use judge::Kind;
pub use material::{Material, Pem};
pub use settled::{Settled, Taken};

use authorities::{Authorities, policy};
use finding::Findings;
use judge::{Newest, Upshot, judge};
use sections::Entry;

use crate::certs::{Certificate, Clients, Maker, Store, Tickets};
use crate::config::{CertificateSource, ClientCaSource, Tls, TlsVersion};
use crate::published::Writer;
use crate::telemetry::metrics::Metrics;

/// The names that every node has loaded.
pub(super) type Names = foldhash::HashSet<Box<str>>;

/// Keeps every host of the section with the best certificates there are. There is one in a process, because there is one
/// [`Writer`].
pub struct Certificates {
    writer: Writer<Store>,
    metrics: Arc<Metrics>,
    tickets: Arc<Tickets>,
    maker: Maker,
    store: Store,
    section: Tls,
    entries: Vec<Entry>,
    sources: HashMap<CertificateSource, Source>,
    authorities: Authorities,
    /// Those that are not in the section any more are in the store until the next `settle`.
    hosts: HashMap<Box<str>, Named>,
    /// Findings that have been told, of the present versions of their sources.
    told: HashSet<(SourceName, Kind, Upshot, Box<str>)>,
    /// Hosts to be judged anew.
    stale: BTreeSet<Box<str>>,
    /// Sources whose content was not judged for its hosts yet.
    fresh: HashMap<CertificateSource, Pem>,
    fresh_authorities: Vec<(ClientCaSource, Option<Vec<u8>>)>,
    /// When the time alone changes a judgement.
    due: i64,
    /// When the last judgement was made.
    judged_at: i64,
    /// The store was changed and not published.
    is_changed: bool,
}

/// A source of certificates that the section names.
#[derive(Debug, Default)]
struct Source {
    newest: Newest,
    version: Option<String>,
    /// Who names it.
    hosts: BTreeSet<Box<str>>,
}

/// A host that the section names.
#[derive(Debug)]
struct Named {
    /// In file order.
    entries: Vec<usize>,
    /// What serves it, by source.
    certificates: Serving,
    clients: Clients,
    /// Those of its entries with which something is wrong.
    wrong: Vec<usize>,
    /// It is in the store as it stands here.
    is_made: bool,
}

impl Certificates {
    /// With no section yet.
    pub fn new(writer: Writer<Store>, metrics: Arc<Metrics>, tickets: Arc<Tickets>) -> Certificates {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let store = Store::default();
        Certificates {
            writer,
            metrics,
            maker: Maker::new(provider, false, Arc::clone(&tickets)),
            tickets,
            store,
            section: Tls::default(),
            entries: Vec::new(),
            sources: HashMap::new(),
            authorities: Authorities::default(),
            hosts: HashMap::new(),
            told: HashSet::new(),
            stale: BTreeSet::new(),
            fresh: HashMap::new(),
            fresh_authorities: Vec::new(),
            due: i64::MAX,
            judged_at: i64::MIN,
            is_changed: true,
        }
    }

    /// The section has become this one.
    pub fn section(&mut self, section: &Tls) {
        if self.section == *section {
            return;
        }
        let before = std::mem::replace(&mut self.section, section.clone());
        if before.min_version != section.min_version {
            let only_1_3 = section.min_version == TlsVersion::V13;
            self.maker = Maker::new(Arc::clone(self.maker.provider()), only_1_3, Arc::clone(&self.tickets));
            self.hosts.values_mut().for_each(|host| host.is_made = false);
        }
        self.replan();
    }

    /// A source has this now.
    pub fn material(&mut self, source: &CertificateSource, material: Material<Pem>) {
        let provider: &CryptoProvider = self.maker.provider();
        let Some(known) = self.sources.get_mut(source) else { return };
        if !known.is_news(material.version()) {
            return;
        }
        let (newest, version, pem) = match material {
            Material::Absent => (Newest::Absent, None, None),
            Material::Hidden => (Newest::Hidden, material.version().map(str::to_owned), None),
            Material::Refused { reason, is_ours } => {
                (Newest::Refused { reason, is_ours }, Some("refused".to_owned()), None)
            }
            Material::Unusable { reason, version } => (Newest::Broken(reason), Some(version), None),
            Material::Found { content, version } => match Certificate::read(&content.chain, &content.key, provider) {
                Ok(read) => (Newest::Readable(Arc::new(read)), Some(version), Some(content)),
                Err(bad) => (Newest::Broken(bad.to_string()), Some(version), None),
            },
        };
        // a rewrite without a change is a new version of the same certificate
        match (&newest, &known.newest) {
            (Newest::Readable(new), Newest::Readable(old)) if new.is_same(old) => {}
            _ => known.newest = newest,
        }
        known.version = version;
        self.stale.extend(known.hosts.iter().cloned());
        let name = SourceName::Certificate(source.clone());
        self.told.retain(|(told, ..)| *told != name);
        self.fresh.remove(source);
        self.fresh.extend(pem.map(|pem| (source.clone(), pem)));
    }

    /// A source of a client CA has this now.
    pub fn authority(&mut self, source: &ClientCaSource, material: Material<Vec<u8>>) {
        let (is_news, taken) = self.authorities.take(source, material, self.maker.provider());
        self.fresh_authorities.extend(taken.map(|pem| (source.clone(), pem)));
        if !is_news {
            return;
        }
        let name = SourceName::ClientCa(source.clone());
        self.told.retain(|(told, ..)| *told != name);
        let naming = self.entries.iter().filter(|entry| entry.ca.as_ref().is_some_and(|(ca, _)| ca == source));
        self.stale.extend(naming.flat_map(|entry| entry.hosts.iter().cloned()));
    }

    /// The names that every node has; `None`: there are no other nodes.
    pub fn everywhere(&mut self, names: Option<Arc<Names>>) {
        self.store = self.store.with_everywhere(names);
        self.is_changed = true;
    }

    /// So many names are loaded here and not known to be everywhere.
    pub(super) fn waiting(&self, count: usize) {
        self.metrics.certificates().set_not_everywhere(count);
    }

    /// When the time alone changes something, Unix seconds: then [`settle`](Certificates::settle) has something to do.
    pub fn due(&self) -> i64 {
        self.due
    }

    /// The keys of session tickets of all its hosts.
    pub(super) fn tickets(&self) -> Arc<Tickets> {
        Arc::clone(&self.tickets)
    }

    /// The store as it stands.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Judges what has changed since the last time, at `now` (Unix seconds), and publishes what comes of it.
    pub fn settle(&mut self, now: i64) -> Settled {
        let mut stale = std::mem::take(&mut self.stale);
        // a clock that was set back brings back what was over
        let is_set_back = now < std::mem::replace(&mut self.judged_at, now);
        if now >= self.due || is_set_back {
            self.due = i64::MAX;
            stale.extend(self.hosts.keys().cloned());
        }
        let (mut settled, mut findings) = (Settled::default(), Findings::default());
        for host in &stale {
            match self.hosts.remove(host) {
                Some(named) => self.judge_host(host, named, now, &mut findings),
                None => self.forget(host),
            }
        }
        if !stale.is_empty() {
            self.default_host();
        }
        settled.findings = findings.all;
        settled.taken = self.taken();
        settled.authorities = std::mem::take(&mut self.fresh_authorities);
        self.metrics.certificates().set_errors(self.entries.iter().filter(|entry| entry.wrong > 0).count());
        if std::mem::take(&mut self.is_changed) {
            self.writer.publish(self.store.clone());
            settled.is_published = true;
        }
        settled.log();
        settled
    }

    fn judge_host(&mut self, name: &str, mut named: Named, now: i64, findings: &mut Findings) {
        let (certificates, mut wrong) = self.judged(name, &named, now);
        let clients = self.clients(&named, &mut wrong, name);
        for entry in named.wrong.drain(..) {
            self.entries[entry].wrong -= 1;
        }
        for (entry, finding) in wrong {
            self.entries[entry].wrong += 1;
            named.wrong.push(entry);
            self.tell(findings, name, finding);
        }
        let is_same = named.is_made
            && policy(&clients) == policy(&named.clients)
            && certificates.iter().map(|(_, new)| Arc::as_ptr(new)).eq(named.serving());
        if !is_same {
            named.is_made = self.make(name, &certificates, &clients);
        }
        (named.certificates, named.clients) = (certificates, clients);
        self.hosts.insert(name.into(), named);
    }

    /// What serves a host from now on, by source, and what is wrong, by entry.
    fn judged(&mut self, name: &str, named: &Named, now: i64) -> (Serving, Vec<(usize, Finding)>) {
        let (mut serving, mut wrong): (Serving, _) = (Vec::new(), Vec::new());
        for &entry in &named.entries {
            let source = &self.entries[entry].source;
            let Some(known) = self.sources.get(source) else { continue };
            if serving.iter().any(|(already, _)| already == source) {
                continue;
            }
            let old = named.certificates.iter().find(|(old, _)| old == source).map(|(_, old)| old);
            let (certificate, fault) = judge(&known.newest, old, name, now);
            if let Newest::Readable(newest) = &known.newest {
                note_due(&mut self.due, newest, now);
            }
            serving.extend(certificate.map(|certificate| (source.clone(), certificate)));
            let finding =
                |fault| Finding::new(SourceName::Certificate(source.clone()), known.version.clone(), name, fault);
            wrong.extend(fault.map(|fault| (entry, finding(fault))));
        }
        if serving.is_empty() {
            // all sources of before may have gone from the section: what they gave is better than nothing
            serving.extend(named.certificates.iter().filter(|(_, old)| now <= old.not_after()).cloned());
        }
        for (_, certificate) in &serving {
            note_due(&mut self.due, certificate, now);
        }
        (serving, wrong)
    }

    /// Whom a host lets in. All of its entries say the same, as `config` makes sure.
    fn clients(&self, named: &Named, wrong: &mut Vec<(usize, Finding)>, name: &str) -> Clients {
        let Some(&entry) = named.entries.first() else { return Clients::Anyone };
        let Some((source, mode)) = &self.entries[entry].ca else { return Clients::Anyone };
        let (clients, fault) = self.authorities.clients(source, *mode, named.is_made.then_some(&named.clients));
        wrong.extend(
            fault.map(|(fault, version)| {
                (entry, Finding::new(SourceName::ClientCa(source.clone()), version, name, fault))
            }),
        );
        clients
    }

    /// Puts a host into the store. Whether it is there.
    fn make(&mut self, name: &str, serving: &Serving, clients: &Clients) -> bool {
        let certificates = serving.iter().map(|(_, certificate)| Arc::clone(certificate)).collect();
        match self.maker.host(certificates, clients) {
            Ok(host) => {
                self.metrics.certificates().set_not_after(name, host.not_after());
                self.store = self.store.with(name, Some(Arc::new(host)));
                self.is_changed = true;
                true
            }
            Err(error) => {
                tracing::error!(host = name, %error, "No handshake can be made of a certificate, the host stays as it was");
                false
            }
        }
    }

    fn forget(&mut self, name: &str) {
        self.metrics.certificates().set_not_after(name, None);
        self.store = self.store.with(name, None);
        self.is_changed = true;
    }

    fn default_host(&mut self) {
        let default = self.section.default.as_deref().and_then(|name| self.store.find(name)).cloned();
        let is_same = match (&default, self.store.default_host()) {
            (Some(new), Some(old)) => Arc::ptr_eq(new, old),
            (new, old) => new.is_none() && old.is_none(),
        };
        if !is_same {
            self.store = self.store.with_default(default);
            self.is_changed = true;
        }
    }

    /// Tells a finding, together with the same of other hosts, unless it has been told.
    fn tell(&mut self, findings: &mut Findings, host: &str, finding: Finding) {
        // whoever was not let in has said so
        let is_said = finding.kind == Kind::Hidden;
        if !is_said && self.told.insert((finding.source.clone(), finding.kind, finding.upshot, host.into())) {
            findings.add(finding);
        }
    }

    /// Which of the contents that are new serve now.
    fn taken(&mut self) -> Vec<Taken> {
        let mut taken = Vec::new();
        for (source, pem) in std::mem::take(&mut self.fresh) {
            let Some(Source { newest: Newest::Readable(newest), hosts, .. }) = self.sources.get(&source) else {
                continue;
            };
            let named = hosts.iter().filter_map(|host| self.hosts.get(host));
            let served = named.filter(|named| named.serving().any(|one| one == Arc::as_ptr(newest))).count();
            if served > 0 {
                taken.push(Taken { source, pem, is_whole: served == hosts.len() });
            }
        }
        taken
    }
}

/// What serves a host, by source.
type Serving = Vec<(CertificateSource, Arc<Certificate>)>;

impl Named {
    fn serving(&self) -> impl Iterator<Item = *const Certificate> {
        self.certificates.iter().map(|(_, certificate)| Arc::as_ptr(certificate))
    }
}

impl Source {
    /// Whether what has this version (`None` when it is absent) has not been judged yet.
    fn is_news(&self, version: Option<&str>) -> bool {
        matches!(self.newest, Newest::Pending) || self.version.as_deref() != version
    }
}

/// The next moment at which this certificate is judged differently.
fn note_due(due: &mut i64, certificate: &Certificate, now: i64) {
    for moment in [certificate.not_before(), certificate.not_after().saturating_add(1)] {
        if moment > now {
            *due = (*due).min(moment);
        }
    }
}

#[cfg(test)]
mod tests;
