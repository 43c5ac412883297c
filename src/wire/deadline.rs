//! Every wait has an end: a cell per connection or stream, and one coarse sweep per worker.
//!
//! One door: [`Deadlines::open`]. Arming costs two stores; a timer of tokio's costs some hundred nanoseconds a phase.
//! The sweep only marks and wakes: the owner alone closes, so that no reused descriptor can be hit.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::lifecycle::Open;

/// A timeout under this makes the sweep run at [`FINE`].
const SHORT: u64 = 5_000;
/// Milliseconds between sweeps while a short timeout is in force.
pub(super) const FINE: u64 = 100;
/// Milliseconds between sweeps otherwise.
pub(super) const COARSE: u64 = 1_000;

/// Milliseconds since the worker began, read from the system once per request and sweep.
#[derive(Debug)]
pub struct Clock {
    start: Instant,
    coarse: Cell<u64>,
}

impl Default for Clock {
    fn default() -> Self {
        Clock { start: Instant::now(), coarse: Cell::new(0) }
    }
}

impl Clock {
    /// The time, from the system.
    pub fn now(&self) -> Instant {
        let now = Instant::now();
        self.coarse.set(now.duration_since(self.start).as_millis() as u64);
        now
    }

    /// Milliseconds since the start when [`Clock::now`] was last asked.
    pub fn coarse(&self) -> u64 {
        self.coarse.get()
    }
}

/// What is being waited for; decides how the end of the wait is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The next request on a client connection.
    Idle,
    /// The rest of a request's head.
    Head,
    /// A connection to the app.
    Connect,
    /// The app's word on `Expect: 100-continue`.
    Continue,
    /// The first byte of the answer.
    FirstByte,
    /// The next bytes of an unfinished body.
    Body,
    /// The next bytes of a tunnel or an endless answer.
    Tunnel,
    /// The whole request.
    Request,
    /// The rest of a body that nobody wants.
    Drain,
    /// The process ends, or the tunnel's route is gone.
    Shutdown,
}

const NEVER: u64 = u64::MAX;

#[derive(Debug)]
struct Slot {
    at: Cell<u64>,
    phase: Cell<Phase>,
    /// The bound of the whole request, whatever phase it is in.
    limit: Cell<u64>,
    /// Set by the process's end or a lost route; wins over every phase.
    shutdown: Cell<u64>,
    expired: Cell<Option<Phase>>,
    index: Cell<usize>,
    waker: RefCell<Option<Waker>>,
}

/// All cells of a worker.
#[derive(Debug, Default)]
pub struct Deadlines {
    clock: Clock,
    slots: RefCell<Vec<Rc<Slot>>>,
    fine_until: Cell<u64>,
    sweeper: RefCell<Option<Waker>>,
    /// Cells that are opened while the process ends are bounded too.
    ending: Cell<Option<u64>>,
}

/// One owner's cell.
#[derive(Debug)]
pub struct Deadline {
    slot: Rc<Slot>,
    all: Rc<Deadlines>,
}

impl Deadlines {
    /// The worker's clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// How many cells there are.
    pub fn len(&self) -> usize {
        self.slots.borrow().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A cell for a connection or stream, not armed.
    pub fn open(self: &Rc<Self>) -> Deadline {
        let mut slots = self.slots.borrow_mut();
        let slot = Rc::new(Slot {
            at: Cell::new(NEVER),
            phase: Cell::new(Phase::Idle),
            limit: Cell::new(NEVER),
            shutdown: Cell::new(self.ending.get().unwrap_or(NEVER)),
            expired: Cell::new(None),
            index: Cell::new(slots.len()),
            waker: RefCell::new(None),
        });
        slots.push(Rc::clone(&slot));
        Deadline { slot, all: Rc::clone(self) }
    }

    /// Marks and wakes every owner whose time is up. Returns the milliseconds until the next sweep.
    pub fn sweep(&self) -> u64 {
        self.clock.now();
        let now = self.clock.coarse();
        for slot in self.slots.borrow().iter() {
            slot.expire(now);
        }
        self.interval()
    }

    /// Milliseconds between two sweeps at this time.
    pub fn interval(&self) -> u64 {
        if self.fine_until.get() > self.clock.coarse() { FINE } else { COARSE }
    }

    /// Wakes every owner, so that it looks at what changed around it.
    pub fn wake_all(&self) {
        for slot in self.slots.borrow().iter() {
            slot.wake();
        }
    }

    /// Wakes every owner that waits in `phase`.
    pub fn wake(&self, phase: Phase) {
        for slot in self.slots.borrow().iter().filter(|slot| slot.phase.get() == phase) {
            slot.wake();
        }
    }

    /// Every owner ends within that time; those in [`Phase::Tunnel`] within what `tunnels` says for each.
    pub fn shut_down(&self, within: Duration, mut tunnels: impl FnMut() -> Duration) {
        self.clock.now();
        let now = self.clock.coarse();
        self.ending.set(Some(now + millis(within)));
        for slot in self.slots.borrow().iter() {
            let within = if slot.phase.get() == Phase::Tunnel { tunnels() } else { within };
            slot.shutdown.set(slot.shutdown.get().min(now + millis(within)));
        }
        self.refine(now, SHORT - 1);
    }

    /// Nobody is in [`Phase::Idle`] for longer than that from now on.
    pub fn hurry_idle(&self, within: Duration) {
        self.clock.now();
        let now = self.clock.coarse();
        let slots = self.slots.borrow();
        for slot in slots.iter().filter(|slot| slot.phase.get() == Phase::Idle && slot.at.get() != NEVER) {
            slot.at.set(slot.at.get().min(now + millis(within)));
        }
        self.refine(now, millis(within));
    }

    /// How many owners wait for a request, how many are tunnels, and how many are at something else.
    pub fn census(&self) -> Open {
        let mut census = Open::default();
        for slot in self.slots.borrow().iter() {
            match slot.phase.get() {
                Phase::Tunnel => census.tunnels += 1,
                // a connection whose streams have cells of their own waits for nothing
                Phase::Idle if slot.at.get() == NEVER => {}
                Phase::Idle => census.idle += 1,
                _ => census.requests += 1,
            }
        }
        census
    }

    /// Who runs the sweeps is woken when a short timeout is armed while it sleeps for long.
    pub fn set_sweeper(&self, waker: &Waker) {
        let mut sweeper = self.sweeper.borrow_mut();
        if !sweeper.as_ref().is_some_and(|known| known.will_wake(waker)) {
            *sweeper = Some(waker.clone());
        }
    }

    fn refine(&self, now: u64, within: u64) {
        let until = now + within + FINE;
        let was_coarse = self.fine_until.get() <= now;
        if self.fine_until.get() < until {
            self.fine_until.set(until);
        }
        if was_coarse && let Some(sweeper) = &*self.sweeper.borrow() {
            sweeper.wake_by_ref();
        }
    }
}

impl Slot {
    fn expire(&self, now: u64) {
        let (at, phase) = [
            (self.at.get(), self.phase.get()),
            (self.limit.get(), Phase::Request),
            (self.shutdown.get(), Phase::Shutdown),
        ]
        .into_iter()
        .min_by_key(|(at, _)| *at)
        .unwrap_or((NEVER, Phase::Idle));
        if at <= now {
            self.expired.set(Some(phase));
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }
}

fn millis(duration: Duration) -> u64 {
    duration.as_millis().min(u128::from(NEVER / 4)) as u64
}

impl Deadline {
    /// From now on `phase` may take this long.
    pub fn arm(&self, phase: Phase, within: Duration) {
        let within = millis(within);
        if within < SHORT {
            self.all.clock.now();
            self.all.refine(self.all.clock.coarse(), within);
        }
        self.slot.phase.set(phase);
        self.slot.at.set(self.all.clock.coarse() + within);
        self.slot.expired.set(None);
    }

    /// Progress was made: the phase may take this long again.
    pub fn extend(&self, within: Duration) {
        self.arm(self.slot.phase.get(), within);
    }

    /// The phase that is being waited in.
    pub fn phase(&self) -> Phase {
        self.slot.phase.get()
    }

    /// Nothing is waited for.
    pub fn disarm(&self) {
        self.slot.at.set(NEVER);
        self.slot.expired.set(None);
    }

    /// The whole request may take this long; `None` lifts the bound.
    pub fn limit(&self, within: Option<Duration>) {
        self.slot.limit.set(within.map_or(NEVER, |within| self.all.clock.coarse() + millis(within)));
        if let Some(within) = within
            && millis(within) < SHORT
        {
            self.all.refine(self.all.clock.coarse(), millis(within));
        }
    }

    /// The owner ends within this time whatever it waits for.
    pub fn shut_down(&self, within: Duration) {
        let at = self.all.clock.coarse() + millis(within);
        self.slot.shutdown.set(self.slot.shutdown.get().min(at));
    }

    /// Milliseconds since the worker began, as the sweep sees them.
    pub fn now(&self) -> u64 {
        self.all.clock.coarse()
    }

    /// Ready when the time of the current phase is up. The task is woken then, and on [`Deadlines::wake_all`].
    pub fn poll_expired(&self, cx: &mut Context<'_>) -> Poll<Phase> {
        if let Some(phase) = self.slot.expired.get() {
            return Poll::Ready(phase);
        }
        let mut waker = self.slot.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|known| known.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
        Poll::Pending
    }
}

impl Drop for Deadline {
    fn drop(&mut self) {
        let index = self.slot.index.get();
        let mut slots = self.all.slots.borrow_mut();
        slots.swap_remove(index);
        if let Some(moved) = slots.get(index) {
            moved.index.set(index);
        }
    }
}

#[cfg(test)]
mod tests;
