//! The stages of the process and the order in which it ends. The door is [`Lifecycle::run`].

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::info;

use super::{Condition, Readiness, Signal, Signals};

/// How long requests may go on once the listeners are closed.
pub const REQUESTS: Duration = Duration::from_secs(20);
/// How long tunnels may go on once the listeners are closed and no successor has them.
pub const TUNNELS: Duration = Duration::from_secs(5);
/// What those that drain get to notice that their time is over.
const SLACK: Duration = Duration::from_secs(1);

/// Where the process stands. It only ever moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// All is as it should be.
    Serving,
    /// Not ready any more, so that whoever sends clients lets go, but everything is served as before.
    LameDuck,
    /// Listeners are closed; connections are told to end and do so when their request is done.
    Draining {
        /// Requests that are not done by then are cut.
        requests_until: Instant,
        /// Tunnels that are not done by then are cut.
        tunnels_until: Instant,
    },
    /// Whatever still runs ends now.
    Stopped,
}

impl Stage {
    /// As `/status` names it.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Serving => "serving",
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

/// The one that moves the process from stage to stage.
#[derive(Debug)]
pub struct Lifecycle {
    stage: watch::Sender<Stage>,
    staying: Condition,
}

impl Lifecycle {
    /// Serving, with a condition of its own among those of readiness.
    pub fn new(readiness: &Readiness) -> Lifecycle {
        let staying = readiness.condition("not shutting down");
        staying.set(true);
        Lifecycle { stage: watch::Sender::new(Stage::Serving), staying }
    }

    /// For whoever must act when the process ends.
    pub fn stage(&self) -> watch::Receiver<Stage> {
        self.stage.subscribe()
    }

    /// Whether nobody has asked for the end yet.
    pub fn is_serving(&self) -> bool {
        *self.stage.borrow() == Stage::Serving
    }

    /// Waits for a signal and then ends in order: not ready, serve on for what `lame_duck` says at that moment, drain
    /// until `drained` is done or time is over, stop. A second signal, at any point, ends at once.
    pub async fn run(
        &self,
        signals: &mut Signals,
        lame_duck: impl FnOnce(Signal) -> Duration,
        drained: impl Future<Output = ()>,
    ) -> Ended {
        let signal = signals.next().await;
        self.staying.set(false);
        tokio::select! {
            again = signals.next() => Ended::AtOnce(again),
            () = self.end(lame_duck(signal), drained) => Ended::Drained,
        }
    }

    async fn end(&self, lame_duck: Duration, drained: impl Future<Output = ()>) {
        tokio::pin!(drained);
        let mut is_drained = false;
        if !lame_duck.is_zero() {
            info!(seconds = lame_duck.as_secs(), "Shutting down, serving on so that clients can let go");
            self.stage.send_replace(Stage::LameDuck);
            is_drained = tokio::time::timeout(lame_duck, &mut drained).await.is_ok();
        }
        let now = Instant::now();
        info!("Closing the listeners, requests in progress are finished");
        self.stage.send_replace(Stage::Draining { requests_until: now + REQUESTS, tunnels_until: now + TUNNELS });
        if !is_drained {
            let _ = tokio::time::timeout(REQUESTS + SLACK, &mut drained).await;
        }
        self.stop();
    }

    /// Straight to the last stage, for an end that no signal asked for.
    pub fn stop(&self) {
        self.staying.set(false);
        self.stage.send_replace(Stage::Stopped);
    }
}

#[cfg(test)]
mod tests;
