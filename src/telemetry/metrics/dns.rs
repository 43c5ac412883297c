//! How the records at Cloudflare stand, told by the one process that leads: [`DnsMetrics`].

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use super::lock;
use super::worker::Tally;

/// Written by the control plane's one thread.
#[derive(Debug, Default)]
pub struct DnsMetrics {
    state: Mutex<DnsState>,
    pub(super) errors: Tally,
    pub(super) writes: Tally,
}

/// What is known while this process leads. Another process knows nothing, so a sum over all is right.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct DnsState {
    /// Records of ours, by zone.
    pub(super) records: BTreeMap<String, u64>,
    /// Addresses that are to go and stay for now.
    pub(super) held: u64,
    /// Names that cannot be as they are wanted.
    pub(super) conflicts: u64,
    /// Unix seconds.
    pub(super) last_success: Option<u64>,
}

impl DnsMetrics {
    /// What a plan comes to: records of ours by zone, addresses held, names in conflict.
    pub fn planned(&self, records: BTreeMap<String, u64>, held: usize, conflicts: usize) {
        let mut state = lock(&self.state);
        (state.records, state.held, state.conflicts) = (records, held as u64, conflicts as u64);
    }

    /// All is as it should be, but for what is held and in conflict.
    pub fn succeeded(&self) {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        lock(&self.state).last_success = Some(since.as_secs());
    }

    /// This process does not lead any more, or has nothing to do.
    pub fn clear(&self) {
        *lock(&self.state) = DnsState::default();
    }

    /// Counts what went wrong, by its kind.
    pub fn error(&self, kind: &'static str) {
        self.errors.add(kind);
    }

    /// Counts records written: `added`, `changed`, `deleted`.
    pub fn wrote(&self, what: &'static str, count: usize) {
        if count > 0 {
            self.writes.add_many(what, count as u64);
        }
    }

    pub(super) fn state(&self) -> DnsState {
        lock(&self.state).clone()
    }
}
