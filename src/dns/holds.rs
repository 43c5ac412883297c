//! How long an address has been unwanted, and what went a moment ago: [`Holds`], the memory between two plans.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::time::Duration;

use tokio::time::Instant;

use super::{Record, ZoneId};

/// How long what would empty most of a name is held back, and for how long a removal counts as one at the same moment.
pub const HOLD: Duration = Duration::from_secs(30);

/// What one process remembers of unwanted addresses. Another that begins to lead begins with none, and so holds anew; what
/// the last one took away a moment before does not count with it. To hold everything at first instead would keep a dead node
/// among the addresses just when it was the leader's own.
///
/// It holds no more than there are addresses of ours that nobody wants, and removals of the last [`HOLD`].
#[derive(Debug, Clone, Default)]
pub struct Holds {
    names: HashMap<ZoneId, HashMap<String, Name>>,
    due: Option<Instant>,
}

#[derive(Debug, Clone, Default)]
struct Name {
    /// Addresses that the last plan did not want, and the first plan of all those since that did not either.
    unwanted: BTreeMap<IpAddr, Instant>,
    /// Addresses that were taken away.
    removed: BTreeMap<IpAddr, Instant>,
    /// The plan that is being made has come by.
    is_seen: bool,
}

/// Which of a name's unwanted addresses may go.
#[derive(Debug, PartialEq, Eq, Default)]
pub(super) struct Verdict {
    pub(super) go: Vec<IpAddr>,
    pub(super) held: Vec<IpAddr>,
}

impl Holds {
    /// Nothing is remembered.
    pub fn new() -> Holds {
        Holds::default()
    }

    /// When the first of those that the last plan held may go: the time to look again, if nothing happens before.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// This record, as it was before, was deleted or has become another one. Anything but an address is passed over.
    pub fn removed(&mut self, record: &Record, now: Instant) {
        let Some(address) = record.address() else { return };
        self.name(&record.zone, &super::wanted::one_form(&record.name)).removed.insert(address, now);
    }

    /// A plan is made, and says of every name what it does not want.
    pub(super) fn begin(&mut self) {
        self.due = None;
        for name in self.names.values_mut().flat_map(HashMap::values_mut) {
            name.is_seen = false;
        }
    }

    /// The plan is made: what it did not come by is forgotten.
    pub(super) fn end(&mut self, now: Instant) {
        for names in self.names.values_mut() {
            names.retain(|_, name| {
                name.removed.retain(|_, at| now.duration_since(*at) < HOLD);
                if !name.is_seen {
                    name.unwanted.clear();
                }
                !(name.unwanted.is_empty() && name.removed.is_empty())
            });
        }
        self.names.retain(|_, names| !names.is_empty());
    }

    /// Which of the `unwanted` addresses of a name may go now. `ours`: the addresses that it has, the unwanted among them.
    /// If they are most of them they go when they have been unwanted for as long as `hold`.
    pub(super) fn weigh<T>(
        &mut self,
        (zone, name): (&ZoneId, &str),
        ours: &BTreeMap<IpAddr, T>,
        unwanted: &[IpAddr],
        hold: Duration,
        now: Instant,
    ) -> Verdict {
        let name = self.name(zone, name);
        name.is_seen = true;
        let since = |address: &IpAddr| (*address, name.unwanted.get(address).copied().unwrap_or(now));
        name.unwanted = unwanted.iter().map(since).collect();
        // what has come back since was not lost
        let is_lost =
            |(address, at): &(&IpAddr, &Instant)| now.duration_since(**at) < HOLD && !ours.contains_key(*address);
        let lost = name.removed.iter().filter(is_lost).count();
        if (unwanted.len() + lost) * 2 <= ours.len() + lost {
            return Verdict { go: unwanted.to_vec(), held: Vec::new() };
        }
        let is_due = |address: &&IpAddr| name.unwanted.get(address).is_some_and(|at| now.duration_since(*at) >= hold);
        let (go, held): (Vec<&IpAddr>, Vec<&IpAddr>) = unwanted.iter().partition(is_due);
        let next = held.iter().filter_map(|address| name.unwanted.get(address)).min().map(|at| *at + hold);
        self.due = [self.due, next].into_iter().flatten().min();
        Verdict { go: go.into_iter().copied().collect(), held: held.into_iter().copied().collect() }
    }

    /// The `unwanted` addresses of a name are of use still; when they have been of none for as long as `hold` they go.
    pub(super) fn postpone(
        &mut self,
        (zone, name): (&ZoneId, &str),
        unwanted: &[IpAddr],
        hold: Duration,
        now: Instant,
    ) {
        let name = self.name(zone, name);
        name.is_seen = true;
        name.unwanted = unwanted.iter().map(|address| (*address, now)).collect();
        self.due = Some(self.due.map_or(now + hold, |due| due.min(now + hold)));
    }

    fn name(&mut self, zone: &ZoneId, name: &str) -> &mut Name {
        let names = self.names.entry(ZoneId::clone(zone)).or_default();
        names.entry(name.to_owned()).or_default()
    }
}
