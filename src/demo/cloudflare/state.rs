//! Zones, what is in them, and what was in them a while ago.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::dns::{Record, ZoneId};

/// A zone.
#[derive(Debug)]
pub(super) struct Zone {
    pub(super) id: ZoneId,
    pub(super) name: String,
    pub(super) quota: usize,
    /// How often it has changed.
    pub(super) changes: u64,
    records: Arc<Vec<Record>>,
    /// What it was and until when, oldest first; no further back than lists are behind.
    past: VecDeque<(Duration, Arc<Vec<Record>>)>,
}

impl Zone {
    pub(super) fn new(id: &str, name: &str, quota: usize) -> Zone {
        let (id, name) = (id.into(), name.to_owned());
        Zone { id, name, quota, changes: 0, records: Arc::default(), past: VecDeque::new() }
    }

    pub(super) fn records(&self) -> &[Record] {
        &self.records
    }

    pub(super) fn replace(&mut self, records: Vec<Record>, now: Duration, lag: Duration) {
        if *self.records == records {
            return;
        }
        self.changes += 1;
        let before = std::mem::replace(&mut self.records, Arc::new(records));
        while self.past.front().is_some_and(|(until, _)| *until + lag <= now) {
            self.past.pop_front();
        }
        if !lag.is_zero() {
            self.past.push_back((now, before));
        }
    }

    /// As lists show it that are so far behind.
    pub(super) fn listed(&self, now: Duration, lag: Duration) -> &[Record] {
        self.past.iter().find(|(until, _)| *until + lag > now).map_or(&self.records, |(_, records)| records)
    }

    pub(super) fn shown(&self) -> Value {
        json!({"id": *self.id, "name": self.name, "status": "active", "type": "full", "paused": false})
    }
}
