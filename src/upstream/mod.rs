//! The only place from which a request leaves: resolve, pool, connect, send, and the one safe retry.
//!
//! One door: [`Upstream::pool`] finds the pool of a backend, [`send()`] sends through it and comes back with the [`App`]
//! whose answer's head has arrived. Everything here belongs to one worker: no locks, no other threads. Pools live under
//! their backend's canonical name and survive every reload.

mod address;
mod app;
mod connect;
mod error;
mod http2;
mod idle;
mod pool;
mod resolve;
mod send;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::config::Backend;
use crate::telemetry::metrics;
use crate::wire::Deadlines;

pub use address::{Policy, is_own};
pub use app::App;
pub use error::Error;
pub use pool::Pool;
pub use resolve::{ResolverError, ResolverSettings};
pub use send::{Outgoing, Sent, send};

/// How this process reaches apps; the same for every worker.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which name servers are asked.
    pub resolver: ResolverSettings,
    /// Which addresses may be connected to.
    pub policy: Policy,
    /// The namespace of a Service that is written without one.
    pub namespace: String,
    /// The cluster's DNS domain, `cluster.local` nearly everywhere.
    pub cluster_domain: String,
}

/// Most backends that a worker keeps pools for; beyond, those without connections are forgotten.
const POOLS: usize = 20_000;

/// A worker's pools.
pub struct Upstream {
    settings: Settings,
    names: resolve::Names,
    pools: RefCell<HashMap<Backend, Rc<Pool>, foldhash::fast::FixedState>>,
    room: idle::Room,
    metrics: Arc<metrics::Worker>,
    deadlines: Rc<Deadlines>,
}

impl Upstream {
    /// No pools yet.
    pub fn new(settings: Settings, metrics: Arc<metrics::Worker>, deadlines: Rc<Deadlines>) -> Rc<Self> {
        let names = resolve::Names::new(&settings.resolver);
        let (pools, room) = (RefCell::default(), idle::Room::default());
        Rc::new(Upstream { settings, names, pools, room, metrics, deadlines })
    }

    /// The pool of a backend, made on first use.
    pub fn pool(&self, backend: &Backend) -> Rc<Pool> {
        let mut pools = self.pools.borrow_mut();
        if let Some(pool) = pools.get(backend) {
            return Rc::clone(pool);
        }
        if pools.len() >= POOLS {
            pools.retain(|_, pool| Rc::strong_count(pool) > 1);
        }
        let pool = Rc::new(Pool::new(backend, &self.settings, self.room.clone()));
        pools.insert(backend.clone(), Rc::clone(&pool));
        pool
    }

    /// Closes app connections that have been idle for too long. Called by the worker's sweep.
    pub fn sweep(&self) {
        let now = self.deadlines.clock().coarse();
        for pool in self.pools.borrow().values() {
            pool.sweep(now);
        }
    }

    /// Closes every idle app connection: the worker ends.
    pub fn close(&self) {
        for pool in self.pools.borrow().values() {
            pool.close();
        }
    }
}
