//! The metrics: shards that one thread each writes, and the text that Prometheus reads.
//!
//! Doors: [`Metrics::worker`] for a data-plane thread, [`Metrics::config`] and its like for the control
//! plane, [`Metrics::encode`] for `/metrics`. A look-up by labels would cost a request 200 ns, so a worker asks once for a [`RouteShard`] and keeps
//! it; the sum over workers is made when somebody reads.

mod collect;
mod dns;
mod route;
mod worker;

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus_client::encoding::prometheus_text;
use prometheus_client::registry::Registry;

pub use dns::DnsMetrics;
pub use route::RouteShard;
pub use worker::{Worker, labels};

use worker::Tally;

/// What `/metrics` is sent as.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All counters of the process.
#[derive(Debug)]
pub struct Metrics {
    shared: Arc<Shared>,
    registry: Registry,
}

/// What the collector reads.
#[derive(Debug)]
struct Shared {
    started: SystemTime,
    listeners: Mutex<Vec<String>>,
    workers: Mutex<Vec<Arc<Worker>>>,
    config: ConfigMetrics,
    certificates: CertificateMetrics,
    dns: DnsMetrics,
    election: ElectionMetrics,
    lines_dropped: Mutex<Option<Arc<AtomicU64>>>,
}

/// A panic while such a lock was held left the vectors whole: they are only pushed to.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Metrics {
    /// With nothing counted yet.
    #[allow(clippy::new_ret_no_self, reason = "shared by every thread from the first moment")]
    pub fn new() -> Arc<Metrics> {
        let shared = Arc::new(Shared {
            started: SystemTime::now(),
            listeners: Mutex::default(),
            workers: Mutex::default(),
            config: ConfigMetrics::default(),
            certificates: CertificateMetrics::default(),
            dns: DnsMetrics::default(),
            election: ElectionMetrics::default(),
            lines_dropped: Mutex::default(),
        });
        let mut registry = Registry::default();
        registry.register_collector(Box::new(collect::Shards(shared.clone())));
        Arc::new(Metrics { shared, registry })
    }

    /// Names a listener and gives the number by which workers count its connections. To be called before
    /// [`Metrics::worker`]; the same name has the same number.
    pub fn listener(&self, name: &str) -> usize {
        let mut listeners = lock(&self.shared.listeners);
        listeners.iter().position(|known| known == name).unwrap_or_else(|| {
            listeners.push(name.to_owned());
            listeners.len() - 1
        })
    }

    /// A shard for one thread, which alone may write to it.
    pub fn worker(&self) -> Arc<Worker> {
        let worker = Arc::new(Worker::new(lock(&self.shared.listeners).len()));
        lock(&self.shared.workers).push(worker.clone());
        worker
    }

    /// What the control plane tells.
    pub fn config(&self) -> &ConfigMetrics {
        &self.shared.config
    }

    /// What the control plane tells of certificates.
    pub fn certificates(&self) -> &CertificateMetrics {
        &self.shared.certificates
    }

    /// What the control plane tells of the records at Cloudflare.
    pub fn dns(&self) -> &DnsMetrics {
        &self.shared.dns
    }

    /// What the election tells.
    pub fn election(&self) -> &ElectionMetrics {
        &self.shared.election
    }

    /// Where the access log counts the lines that it had to drop.
    pub fn watch_dropped_lines(&self, counter: Arc<AtomicU64>) {
        *lock(&self.shared.lines_dropped) = Some(counter);
    }

    /// Drops the series of routes that are not among `labels`. Who still holds such a shard may go on writing to it
    /// unheard. The series of requests without a route stays.
    pub fn retain<'a>(&self, labels: impl IntoIterator<Item = &'a str>) {
        let labels: HashSet<&str> = labels.into_iter().collect();
        for worker in lock(&self.shared.workers).iter() {
            worker.retain(&labels);
        }
    }

    /// Everything as Prometheus text.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // writing to a String cannot fail
        let _ = prometheus_text::encode(&mut text, &self.registry);
        text
    }
}

/// How the configuration stands. Written by the control plane's one thread.
#[derive(Debug, Default)]
pub struct ConfigMetrics {
    generation: AtomicU64,
    ok: AtomicU64,
    route_errors: AtomicU64,
    last_known_good: AtomicU64,
    reloads: Tally,
}

impl ConfigMetrics {
    /// The generation of the table that serves.
    pub fn set_generation(&self, generation: u64) {
        self.generation.store(generation, Ordering::Relaxed);
    }

    /// Whether the newest text was taken without an error.
    pub fn set_ok(&self, ok: bool) {
        self.ok.store(u64::from(ok), Ordering::Relaxed);
    }

    /// How many routes of the newest text are served by their last good version or as tombstones.
    pub fn set_route_errors(&self, count: usize) {
        self.route_errors.store(count as u64, Ordering::Relaxed);
    }

    /// Whether what serves is what an earlier process kept, and its source has not been heard yet.
    pub fn set_last_known_good(&self, is_kept: bool) {
        self.last_known_good.store(u64::from(is_kept), Ordering::Relaxed);
    }

    /// As last told.
    pub fn is_last_known_good(&self) -> bool {
        self.last_known_good.load(Ordering::Relaxed) != 0
    }

    /// Counts a text that was read: `applied`, `partly`, `refused`, `unchanged`.
    pub fn reloaded(&self, outcome: &'static str) {
        self.reloads.add(outcome);
    }

    /// The generation last told.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }
}

/// How the certificates stand. Written by the control plane's one thread.
#[derive(Debug, Default)]
pub struct CertificateMetrics {
    not_after: Mutex<BTreeMap<Box<str>, i64>>,
    errors: AtomicU64,
    not_everywhere: AtomicU64,
}

impl CertificateMetrics {
    /// When the first certificate of a host expires, Unix seconds; `None`: it has none. The labels are those names that
    /// the `tls` section has, and no others.
    pub fn set_not_after(&self, host: &str, not_after: Option<i64>) {
        let mut all = lock(&self.not_after);
        match not_after {
            Some(not_after) => all.insert(host.into(), not_after),
            None => all.remove(host),
        };
    }

    /// How many hosts have a certificate here, and are not known to have one on every node.
    pub fn set_not_everywhere(&self, count: usize) {
        self.not_everywhere.store(count as u64, Ordering::Relaxed);
    }

    /// How many entries of the section are not served as they are meant.
    pub fn set_errors(&self, count: usize) {
        self.errors.store(count as u64, Ordering::Relaxed);
    }
}

/// Who writes to what all processes share outside. Written by the control plane's one thread.
#[derive(Debug, Default)]
pub struct ElectionMetrics {
    leader: AtomicU64,
}

impl ElectionMetrics {
    /// Whether it is this process.
    pub fn set_leader(&self, leader: bool) {
        self.leader.store(u64::from(leader), Ordering::Relaxed);
    }
}

impl Shared {
    fn started_seconds(&self) -> f64 {
        self.started.duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
    }
}

#[cfg(test)]
mod tests;
