//! A name that should hold addresses. Which of those it has may go is the question that matters here.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;

use super::diff::Diff;
use super::found::Found;
use super::{Draft, Held, Why};
use crate::dns::{HOLD, Record, RecordType, WantedName};

impl Diff<'_> {
    /// `wanted` is sorted.
    pub(super) fn addresses(&mut self, name: &WantedName, wanted: &[IpAddr], records: &[&Record]) {
        let (adopt, nodes) = (self.rules.adopt, self.wanted);
        // what the sync program before us left behind: it knew IPv4 only, and marked nothing
        let is_leftover = |record: &Record| {
            record.kind == RecordType::A && record.address().is_some_and(|address| nodes.is_node(address))
        };
        let found = self.found(records, |record| adopt || is_leftover(record));
        let others = || found.others.iter().copied().filter(|other| !matches!(other.kind, RecordType::Other(_)));
        self.report_others(name, others());
        let taken: HashSet<IpAddr> = others().filter_map(Record::address).collect();
        let is_missing = |address: &IpAddr| !found.addresses.contains_key(address) && !taken.contains(address);
        let missing: Vec<IpAddr> = if others().any(|other| other.kind == RecordType::Cname) {
            Vec::new()
        } else {
            wanted.iter().copied().filter(is_missing).collect()
        };
        if self.is_unsure(records) {
            return self.only_richer(name, wanted, missing, &found);
        }
        if !found.aliases.is_empty() && found.addresses.is_empty() {
            return self.instead_of_aliases(name, &found, &missing);
        }
        if self.takes_away() {
            self.delete(found.aliases.iter().chain(&found.broken).copied());
        }
        self.bring_to(name, wanted, missing, &found.addresses);
    }

    /// A CNAME of ours makes place for addresses, in one call. Without any it stays: better an old answer than none.
    fn instead_of_aliases(&mut self, name: &WantedName, found: &Found<'_>, missing: &[IpAddr]) {
        let [alias, ..] = found.aliases[..] else { return };
        if missing.is_empty() {
            return;
        }
        if !self.takes_away() {
            return self.report_kept(name, alias);
        }
        let deletes = found.aliases.iter().chain(&found.broken).map(|record| Record::clone(record)).collect();
        self.swap(name, deletes, missing.iter().map(|address| draft(name, *address)).collect());
    }

    /// What is missing comes and nothing goes; how long what is unwanted has been so counts on.
    fn only_richer(&mut self, name: &WantedName, wanted: &[IpAddr], missing: Vec<IpAddr>, found: &Found<'_>) {
        let unwanted = unwanted(&found.addresses, wanted);
        if self.takes_away() && !unwanted.is_empty() {
            let verdict = self.holds.weigh((&self.zone.id, &name.name), &found.addresses, &unwanted, HOLD, self.now);
            self.hold(&name.name, verdict.held, found.addresses.len(), Why::Most);
        }
        // beside a CNAME nothing can be
        if found.aliases.is_empty() {
            missing.into_iter().for_each(|address| self.add(draft(name, address)));
        }
    }

    fn bring_to(
        &mut self,
        name: &WantedName,
        wanted: &[IpAddr],
        missing: Vec<IpAddr>,
        ours: &BTreeMap<IpAddr, Vec<&Record>>,
    ) {
        let go = self.going(name, ours, unwanted(ours, wanted), &missing);
        let going: HashSet<IpAddr> = go.iter().copied().collect();
        for (address, records) in ours.iter().filter(|(address, _)| !going.contains(*address)) {
            let keep = if self.takes_away() { 1 } else { records.len() };
            let (kept, duplicates) = records.split_at(keep);
            for record in kept {
                self.settle(record, draft(name, *address));
            }
            self.delete(duplicates.iter().copied());
        }
        // what comes and what goes are one record that changes, as far as they are of one type
        let (old_v4, old_v6): (Vec<IpAddr>, Vec<IpAddr>) = go.into_iter().partition(IpAddr::is_ipv4);
        let (new_v4, new_v6): (Vec<IpAddr>, Vec<IpAddr>) = missing.into_iter().partition(IpAddr::is_ipv4);
        for (old, new) in [(old_v4, new_v4), (old_v6, new_v6)] {
            let pairs = old.len().min(new.len());
            for (at, address) in old.iter().enumerate() {
                let records = ours.get(address).map(Vec::as_slice).unwrap_or_default();
                let (changed, deleted) = records.split_at(usize::from(at < pairs).min(records.len()));
                for record in changed {
                    self.settle(record, draft(name, new[at]));
                }
                self.delete(deleted.iter().copied());
            }
            for address in &new[pairs..] {
                self.add(draft(name, *address));
            }
        }
    }

    /// Which of the unwanted addresses go now: those that are not held, and are not needed to have enough.
    fn going(
        &mut self,
        name: &WantedName,
        ours: &BTreeMap<IpAddr, Vec<&Record>>,
        unwanted: Vec<IpAddr>,
        missing: &[IpAddr],
    ) -> Vec<IpAddr> {
        if unwanted.is_empty() || !self.takes_away() {
            return Vec::new();
        }
        let verdict = self.holds.weigh((&self.zone.id, &name.name), ours, &unwanted, HOLD, self.now);
        self.hold(&name.name, verdict.held, ours.len(), Why::Most);
        let (go, last) = self.above_the_floor(ours.len(), verdict.go, missing);
        self.hold(&name.name, last, ours.len(), Why::Last);
        go
    }

    /// Parts those that may go from those without which the name would have too few. What comes in the same plan counts: it
    /// is there before anything goes.
    fn above_the_floor(&self, ours: usize, mut may_go: Vec<IpAddr>, missing: &[IpAddr]) -> (Vec<IpAddr>, Vec<IpAddr>) {
        let new_v4 = missing.iter().filter(|address| address.is_ipv4()).count();
        let left = |going: &[usize; 2]| {
            let replaced = going[0].min(new_v4) + going[1].min(missing.len() - new_v4);
            ours - going[0] - going[1] + replaced + self.room_for(missing.len() - replaced)
        };
        let of_v4 = may_go.iter().filter(|address| address.is_ipv4()).count();
        let mut going = [of_v4, may_go.len() - of_v4];
        // those that we part with most gladly stand last
        may_go.sort_unstable_by_key(|address| (self.wanted.rank(*address), *address));
        let (mut go, mut last) = (Vec::new(), Vec::new());
        for address in may_go {
            let mut without = going;
            without[usize::from(address.is_ipv6())] -= 1;
            // in a full zone one that is replaced is as good as one that stays
            if left(&going) < self.rules.min_addresses && left(&without) > left(&going) {
                going = without;
                last.push(address);
            } else {
                go.push(address);
            }
        }
        go.sort_unstable();
        (go, last)
    }

    pub(super) fn hold(&mut self, name: &str, mut addresses: Vec<IpAddr>, of: usize, why: Why) {
        if !addresses.is_empty() {
            addresses.sort_unstable();
            self.held.push(Held { name: name.to_owned(), addresses, of, why });
        }
    }
}

fn unwanted<T>(ours: &BTreeMap<IpAddr, T>, wanted: &[IpAddr]) -> Vec<IpAddr> {
    ours.keys().copied().filter(|address| wanted.binary_search(address).is_err()).collect()
}

fn draft(name: &WantedName, address: IpAddr) -> Draft {
    Draft {
        name: name.name.clone(),
        kind: RecordType::of_address(address),
        content: address.to_string(),
        ttl: name.ttl,
        proxied: name.proxied,
    }
}
