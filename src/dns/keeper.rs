//! One look at Cloudflare, what it comes to, and doing that. Doors: [`Keeper::plan`] writes nothing, [`Keeper::apply`] does
//! what was planned.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::Cloudflare;
use super::apply::{Applying, Done};
use super::memory::Memory;
use super::{
    Conflict, Error, Holds, Mark, Observer, Permission, Plan, Record, Rules, Settings, Transport, Usage, Wanted, Which,
    Wish, World, Zone, ZoneId, ZonePlan, hosts, plan, plan_release,
};
use crate::lifecycle::Permit;

/// Everything is compared again so often, also what nobody has told of: a person may have edited a record.
const COMPARE: Duration = Duration::from_secs(10 * 60);

/// Names that wait for the address of another are looked at again after so long.
const SOON: Duration = Duration::from_secs(1);

/// A zone that is missing may have been added a moment ago.
const ZONELESS: Duration = Duration::from_secs(60);

/// Keeps the records of one installation.
pub struct Keeper<T: Transport> {
    cloudflare: Cloudflare<T>,
    mark: Mark,
    known: Known,
    /// Calls that were made before the last look.
    before: u64,
}

/// What was learned in one term, which says nothing of the next.
#[derive(Default)]
struct Known {
    holds: Holds,
    memory: Memory,
    zones: Option<Zones>,
    soon: Option<Instant>,
    /// Zones in which there was a record of ours, or one was made since.
    ours: BTreeSet<ZoneId>,
}

/// Zones that fail in one look before it is Cloudflare that does.
const FAILING: usize = 2;

/// Every zone that the credentials see.
struct Zones {
    all: Vec<Zone>,
    /// How full these are was asked, whether or not it was told.
    asked: BTreeSet<ZoneId>,
    /// Then everything is compared again.
    until: Instant,
}

/// What a plan was made of and came to.
#[derive(Debug)]
pub struct Planned {
    /// What is to be done.
    pub plan: Plan,
    /// A zone is not planned for: its records cannot be read. What is wanted there stays undone.
    pub missed: Option<Error>,
    /// The records that it was planned by.
    records: Vec<Record>,
}

/// What one look at Cloudflare has seen.
#[derive(Default)]
struct Look {
    records: Vec<Record>,
    /// Zones that could not be looked at.
    closed: BTreeSet<ZoneId>,
    /// How many of those may be open in a moment.
    failing: usize,
    /// Why one of those in which something is wanted was not.
    missed: Option<Error>,
}

/// What was done, whether or not all of it was.
#[derive(Debug, Default)]
pub struct Applied {
    /// How many records were made.
    pub added: usize,
    /// How many became different ones.
    pub changed: usize,
    /// How many are gone.
    pub deleted: usize,
    /// Names of which something was refused, with the first thing that Cloudflare said.
    pub undone: BTreeMap<String, Error>,
    /// The first thing that went wrong beside those; what does not hang on it was done.
    pub failed: Option<Error>,
}

impl<T: Transport> Keeper<T> {
    /// Knows nothing yet.
    pub fn new(cloudflare: Cloudflare<T>, mark: Mark) -> Keeper<T> {
        Keeper { cloudflare, mark, known: Known::default(), before: 0 }
    }

    /// Another number for every installation.
    pub(super) fn seed(&self) -> u64 {
        self.mark.seed()
    }

    /// Lets go of everything that it knows, and of the connection.
    pub fn forget(&mut self) {
        self.cloudflare.close();
        self.known = Known::default();
    }

    /// What is to be done so that the records are as `wish` and `settings` want them. The cluster is looked at last: which
    /// nodes serve changes faster than records do, and a plan by old news would take away what is needed now.
    ///
    /// # Errors
    /// The list of zones failed, or those of several zones, or the cluster could not be looked at. There is no plan of half
    /// a list.
    pub async fn plan(
        &mut self,
        permit: &Permit,
        wishes: (&Wish, &Settings),
        observer: &mut impl Observer,
    ) -> Result<Planned, Error> {
        self.before = self.cloudflare.made();
        let planned = self.planned(permit, wishes, observer).await;
        let is_stale = match &planned {
            Ok(planned) => planned.missed.is_some(),
            Err(error) => is_of_zones(error),
        };
        if is_stale {
            // one that fails may be gone, or the credentials may see others than before
            self.known.zones = None;
        }
        planned
    }

    async fn planned(
        &mut self,
        permit: &Permit,
        (wish, settings): (&Wish, &Settings),
        observer: &mut impl Observer,
    ) -> Result<Planned, Error> {
        let hosts = hosts(&wish.config.routes);
        let zones = self.zones(permit).await?;
        // in which zones something is wanted does not hang on the nodes
        let wanted = Wanted::of(settings, &World::default(), &hosts, &zones.all);
        let Look { records, closed, failing, missed } = self.look(permit, &wanted).await?;
        let world = observer.observe().await?;
        let zones = self.known.zones.as_ref().map_or(&[][..], |zones| &zones.all);
        let mut wanted = Wanted::of(settings, &world, &hosts, zones);
        wanted.zones.retain(|zone| !closed.contains(&zone.zone.id));
        let unsure = self.known.memory.unsure();
        let rules = Rules {
            mark: &self.mark,
            policy: settings.policy,
            adopt: settings.adopt,
            min_addresses: settings.min_addresses,
            // a name that nobody wants may be led to from a zone that is not seen just now
            hosts_are_whole: wish.is_whole && failing == 0,
            unsure: &unsure,
        };
        let plan = plan(&wanted, &records, &rules, &mut self.known.holds, Instant::now());
        let lacks_zone = plan.conflicts.iter().any(|conflict| matches!(conflict, Conflict::NoZone { .. }));
        if let Some(zones) = self.known.zones.as_mut().filter(|_| lacks_zone) {
            zones.until = zones.until.min(Instant::now() + ZONELESS);
        }
        // what they wait for may be there with what is done now
        self.known.soon = (!plan.waiting.is_empty() && !plan.is_empty()).then(|| Instant::now() + SOON);
        Ok(Planned { plan, missed, records })
    }

    /// What is to be done so that nothing of ours is left.
    ///
    /// # Errors
    /// A list failed.
    pub async fn plan_release(&mut self, permit: &Permit) -> Result<Planned, Error> {
        self.known.zones = None;
        let all = self.zones(permit).await?.all.clone();
        let mut look = Look::default();
        for zone in &all {
            let listed = self.cloudflare.records(permit, zone, Which::Marked(&self.mark)).await;
            let listed = look.of(zone, true, listed)?;
            look.records.extend(listed.into_iter().flatten());
        }
        let Look { records, missed, .. } = look;
        Ok(Planned { plan: plan_release(&all, &records, &self.mark), missed, records })
    }

    /// When something is to be looked at again, though nothing is heard.
    pub fn due(&self) -> Instant {
        let compare = self.known.zones.as_ref().map_or_else(|| Instant::now() + COMPARE, |zones| zones.until);
        [self.known.holds.due(), self.known.memory.due(), self.known.soon]
            .into_iter()
            .flatten()
            .fold(compare, Instant::min)
    }

    /// How long news may wait before they are looked at: not at all, but when they have come for long and each look was dear.
    pub fn pace(&self) -> Duration {
        self.cloudflare.pace(self.cloudflare.made() - self.before)
    }

    /// When addresses that are held may go, if any are.
    pub fn held_until(&self) -> Option<Instant> {
        self.known.holds.due()
    }

    /// Does what was planned, zone by zone: what goes wrong in one does not hold up the next.
    pub async fn apply(&mut self, permit: &Permit, planned: &Planned) -> Applied {
        let mut applied = Applied::default();
        for zone in planned.plan.zones.iter().filter(|zone| !zone.is_empty()) {
            let mut done = Done::default();
            let mut applying = Applying { cloudflare: &mut self.cloudflare, permit, mark: &self.mark };
            let result = applying.zone(zone, &planned.records, &mut done).await;
            applied.added += done.added;
            applied.changed += done.changed;
            applied.deleted += done.deleted;
            applied.undone.append(&mut done.undone);
            self.learn(zone, done);
            if let Err(error) = result {
                let is_end = !is_of_zones(&error);
                applied.failed = applied.failed.filter(|_| !is_end).or(Some(error));
                // zones come and go, and credentials may see others than before
                self.known.zones = None;
                if is_end {
                    break;
                }
            }
        }
        applied
    }

    /// The zones; looked for anew when everything is to be compared.
    async fn zones(&mut self, permit: &Permit) -> Result<&mut Zones, Error> {
        let known = self.known.zones.take().filter(|zones| Instant::now() < zones.until);
        let zones = match known {
            Some(zones) => zones,
            None => {
                let all = self.cloudflare.zones(permit).await?;
                self.known.ours = all.iter().map(|zone| zone.id.clone()).collect();
                Zones { all, asked: BTreeSet::new(), until: Instant::now() + COMPARE }
            }
        };
        Ok(self.known.zones.insert(zones))
    }

    /// The records of every zone in which something is wanted, and those of ours elsewhere.
    async fn look(&mut self, permit: &Permit, wanted: &Wanted) -> Result<Look, Error> {
        let mut look = Look::default();
        self.known.memory.begin();
        let Some(zones) = &mut self.known.zones else { return Ok(look) };
        let relevant = wanted.zones.iter().filter(|zone| !zone.names.is_empty()).map(|zone| &zone.zone.id);
        let relevant: BTreeSet<&ZoneId> = relevant.collect();
        for zone in &mut zones.all {
            let is_relevant = relevant.contains(&zone.id);
            if is_relevant && zone.usage.is_none() && zones.asked.insert(zone.id.clone()) {
                zone.usage = untold(self.cloudflare.usage(permit, zone).await)?;
            }
            let which = if is_relevant { Which::All } else { Which::Marked(&self.mark) };
            if is_relevant || self.known.ours.contains(&zone.id) {
                let listed = self.cloudflare.records(permit, zone, which).await;
                if let Some(listed) = look.of(zone, is_relevant, listed)? {
                    look.records.extend(self.known.memory.over(&zone.id, listed, Instant::now()));
                }
            }
        }
        let is_ours = |record: &&Record| self.mark.owns(record.comment.as_deref());
        self.known.ours = look.records.iter().filter(is_ours).map(|record| record.zone.clone()).collect();
        self.known.ours.extend(self.known.memory.hidden(Instant::now()).cloned());
        Ok(look)
    }

    /// What the next plan must know of what was done.
    fn learn(&mut self, plan: &ZonePlan, done: Done) {
        let Done { added, changed: _, deleted, removed, written, gone, missing, unanswered, undone: _ } = done;
        let now = Instant::now();
        if !written.is_empty() || !unanswered.posts.is_empty() {
            self.known.ours.insert(ZoneId::clone(&plan.zone.id));
        }
        self.known.memory.wrote(&written, now);
        self.known.memory.deleted(&plan.zone.id, &gone, now);
        self.known.memory.forget(&missing);
        self.known.memory.unanswered(&plan.zone.id, unanswered, now);
        for record in &removed {
            self.known.holds.removed(record, now);
        }
        let mut known = self.known.zones.iter_mut().flat_map(|zones| &mut zones.all);
        let usage = known.find(|known| known.id == plan.zone.id).and_then(|known| known.usage.as_mut());
        if let Some(usage) = usage {
            *usage = usage.after(added, deleted);
        }
    }
}

impl Look {
    /// What is seen of a zone; nothing of one that cannot be looked at, which is no reason to leave the others. It is told
    /// of when something is to be done there.
    fn of(
        &mut self,
        zone: &Zone,
        is_relevant: bool,
        listed: Result<Vec<Record>, Error>,
    ) -> Result<Option<Vec<Record>>, Error> {
        let error = match listed {
            Ok(records) => return Ok(Some(records)),
            Err(error) => error,
        };
        match error {
            Error::Denied(Permission::DnsEdit { .. }) => {}
            Error::Unavailable { .. } | Error::Refused { .. } if self.failing + 1 < FAILING => self.failing += 1,
            error => return Err(error),
        }
        tracing::debug!(%error, "A zone is passed over");
        self.closed.insert(ZoneId::clone(&zone.id));
        self.missed = self.missed.take().or(Some(error).filter(|_| is_relevant));
        Ok(None)
    }
}

/// How full a zone is, is not needed to keep it.
fn untold(usage: Result<Option<Usage>, Error>) -> Result<Option<Usage>, Error> {
    match usage {
        Err(error @ (Error::Unavailable { .. } | Error::Refused { .. })) => {
            tracing::debug!(%error, "How full a zone is, is not known");
            Ok(None)
        }
        usage => usage,
    }
}

/// It may have to do with which zones there are, and says nothing of the next one.
fn is_of_zones(error: &Error) -> bool {
    match error {
        Error::Denied(_) | Error::Refused { .. } | Error::Unavailable { .. } => true,
        Error::RateLimited { .. } | Error::NotLeader | Error::Unobserved(_) => false,
    }
}
