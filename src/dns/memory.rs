//! What was written a while ago, laid over lists that may be older: [`Memory`]. Cloudflare's lists are served from copies
//! that follow after a moment, and a plan made from an old one would do things twice, or take away what a name lives by.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::{Record, ZoneId};

/// So long what was written is believed rather than a list. What a person changes meanwhile is seen after that.
const BELIEVED: Duration = Duration::from_secs(60);

/// What became of records, by their ids.
#[derive(Debug, Default)]
pub(super) struct Memory(BTreeMap<String, Remembered>);

#[derive(Debug)]
struct Remembered {
    zone: ZoneId,
    until: Instant,
    /// `None`: it is gone.
    record: Option<Record>,
}

impl Memory {
    /// These records were written.
    pub(super) fn wrote(&mut self, records: &[Record], now: Instant) {
        for record in records {
            let (zone, until) = (record.zone.clone(), now + BELIEVED);
            self.0.insert(record.id.clone(), Remembered { zone, until, record: Some(record.clone()) });
        }
    }

    /// The records with these ids were deleted.
    pub(super) fn deleted(&mut self, zone: &ZoneId, ids: &[String], now: Instant) {
        for id in ids {
            let until = now + BELIEVED;
            self.0.insert(id.clone(), Remembered { zone: zone.clone(), until, record: None });
        }
    }

    /// What became of the records with these ids is not known: whatever a list says of them is as good.
    pub(super) fn forget(&mut self, ids: &[String]) {
        for id in ids {
            self.0.remove(id);
        }
    }

    /// The records of a zone as they are now, of a list of all of them that may be older.
    pub(super) fn over(&mut self, zone: &ZoneId, listed: Vec<Record>, now: Instant) -> Vec<Record> {
        self.0.retain(|_, remembered| now < remembered.until);
        let mut records: Vec<Record> = listed.into_iter().filter(|record| !self.0.contains_key(&record.id)).collect();
        let of_zone = self.0.values().filter(|remembered| remembered.zone == *zone);
        records.extend(of_zone.filter_map(|remembered| remembered.record.clone()));
        records
    }
}

#[cfg(test)]
mod tests {
    use super::super::RecordType;
    use super::*;

    fn record(id: &str, content: &str) -> Record {
        Record {
            id: id.to_owned(),
            zone: "z".into(),
            name: "a.example.com".to_owned(),
            kind: RecordType::A,
            content: content.to_owned(),
            ttl: 120,
            proxied: false,
            comment: None,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_written_is_believed_for_a_minute_and_then_the_list() {
        let zone: ZoneId = "z".into();
        let mut memory = Memory::default();
        let old = vec![record("1", "192.0.2.1"), record("2", "192.0.2.2"), record("3", "192.0.2.3")];
        memory.wrote(&[record("2", "192.0.2.9"), record("4", "192.0.2.4")], Instant::now());
        memory.deleted(&zone, &["3".to_owned()], Instant::now());
        let contents = |mut records: Vec<Record>| {
            records.sort_by(|one, other| one.id.cmp(&other.id));
            records.into_iter().map(|record| record.content).collect::<Vec<_>>()
        };
        tokio::time::advance(BELIEVED - Duration::from_millis(1)).await;
        assert_eq!(contents(memory.over(&zone, old.clone(), Instant::now())), ["192.0.2.1", "192.0.2.9", "192.0.2.4"]);
        assert_eq!(contents(memory.over(&"other".into(), Vec::new(), Instant::now())), Vec::<String>::new());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(contents(memory.over(&zone, old, Instant::now())), ["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    }
}
