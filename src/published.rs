//! How a whole, checked value reaches those who work by it: routes, certificates. The one door is [`channel`].
//!
//! Each value has one [`Writer`] and a [`Reader`] for each worker. Looking for news costs a reader one atomic load; only when
//! there are some does it take the lock, for as long as a pointer is cloned.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Publishes values. There is one, because one task decides what is served.
#[derive(Debug)]
pub struct Writer<T>(Arc<Shared<T>>);

/// Sees the latest value. Each worker has its own.
#[derive(Debug)]
pub struct Reader<T> {
    shared: Arc<Shared<T>>,
    /// How many values had been published when `value` was read.
    seen: u64,
    value: Option<Arc<T>>,
}

struct Shared<T> {
    /// How many values have been published; written with the lock held.
    published: AtomicU64,
    values: Mutex<Values<T>>,
    hooks: Mutex<Vec<Hook>>,
}

struct Values<T> {
    current: Option<Arc<T>>,
    /// Held until the next publication, so that it is the writer that frees it: a table of ten thousand routes takes
    /// its time to go, and no worker's requests shall wait for that.
    before: Option<Arc<T>>,
}

type Hook = Box<dyn Fn() + Send + Sync>;

/// Both ends, with the value to begin with, if there is one already.
pub fn channel<T>(first: Option<Arc<T>>) -> (Writer<T>, Reader<T>) {
    let shared = Arc::new(Shared {
        published: AtomicU64::new(u64::from(first.is_some())),
        values: Mutex::new(Values { current: first, before: None }),
        hooks: Mutex::new(Vec::new()),
    });
    let reader = Reader { shared: Arc::clone(&shared), seen: 0, value: None };
    (Writer(shared), reader)
}

impl<T> Writer<T> {
    /// Makes this the value of every request from now on.
    pub fn publish(&self, value: T) -> Arc<T> {
        let value = Arc::new(value);
        let gone = {
            let mut values = locked(&self.0.values);
            self.0.published.fetch_add(1, Ordering::Release);
            let before = values.current.replace(Arc::clone(&value));
            std::mem::replace(&mut values.before, before)
        };
        // not with the lock held
        drop(gone);
        for hook in locked(&self.0.hooks).iter() {
            hook();
        }
        value
    }

    /// The value that was published last.
    pub fn current(&self) -> Option<Arc<T>> {
        locked(&self.0.values).current.clone()
    }

    /// Calls `hook` after every publication, to wake a worker that waits for something else. It must not publish.
    pub fn on_publish(&self, hook: Box<dyn Fn() + Send + Sync>) {
        locked(&self.0.hooks).push(hook);
    }

    /// One more reader.
    pub fn reader(&self) -> Reader<T> {
        Reader { shared: Arc::clone(&self.0), seen: 0, value: None }
    }
}

impl<T> Reader<T> {
    /// The latest value; `None` before there is one. One atomic load when there is nothing new.
    #[inline]
    pub fn load(&mut self) -> Option<&Arc<T>> {
        if self.shared.published.load(Ordering::Acquire) != self.seen {
            self.refresh();
        }
        self.value.as_ref()
    }

    /// Which publication the last [`Reader::load`] gave; another number is another value.
    pub fn publication(&self) -> u64 {
        self.seen
    }

    #[cold]
    fn refresh(&mut self) {
        let values = locked(&self.shared.values);
        self.seen = self.shared.published.load(Ordering::Relaxed);
        self.value.clone_from(&values.current);
    }
}

impl<T> Clone for Reader<T> {
    /// A reader for another worker: it sees the same values.
    fn clone(&self) -> Reader<T> {
        Reader { shared: Arc::clone(&self.shared), seen: 0, value: None }
    }
}

impl<T> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("published", &self.published).finish_non_exhaustive()
    }
}

/// What these locks guard is whole at any time, also after a panic elsewhere.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
