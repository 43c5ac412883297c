//! What goes on all the time: to every node, over http and https, requests on kept and on new connections, a WebSocket and
//! a slow download. Nothing is tried again. One door: [`Load::start`].

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use clap::Parser;
use tokio::task::LocalSet;
use tokio::time::MissedTickBehavior;

use crate::bed::{Bed, LOAD_HOST, NODES};
use crate::client::Client;
use crate::options::Options;
use crate::plan::Plan;
use crate::tally::Failure;
use crate::{download, websocket};

/// Clients a node, each with a connection at a time: http kept and new, https kept and new.
const CLIENTS: usize = 8;
/// Between two requests of one of them: 8 clients of 2 nodes make 256 requests a second.
const PACE: Duration = Duration::from_micros(62_500);
/// Failures of a scenario that are told one by one, and of all.
const TOLD: usize = 30;
const KEPT: usize = 10_000;

/// What a machine that is not overloaded never takes to run somebody again.
const STALL: Duration = Duration::from_millis(500);

/// Until [`Load::stop`], or until the process ends.
pub(crate) struct Load {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

/// What the clients write down.
pub(crate) struct Shared {
    began: Instant,
    counts: Mutex<Counts>,
    stop: AtomicBool,
}

/// How it was at one moment.
pub(crate) struct Mark {
    counts: Counts,
    at: Instant,
}

/// What came of it so far.
#[derive(Clone, Default)]
pub(crate) struct Counts {
    pub(crate) requests: u64,
    /// By what went wrong.
    pub(crate) failed: BTreeMap<&'static str, u64>,
    /// Of nodes that were meant to lose them.
    pub(crate) spared: u64,
    pub(crate) downloads: u64,
    pub(crate) messages: u64,
    /// How long this machine has let nobody run, each time.
    stalls: Vec<Duration>,
    /// How long WebSockets lived that were closed from the other side.
    pub(crate) lives: Vec<Duration>,
    spare: Vec<Spare>,
    told: Vec<String>,
}

/// When a node was meant to lose what it had.
#[derive(Clone)]
struct Spare {
    node: &'static str,
    until: Option<Instant>,
}

impl Load {
    pub(crate) fn start(bed: &Bed) -> Load {
        let shared = Arc::new(Shared { began: Instant::now(), counts: Mutex::default(), stop: AtomicBool::new(false) });
        let (theirs, authority) = (Arc::clone(&shared), bed.authority().display().to_string());
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            LocalSet::new().block_on(&runtime, run(&authority, &theirs));
        });
        Load { shared, thread }
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark { counts: self.shared.counts().clone(), at: Instant::now() }
    }

    /// Ends all clients, and says what all of it came to.
    pub(crate) fn stop(self) -> Counts {
        self.shared.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.shared.counts().clone()
    }

    /// What this node loses from now on is its fate, until the scenario ends.
    pub(crate) fn spare(&self, node: &'static str) {
        self.shared.counts().spare.push(Spare { node, until: None });
    }

    pub(crate) fn forgive_nobody(&self) {
        for spare in self.shared.counts().spare.iter_mut().filter(|spare| spare.until.is_none()) {
            spare.until = Some(Instant::now());
        }
    }

    pub(crate) fn counts_since(&self, mark: &Mark) -> Counts {
        self.shared.counts().since(&mark.counts)
    }

    /// Waits until so many requests have been answered since.
    pub(crate) fn until_requests(&self, mark: &Mark, wanted: u64) {
        crate::bed::until("the requests of a scenario", || (self.counts_since(mark).requests >= wanted).then_some(()));
    }

    pub(crate) fn failures_since(&self, mark: &Mark) -> String {
        let counts = self.counts_since(mark);
        format!("{counts}\n  {}", counts.told.join("\n  "))
    }

    pub(crate) fn lost_nothing_since(&self, mark: &Mark) {
        let counts = self.counts_since(mark);
        assert!(counts.requests > 0, "there was no load in {:?}", mark.at.elapsed());
        assert!(counts.failed.is_empty(), "lost: {}", self.failures_since(mark));
    }
}

// === what clients write down ===

impl Shared {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }

    pub(crate) fn count(&self, count: impl FnOnce(&mut Counts)) {
        count(&mut self.counts());
    }

    /// Something of `who` went wrong that began at that time.
    pub(crate) fn failed(&self, node: &'static str, who: &str, began: Instant, what: &'static str) {
        let mut counts = self.counts();
        if counts.spare.iter().any(|spare| spare.node == node && spare.until.is_none_or(|until| began < until)) {
            counts.spared += 1;
            return;
        }
        *counts.failed.entry(what).or_default() += 1;
        if counts.told.len() < KEPT {
            let at = self.began.elapsed();
            counts.told.push(format!("{at:.2?} {node} {who}: {what}"));
        }
    }
}

impl Counts {
    fn since(&self, before: &Counts) -> Counts {
        let failed = self.failed.iter().map(|(what, n)| (*what, n - before.failed.get(what).unwrap_or(&0)));
        Counts {
            requests: self.requests - before.requests,
            failed: failed.filter(|(_, n)| *n > 0).collect(),
            spared: self.spared - before.spared,
            downloads: self.downloads - before.downloads,
            messages: self.messages - before.messages,
            stalls: self.stalls[before.stalls.len()..].to_vec(),
            lives: self.lives[before.lives.len()..].to_vec(),
            spare: Vec::new(),
            told: self.told[before.told.len()..].iter().take(TOLD).cloned().collect(),
        }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { requests, failed, spared, downloads, messages, stalls, lives, spare: _, told: _ } = self;
        write!(
            f,
            "{requests} requests, {downloads} downloads, {messages} messages, {} WebSockets closed; ",
            lives.len()
        )?;
        write!(f, "failed: {failed:?}, on nodes meant to fail: {spared}; the machine stood still for {stalls:.1?}")
    }
}

// === the clients ===

async fn run(authority: &str, shared: &Arc<Shared>) {
    let local = LocalSet::new();
    for node in NODES {
        for place in 0..CLIENTS {
            let plan = plan(node, authority, place).await;
            let shared = Arc::clone(shared);
            local.spawn_local(async move { ask(node, &plan, &shared).await });
        }
        let (theirs, download) = (Arc::clone(shared), Arc::clone(shared));
        local.spawn_local(async move { websocket::run(node, &theirs).await });
        local.spawn_local(async move { download::run(node, &download).await });
    }
    let shared = Arc::clone(shared);
    local.spawn_local(async move { watch(&shared).await });
    local.await;
}

/// How late this machine is: what all clients lose at one moment may be its fault.
async fn watch(shared: &Shared) {
    while shared.goes_on() {
        let asleep = Instant::now();
        tokio::time::sleep(PACE).await;
        let late = asleep.elapsed().saturating_sub(PACE);
        if late > STALL {
            shared.count(|counts| counts.stalls.push(late));
        }
    }
}

/// Whether a node answers the load's request now.
pub(crate) fn answers(node: &str) -> bool {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let plan = plan(node, "", 1).await;
        Client::new(&plan).ask().await.is_ok()
    })
}

async fn plan(node: &str, authority: &str, place: usize) -> Plan {
    let (secure, new) = (place.is_multiple_of(2), place % 4 < 2);
    let (scheme, port) = if secure { ("https", 443) } else { ("http", 80) };
    let url = format!("{scheme}://{LOAD_HOST}/load");
    let connect = format!("{}:{port}", Bed::address(node));
    let mut words = vec!["load", &url, "--connect", &connect, "--requests", "1"];
    words.extend(["--expect-status", "200"]);
    if secure {
        words.extend(["--cacert", authority]);
    }
    if new {
        words.push("--new-connection");
    }
    Plan::of(Options::try_parse_from(words).unwrap()).await.unwrap()
}

async fn ask(node: &'static str, plan: &Plan, shared: &Shared) {
    let mut client = Client::new(plan);
    let who = format!("{} {}", if plan.new_connection { "new connection" } else { "kept connection" }, plan.url);
    let mut ticks = tokio::time::interval(PACE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while shared.goes_on() {
        ticks.tick().await;
        let began = Instant::now();
        let answer = client.ask().await;
        shared.count(|counts| counts.requests += 1);
        if let Err(failure) = answer {
            shared.failed(node, &who, began, name(failure));
        }
    }
}

fn name(failure: Failure) -> &'static str {
    Failure::ALL.iter().find(|(known, _)| *known == failure).unwrap().1
}
