//! A worker: one thread, one runtime, its own listeners, pools and counters.
//!
//! One door: [`start`]. The worker's own loop sweeps deadlines, turns the log over, and follows the process's stage to
//! its end.

mod accepts;
mod ending;
mod held;
mod latest;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::runtime::LocalOptions;
use tokio::sync::{Notify, oneshot, watch};

use super::clients::Clients;
use super::connection::{self, Listener};
use super::exchange::Exchange;
use super::listener::{Bound, Owned, Place};
use super::table::Table;
use crate::certs::Store;
use crate::config::CloudflareNetworks;
use crate::lifecycle::handover::Duty;
use crate::lifecycle::{Open, Stage};
use crate::published::Reader;
use crate::routing::RouteTable;
use crate::telemetry::lines::{Lines, WorkerLines};
use crate::telemetry::metrics::{self, Metrics};
use crate::upstream::{self, Upstream};
use crate::wire::{Deadlines, Phase};
use accepts::Accepts;
use ending::{Census, Ending};

/// What every worker gets.
#[derive(Clone)]
pub struct Setup {
    /// The current table, whenever it changes.
    pub routes: Reader<RouteTable>,
    /// The current certificates, whenever they change.
    pub certificates: Reader<Store>,
    /// The networks from which Cloudflare's edge comes, whenever they change.
    pub cloudflare: Reader<CloudflareNetworks>,
    /// Where clients that came in clear are sent; `None` = nobody listens for TLS.
    pub https_port: Option<u16>,
    /// Where requests are counted.
    pub metrics: Arc<Metrics>,
    /// Where the access log goes; `None` = nowhere.
    pub lines: Option<Lines>,
    /// The stage of the process.
    pub stage: watch::Receiver<Stage>,
    /// Whether it accepts.
    pub duty: watch::Receiver<Duty>,
    /// The same for sockets that only a predecessor wanted: until it has no copies of them any more.
    pub leftover: watch::Receiver<Duty>,
    /// Most client connections, whatever the routes file allows: what there is memory for.
    pub connections: usize,
    /// How apps are reached.
    pub upstream: upstream::Settings,
    /// The `cdn-id` by which this installation knows its own requests again (RFC 8586), the same on all its nodes.
    pub loop_id: String,
}

/// The worker threads.
#[derive(Debug)]
pub struct Running {
    workers: Vec<oneshot::Receiver<Result<(), WorkerError>>>,
    census: Census,
}

/// A worker ended before it should.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// Its runtime could not be made.
    #[error("a worker could not start: {0}")]
    Start(io::Error),
    /// It panicked outside of any connection.
    #[error("a worker panicked")]
    Panicked,
    /// It let nobody in any more.
    #[error("a worker stopped accepting connections")]
    Deaf,
}

/// Runs a thread for each worker that sockets were bound for.
///
/// # Errors
/// A thread could not be made.
pub fn start(bound: Bound, setup: &Setup) -> Result<Running, WorkerError> {
    let listener = |&Place { endpoint, is_leftover }: &Place| Listener {
        metric: setup.metrics.listener(&endpoint.addr.to_string()),
        tls: endpoint.tls,
        is_leftover,
    };
    let listeners: Vec<Listener> = bound.places().iter().map(listener).collect();
    let workers = bound.into_workers();
    let clients = Arc::new(Clients::default());
    let count = workers.len();
    let mut running = Running { workers: Vec::with_capacity(count), census: Census::of(count) };
    for (index, sockets) in workers.into_iter().enumerate() {
        let (done, ended) = oneshot::channel();
        let (setup, clients, listeners) = (setup.clone(), Arc::clone(&clients), listeners.clone());
        let census = running.census.clone();
        std::thread::Builder::new()
            .name(format!("worker-{index}"))
            .spawn(move || {
                let _ = done.send(run(sockets, &listeners, setup, clients, (census, index)));
            })
            .map_err(WorkerError::Start)?;
        running.workers.push(ended);
    }
    Ok(running)
}

impl Running {
    /// What is still open, once the process drains.
    pub fn census(&self) -> impl Fn() -> Open + use<> {
        let census = self.census.clone();
        move || census.sum()
    }

    /// Waits until every worker has drained.
    ///
    /// # Errors
    /// The first worker that ended for another reason.
    pub async fn join(self) -> Result<(), WorkerError> {
        futures_util::future::try_join_all(self.workers.into_iter().map(worker_end)).await.map(|_| ())
    }
}

async fn worker_end(worker: oneshot::Receiver<Result<(), WorkerError>>) -> Result<(), WorkerError> {
    worker.await.unwrap_or(Err(WorkerError::Panicked))
}

fn run(
    sockets: Vec<Owned>,
    listeners: &[Listener],
    setup: Setup,
    clients: Arc<Clients>,
    (census, index): (Census, usize),
) -> Result<(), WorkerError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .map_err(WorkerError::Start)?;
    runtime.block_on(async {
        let (stage, duty, leftover) = (setup.stage.clone(), setup.duty.clone(), setup.leftover.clone());
        let worker = Worker::new(setup, clients, census.workers());
        let accepting = Rc::new(Notify::new());
        let mut accepts = Accepts::default();
        for Owned { place, socket, .. } in sockets {
            let listener = listeners[place];
            let duty = if listener.is_leftover { leftover.clone() } else { duty.clone() };
            let (worker, closing) = (Rc::clone(&worker), Rc::clone(&accepting));
            let accept = connection::accept(worker, socket, listener, closing, duty);
            accepts.push(tokio::task::spawn_local(accept));
        }
        let tell = |open| census.tell(index, open);
        worker.follow(stage, &accepting, &mut accepts, tell).await?;
        worker.upstream.close();
        if let Some(lines) = &mut *worker.lines.borrow_mut() {
            lines.flush();
        }
        accepts.ended().await
    })
}

/// Request state that a worker keeps for the next requests: 256 x some 4 KiB.
const KEPT_EXCHANGES: usize = 256;

/// What the connections of one worker share.
pub(super) struct Worker {
    pub(super) upstream: Rc<Upstream>,
    pub(super) deadlines: Rc<Deadlines>,
    pub(super) metrics: Arc<metrics::Worker>,
    pub(super) clients: Arc<Clients>,
    pub(super) loop_id: String,
    pub(super) lines: RefCell<Option<WorkerLines>>,
    pub(super) https_port: Option<u16>,
    routes: RefCell<Reader<RouteTable>>,
    certificates: RefCell<Reader<Store>>,
    cloudflare: RefCell<Reader<CloudflareNetworks>>,
    table: RefCell<Option<Rc<Table>>>,
    #[expect(clippy::vec_box, reason = "they are lent and taken back as boxes")]
    exchanges: RefCell<Vec<Box<Exchange>>>,
    workers: usize,
    connections: usize,
    /// Handshakes that are under way.
    shaking: Cell<usize>,
    open: Cell<usize>,
    none_open: Notify,
    ending: Cell<Ending>,
    dice: Cell<u64>,
    /// Unix time in milliseconds at which the worker's clock was 0.
    epoch: Cell<u64>,
}

impl Worker {
    pub(super) fn new(setup: Setup, clients: Arc<Clients>, workers: usize) -> Rc<Self> {
        let Setup {
            routes,
            certificates,
            cloudflare,
            https_port,
            metrics,
            lines,
            stage: _,
            duty: _,
            leftover: _,
            connections,
            upstream,
            loop_id,
        } = setup;
        let metrics = metrics.worker();
        let deadlines = Rc::new(Deadlines::default());
        let seed = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), workers);
        let worker = Rc::new(Worker {
            upstream: Upstream::new(upstream, Arc::clone(&metrics), Rc::clone(&deadlines)),
            deadlines,
            metrics,
            clients,
            loop_id,
            lines: RefCell::new(lines.as_ref().map(Lines::worker)),
            https_port,
            routes: RefCell::new(routes),
            certificates: RefCell::new(certificates),
            cloudflare: RefCell::new(cloudflare),
            table: RefCell::new(None),
            exchanges: RefCell::default(),
            workers,
            connections,
            shaking: Cell::new(0),
            open: Cell::new(0),
            none_open: Notify::new(),
            ending: Cell::default(),
            dice: Cell::new(seed),
            epoch: Cell::new(0),
        });
        worker.set_epoch();
        worker
    }

    /// A number nobody can guess from those before it without the state (splitmix64).
    pub(super) fn roll(&self) -> u64 {
        let state = self.dice.get().wrapping_add(0x9E37_79B9_7F4A_7C15);
        self.dice.set(state);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Unix time in seconds, by the worker's clock.
    pub(super) fn unix_seconds(&self) -> i64 {
        i64::try_from(self.unix_ms(self.deadlines.clock().coarse()) / 1000).unwrap_or(i64::MAX)
    }

    /// Unix time in milliseconds of a moment of the worker's clock.
    pub(super) fn unix_ms(&self, at: u64) -> u64 {
        self.epoch.get() + at
    }

    /// State for a request, from those kept.
    pub(super) fn take_exchange(&self) -> Box<Exchange> {
        self.exchanges.borrow_mut().pop().unwrap_or_default()
    }

    /// Keeps it for the next.
    pub(super) fn keep_exchange(&self, exchange: Box<Exchange>) {
        let mut kept = self.exchanges.borrow_mut();
        if kept.len() < KEPT_EXCHANGES {
            kept.push(exchange);
        }
    }

    /// Runs until the process's end: sweeps, and the order of shutting down. `tell` is told what is open while it drains.
    async fn follow(
        &self,
        mut stage: watch::Receiver<Stage>,
        accepting: &Notify,
        accepts: &mut Accepts,
        tell: impl Fn(Open),
    ) -> Result<(), WorkerError> {
        let mut seen_table = None;
        loop {
            tokio::select! {
                () = self.pause() => self.tick(&mut seen_table),
                changed = stage.changed() => match (changed, *stage.borrow_and_update()) {
                    (Ok(()), Stage::Serving | Stage::HandingOver | Stage::LameDuck) => {}
                    (Ok(()), Stage::Draining { requests_until, tunnels_until, has_successor }) => {
                        self.begin_draining(requests_until, tunnels_until, has_successor);
                        accepting.notify_waiters();
                        // whom they still let in is counted before it is asked whether anybody is left
                        accepts.ended().await?;
                    }
                    // whoever leads the process is gone: there is nothing to wait for
                    (Ok(()), Stage::Stopped) | (Err(_), _) => {
                        self.ending.set(Ending::Hurried);
                        accepting.notify_waiters();
                        return Ok(());
                    }
                },
                () = self.none_open.notified(), if self.is_draining() => {}
                error = accepts.lost(), if !self.is_draining() => return Err(error),
            }
            if self.is_draining() {
                tell(self.deadlines.census());
                if self.open.get() == 0 {
                    return Ok(());
                }
            }
        }
    }

    /// Until the next sweep; shorter at once when a short timeout is armed meanwhile.
    async fn pause(&self) {
        let began = self.deadlines.clock().coarse();
        let mut sleep = std::pin::pin!(tokio::time::sleep(Duration::from_millis(self.deadlines.interval())));
        let mut fine = false;
        poll_fn(|cx| {
            self.deadlines.set_sweeper(cx.waker());
            let interval = self.deadlines.interval();
            if interval < 1000 && !std::mem::replace(&mut fine, true) {
                let gone = self.deadlines.clock().coarse().saturating_sub(began);
                let left = Duration::from_millis(interval.saturating_sub(gone));
                sleep.as_mut().reset(tokio::time::Instant::now() + left);
            }
            sleep.as_mut().poll(cx)
        })
        .await;
    }

    fn tick(&self, seen_table: &mut Option<u64>) {
        self.deadlines.sweep();
        self.upstream.sweep();
        self.set_epoch();
        if let Some(lines) = &mut *self.lines.borrow_mut() {
            lines.tick(self.unix_ms(self.deadlines.clock().coarse()));
        }
        let generation = self.table().map(|table| table.routes.generation());
        if std::mem::replace(seen_table, generation) != generation {
            // tunnels whose route is gone get `drain.tunnels` from now on; each looks for its own
            self.deadlines.wake(Phase::Tunnel);
        }
    }

    fn set_epoch(&self) {
        self.deadlines.clock().now();
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        self.epoch.set(unix.saturating_sub(self.deadlines.clock().coarse()));
    }
}

#[cfg(test)]
pub(super) mod tests;
