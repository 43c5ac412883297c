//! The diff of one zone in the making: [`Diff`]. What to do for a name is decided beside; here it is written down, and the
//! zone's room is kept.

use tokio::time::Instant;

use super::across::Across;
use super::found::Found;
use super::{Change, Conflict, Draft, Held, Plan, Reason, Rules, Swap, ZonePlan};
use crate::config::DnsPolicy;
use crate::dns::{Holds, Record, Wanted, WantedName, Zone};

/// What is planned for one zone so far.
pub(super) struct Diff<'p> {
    pub(super) rules: &'p Rules<'p>,
    pub(super) wanted: &'p Wanted,
    pub(super) across: &'p Across<'p>,
    pub(super) holds: &'p mut Holds,
    pub(super) now: Instant,
    pub(super) zone: &'p Zone,
    pub(super) held: Vec<Held>,
    pub(super) waiting: Vec<String>,
    planned: ZonePlan,
    conflicts: Vec<Conflict>,
    /// How many more records there may be; `None`: nobody has told.
    room: Option<usize>,
    /// How many more there should be.
    wanting: usize,
}

impl ZonePlan {
    /// Nothing to do.
    pub(super) fn of(zone: &Zone) -> ZonePlan {
        let zone = zone.clone();
        ZonePlan { zone, adds: Vec::new(), changes: Vec::new(), deletes: Vec::new(), swaps: Vec::new(), ours: 0 }
    }
}

impl<'p> Diff<'p> {
    pub(super) fn new(
        rules: &'p Rules<'p>,
        (wanted, across): (&'p Wanted, &'p Across<'p>),
        zone: &'p Zone,
        holds: &'p mut Holds,
        now: Instant,
    ) -> Diff<'p> {
        let planned = ZonePlan::of(zone);
        let (held, conflicts, waiting) = (Vec::new(), Vec::new(), Vec::new());
        Diff {
            rules,
            wanted,
            across,
            holds,
            now,
            zone,
            held,
            waiting,
            planned,
            conflicts,
            room: room(zone),
            wanting: 0,
        }
    }

    /// Puts the zone's part in the plan. `is_wanted`: something is wanted in the zone.
    pub(super) fn finish(self, is_wanted: bool, plan: &mut Plan) {
        let Diff { mut planned, held, mut conflicts, wanting, zone, waiting, .. } = self;
        if let Some(room) = room(zone)
            && wanting > room
        {
            conflicts.push(Conflict::NoRoom { zone: zone.name.clone(), wanted: wanting, room });
        }
        let ours = planned.ours;
        planned.ours = ours + planned.made() - planned.gone();
        plan.held.extend(held);
        plan.conflicts.extend(conflicts);
        plan.waiting.extend(waiting);
        if is_wanted || ours > 0 {
            plan.zones.push(planned);
        }
    }

    /// One of these may be something else than it looks: a write of it has had no answer.
    pub(super) fn is_unsure(&self, records: &[&Record]) -> bool {
        records.iter().any(|record| self.rules.unsure.contains(&record.id))
    }

    /// Whether something may be taken away.
    pub(super) fn takes_away(&self) -> bool {
        self.rules.policy == DnsPolicy::Sync
    }

    pub(super) fn is_marked(&self, record: &Record) -> bool {
        self.rules.mark.owns(record.comment.as_deref())
    }

    /// Sorts the records of a name, and counts ours.
    pub(super) fn found<'r>(&mut self, records: &[&'r Record], is_adopted: impl Fn(&Record) -> bool) -> Found<'r> {
        let mark = self.rules.mark;
        let found = Found::of(records, |record| {
            let comment = record.comment.as_deref();
            mark.owns(comment) || (!mark.is_foreign(comment) && is_adopted(record))
        });
        self.planned.ours += found.ours();
        found
    }

    pub(super) fn add(&mut self, draft: Draft) {
        self.wanting += 1;
        if self.take_room(1) == 1 {
            self.planned.adds.push(draft);
        }
    }

    pub(super) fn delete<'r>(&mut self, records: impl IntoIterator<Item = &'r Record>) {
        self.planned.deletes.extend(records.into_iter().cloned());
    }

    /// One call for the whole name: what goes makes room for what comes.
    pub(super) fn swap(&mut self, name: &WantedName, deletes: Vec<Record>, mut adds: Vec<Draft>) {
        let more = adds.len().saturating_sub(deletes.len());
        self.wanting += more;
        let got = self.take_room(more);
        adds.truncate(adds.len() - (more - got));
        self.planned.swaps.push(Swap { name: name.name.clone(), deletes, adds });
    }

    /// A record of ours is to be as in `to`, if it is not already.
    pub(super) fn settle(&mut self, record: &Record, to: Draft) {
        let reason = if !self.is_marked(record) {
            Reason::Adopted
        } else if !record.holds(&to) {
            Reason::Replaced
        } else if !record.is_set_as(&to) {
            Reason::Settings
        } else {
            return;
        };
        self.planned.changes.push(Change { from: record.clone(), to, reason });
    }

    pub(super) fn conflict(&mut self, conflict: Conflict) {
        self.conflicts.push(conflict);
    }

    /// Somebody else's records of a wanted name.
    pub(super) fn report_others<'r>(&mut self, name: &WantedName, others: impl IntoIterator<Item = &'r Record>) {
        for record in others {
            let (name, kind, content) = (name.name.clone(), record.kind.clone(), record.content.clone());
            let comment = record.comment.as_deref();
            let mark = comment.filter(|comment| self.rules.mark.is_foreign(Some(comment)));
            let mark = mark.and_then(|comment| comment.split_whitespace().next()).map(str::to_owned);
            self.conflict(match mark {
                Some(mark) => Conflict::OtherCluster { name, kind, content, mark },
                None => Conflict::Unmarked { name, kind, content },
            });
        }
    }

    /// A record of ours that would have to go, while nothing does.
    pub(super) fn report_kept(&mut self, name: &WantedName, record: &Record) {
        let (kind, content) = (record.kind.clone(), record.content.clone());
        self.conflict(Conflict::Kept { name: name.name.clone(), kind, content });
    }

    /// How many of `wanted` records there is room for.
    pub(super) fn room_for(&self, wanted: usize) -> usize {
        self.room.map_or(wanted, |room| room.min(wanted))
    }

    fn take_room(&mut self, wanted: usize) -> usize {
        let got = self.room_for(wanted);
        self.room = self.room.map(|room| room - got);
        got
    }
}

fn room(zone: &Zone) -> Option<usize> {
    zone.usage.map(|usage| usage.quota.saturating_sub(usage.used) as usize)
}
