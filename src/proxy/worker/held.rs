//! What a worker counts for as long as it lasts: connections, and handshakes among them.

use std::rc::Rc;
use std::time::Duration;

use super::Worker;
use crate::proxy::connection::HEAD;

/// With more handshakes than this under way on one worker, each new one has [`HURRIED`] in place of [`HEAD`].
const MANY: usize = 512;
const HURRIED: Duration = Duration::from_secs(2);

impl Worker {
    /// A connection counts from now on, unless this worker's share of `limits.connections`, or of what there is memory
    /// for, is used up.
    pub(in crate::proxy) fn open_connection(self: &Rc<Self>, most: usize) -> Option<OpenConnection> {
        if self.open.get() >= most.min(self.connections).div_ceil(self.workers) {
            return None;
        }
        self.open.set(self.open.get() + 1);
        Some(OpenConnection(Rc::clone(self)))
    }

    /// A handshake is under way until what this gives is dropped. How long it may take: while there are many, as when
    /// somebody opens connections and says nothing, much less, so that they do not add up.
    pub(in crate::proxy) fn shake(self: &Rc<Self>) -> (Shaking, Duration) {
        self.shaking.set(self.shaking.get() + 1);
        let within = if self.shaking.get() > MANY { HURRIED } else { HEAD };
        (Shaking(Rc::clone(self)), within)
    }
}

/// One of the worker's connections.
pub(in crate::proxy) struct OpenConnection(Rc<Worker>);

impl Drop for OpenConnection {
    fn drop(&mut self) {
        let worker = &self.0;
        if std::thread::panicking() {
            worker.metrics.panicked();
        }
        worker.open.set(worker.open.get() - 1);
        if worker.open.get() == 0 {
            worker.none_open.notify_waiters();
        }
    }
}

/// A handshake that is under way.
pub(in crate::proxy) struct Shaking(Rc<Worker>);

impl Drop for Shaking {
    fn drop(&mut self) {
        self.0.shaking.set(self.0.shaking.get() - 1);
    }
}
