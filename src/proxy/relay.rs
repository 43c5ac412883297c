//! After the answer's head: both bodies, each as fast as its receiver takes it, until both have ended.
//!
//! One door: [`Relay::run`].

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::client::Client;
use super::error::{Blame, Error};
use super::exchange::Exchange;
use super::table::RouteState;
use super::worker::Worker;
use crate::message::{Framing, Head, Name};
use crate::upstream::{self, App};
use crate::wire::{Broken, Phase, Pump, Side, others_first};

/// An answer under way.
pub(super) struct Relay<'r> {
    pub(super) worker: &'r Rc<Worker>,
    pub(super) route: &'r Rc<RouteState>,
    pub(super) client: &'r mut Client,
    pub(super) app: App,
    /// When the answer's head was there.
    pub(super) head_at: Instant,
    pub(super) upload: Pump,
    /// The app keeps its connection open.
    pub(super) reusable: bool,
    /// The idle limit is that of tunnels.
    pub(super) endless: bool,
    /// The app switched protocols: bytes flow as they are, each direction ends by itself.
    pub(super) tunnel: bool,
}

/// Whether an answer's type says that it goes on for as long as the client listens.
pub(super) fn is_endless(answer: &Head) -> bool {
    answer.get(Name::ContentType).is_some_and(|kind| {
        let starts = |prefix: &[u8]| kind.len() >= prefix.len() && kind[..prefix.len()].eq_ignore_ascii_case(prefix);
        starts(b"text/event-stream") || starts(b"application/grpc") || starts(b"application/x-ndjson")
    })
}

/// When each direction last moved, in the sweep's milliseconds.
struct Moved {
    up: u64,
    down: u64,
}

impl Relay<'_> {
    /// Moves what is left of the bodies. Then [`Relay::finish`].
    ///
    /// # Errors
    /// Either side broke off, or was silent for too long.
    pub(super) async fn run(&mut self, x: &mut Exchange) -> Result<(), Error> {
        if self.tunnel {
            self.upload = Pump::tunnel();
            self.client.close = true;
            for side in [&mut self.client.side, &mut self.app.side] {
                if let Side::Http1(http1) = side {
                    http1.begin_incoming(Framing::UntilClose);
                    http1.begin_outgoing(Framing::UntilClose);
                }
            }
        }
        let mut download = if self.tunnel { Pump::tunnel() } else { Pump::new(None) };
        let now = self.client.deadline.now();
        let mut moved = Moved { up: now, down: now };
        let mut generation = self.generation();
        let mut waited = false;
        self.arm(&moved, &download);
        if matches!(self.client.side, Side::Http1(_)) {
            others_first().await;
        }
        let result = poll_fn(|cx| {
            let polled = self.poll(&mut download, &mut moved, &mut generation, cx);
            waited |= polled.is_pending();
            polled
        })
        .await;
        if self.tunnel {
            x.facts.bytes_in = 0;
        }
        x.facts.bytes_in = x.facts.bytes_in.max(self.upload.bytes());
        x.facts.bytes_out = download.bytes();
        if self.upload.has_lost_trailers() || download.has_lost_trailers() {
            self.worker.metrics.trailers_dropped();
        }
        if result.is_err() {
            // what came before a cut is still the client's, as far as it takes it at once
            self.client.flush_now().await;
        }
        result?;
        if !waited {
            // all of it came with the head: no need to ask for the time again. The others' turn is not in it
            x.facts.ended = Some(self.head_at);
        }
        Ok(())
    }

    /// Both bodies are through: the app's connection is free for the next request, if it is to be used again.
    pub(super) fn finish(self) {
        let whole = self.upload.is_whole() && self.client.side.is_incoming_done();
        self.app.finish(self.reusable && whole && !self.tunnel, self.client.deadline.now());
    }

    fn poll(
        &mut self,
        download: &mut Pump,
        moved: &mut Moved,
        generation: &mut Option<u64>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(), Error>> {
        if let Poll::Ready(phase) = self.client.deadline.poll_expired(cx) {
            return Poll::Ready(Err(self.late(phase, download, moved).into()));
        }
        if self.tunnel && self.generation() != *generation {
            *generation = self.generation();
            self.leave_if_route_is_gone();
        }
        let mut progress = false;
        if !self.upload.is_done() {
            match self.upload.poll(&mut self.client.side, &mut self.app.side, cx) {
                Poll::Ready(Err(Broken::Source(_))) => return Poll::Ready(Err(Blame::Gone.into())),
                Poll::Ready(Err(Broken::TooLarge)) => return Poll::Ready(Err(Blame::TooLarge.into())),
                // the app does not want the rest; its answer may still be whole
                Poll::Ready(Err(Broken::Sink(_))) => {
                    self.reusable = false;
                    self.upload.abandon();
                }
                Poll::Ready(Ok(())) | Poll::Pending => {}
            }
            if self.upload.take_progress() {
                moved.up = self.client.deadline.now();
                progress = true;
            }
        }
        let polled = if download.is_done() {
            Poll::Ready(Ok(()))
        } else {
            download.poll(&mut self.app.side, &mut self.client.side, cx)
        };
        if download.take_progress() {
            moved.down = self.client.deadline.now();
            progress = true;
        }
        match polled {
            Poll::Ready(Err(Broken::Source(_) | Broken::TooLarge)) => {
                return Poll::Ready(Err(upstream::Error::Broken("the app closed within its answer").into()));
            }
            Poll::Ready(Err(Broken::Sink(_))) => return Poll::Ready(Err(Blame::Gone.into())),
            // a tunnel's other direction may go on; an answer that is through ends the request
            Poll::Ready(Ok(())) if !self.tunnel || self.upload.is_done() => return Poll::Ready(Ok(())),
            Poll::Ready(Ok(())) | Poll::Pending => {}
        }
        let quiet = !self.tunnel && self.upload.is_done() && self.client.side.is_incoming_done();
        if quiet && self.client.side.poll_gone(cx).is_ready() {
            return Poll::Ready(Err(Blame::Gone.into()));
        }
        if progress {
            self.arm(moved, download);
        }
        Poll::Pending
    }

    /// Who is to blame for a wait that took too long: of the direction that was still, the side that was waited for.
    fn late(&self, phase: Phase, download: &Pump, moved: &Moved) -> upstream::Error {
        let up = !self.upload.is_done() && (download.is_done() || moved.up <= moved.down);
        match (phase, up) {
            (Phase::Body, true) if self.upload.is_held_up() => upstream::Error::Unread,
            (Phase::Body, false) if !download.is_held_up() => upstream::Error::Stalled,
            _ => upstream::Error::Timeout(phase),
        }
    }

    /// The direction that has been still for longest, of those that are not through, sets the deadline.
    fn arm(&self, moved: &Moved, download: &Pump) {
        let timeouts = &self.route.route.rule.timeouts;
        let (phase, idle) = if self.endless { (Phase::Tunnel, timeouts.tunnel) } else { (Phase::Body, timeouts.idle) };
        let oldest = match (self.upload.is_done(), download.is_done()) {
            // in a tunnel, and while an endless answer runs, one direction may be silent for as long as the other is not
            _ if self.endless => moved.up.max(moved.down),
            (false, false) => moved.up.min(moved.down),
            (false, true) => moved.up,
            (true, _) => moved.down,
        };
        let still = Duration::from_millis(self.client.deadline.now().saturating_sub(oldest));
        self.client.deadline.arm(phase, idle.saturating_sub(still));
    }

    fn generation(&self) -> Option<u64> {
        if self.tunnel { self.worker.table().map(|table| table.routes.generation()) } else { None }
    }

    /// A tunnel outlives its route by `drain.tunnels` at most.
    fn leave_if_route_is_gone(&self) {
        let Some(table) = self.worker.table() else { return };
        if !table.has_label(&self.route.route.label) {
            self.client.deadline.shut_down(table.routes.settings().drain.tunnels);
        }
    }
}
