//! What is still open while the process drains, told every few seconds. One door: [`watch`].

use std::future::Future;
use std::ops::Add;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior};
use tracing::info;

/// Between two lines.
const LINE: Duration = Duration::from_secs(5);

/// What keeps a process that drains, by count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Open {
    /// Requests that are not done.
    pub requests: usize,
    /// Connections that wait for a request.
    pub idle: usize,
    /// Tunnels and endless answers.
    pub tunnels: usize,
}

impl Add for Open {
    type Output = Open;

    fn add(self, other: Open) -> Open {
        let Open { requests, idle, tunnels } = other;
        Open { requests: self.requests + requests, idle: self.idle + idle, tunnels: self.tunnels + tunnels }
    }
}

/// Waits until all is done, but no longer than `within`.
pub(super) async fn watch(drained: &mut Pin<&mut impl Future<Output = ()>>, within: Duration, open: impl Fn() -> Open) {
    let began = Instant::now();
    let end = began + within;
    let mut lines = tokio::time::interval_at(began + LINE, LINE);
    lines.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = drained.as_mut() => return,
            () = tokio::time::sleep_until(end) => {
                let Open { requests, idle, tunnels } = open();
                return info!(requests, idle, tunnels, "The time is over, what is open is cut");
            }
            now = lines.tick() => {
                let Open { requests, idle, tunnels } = open();
                let seconds_left = end.saturating_duration_since(now).as_secs();
                info!(requests, idle, tunnels, seconds_left, "Draining, still open");
            }
        }
    }
}
