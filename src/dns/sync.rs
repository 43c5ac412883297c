//! The task that keeps the records as they should be, in the one process that leads. One door: [`Sync::run`].
//!
//! It is woken by changes of the cluster and of the configuration, and looks every ten minutes in any case. Whatever woke
//! it, it looks at everything anew: what it knew before changes nothing but the time at which something may be taken away.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::keeper::{Applied, Keeper};
use super::{Conflict, Error, Flags, Notice, Observer, Plan, Settings, Transport, Wish, ZonePlan};
use crate::backoff::Backoff;
use crate::lifecycle::{Permit, Right};
use crate::telemetry::metrics::Metrics;

/// Changes within this time are looked at as one: a node that goes takes its pod with it.
const DEBOUNCE: Duration = Duration::from_millis(500);

/// Without anything to do there is nothing to look at either, but for news.
const IDLE: Duration = Duration::from_secs(10 * 60);

/// What was written is told so often at most, in sum: an Event for each write would be a load of its own when a node comes and
/// goes all the time.
const TELL: Duration = Duration::from_secs(60);

/// Waits after a round that failed.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Waits when the credentials are refused: a person has to do something.
const DENIED: (Duration, Duration) = (Duration::from_secs(15), Duration::from_secs(5 * 60));

/// Keeps the records.
pub struct Sync<T: Transport> {
    /// The way to them.
    pub keeper: Keeper<T>,
    /// What the operator has written.
    pub wishes: watch::Receiver<Option<Wish>>,
    /// What the operator has said when the process began.
    pub flags: Flags,
    /// Plans are logged and nothing is written.
    pub is_dry_run: bool,
    /// Where it is counted.
    pub metrics: Arc<Metrics>,
    /// Where it is told; what finds no room there is lost.
    pub notices: mpsc::Sender<Notice>,
}

/// One time of leading.
struct Term<'s, T: Transport, O> {
    sync: &'s mut Sync<T>,
    observer: O,
    permit: Permit,
    has_names: bool,
    told: Told,
    failing: Backoff,
    denied: Backoff,
}

/// What was told last, so that it is told once.
#[derive(Default)]
struct Told {
    /// When what was written was told last, and what was written since.
    applied: (Option<Instant>, [usize; 3]),
    held: Option<Notice>,
    conflicts: Option<Notice>,
    failed: Option<Notice>,
    undone: BTreeMap<String, Error>,
    /// Of a dry run.
    plan: Option<Plan>,
}

/// When the next round is.
enum Next {
    /// At this time, or when there is news.
    News(Instant),
    /// Not before this time.
    Pause(Instant),
}

impl<T: Transport> Sync<T> {
    /// Keeps the records while this process leads, until the future is dropped. `observe` gives somebody who looks at the
    /// cluster, for one time of leading.
    pub async fn run<O: Observer>(mut self, mut right: Right, mut observe: impl FnMut() -> O) {
        loop {
            let permit = right.gained().await;
            let lost = permit.clone();
            let mut term = Term::new(&mut self, observe(), permit);
            tokio::select! {
                biased;
                () = lost.lost() => {}
                () = term.run() => {}
            }
            // a call that was on its way is cut with its connection
            self.keeper.forget();
            self.metrics.dns().clear();
        }
    }
}

impl<'s, T: Transport, O: Observer> Term<'s, T, O> {
    fn new(sync: &'s mut Sync<T>, observer: O, permit: Permit) -> Self {
        // no other installation has this seed, and what was seen to happen can be played again
        let seed = sync.keeper.seed() ^ permit.term().unsigned_abs();
        let failing = Backoff::with_seed(AGAIN.0, AGAIN.1, seed);
        let denied = Backoff::with_seed(DENIED.0, DENIED.1, seed);
        Term { sync, observer, permit, has_names: false, told: Told::default(), failing, denied }
    }

    /// One round after the other; it has no end.
    async fn run(&mut self) {
        loop {
            let next = match self.round().await {
                Ok(next) => {
                    self.failing.reset();
                    self.denied.reset();
                    self.told.failed = None;
                    Next::News(next)
                }
                Err(error) => self.failed(&error),
            };
            match next {
                Next::Pause(until) => tokio::time::sleep_until(until).await,
                Next::News(until) => {
                    let paced = Instant::now() + self.sync.keeper.pace();
                    tokio::select! {
                        biased;
                        () = tokio::time::sleep_until(until) => {}
                        () = self.news() => {
                            let settled = Instant::now() + DEBOUNCE;
                            tokio::time::sleep_until(settled.max(paced.min(until))).await;
                        }
                    }
                }
            }
        }
    }

    async fn news(&mut self) {
        tokio::select! {
            biased;
            // without a name there is nothing to be looked at
            () = self.observer.changed(), if self.has_names => {}
            changed = self.sync.wishes.changed() => if changed.is_err() {
                // the process ends
                std::future::pending::<()>().await;
            },
        }
    }

    /// Brings the records up to date, and says when to look again though nothing is heard.
    async fn round(&mut self) -> Result<Instant, Error> {
        let wish = self.sync.wishes.borrow_and_update().clone();
        let wanted = wish.map(|wish| (Settings::of(&wish.config.dns, &self.sync.flags), wish));
        let Some((settings, wish)) = wanted.filter(|(settings, _)| !settings.names.is_empty()) else {
            self.has_names = false;
            self.sync.metrics.dns().clear();
            return Ok(Instant::now() + IDLE);
        };
        self.has_names = true;
        let planned = self.sync.keeper.plan(&self.permit, (&wish, &settings), &mut self.observer).await?;
        self.tell(&planned.plan);
        if self.sync.is_dry_run {
            self.show(planned.plan);
        } else {
            let applied = self.sync.keeper.apply(&self.permit, &planned).await;
            self.applied(applied)?;
            if planned.missed.is_none() {
                self.sync.metrics.dns().succeeded();
            }
        }
        planned.missed.map_or_else(|| Ok(self.sync.keeper.due()), Err)
    }

    /// Says what was found, where it was not said before.
    fn tell(&mut self, plan: &Plan) {
        let Plan { zones, held, conflicts, waiting } = plan;
        if !waiting.is_empty() {
            tracing::info!(names = waiting.len(), "Names lead elsewhere until what they are to lead to has an address");
        }
        let ours: BTreeMap<String, u64> = zones.iter().map(|zone| (zone.zone.name.clone(), zone.ours as u64)).collect();
        let addresses = held.iter().map(|held| held.addresses.len()).sum();
        self.sync.metrics.dns().planned(ours, addresses, conflicts.len());
        let notice = (!held.is_empty()).then(|| Notice::Held(held.clone()));
        if tell(&mut self.told.held, notice, &self.sync.notices) {
            for held in held {
                tracing::warn!(name = held.name, "Addresses at Cloudflare are held: {held}");
            }
        }
        let notice = (!conflicts.is_empty()).then(|| Notice::Conflicts(conflicts.clone()));
        if self.told.conflicts != notice {
            let known = self.told.conflicts.take();
            tell(&mut self.told.conflicts, notice, &self.sync.notices);
            let is_known =
                |conflict: &Conflict| matches!(&known, Some(Notice::Conflicts(known)) if known.contains(conflict));
            for conflict in conflicts.iter().filter(|conflict| !is_known(conflict)) {
                tracing::warn!(%conflict, "A name at Cloudflare cannot be as it is wanted");
            }
        }
    }

    /// The end of a round that wrote.
    fn applied(&mut self, applied: Applied) -> Result<(), Error> {
        let Applied { added, changed, deleted, undone, failed } = applied;
        for (what, count) in [("added", added), ("changed", changed), ("deleted", deleted)] {
            self.sync.metrics.dns().wrote(what, count);
        }
        if added + changed + deleted > 0 {
            tracing::info!(added, changed, deleted, "DNS records changed");
        }
        self.tell_applied([added, changed, deleted]);
        for (name, error) in &undone {
            if self.told.undone.get(name) != Some(error) {
                tracing::warn!(name, %error, "Cloudflare does not take a record");
            }
        }
        let refused = undone.values().next().cloned();
        self.told.undone = undone;
        failed.or(refused).map_or(Ok(()), Err)
    }

    /// What is not told now is in what is told after a later round.
    fn tell_applied(&mut self, now: [usize; 3]) {
        let (told, written) = &mut self.told.applied;
        for (sum, count) in written.iter_mut().zip(now) {
            *sum += count;
        }
        if *written != [0; 3] && told.is_none_or(|at| at.elapsed() >= TELL) {
            let [added, changed, deleted] = std::mem::take(written);
            *told = Some(Instant::now());
            tell(&mut None, Some(Notice::Applied { added, changed, deleted }), &self.sync.notices);
        }
    }

    /// The end of a dry run's round.
    fn show(&mut self, plan: Plan) {
        if self.told.plan.as_ref() == Some(&plan) {
            return;
        }
        let count = |pick: fn(&ZonePlan) -> usize| plan.zones.iter().map(pick).sum::<usize>();
        tracing::info!(
            adds = count(|zone| zone.adds.len()),
            changes = count(|zone| zone.changes.len()),
            deletes = count(|zone| zone.deletes.len()),
            swaps = count(|zone| zone.swaps.len()),
            held = plan.held.len(),
            conflicts = plan.conflicts.len(),
            "A dry run: this is what would be done"
        );
        self.told.plan = Some(plan);
    }

    /// What is done about a round that failed.
    fn failed(&mut self, error: &Error) -> Next {
        self.sync.metrics.dns().error(error.kind().as_str());
        let wait = match error {
            Error::RateLimited { after } => self.failing.next_wait().max(*after),
            Error::Denied(_) => self.denied.next_wait(),
            _ => self.failing.next_wait(),
        };
        let is_news = match error {
            Error::Denied(_) | Error::Refused { .. } => {
                tell(&mut self.told.failed, Some(Notice::Failed(error.clone())), &self.sync.notices)
            }
            // what heals by itself is spoken of when it has not
            _ => self.failing.failures() == 2,
        };
        let again_in_seconds = wait.as_secs();
        if is_news {
            tracing::warn!(%error, again_in_seconds, "DNS records stay as they are");
        } else {
            tracing::debug!(%error, again_in_seconds, "A look at the DNS records has failed");
        }
        let at = Instant::now() + wait;
        // news do not make Cloudflare want more calls; whatever else failed may go well with them
        if matches!(error, Error::RateLimited { .. }) { Next::Pause(at) } else { Next::News(at) }
    }
}

/// Tells what was not told last. Whether it was.
fn tell(told: &mut Option<Notice>, now: Option<Notice>, notices: &mpsc::Sender<Notice>) -> bool {
    if *told == now {
        return false;
    }
    told.clone_from(&now);
    let Some(notice) = now else { return false };
    if notices.try_send(notice).is_err() {
        tracing::debug!("A notice about DNS records is lost: too many wait");
    }
    true
}
