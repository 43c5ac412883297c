//! What must never happen, seen at every write that arrives: [`Judge`]. It knows the truth, and what of it is so new that
//! a writer cannot know it yet.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use gatepost::dns::{Mark, Record, RecordType};

use crate::cluster::Cluster;
use crate::hub::{foreign, mark};
use crate::words::Words;

/// What has been true for so long is known to whoever writes: a round has a dozen calls of 4 s at most, and what
/// arrives was sent a few seconds ago.
const KNOWN: Duration = Duration::from_secs(45);
/// For so long after a hand has changed records of a name a writer may go by what they were: lists that are late, what
/// it remembers for a minute, a round.
const TOUCHED: Duration = Duration::from_secs(75);
/// What "at once" and "twice" mean (issue 5).
const HOLD: Duration = Duration::from_secs(30);

/// Who sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    pub name: String,
    pub process: String,
}

pub struct Judge {
    mark: Mark,
    foreign: Mark,
    /// Since when it is what it is now.
    names: BTreeMap<String, Duration>,
    hosts: BTreeMap<String, Duration>,
    published: BTreeMap<IpAddr, Duration>,
    nodes: BTreeSet<IpAddr>,
    adopts: bool,
    min_addresses: usize,
    is_upsert: bool,
    /// When it was so for the last time.
    was_name: BTreeMap<String, Duration>,
    was_host: BTreeMap<String, Duration>,
    was_node: BTreeMap<IpAddr, Duration>,
    did_adopt: Option<Duration>,
    allowed_empty: Option<Duration>,
    seen_published: BTreeMap<IpAddr, Duration>,
    touched: BTreeMap<String, Duration>,
    lost: Vec<(Duration, String, IpAddr, Sender)>,
}

/// Addresses of one name.
struct Addresses {
    all: BTreeSet<IpAddr>,
    ours: BTreeSet<IpAddr>,
}

impl Judge {
    pub fn new() -> Judge {
        Judge {
            mark: mark(),
            foreign: foreign(),
            names: BTreeMap::new(),
            hosts: BTreeMap::new(),
            published: BTreeMap::new(),
            nodes: BTreeSet::new(),
            adopts: false,
            min_addresses: 1,
            is_upsert: false,
            was_name: BTreeMap::new(),
            was_host: BTreeMap::new(),
            was_node: BTreeMap::new(),
            did_adopt: None,
            allowed_empty: None,
            seen_published: BTreeMap::new(),
            touched: BTreeMap::new(),
            lost: Vec::new(),
        }
    }

    /// The cluster or the words may be different now.
    pub fn changed(&mut self, cluster: &Cluster, words: &Words, now: Duration) {
        let ends = |before: &BTreeMap<String, Duration>, last: &mut BTreeMap<String, Duration>| {
            last.extend(before.keys().map(|name| (name.clone(), now)));
        };
        ends(&self.names, &mut self.was_name);
        ends(&self.hosts, &mut self.was_host);
        self.was_node.extend(self.nodes.iter().map(|address| (*address, now)));
        if self.adopts {
            self.did_adopt = Some(now);
        }
        if self.min_addresses == 0 {
            self.allowed_empty = Some(now);
        }
        let since = |before: &BTreeMap<String, Duration>, name: &&str| {
            ((*name).to_owned(), before.get(*name).copied().unwrap_or(now))
        };
        self.names = words.names.iter().map(|name| since(&self.names, name)).collect();
        let hosts = words.hosts.iter().filter(|host| words.is_host(host));
        self.hosts = hosts.map(|host| since(&self.hosts, host)).collect();
        let published = cluster.published().into_iter();
        self.published = published.map(|it| (it, self.published.get(&it).copied().unwrap_or(now))).collect();
        self.nodes = cluster.addresses();
        (self.adopts, self.min_addresses) = (words.adopt, words.min_addresses);
        self.is_upsert = words.is_upsert;
    }

    pub fn observed(&mut self, now: Duration) {
        for address in self.published.keys() {
            self.seen_published.insert(*address, now);
        }
    }

    /// Another term has begun. Whoever leads in it does not know what went in the last one, and holds anew.
    pub fn led(&mut self) {
        self.lost.clear();
    }

    /// A hand has changed records of this name.
    pub fn touched(&mut self, name: &str, now: Duration) {
        self.touched.insert(name.to_owned(), now);
    }

    /// When it has done so for the last time.
    pub fn last_touched(&self) -> Option<Duration> {
        self.touched.values().max().copied()
    }

    /// What is wrong with what a write has done.
    pub fn written(
        &mut self,
        sender: &Sender,
        before: &[Record],
        after: &[Record],
        is_midway: bool,
        now: Duration,
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        let is_same = |record: &&Record| after.contains(record);
        let changed: Vec<&Record> = before.iter().filter(|record| !is_same(record)).collect();
        for record in &changed {
            wrong.extend(self.of_others(record, now));
            let is_there = after.iter().any(|other| other.id == record.id && other.content == record.content);
            if self.is_upsert && !is_there && !self.is_touched(&record.name, now) {
                wrong.push(format!("a record is taken away, and nothing may be: {record:?}"));
            }
        }
        let names: BTreeSet<&str> = changed.iter().map(|record| record.name.as_str()).collect();
        for name in names {
            let (had, has) = (self.addresses(before, name), self.addresses(after, name));
            if !is_midway {
                wrong.extend(self.emptied(name, &had, &has, now));
            }
            wrong.extend(self.taken(name, &had, &has, now));
            wrong.extend(self.unheld(sender, name, &had, &has, now));
            wrong.extend(self.alias_taken(name, before, after, now));
        }
        wrong
    }

    fn addresses(&self, records: &[Record], name: &str) -> Addresses {
        let of_name = || records.iter().filter(|record| record.name == name);
        let ours = of_name().filter(|record| self.mark.owns(record.comment.as_deref()));
        Addresses {
            all: of_name().filter_map(Record::address).collect(),
            ours: ours.filter_map(Record::address).collect(),
        }
    }

    /// Invariant 3: a record that is not ours is left alone, unless it may be adopted.
    fn of_others(&self, record: &Record, now: Duration) -> Option<String> {
        let comment = record.comment.as_deref();
        if self.mark.owns(comment) {
            return None;
        }
        let was = |last: Option<&Duration>| last.is_some_and(|last| now - *last < TOUCHED);
        let is_name = self.names.contains_key(&record.name) || was(self.was_name.get(&record.name));
        let is_host = self.hosts.contains_key(&record.name) || was(self.was_host.get(&record.name));
        let adopts = self.adopts || was(self.did_adopt.as_ref());
        let is_node = |address: IpAddr| self.nodes.contains(&address) || was(self.was_node.get(&address));
        let is_leftover = record.kind == RecordType::A && record.address().is_some_and(is_node);
        let is_type = record.kind.is_address() || record.kind == RecordType::Cname;
        let may = is_type && ((is_name && (adopts || is_leftover)) || (is_host && adopts));
        let was_touched = was(self.touched.get(&record.name));
        match (may, self.foreign.owns(comment)) {
            (_, true) => Some(format!("another cluster's record is changed: {record:?}")),
            (false, _) if !was_touched => Some(format!("a record that nobody marked is changed: {record:?}")),
            _ => None,
        }
    }

    /// Invariant 2: a wanted name that had an address has one.
    fn emptied(&self, name: &str, had: &Addresses, has: &Addresses, now: Duration) -> Option<String> {
        let is_wanted = self.names.get(name).is_some_and(|since| now - *since >= KNOWN);
        let may_be = self.min_addresses == 0 || self.allowed_empty.is_some_and(|last| now - last < TOUCHED);
        let emptied = (!had.all.is_empty() && has.all.is_empty()) || (!had.ours.is_empty() && has.ours.is_empty());
        (is_wanted && !may_be && emptied).then(|| format!("{name} is empty: {:?} have gone", had.all))
    }

    /// Invariant 5: an address that is wanted, and has been for long enough to be known, is not taken away.
    fn taken(&self, name: &str, had: &Addresses, has: &Addresses, now: Duration) -> Option<String> {
        let is_known = |since: &Duration| now - *since >= KNOWN;
        if !self.names.get(name).is_some_and(is_known) || self.is_touched(name, now) {
            return None;
        }
        let is_wanted = |address: &&IpAddr| self.published.get(*address).is_some_and(is_known);
        let taken: Vec<&IpAddr> = had.ours.difference(&has.all).filter(is_wanted).collect();
        (!taken.is_empty()).then(|| format!("{name} has lost {taken:?}, which are wanted"))
    }

    fn alias_taken(&self, name: &str, before: &[Record], after: &[Record], now: Duration) -> Option<String> {
        let is_known = self.hosts.get(name).is_some_and(|since| now - *since >= KNOWN);
        let has = |records: &[Record]| {
            let is_alias = |record: &&Record| record.name == name && record.kind == RecordType::Cname;
            records.iter().filter(is_alias).any(|record| self.mark.owns(record.comment.as_deref()))
        };
        let is_taken = is_known && !self.is_touched(name, now) && has(before) && !has(after);
        is_taken.then(|| format!("{name} has lost its CNAME, which is wanted"))
    }

    fn is_touched(&self, name: &str, now: Duration) -> bool {
        self.touched.get(name).is_some_and(|at| now - *at < TOUCHED)
    }

    /// Issue 5, "Never empty": what takes more than half of a name's addresses was seen twice, 30 s apart.
    fn unheld(
        &mut self,
        sender: &Sender,
        name: &str,
        had: &Addresses,
        has: &Addresses,
        now: Duration,
    ) -> Option<String> {
        self.lost.retain(|(at, ..)| now - *at < HOLD);
        let gone: Vec<IpAddr> = had.ours.difference(&has.ours).copied().collect();
        let is_lost = |(_, of, address, by): &&(Duration, String, IpAddr, Sender)| {
            of == name && by == sender && !had.ours.contains(address)
        };
        let lost: BTreeSet<IpAddr> = self.lost.iter().filter(is_lost).map(|(_, _, address, _)| *address).collect();
        let is_most = (gone.len() + lost.len()) * 2 > had.ours.len() + lost.len();
        let is_new = self.names.get(name).is_some_and(|since| now - *since < TOUCHED);
        let seen = |address: &&IpAddr| {
            let is_wanted = self.names.contains_key(name);
            is_wanted && self.seen_published.get(*address).is_some_and(|seen| now - *seen < HOLD)
        };
        let early: Vec<IpAddr> = gone.iter().filter(seen).copied().collect();
        let is_wrong = is_most && !is_new && !early.is_empty() && !self.is_touched(name, now);
        self.lost.extend(gone.into_iter().map(|address| (now, name.to_owned(), address, sender.clone())));
        is_wrong.then(|| format!("{name} has lost most of its addresses, and {early:?} were wanted within 30 s"))
    }
}

/// Records in few words.
pub fn shown(records: &[Record]) -> Vec<String> {
    let mark = mark();
    let shown = |record: &Record| {
        let whose = match record.comment.as_deref() {
            comment if mark.owns(comment) => "",
            Some(_) => "*",
            None => "?",
        };
        format!("{}{whose} {} {}", record.name, record.kind, record.content)
    };
    records.iter().map(shown).collect()
}
