//! The stages of the process and the order in which it ends. The door is [`Lifecycle::run`].
//!
//! ```text
//!   serving ─► handing over ─► draining with a successor ─► stopped
//!      │            │ the successor dies
//!      │            ▼
//!      └──────► lame duck ───► draining ──────────────────► stopped
//! ```

mod progress;

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::info;

use super::handover::{Duty, Succession, Successor, WELL};
use super::{Condition, Readiness, Signal, Signals};

pub use progress::Open;

/// How long requests may go on once the listeners are closed and no successor has them.
pub const REQUESTS: Duration = Duration::from_secs(20);
/// How long tunnels may go on once the listeners are closed and no successor has them.
pub const TUNNELS: Duration = Duration::from_secs(5);
/// What those that drain get to notice that their time is over.
const SLACK: Duration = Duration::from_secs(1);
/// What a pod is given between its signal and its end: `terminationGracePeriodSeconds` in `deploy/`.
const GRACE: Duration = Duration::from_secs(330);
/// Of that, what is left for the control plane, the access log and the exit.
const LAST: Duration = Duration::from_secs(10);

/// Where the process stands. It only ever moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// All is as it should be. Perhaps another process accepts in place of this one.
    Serving,
    /// This process is to end, and another one that accepts has to show first that it does well.
    HandingOver,
    /// Not ready any more, so that whoever sends clients lets go, but everything is served as before.
    LameDuck,
    /// Listeners are closed; connections are told to end and do so when their request is done.
    Draining {
        /// Requests that are not done by then are cut.
        requests_until: Instant,
        /// Tunnels that are not done by then are cut.
        tunnels_until: Instant,
        /// Another process accepts new connections, so nobody has to hurry.
        has_successor: bool,
    },
    /// Whatever still runs ends now.
    Stopped,
}

impl Stage {
    /// As `/status` names it.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Serving => "serving",
            Stage::HandingOver => "handingOver",
            Stage::LameDuck => "lameDuck",
            Stage::Draining { .. } => "draining",
            Stage::Stopped => "stopped",
        }
    }
}

/// How [`Lifecycle::run`] came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// In order.
    Drained,
    /// A second signal wants the process gone; it exits with [`Signal::exit_code`] without waiting for anything.
    AtOnce(Signal),
}

/// What the end depends on.
#[derive(Debug)]
pub struct Farewell<T, D, O> {
    /// Whether whoever runs the process ends it when it is to end, and starts it again when it ends by itself.
    pub is_pod: bool,
    /// What the configuration says at the moment when it is asked.
    pub times: T,
    /// Is done when no connection is left.
    pub drained: D,
    /// What is still open.
    pub open: O,
}

/// What the configuration says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// How long to serve on when the node loses its proxy.
    pub lame_duck: Duration,
    /// How long tunnels may go on when a successor has the listeners.
    pub tunnels: Duration,
}

/// The one that moves the process from stage to stage.
#[derive(Debug)]
pub struct Lifecycle {
    stage: watch::Sender<Stage>,
    duty: watch::Sender<Duty>,
    staying: Condition,
}

impl Lifecycle {
    /// Serving, with a condition of its own among those of readiness.
    pub fn new(readiness: &Readiness) -> Lifecycle {
        let staying = readiness.condition("not shutting down");
        staying.set(true);
        Lifecycle { stage: watch::Sender::new(Stage::Serving), duty: watch::Sender::new(Duty::Active), staying }
    }

    /// For whoever must act when the process ends.
    pub fn stage(&self) -> watch::Receiver<Stage> {
        self.stage.subscribe()
    }

    /// Whether this process accepts: whoever hands over writes it, whoever listens follows it.
    pub fn duty(&self) -> &watch::Sender<Duty> {
        &self.duty
    }

    /// Whether nobody has asked for the end yet.
    pub fn is_serving(&self) -> bool {
        *self.stage.borrow() == Stage::Serving
    }

    /// Waits for a signal, or outside a pod for a successor that does well, and then ends in order. With a successor:
    /// drain for as long as the configuration says. Without one: not ready, serve on, drain in little time. Then stop. A
    /// second signal, at any point, ends at once.
    pub async fn run<T, D, O>(
        &self,
        signals: &mut Signals,
        succession: &mut Succession,
        farewell: Farewell<T, D, O>,
    ) -> Ended
    where
        T: FnMut() -> Times,
        D: Future<Output = ()>,
        O: Fn() -> Open,
    {
        let signal = tokio::select! {
            signal = signals.next() => Some(signal),
            () = succession.confirmed(), if !farewell.is_pod => None,
        };
        self.staying.set(false);
        tokio::select! {
            again = signals.next() => Ended::AtOnce(again),
            () = self.end(signal, succession, farewell) => Ended::Drained,
        }
    }

    async fn end<T, D, O>(&self, signal: Option<Signal>, succession: &mut Succession, farewell: Farewell<T, D, O>)
    where
        T: FnMut() -> Times,
        D: Future<Output = ()>,
        O: Fn() -> Open,
    {
        let Farewell { is_pod, mut times, drained, open } = farewell;
        let began = tokio::time::Instant::now();
        let lame_duck = if is_pod && signal == Some(Signal::Terminate) { times().lame_duck } else { Duration::ZERO };
        tokio::pin!(drained);
        let parted = tokio::select! {
            () = &mut drained => None,
            has_successor = self.part(succession, lame_duck) => Some(has_successor),
        };
        succession.leave().await;
        if let Some(has_successor) = parted {
            let left = if is_pod { GRACE.saturating_sub(began.elapsed() + LAST) } else { Duration::MAX };
            let (requests, tunnels) = if has_successor {
                let tunnels = times().tunnels.min(left);
                info!(seconds = tunnels.as_secs(), "The successor has the listeners, what is open may go on");
                (tunnels.max(REQUESTS), tunnels)
            } else {
                info!("Closing the listeners, requests in progress are finished");
                (REQUESTS, TUNNELS)
            };
            // a pod that is still there after that has been given more
            let requests = if left.is_zero() { requests } else { requests.min(left) };
            let now = Instant::now();
            let (requests_until, tunnels_until) = (now + requests, now + tunnels);
            self.stage.send_replace(Stage::Draining { requests_until, tunnels_until, has_successor });
            progress::watch(&mut drained, requests + SLACK, open).await;
        }
        self.stop();
    }

    /// Serves on until the listeners may be let go of; whether a successor has them then.
    async fn part(&self, succession: &mut Succession, lame_duck: Duration) -> bool {
        if succession.is_stood_by() {
            self.stage.send_replace(Stage::HandingOver);
            if succession.take_back().await {
                self.duty.send_replace(Duty::Relieved);
                return true;
            }
        }
        let until = tokio::time::Instant::now() + lame_duck;
        loop {
            match succession.successor() {
                Successor::Confirmed => {
                    succession.leave().await;
                    // it may have died in this very moment, and this process accepts again
                    if succession.successor() == Successor::Confirmed {
                        return true;
                    }
                }
                Successor::Probation => {
                    info!("Shutting down once the successor has shown that it does well");
                    self.stage.send_if_modified(|stage| forward(stage, Stage::HandingOver));
                    let decided = succession.changed_from(Successor::Probation);
                    if tokio::time::timeout(WELL, decided).await.is_err() {
                        succession.leave().await;
                        if succession.successor() != Successor::None {
                            return true;
                        }
                    }
                }
                Successor::None => {
                    if lame_duck.is_zero() {
                        return false;
                    }
                    info!(seconds = lame_duck.as_secs(), "Shutting down, serving on so that clients can let go");
                    self.stage.send_if_modified(|stage| forward(stage, Stage::LameDuck));
                    if tokio::time::timeout_at(until, succession.changed_from(Successor::None)).await.is_err() {
                        return false;
                    }
                }
            }
        }
    }

    /// Straight to the last stage, for an end that no signal asked for.
    pub fn stop(&self) {
        self.staying.set(false);
        self.stage.send_replace(Stage::Stopped);
    }
}

fn forward(stage: &mut Stage, to: Stage) -> bool {
    let is_forward = *stage < to;
    if is_forward {
        *stage = to;
    }
    is_forward
}

#[cfg(test)]
mod tests;
