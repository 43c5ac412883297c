//! The run: who sends which request when.
//!
//! One door: [`run`]. In the open loop a thread of its own keeps the clock, because a runtime's timers are too coarse
//! for it, and hands each arrival to the connection that has been free for longest.

use std::cell::RefCell;
use std::io::{IsTerminal, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

use anyhow::ensure;
use tokio::sync::{Mutex, mpsc};
use tokio::task::LocalSet;

use crate::client::Client;
use crate::plan::Plan;
use crate::report::{self, Report};
use crate::tally::{Failure, Tally};

/// Arrivals that wake up later than this were not sent by the clock.
const LATE: Duration = Duration::from_millis(10);

/// What every connection of a run needs.
struct Run {
    plan: Plan,
    tally: RefCell<Tally>,
    arrivals: Mutex<mpsc::UnboundedReceiver<Instant>>,
}

/// Sends the plan's requests and reports.
pub(crate) async fn run(plan: Plan) -> anyhow::Result<Report> {
    let (send, arrivals) = mpsc::unbounded_channel();
    let tally = RefCell::new(Tally::new()?);
    let run: &'static Run = Box::leak(Box::new(Run { plan, tally, arrivals: Mutex::new(arrivals) }));
    let plan = &run.plan;
    let local = LocalSet::new();
    let mut clients = Client::all(plan);
    local.run_until(prepare(plan, &mut clients)).await?;
    run.tally.borrow_mut().opened = clients.iter_mut().map(Client::take_opened).sum();
    let (start, cpu) = (Instant::now(), report::own_cpu());
    let late = plan.rate.map(|rate| {
        let requests = plan.requests;
        std::thread::spawn(move || keep_clock(start, rate, requests, &send))
    });
    let (answered, mut all_answered) = mpsc::channel::<()>(1);
    let leave = Rc::new(tokio::sync::Notify::new());
    for (place, mut client) in (0..).zip(clients) {
        let (answered, leave) = (answered.clone(), Rc::clone(&leave));
        local.spawn_local(async move {
            if plan.rate.is_some() {
                by_clock(run, &mut client).await;
            } else {
                in_turn(run, &mut client, place, start).await;
            }
            client.rest();
            let leaving = leave.notified();
            drop(answered);
            if plan.hold.is_some() {
                leaving.await;
            }
        });
    }
    drop(answered);
    let show = std::io::stderr().is_terminal();
    let mut end = Instant::now();
    let mut own_cpu = cpu;
    local
        .run_until(async {
            let mut ticks = tokio::time::interval(Duration::from_secs(1));
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
            loop {
                tokio::select! {
                    _ = all_answered.recv() => break,
                    _ = ticks.tick(), if show => progress(run, start),
                }
            }
            (end, own_cpu) = (Instant::now(), report::own_cpu());
            if let Some(hold) = plan.hold {
                eprintln!("holding {} connections for {} s", plan.connections, hold.as_secs_f64());
                tokio::time::sleep(hold).await;
                leave.notify_waiters();
            }
        })
        .await;
    if show {
        eprint!("\r\x1b[K");
    }
    let late = late.map_or(0, |clock| clock.join().unwrap_or(u64::MAX));
    let tally = run.tally.replace(Tally::new()?);
    Ok(Report::new(plan, tally, end.duration_since(start), own_cpu.saturating_sub(cpu), late))
}

/// Opens what must be open before the clock starts. A connection that fails is opened again, and counted, when its
/// first request is due; but a server without HTTP/2 has nothing that could be measured.
async fn prepare(plan: &'static Plan, clients: &mut [Client<'static>]) -> anyhow::Result<()> {
    let first = if plan.warm { clients.len() } else { usize::from(plan.streams.is_some()) };
    for client in &mut clients[..first] {
        let opened = client.open().await;
        ensure!(opened != Err(Failure::Version), "{} at {}: does not agree to HTTP/2", plan.url, plan.target);
    }
    Ok(())
}

/// Hands out every arrival at its time. Returns how many were late by more than [`LATE`] by the fault of this machine.
fn keep_clock(start: Instant, rate: u64, requests: u64, arrivals: &mpsc::UnboundedSender<Instant>) -> u64 {
    let mut late = 0;
    for i in 0..requests {
        // in u128, for an hour at a million a second is more nanoseconds x requests than u64 has
        let due = start + Duration::from_nanos((u128::from(i) * 1_000_000_000 / u128::from(rate)) as u64);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        late += u64::from(due.elapsed() > LATE);
        if arrivals.send(due).is_err() {
            break;
        }
    }
    late
}

async fn by_clock(run: &'static Run, client: &mut Client<'_>) {
    loop {
        // the lock is fair: connections take turns
        let arrival = run.arrivals.lock().await.recv().await;
        let Some(due) = arrival else { return };
        send(run, client, due).await;
    }
}

async fn in_turn(run: &'static Run, client: &mut Client<'_>, place: u64, start: Instant) {
    let Plan { requests, duration, .. } = &run.plan;
    let places = run.plan.places() as u64;
    let mine = requests / places + u64::from(place < requests % places);
    for _ in 0..mine {
        let now = Instant::now();
        if duration.is_some_and(|duration| now.duration_since(start) >= duration) {
            return;
        }
        send(run, client, now).await;
    }
}

async fn send(run: &Run, client: &mut Client<'_>, due: Instant) {
    run.tally.borrow_mut().sent += 1;
    let result = client.ask().await;
    let mut tally = run.tally.borrow_mut();
    tally.opened += client.take_opened();
    tally.record(result, due.elapsed());
}

fn progress(run: &Run, start: Instant) {
    let tally = run.tally.borrow();
    let p99 = tally.latency.value_at_quantile(0.99) as f64 / 1000.0;
    let seconds = start.elapsed().as_secs();
    eprint!(
        "\r\x1b[K{seconds} s  {} sent  {} good  {} failed  p99 {p99:.2} ms",
        tally.sent,
        tally.good,
        tally.failed()
    );
    let _ = std::io::stderr().flush();
}
