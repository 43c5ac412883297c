//! Which of all processes may write to what they share outside: an election on one Lease of the API server. Doors: [`run`]
//! takes part in one on anything that is [`Leases`], [`elect`] on the Lease `gatepost` of the own namespace.
//!
//! Why two never have the right at the same moment, without a clock that they share: the right of a leader ends [`RIGHT`]
//! after it *began to send* the last write of the record that succeeded, so at most that long after the record was written.
//! Another one takes the record only once it has *seen* it unchanged for at least [`LEASE`] on its own clock, so at least
//! that long after it was written; and every write names the version that it replaces, so it succeeds only if the record is
//! unchanged still, however late it lands. Between the two are 5 s for clocks that don't run equally fast. Nothing is waited
//! for where the last leader has said that it writes no more ([`Record::is_released`]).

mod lease;
mod record;
mod standing;
mod trouble;

use tokio::sync::watch;
use tokio::time::{Duration, Instant};

use crate::backoff::Backoff;
use crate::lifecycle::{Leadership, Stage};
pub use lease::elect;
pub use record::{Candidate, Change, Claim, Fault, Leases, Record};
use standing::Standing;
use trouble::Trouble;

/// The shortest time after which a record that nobody renews may be taken, by the clock of who takes it.
pub const LEASE: Duration = Duration::from_secs(15);
/// How long after a renewal began its writer may write outside.
pub const RIGHT: Duration = Duration::from_secs(10);
/// How long the release may take once the process has been told to end, the call that it was in the middle of included.
pub const RELEASE: Duration = Duration::from_secs(3);

/// A record that asks for a longer time than this is taken after this.
const LONGEST: Duration = Duration::from_secs(60);
/// Between two looks, or two renewals: at most this, and less by [`JITTER`].
const RETRY: Duration = Duration::from_secs(2);
/// From half to the whole of it is taken off, so that many followers don't come at the same moment.
const JITTER: Duration = Duration::from_millis(400);
/// A call that takes longer is given up. It may succeed all the same.
const CALL: Duration = Duration::from_secs(3);
/// Between two tries of a release.
const AGAIN: Duration = Duration::from_millis(100);
/// `leaseDurationSeconds` of a record that is held, and of one that was let go, as client-go has it.
const SECONDS: (i32, i32) = (15, 1);

/// Takes part until the stage is no longer `Serving` (or its sender is gone), releases the record if this process has it,
/// and ends; from start to end of that in at most [`RELEASE`]. `leadership` is told each state, `on_change` when it becomes
/// another one. Nothing that goes wrong ends it.
pub async fn run(
    leases: impl Leases,
    candidate: Candidate,
    stage: watch::Receiver<Stage>,
    leadership: watch::Sender<Leadership>,
    on_change: impl FnMut(Change<'_>) + Send,
) {
    let jitter = Backoff::with_seed(JITTER, JITTER, candidate.seed);
    let trouble = Trouble::new(candidate.seed);
    let standing = Standing::new(stage, leadership, on_change);
    let mut elector =
        Elector { leases, candidate, standing, seen: None, highest: 0, is_unanswered: false, jitter, trouble };
    while !elector.standing.is_leaving() {
        let round = elector.round().await;
        if !elector.standing.is_leaving() {
            let wait = elector.wait(round);
            elector.standing.pause(wait).await;
        }
    }
    elector.release().await;
}

struct Elector<L, F> {
    leases: L,
    candidate: Candidate,
    standing: Standing<F>,
    seen: Option<Seen>,
    /// The highest term so far, of anybody: a Lease that was deleted and made anew counts from 0, terms here don't.
    highest: i64,
    /// A write got no answer: it may have succeeded, or may yet.
    is_unanswered: bool,
    jitter: Backoff,
    trouble: Trouble,
}

/// A record, and since when it is known just so.
struct Seen {
    record: Record,
    since: Instant,
}

impl Seen {
    /// When it may be taken by one who has not written it.
    fn until(&self) -> Instant {
        if self.record.is_released() {
            return self.since;
        }
        // Never shorter than what a leader of ours counts on, whatever is written there. That goes for a record without
        // a holder too: one that was edited, or made anew, says nothing about what its last holder still does.
        let asked = self.record.seconds.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs);
        self.since + asked.unwrap_or(LEASE).clamp(LEASE, LONGEST)
    }
}

impl<L: Leases, F: FnMut(Change<'_>) + Send> Elector<L, F> {
    /// One look, or one renewal, and what follows from it at once.
    async fn round(&mut self) -> Result<(), Fault> {
        if let (Some(term), Some(record)) = (self.standing.term(), self.own()) {
            match self.claim(&record, Some(term)).await {
                Ok(true) => return Ok(()),
                // somebody was faster, or a write of ours had no answer; or the right has ended meanwhile
                Ok(false) | Err(Fault::Conflict) => {}
                Err(fault) => return Err(fault),
            }
        }
        let record = self.look().await?;
        let term = self.standing.term();
        if self.is_own(&record) {
            // Only this life of this process writes its number, so this is a write of ours, with or without an answer,
            // and nobody has taken the record since: no wait. After a gap it is another term, so that what was planned
            // before the right ended stays undone.
            self.claim(&record, term).await?;
        } else if self.is_due() {
            self.claim(&record, None).await?;
        } else if self.standing.is_known() || !record.holder.is_empty() {
            // Also where the holder has our name: it is an earlier life of this process, whose last call may be on its
            // way still, or another process by the same name, which lives. Neither can be told from the other, and
            // either is waited for as anybody is. Then the term is a new one.
            self.standing.follow(&format!("{:?} has the lease", record.holder));
        }
        Ok(())
    }

    /// Writes the record, as renewal of `term` or as the begin of a new one, and says whether this process leads now.
    async fn claim(&mut self, record: &Record, term: Option<i64>) -> Result<bool, Fault> {
        if self.standing.is_leaving() {
            return Ok(false);
        }
        let transitions = term.unwrap_or_else(|| self.highest.saturating_add(1));
        let claim = Claim {
            holder: self.candidate.identity.clone(),
            process: self.candidate.process(),
            seconds: SECONDS.0,
            transitions,
            is_new: term.is_none(),
        };
        let until = Instant::now() + RIGHT;
        let written = self.put(record, &claim).await?;
        self.highest = self.highest.max(transitions);
        // what was renewed must be in force still, and a process that was frozen meanwhile comes too late
        let is_late = Instant::now() >= until || (term.is_some() && self.standing.term() != term);
        if is_late || self.standing.is_leaving() {
            return Ok(false);
        }
        self.standing.lead(transitions, until, &written);
        Ok(true)
    }

    async fn look(&mut self) -> Result<Record, Fault> {
        let answer = self.standing.during(CALL, self.leases.get()).await.unwrap_or_else(|| Err(Fault::silence()));
        if let Ok(record) = &answer {
            self.is_unanswered = false;
            self.saw(record);
        }
        answer
    }

    async fn put(&mut self, record: &Record, claim: &Claim) -> Result<Record, Fault> {
        let call = self.leases.replace(record, claim);
        let answer = self.standing.during(CALL, call).await.unwrap_or_else(|| Err(Fault::silence()));
        match &answer {
            Ok(record) => self.saw(record),
            Err(Fault::Unavailable(_)) => self.is_unanswered = true,
            Err(_) => {}
        }
        answer
    }

    fn saw(&mut self, record: &Record) {
        self.highest = self.highest.max(record.transitions);
        if self.seen.as_ref().is_none_or(|seen| seen.record != *record) {
            self.seen = Some(Seen { record: record.clone(), since: Instant::now() });
        }
    }

    /// The record as this process wrote it last, as far as it knows.
    fn own(&self) -> Option<Record> {
        self.seen.as_ref().map(|seen| &seen.record).filter(|record| self.is_own(record)).cloned()
    }

    fn is_own(&self, record: &Record) -> bool {
        record.holder == self.candidate.identity && record.process == self.candidate.process()
    }

    fn is_due(&self) -> bool {
        self.seen.as_ref().is_some_and(|seen| seen.until() <= Instant::now())
    }

    /// Does what is to be done about a fault, and says how long to wait for the next round.
    fn wait(&mut self, round: Result<(), Fault>) -> Duration {
        let retry = RETRY.saturating_sub(self.jitter.next_wait());
        match round {
            Ok(()) => {
                self.trouble.over();
                let due = self.seen.as_ref().map(|seen| seen.until().saturating_duration_since(Instant::now()));
                // what is due soon is taken as soon as it is; what is due already was another one's a moment ago
                due.filter(|due| !due.is_zero()).map_or(retry, |due| due.min(retry))
            }
            Err(fault) => {
                if matches!(fault, Fault::Missing(_)) && self.standing.is_known() {
                    // whoever makes it anew makes one that does not know of us
                    self.standing.follow("the lease is gone");
                }
                let longer = self.trouble.wait(&fault);
                if self.standing.term().is_some() { retry } else { longer.unwrap_or(retry) }
            }
        }
    }

    /// Lets the record go, so that the next one need not wait for its age. Whoever comes here has no right any more.
    async fn release(mut self) {
        let Some(end) = self.standing.end() else { return };
        if self.own().is_none() && !self.is_unanswered {
            return;
        }
        match tokio::time::timeout_at(end, self.let_go()).await {
            Ok(Ok(true)) => tracing::info!("The lease is released"),
            Ok(Ok(false)) => {}
            Ok(Err(fault)) => tracing::info!(%fault, "The lease is not released, it is free in 15 s"),
            Err(_) => tracing::info!("The lease could not be released in time, it is free in 15 s"),
        }
    }

    /// Whether there was something to let go. Tries until the caller has enough.
    async fn let_go(&mut self) -> Result<bool, Fault> {
        loop {
            let known = if self.is_unanswered { None } else { self.own() };
            let tried = match known {
                Some(record) => Ok(record),
                None => self.look().await,
            };
            let tried = match tried {
                Ok(record) if !self.is_own(&record) => return Ok(false),
                Ok(record) => {
                    let (process, transitions) = (record.process.clone(), record.transitions);
                    let claim =
                        Claim { holder: String::new(), process, seconds: SECONDS.1, transitions, is_new: false };
                    self.put(&record, &claim).await
                }
                Err(fault) => Err(fault),
            };
            match tried {
                Ok(_) => return Ok(true),
                Err(Fault::Conflict | Fault::Unavailable(_)) => self.is_unanswered = true,
                Err(fault) => return Err(fault),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }
}

#[cfg(test)]
mod tests;
