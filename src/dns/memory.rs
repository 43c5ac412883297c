//! What was written a while ago, laid over lists that may be older: [`Memory`]. Cloudflare's lists are served from copies
//! that follow after a moment, and a plan made from an old one would do things twice, or take away what a name lives by.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::{Batch, Patch, Record, ZoneId};

/// So long what was written is believed rather than a list. What a person changes meanwhile is seen after that.
const BELIEVED: Duration = Duration::from_secs(60);

/// So long a write without an answer may still arrive, or be missing in a list. Meanwhile a record may be what it was or what
/// it was to become, and a name that has one is not made poorer.
const FOLLOWS: Duration = Duration::from_secs(15);

/// What became of records, by their ids.
#[derive(Debug, Default)]
pub(super) struct Memory {
    written: BTreeMap<String, Remembered>,
    unsure: BTreeMap<String, Unsure>,
    /// Zones in which there may be records of ours that no list has shown, until when.
    hidden: BTreeMap<ZoneId, Instant>,
    /// Until when something is believed that the last lists deny.
    denied: Option<Instant>,
}

#[derive(Debug)]
struct Remembered {
    zone: ZoneId,
    until: Instant,
    /// `None`: it is gone.
    record: Option<Record>,
}

#[derive(Debug)]
struct Unsure {
    zone: ZoneId,
    until: Instant,
    /// What it was to become; `None`: nothing.
    to: Option<Patch>,
}

impl Memory {
    /// These records were written.
    pub(super) fn wrote(&mut self, records: &[Record], now: Instant) {
        for record in records {
            let (zone, until) = (record.zone.clone(), now + BELIEVED);
            self.written.insert(record.id.clone(), Remembered { zone, until, record: Some(record.clone()) });
        }
    }

    /// The records with these ids were deleted.
    pub(super) fn deleted(&mut self, zone: &ZoneId, ids: &[String], now: Instant) {
        for id in ids {
            let until = now + BELIEVED;
            self.written.insert(id.clone(), Remembered { zone: zone.clone(), until, record: None });
        }
    }

    /// Somebody else has deleted one of these: whatever a list says of them is as good.
    pub(super) fn forget(&mut self, ids: &[String]) {
        for id in ids {
            self.written.remove(id);
        }
    }

    /// Nobody has answered to these writes. Of records that were made there is no more to remember than where: to make them
    /// again is refused, or they are in the next list.
    pub(super) fn unanswered(&mut self, zone: &ZoneId, batch: Batch, now: Instant) {
        let Batch { deletes, patches, posts } = batch;
        if !posts.is_empty() {
            self.hidden.insert(zone.clone(), now + FOLLOWS);
        }
        let deletes = deletes.into_iter().map(|id| (id, None));
        for (id, to) in deletes.chain(patches.into_iter().map(|patch| (patch.id.clone(), Some(patch)))) {
            self.written.remove(&id);
            self.unsure.insert(id, Unsure { zone: zone.clone(), until: now + FOLLOWS, to });
        }
    }

    /// Ids of records that may be something else than the last lists say.
    pub(super) fn unsure(&self) -> BTreeSet<String> {
        self.unsure.keys().cloned().collect()
    }

    /// Lists are about to be read.
    pub(super) fn begin(&mut self) {
        self.denied = None;
    }

    /// When lists are to be read again: what is unsure is known then, or what is believed is not any more, and a list that
    /// denies it is right: a person has changed the record.
    pub(super) fn due(&self) -> Option<Instant> {
        let unsure = self.unsure.values().map(|unsure| unsure.until);
        unsure.chain(self.hidden.values().copied()).chain(self.denied).min()
    }

    /// Zones that have to be looked at once more, whatever their lists show now.
    pub(super) fn hidden(&mut self, now: Instant) -> impl Iterator<Item = &ZoneId> {
        self.hidden.retain(|_, until| now < *until);
        self.hidden.keys()
    }

    /// The records of a zone as they are now, of a list of all of them that may be older.
    pub(super) fn over(&mut self, zone: &ZoneId, listed: Vec<Record>, now: Instant) -> Vec<Record> {
        self.written.retain(|_, remembered| now < remembered.until);
        self.unsure.retain(|_, unsure| now < unsure.until);
        self.arrived(&listed, now);
        self.denied = [self.denied, self.is_denied_until(zone, &listed)].into_iter().flatten().min();
        let is_unknown = |record: &Record| !self.written.contains_key(&record.id);
        let mut records: Vec<Record> = listed.into_iter().filter(is_unknown).collect();
        let of_zone = self.written.values().filter(|remembered| remembered.zone == *zone);
        records.extend(of_zone.filter_map(|remembered| remembered.record.clone()));
        records
    }

    fn is_denied_until(&self, zone: &ZoneId, listed: &[Record]) -> Option<Instant> {
        if self.written.is_empty() {
            return None;
        }
        let of_zone = self.written.iter().filter(|(_, remembered)| remembered.zone == *zone);
        let listed: BTreeMap<&str, &Record> = listed.iter().map(|record| (record.id.as_str(), record)).collect();
        let is_denied =
            |(id, remembered): &(&String, &Remembered)| listed.get(id.as_str()).copied() != remembered.record.as_ref();
        of_zone.filter(is_denied).map(|(_, remembered)| remembered.until).min()
    }

    /// No list is newer than what is true: what stands there as it was to become was written.
    fn arrived(&mut self, listed: &[Record], now: Instant) {
        if self.unsure.is_empty() {
            return;
        }
        let has_arrived = |record: &&Record| {
            let unsure = self.unsure.get(&record.id).filter(|unsure| unsure.zone == record.zone);
            unsure.and_then(|unsure| unsure.to.as_ref()).is_some_and(|patch| {
                record.holds(&patch.to)
                    && record.is_set_as(&patch.to)
                    && record.comment.as_ref() == Some(&patch.comment)
            })
        };
        let arrived: Vec<Record> = listed.iter().filter(has_arrived).cloned().collect();
        for record in &arrived {
            self.unsure.remove(&record.id);
        }
        self.wrote(&arrived, now);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Draft, Post, RecordType};
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
        // the list says otherwise, and may be right
        assert_eq!(memory.due(), Some(Instant::now() + Duration::from_millis(1)));
        assert_eq!(contents(memory.over(&"other".into(), Vec::new(), Instant::now())), Vec::<String>::new());
        tokio::time::advance(Duration::from_millis(1)).await;
        memory.begin();
        assert_eq!(contents(memory.over(&zone, old, Instant::now())), ["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
        assert_eq!(memory.due(), None);
    }

    fn patch(id: &str, content: &str) -> Patch {
        let name = "a.example.com".to_owned();
        let to = Draft { name, kind: RecordType::A, content: content.to_owned(), ttl: 120, proxied: false };
        Patch { id: id.to_owned(), to, comment: "ours".to_owned() }
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_without_an_answer_leaves_its_records_unsure_until_a_list_has_it_or_it_is_too_late() {
        let (zone, mut memory): (ZoneId, _) = ("z".into(), Memory::default());
        let began = Instant::now();
        let deletes = vec!["3".to_owned()];
        let batch =
            Batch { deletes, patches: vec![patch("1", "192.0.2.7"), patch("2", "192.0.2.8")], ..Batch::default() };
        memory.unanswered(&zone, batch, began);
        let old = vec![record("1", "192.0.2.1"), record("2", "192.0.2.2"), record("3", "192.0.2.3")];
        let unsure = |memory: &Memory| memory.unsure().into_iter().collect::<String>();
        memory.over(&zone, old.clone(), began);
        assert_eq!((unsure(&memory).as_str(), memory.due()), ("123", Some(began + FOLLOWS)));

        let arrived = Record { comment: Some("ours".to_owned()), ..record("1", "192.0.2.7") };
        memory.over(&zone, vec![arrived.clone(), old[1].clone(), old[2].clone()], began);
        assert_eq!(unsure(&memory), "23");
        // a list that is older again does not change that
        assert!(memory.over(&zone, old.clone(), began).contains(&arrived));
        assert_eq!(unsure(&memory), "23");

        tokio::time::advance(FOLLOWS).await;
        memory.over(&zone, old, Instant::now());
        // but for what has arrived, which this list denies
        assert_eq!((unsure(&memory).as_str(), memory.due()), ("", Some(began + BELIEVED)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_zone_in_which_something_may_have_been_made_is_looked_at_until_lists_have_followed() {
        let (zone, mut memory): (ZoneId, _) = ("z".into(), Memory::default());
        let post = Post { record: patch("1", "192.0.2.1").to, comment: "ours".to_owned() };
        let began = Instant::now();
        memory.unanswered(&zone, Batch { posts: vec![post], ..Batch::default() }, began);
        tokio::time::advance(FOLLOWS - Duration::from_millis(1)).await;
        assert_eq!((memory.hidden(Instant::now()).count(), memory.due()), (1, Some(began + FOLLOWS)));
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!((memory.hidden(Instant::now()).count(), memory.due()), (0, None));
    }
}
