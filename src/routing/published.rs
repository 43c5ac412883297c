//! How the next table reaches those who route by it. The one door is [`channel`].
//!
//! There is one [`Writer`] and a [`Reader`] for each worker. Looking for news costs a reader one atomic load; only when
//! there are some does it take the lock, for as long as a pointer is cloned.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::RouteTable;

/// Publishes tables. There is one, because one task decides what is served.
#[derive(Debug)]
pub struct Writer(Arc<Shared>);

/// Sees the latest table. Each worker has its own.
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    /// How many tables had been published when `table` was read.
    seen: u64,
    table: Option<Arc<RouteTable>>,
}

struct Shared {
    /// How many tables have been published; written with the lock held.
    published: AtomicU64,
    tables: Mutex<Tables>,
    hooks: Mutex<Vec<Hook>>,
}

#[derive(Default)]
struct Tables {
    current: Option<Arc<RouteTable>>,
    /// Held until the next publication, so that it is the writer that frees it: a table of ten thousand routes takes
    /// its time to go, and no worker's requests shall wait for that.
    before: Option<Arc<RouteTable>>,
}

type Hook = Box<dyn Fn() + Send + Sync>;

/// Both ends, with the table to begin with, if there is one already.
pub fn channel(first: Option<Arc<RouteTable>>) -> (Writer, Reader) {
    let shared = Arc::new(Shared {
        published: AtomicU64::new(u64::from(first.is_some())),
        tables: Mutex::new(Tables { current: first, before: None }),
        hooks: Mutex::new(Vec::new()),
    });
    let reader = Reader { shared: Arc::clone(&shared), seen: 0, table: None };
    (Writer(shared), reader)
}

impl Writer {
    /// Makes this the table of every request from now on.
    pub fn publish(&self, table: RouteTable) -> Arc<RouteTable> {
        let table = Arc::new(table);
        let gone = {
            let mut tables = locked(&self.0.tables);
            self.0.published.fetch_add(1, Ordering::Release);
            let before = tables.current.replace(Arc::clone(&table));
            std::mem::replace(&mut tables.before, before)
        };
        // not with the lock held
        drop(gone);
        for hook in locked(&self.0.hooks).iter() {
            hook();
        }
        table
    }

    /// The table that was published last.
    pub fn current(&self) -> Option<Arc<RouteTable>> {
        locked(&self.0.tables).current.clone()
    }

    /// The generation of the table that was published last; 0 before there is one.
    pub fn generation(&self) -> u64 {
        locked(&self.0.tables).current.as_ref().map_or(0, |table| table.generation())
    }

    /// Calls `hook` after every publication, to wake a worker that waits for something else. It must not publish.
    pub fn on_publish(&self, hook: Box<dyn Fn() + Send + Sync>) {
        locked(&self.0.hooks).push(hook);
    }

    /// One more reader.
    pub fn reader(&self) -> Reader {
        Reader { shared: Arc::clone(&self.0), seen: 0, table: None }
    }
}

impl Reader {
    /// The latest table; `None` before there is one. One atomic load when there is nothing new.
    #[inline]
    pub fn load(&mut self) -> Option<&Arc<RouteTable>> {
        if self.shared.published.load(Ordering::Acquire) != self.seen {
            self.refresh();
        }
        self.table.as_ref()
    }

    #[cold]
    fn refresh(&mut self) {
        let tables = locked(&self.shared.tables);
        self.seen = self.shared.published.load(Ordering::Relaxed);
        self.table.clone_from(&tables.current);
    }
}

impl Clone for Reader {
    /// A reader for another worker: it sees the same tables.
    fn clone(&self) -> Reader {
        Reader { shared: Arc::clone(&self.shared), seen: 0, table: None }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("published", &self.published).finish_non_exhaustive()
    }
}

/// What these locks guard is whole at any time, also after a panic elsewhere.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
