//! Connections that wait for the next request to their backend. One door: [`Idle`].

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use crate::wire::Http1;

/// Connections that are kept per backend and worker: as many as are used at once come back at once, and whoever does not
/// find one of them has to connect.
const KEPT: usize = 512;
/// The same for all backends of a worker. Clients that ask for many hosts at once must not fill the memory with them.
const KEPT_IN_ALL: usize = 2_048;
/// Milliseconds an idle connection is used after: under the five seconds after which common app servers close.
pub(super) const FOR: u64 = 4_000;
/// The same for a request that cannot be sent again when the app closes at that very moment.
pub(super) const FOR_UNSAFE: u64 = 1_000;

/// Those of one backend, the last one used on top.
pub(super) struct Idle {
    waiting: Vec<Waiting>,
    room: Room,
}

struct Waiting {
    http1: Box<Http1>,
    address: SocketAddr,
    since: u64,
    _place: Place,
}

/// What a worker has for all of its backends.
#[derive(Clone, Default)]
pub(super) struct Room(Rc<Cell<usize>>);

/// One connection's part of it.
struct Place(Room);

impl Idle {
    pub(super) fn new(room: Room) -> Idle {
        Idle { waiting: Vec::new(), room }
    }

    /// One that still looks alive and is not older than `idle_for` milliseconds.
    pub(super) fn take(&mut self, now: u64, idle_for: u64) -> Option<(Box<Http1>, SocketAddr)> {
        while let Some(last) = self.waiting.last() {
            if now.saturating_sub(last.since) > idle_for {
                // those below have waited longer still
                if idle_for == FOR {
                    self.waiting.clear();
                }
                return None;
            }
            if let Some(Waiting { mut http1, address, .. }) = self.waiting.pop()
                && http1.stream().is_quiet()
            {
                return Some((http1, address));
            }
        }
        None
    }

    /// Keeps a connection, or closes it where there are enough.
    pub(super) fn keep(&mut self, http1: Box<Http1>, address: SocketAddr, now: u64) {
        if self.waiting.len() < KEPT
            && let Some(place) = self.room.place()
        {
            self.waiting.push(Waiting { http1, address, since: now, _place: place });
        }
    }

    /// Closes those that have waited for too long, and those that the app has closed.
    pub(super) fn sweep(&mut self, now: u64) {
        self.waiting.retain_mut(|idle| now.saturating_sub(idle.since) <= FOR && idle.http1.stream().is_quiet());
    }

    /// Closes those to other addresses.
    pub(super) fn retain(&mut self, known: &[SocketAddr]) {
        self.waiting.retain(|idle| known.contains(&idle.address));
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}

impl Room {
    fn place(&self) -> Option<Place> {
        let taken = self.0.get();
        (taken < KEPT_IN_ALL).then(|| {
            self.0.set(taken + 1);
            Place(self.clone())
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Room(taken) = &self.0;
        taken.set(taken.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_backend_gives_up_another_one_may_keep_and_no_more() {
        let (one, other) = (Room::default(), Room::default());
        let shared = one.clone();
        let mut kept: Vec<Place> = (0..KEPT_IN_ALL).map_while(|_| one.place()).collect();
        assert_eq!(kept.len(), KEPT_IN_ALL);
        assert!(shared.place().is_none() && other.place().is_some());
        kept.pop();
        assert!(shared.place().is_some());
        // that one was given up at once
        let again = shared.place();
        assert!(again.is_some() && one.place().is_none());
    }
}
