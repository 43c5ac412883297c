//! How a plan is made: zone by zone, name by name. Doors: [`plan`] and [`plan_release`].

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use tokio::time::Instant;

use super::across::Across;
use super::diff::Diff;
use super::{Plan, ZonePlan};
use crate::config::DnsPolicy;
use crate::dns::wanted::{Target, one_form};
use crate::dns::{Holds, Mark, Record, RecordType, Wanted, Zone};

/// What may be done to records.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'m> {
    /// By which ours are known.
    pub mark: &'m Mark,
    /// Whether records are taken away.
    pub policy: DnsPolicy,
    /// Records of wanted names that nobody has marked become ours.
    pub adopt: bool,
    /// No wanted name is left with fewer addresses of ours.
    pub min_addresses: usize,
    /// All names are known: the section `dns` and all hosts of all routes. If not, a name that nobody wants keeps what it
    /// has: it may only be unreadable.
    pub hosts_are_whole: bool,
    /// Ids of records that may be something else than the list says. Of a name that has one nothing is changed or deleted.
    pub unsure: &'m BTreeSet<String>,
}

/// The smallest diff from `records` to what is `wanted`.
///
/// `records` are all those of zones in which something is wanted, and at least the marked ones of the other zones, from
/// lists that were made since the last time anything was written; in whatever order, and one may be there twice. The plan is
/// in the order of importance (names of nodes before hosts), and the same for the same input.
pub fn plan(wanted: &Wanted, records: &[Record], rules: &Rules<'_>, holds: &mut Holds, now: Instant) -> Plan {
    let mut plan = Plan { conflicts: wanted.conflicts.clone(), ..Plan::default() };
    let mut filed = filed(records, rules.mark);
    let across = Across::of(wanted, &filed, rules.mark);
    holds.begin();
    for wanted_zone in &wanted.zones {
        let zone = &wanted_zone.zone;
        let mut there = filed.remove(zone.id.as_ref()).unwrap_or_default();
        let mut diff = Diff::new(rules, (wanted, &across), zone, holds, now);
        for name in &wanted_zone.names {
            let records = there.remove(name.name.as_str()).unwrap_or_default();
            match &name.target {
                Target::Addresses(addresses) => diff.addresses(name, addresses, &records),
                Target::Alias(alias) => diff.alias(name, alias, &records),
                Target::AsItIs => diff.as_it_is(&records),
            }
        }
        for (name, records) in &there {
            diff.unwanted(name, records);
        }
        diff.finish(!wanted_zone.names.is_empty(), &mut plan);
    }
    holds.end(now);
    plan
}

/// All records of ours go, before gatepost itself does. Nothing is held: it was asked for by hand.
pub fn plan_release(zones: &[Zone], records: &[Record], mark: &Mark) -> Plan {
    let mut plan = Plan::default();
    let mut filed = filed(records, mark);
    let mut zones: Vec<&Zone> = zones.iter().collect();
    zones.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
    for zone in zones {
        let there = filed.remove(zone.id.as_ref()).unwrap_or_default();
        let ours = there.into_values().flatten().filter(|record| mark.owns(record.comment.as_deref()));
        let mut deletes: Vec<Record> = ours.cloned().collect();
        // by name they are already
        deletes.sort_by(|a, b| (&a.name, &a.kind, &a.content, &a.id).cmp(&(&b.name, &b.kind, &b.content, &b.id)));
        if !deletes.is_empty() {
            plan.zones.push(ZonePlan { deletes, ..ZonePlan::of(zone) });
        }
    }
    plan
}

/// Records by zone and by name. Those of one name: ours first, by id.
pub(super) type Filed<'r> = HashMap<&'r str, BTreeMap<Cow<'r, str>, Vec<&'r Record>>>;

fn filed<'r>(records: &'r [Record], mark: &Mark) -> Filed<'r> {
    let mut filed = Filed::new();
    let mut seen = HashSet::with_capacity(records.len());
    for record in records {
        let is_concerned = match &record.kind {
            RecordType::A | RecordType::Aaaa | RecordType::Cname => true,
            // no CNAME can stand beside
            RecordType::Other(kind) => kind.as_ref() == "NS",
        };
        // pages that change while they are read tell of one record twice, and it is not to be its own duplicate
        if is_concerned && seen.insert((record.zone.as_ref(), record.id.as_str())) {
            let zone = filed.entry(record.zone.as_ref()).or_default();
            zone.entry(one_form(&record.name)).or_default().push(record);
        }
    }
    for records in filed.values_mut().flat_map(BTreeMap::values_mut) {
        records.sort_by_cached_key(|record| (!mark.owns(record.comment.as_deref()), record.id.as_str()));
    }
    filed
}
