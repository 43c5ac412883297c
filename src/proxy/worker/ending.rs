//! How a worker's connections end: at once where nobody takes the process's place, else each in its own time.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Worker;
use crate::lifecycle::Open;

/// With a successor an idle connection is closed after so long: a client that asks meanwhile is told in its answer, and
/// none finds its request met by a close.
const PARTING: Duration = Duration::from_secs(2);

/// Whether connections are to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Ending {
    /// They are not.
    #[default]
    No,
    /// With their current request, or the next.
    Parting,
    /// With their current request; who has none goes now.
    Hurried,
}

impl Worker {
    /// Whether connections are to end with their current request.
    pub(in crate::proxy) fn is_draining(&self) -> bool {
        self.ending.get() != Ending::No
    }

    /// Whether a connection on which nothing has come is to end at once.
    pub(in crate::proxy) fn closes_silent(&self) -> bool {
        self.ending.get() == Ending::Hurried
    }

    /// How long a connection may wait for its next request.
    pub(in crate::proxy) fn keep_alive(&self) -> Duration {
        let keep_alive = self.limits().keep_alive;
        if self.is_draining() { keep_alive.min(PARTING) } else { keep_alive }
    }

    pub(super) fn begin_draining(&self, requests_until: Instant, tunnels_until: Instant, has_successor: bool) {
        self.ending.set(if has_successor { Ending::Parting } else { Ending::Hurried });
        let now = Instant::now();
        let requests = requests_until.saturating_duration_since(now);
        let tunnels = tunnels_until.saturating_duration_since(now);
        if has_successor {
            // their ends are spread over the last quarter, so that not all clients come back at once
            self.deadlines.shut_down(requests, || tunnels.saturating_sub(self.part_of(tunnels / 4)));
            self.deadlines.hurry_idle(PARTING);
        } else {
            self.deadlines.shut_down(requests, || tunnels);
        }
        self.deadlines.wake_all();
    }

    /// Any time up to that.
    fn part_of(&self, whole: Duration) -> Duration {
        let millis = u64::try_from(whole.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(self.roll() % millis.saturating_add(1).max(1))
    }
}

/// What is open on every worker, told by each.
#[derive(Debug, Clone)]
pub(super) struct Census(Arc<[Mutex<Open>]>);

impl Census {
    pub(super) fn of(workers: usize) -> Census {
        Census((0..workers).map(|_| Mutex::default()).collect())
    }

    pub(super) fn workers(&self) -> usize {
        self.0.len()
    }

    pub(super) fn tell(&self, worker: usize, open: Open) {
        if let Some(told) = self.0.get(worker) {
            *told.lock().unwrap_or_else(PoisonError::into_inner) = open;
        }
    }

    pub(super) fn sum(&self) -> Open {
        let all = self.0.iter().map(|told| *told.lock().unwrap_or_else(PoisonError::into_inner));
        all.fold(Open::default(), std::ops::Add::add)
    }
}
