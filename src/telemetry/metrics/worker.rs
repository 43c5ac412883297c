//! The counters of one data-plane thread. All but [`Worker::route`] are plain loads and stores of that thread.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use super::lock;
use super::route::{RouteShard, add};

/// The label of requests that no route took: strangers choose their hosts, so all of them share one series.
const UNROUTED: &str = "";

/// One thread's share of the metrics. It may be read from anywhere, and must be written by its own thread alone.
#[derive(Debug)]
pub struct Worker {
    routes: Mutex<HashMap<Arc<str>, Arc<RouteShard>>>,
    unrouted: Arc<RouteShard>,
    pub(super) listeners: Vec<Listener>,
    pub(super) refused: Tally,
    pub(super) client_errors: Tally,
    pub(super) handshakes: Tally,
    pub(super) upstream: Tally,
    pub(super) resolved: Tally,
    pub(super) retries: AtomicU64,
    pub(super) trailers_dropped: AtomicU64,
    pub(super) panics: AtomicU64,
}

/// Connections of one listener.
#[derive(Debug, Default)]
pub(super) struct Listener {
    pub(super) opened: AtomicU64,
    pub(super) closed: AtomicU64,
}

/// The words that label the worker's counters, where they are fixed.
pub mod labels {
    /// A connection to an app was made.
    pub const NEW: &str = "new";
    /// A kept connection to an app was used again.
    pub const REUSED: &str = "reused";
    /// A connection to an app could not be made.
    pub const FAILED: &str = "failed";
}

impl Worker {
    pub(super) fn new(listeners: usize) -> Worker {
        let unrouted = Arc::new(RouteShard::default());
        let routes = HashMap::from([(Arc::from(UNROUTED), unrouted.clone())]);
        Worker {
            routes: Mutex::new(routes),
            unrouted,
            listeners: (0..listeners).map(|_| Listener::default()).collect(),
            refused: Tally::default(),
            client_errors: Tally::default(),
            handshakes: Tally::default(),
            upstream: Tally::default(),
            resolved: Tally::default(),
            retries: AtomicU64::new(0),
            trailers_dropped: AtomicU64::new(0),
            panics: AtomicU64::new(0),
        }
    }

    /// The shard of a route by its label, made on first use. Takes a lock: ask once per table, then keep it.
    pub fn route(&self, label: &Arc<str>) -> Arc<RouteShard> {
        lock(&self.routes).entry(label.clone()).or_default().clone()
    }

    /// The shard of all requests that no route took.
    pub fn unrouted(&self) -> &Arc<RouteShard> {
        &self.unrouted
    }

    pub(super) fn retain(&self, labels: &HashSet<&str>) {
        lock(&self.routes).retain(|label, _| **label == *UNROUTED || labels.contains(&**label));
    }

    pub(super) fn each_route(&self, mut visit: impl FnMut(&Arc<str>, &RouteShard)) {
        for (label, shard) in lock(&self.routes).iter() {
            visit(label, shard);
        }
    }

    /// A client's connection was taken in by this listener.
    #[inline]
    pub fn connection_opened(&self, listener: usize) {
        if let Some(listener) = self.listeners.get(listener) {
            add(&listener.opened, 1);
        }
    }

    /// A client's connection that was counted as opened has ended.
    #[inline]
    pub fn connection_closed(&self, listener: usize) {
        if let Some(listener) = self.listeners.get(listener) {
            add(&listener.closed, 1);
        }
    }

    /// A client's connection was turned away, for instance for `limit`.
    pub fn refused(&self, reason: &'static str) {
        self.refused.add(reason);
    }

    /// A client did something wrong that no request record tells, for instance `bad head` or `timeout`.
    pub fn client_error(&self, kind: &'static str) {
        self.client_errors.add(kind);
    }

    /// A client's handshake has succeeded: version, and whether a session was resumed.
    pub fn handshake(&self, version: &'static str, resumed: bool) {
        self.handshakes.add(match (version, resumed) {
            ("TLSv1.3", false) => "1.3",
            ("TLSv1.3", true) => "1.3 resumed",
            ("TLSv1.2", false) => "1.2",
            ("TLSv1.2", true) => "1.2 resumed",
            _ => "other",
        });
    }

    /// A connection to an app was made.
    pub fn upstream_new(&self) {
        self.upstream.add(labels::NEW);
    }

    /// A kept connection to an app was used again.
    #[inline]
    pub fn upstream_reused(&self) {
        self.upstream.add(labels::REUSED);
    }

    /// A connection to an app could not be made.
    pub fn upstream_failed(&self) {
        self.upstream.add(labels::FAILED);
    }

    /// A request was sent once more.
    pub fn retried(&self) {
        add(&self.retries, 1);
    }

    /// A name was looked up: `ok`, `failed`, `stale`.
    pub fn resolved(&self, result: &'static str) {
        self.resolved.add(result);
    }

    /// Trailers did not fit the outgoing side.
    pub fn trailers_dropped(&self) {
        add(&self.trailers_dropped, 1);
    }

    /// A connection's task panicked.
    pub fn panicked(&self) {
        add(&self.panics, 1);
    }
}

/// Words that one tally can tell apart; further ones count as `other`.
const WORDS: usize = 24;

/// A few counters under words that are fixed in the program. One writer.
#[derive(Debug)]
pub(super) struct Tally {
    words: [(OnceLock<&'static str>, AtomicU64); WORDS],
    other: AtomicU64,
}

impl Default for Tally {
    fn default() -> Self {
        Tally { words: [const { (OnceLock::new(), AtomicU64::new(0)) }; WORDS], other: AtomicU64::new(0) }
    }
}

impl Tally {
    pub(super) fn add(&self, word: &'static str) {
        self.add_many(word, 1);
    }

    pub(super) fn add_many(&self, word: &'static str, more: u64) {
        for (known, count) in &self.words {
            if *known.get_or_init(|| word) == word {
                return add(count, more);
            }
        }
        add(&self.other, more);
    }

    pub(super) fn each(&self, mut visit: impl FnMut(&'static str, u64)) {
        for (word, count) in &self.words {
            let Some(word) = word.get() else { break };
            visit(word, count.load(Ordering::Relaxed));
        }
        match self.other.load(Ordering::Relaxed) {
            0 => {}
            count => visit("other", count),
        }
    }
}
