//! Step 9 of a request: to the app and back to the head of its answer, with the one safe retry.
//!
//! One door: [`send`].

use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::connect::connect;
use super::{App, Error, Pool, Upstream, http2, idle};
use crate::config::{BackendScheme, Timeouts};
use crate::message::{Framing, Head, Method};
use crate::wire::{Broken, Deadline, Http1, Phase, Pump, Side, others_first};

/// How long an app may be silent on `Expect: 100-continue` before the client is asked for the body (RFC 9110 10.1.1).
const CONTINUE: Duration = Duration::from_secs(1);
/// Interim answers that one request may have.
const INTERIM: u32 = 32;

/// A request that is ready to leave.
pub struct Outgoing<'a> {
    /// Its head as the app gets it, framing aside.
    pub head: &'a Head,
    /// How its body is framed.
    pub framing: Framing,
    /// Its method.
    pub method: Method,
    /// It asks for WebSocket.
    pub upgrade: bool,
    /// The client waits for an interim 100 before it sends the body.
    pub expect: bool,
    /// The route's bounds.
    pub timeouts: &'a Timeouts,
}

/// What came of it.
pub struct Sent {
    /// The app's side; its answer's head has been read.
    pub app: App,
    /// How the answer's body is framed.
    pub framing: Framing,
    /// Tries after the first.
    pub retries: u32,
    /// When the head was there.
    pub at: Instant,
}

/// Sends a request through `pool` and reads the head of its final answer into `answer`, while `upload` moves the body.
/// Interim answers are shown to `interim`, which writes them to the client.
///
/// A request of which no byte was written, or an idempotent one without a body, is sent once more on a fresh connection
/// when a reused one dies before the first byte of an answer (RFC 9110 9.2.2, RFC 9112 9.3.1).
///
/// # Errors
/// See [`Error`].
#[allow(clippy::too_many_arguments, reason = "each is a different owner's; a struct would only rename them")]
pub async fn send(
    upstream: &Rc<Upstream>,
    pool: &Rc<Pool>,
    request: &Outgoing<'_>,
    client: &mut Side,
    upload: &mut Pump,
    answer: &mut Head,
    deadline: &Deadline,
    interim: &mut dyn FnMut(&mut Side, &Head),
) -> Result<Sent, Error> {
    let bodiless = matches!(request.framing, Framing::None | Framing::Length(0));
    let replayable = bodiless && request.method.is_idempotent() && !request.upgrade;
    let mut app = acquire(upstream, pool, request, replayable, false, client, deadline).await?;
    app.send_head(request.head, request.framing, request.upgrade)?;
    let mut retries = 0;
    // the streams of HTTP/2 share a task, and their writes are one already
    if matches!((&*client, &app.side), (Side::Http1(_), Side::Http1(_))) {
        others_first().await;
    }
    loop {
        let mut exchange = Exchange {
            app: &mut app,
            client,
            upload,
            answer,
            request,
            deadline,
            awaits_continue: request.expect,
            interims: 0,
        };
        exchange.arm();
        let result = poll_fn(|cx| exchange.poll(cx, interim)).await;
        let interims = exchange.interims;
        match result {
            Ok(()) => break,
            Err(Error::Died) if retries == 0 && interims == 0 && app.is_reused() => {
                let unsent = app.has_sent_nothing();
                if !unsent && !replayable {
                    return Err(Error::Died);
                }
                retries += 1;
                upstream.metrics.retried();
                let mut fresh = acquire(upstream, pool, request, replayable, true, client, deadline).await?;
                match (&mut fresh.side, &mut app.side) {
                    (Side::Http1(fresh), Side::Http1(stale)) if unsent => fresh.take_over(stale),
                    _ => {
                        *upload = Pump::new(None);
                        fresh.send_head(request.head, request.framing, request.upgrade)?;
                    }
                }
                app = fresh;
            }
            Err(error) => return Err(error),
        }
    }
    let at = upstream.deadlines.clock().now();
    let framing = app.begin_answer(answer, request.method)?;
    Ok(Sent { app, framing, retries, at })
}

/// A pooled connection, or a new one within the route's `connect` timeout.
async fn acquire(
    upstream: &Rc<Upstream>,
    pool: &Rc<Pool>,
    request: &Outgoing<'_>,
    replayable: bool,
    fresh: bool,
    client: &mut Side,
    deadline: &Deadline,
) -> Result<App, Error> {
    if pool.scheme() == BackendScheme::Http && !fresh {
        let idle_for = if replayable { idle::FOR } else { idle::FOR_UNSAFE };
        if let Some((http1, address)) = pool.check_out(deadline.now(), idle_for) {
            upstream.metrics.upstream_reused();
            return Ok(App::http1(pool, http1, address, true));
        }
    }
    let within = request.timeouts.connect;
    deadline.arm(Phase::Connect, within);
    // on the heap: connecting is rare, and its state must not make every connection's task larger
    let mut connecting = Box::pin(async {
        match pool.scheme() {
            BackendScheme::Http => {
                let (stream, address) = connect(upstream, pool, within).await?;
                Ok(App::http1(pool, Http1::new(stream), address, false))
            }
            BackendScheme::H2c => {
                let (lease, reused) = http2::lease(upstream, pool, fresh, within).await?;
                Ok(App::http2(lease, reused))
            }
        }
    });
    poll_fn(|cx| {
        if let Poll::Ready(phase) = deadline.poll_expired(cx) {
            return Poll::Ready(Err(if phase == Phase::Connect { pool.late() } else { Error::Timeout(phase) }));
        }
        if client.is_incoming_done() && client.poll_gone(cx).is_ready() {
            return Poll::Ready(Err(Error::ClientGone));
        }
        connecting.as_mut().poll(cx)
    })
    .await
}

/// One try: the body goes up while the head is waited for.
struct Exchange<'e> {
    app: &'e mut App,
    client: &'e mut Side,
    upload: &'e mut Pump,
    answer: &'e mut Head,
    request: &'e Outgoing<'e>,
    deadline: &'e Deadline,
    awaits_continue: bool,
    interims: u32,
}

impl Exchange<'_> {
    fn arm(&self) {
        let timeouts = self.request.timeouts;
        match (self.upload.is_done(), self.awaits_continue) {
            (true, _) => self.deadline.arm(Phase::FirstByte, timeouts.first_byte),
            (false, true) => self.deadline.arm(Phase::Continue, CONTINUE),
            (false, false) => self.deadline.arm(Phase::Body, timeouts.idle),
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>, interim: &mut dyn FnMut(&mut Side, &Head)) -> Poll<Result<(), Error>> {
        loop {
            match self.deadline.poll_expired(cx) {
                Poll::Ready(Phase::Continue) => {
                    self.answer.start_response(100);
                    self.pass_interim(cx, interim);
                }
                Poll::Ready(Phase::Body) if self.upload.is_held_up() => return Poll::Ready(Err(Error::Unread)),
                Poll::Ready(phase) => return Poll::Ready(Err(Error::Timeout(phase))),
                Poll::Pending => {}
            }
            self.poll_upload(cx)?;
            match self.app.poll_answer(cx, self.answer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Ready(Ok(())) => {}
            }
            match self.answer.status() {
                101 if !(self.request.upgrade && self.answer.upgrade_to_websocket()) => {
                    return Poll::Ready(Err(Error::Broken("the app switched to a protocol that nobody asked for")));
                }
                100 | 102..=199 if self.interims == INTERIM => {
                    return Poll::Ready(Err(Error::Broken("the app sends interim answers without end")));
                }
                100 | 102..=199 => self.pass_interim(cx, interim),
                _ => return Poll::Ready(Ok(())),
            }
        }
    }

    fn pass_interim(&mut self, cx: &mut Context<'_>, interim: &mut dyn FnMut(&mut Side, &Head)) {
        self.interims += 1;
        self.answer.strip_hop_by_hop();
        interim(self.client, self.answer);
        // what cannot be written now goes before the next bytes
        let _ = self.client.poll_flush(cx);
        if self.answer.status() == 100 && std::mem::take(&mut self.awaits_continue) {
            self.arm();
        }
    }

    fn poll_upload(&mut self, cx: &mut Context<'_>) -> Result<(), Error> {
        if self.upload.is_done() {
            let done = self.client.is_incoming_done();
            return if done && self.client.poll_gone(cx).is_ready() { Err(Error::ClientGone) } else { Ok(()) };
        }
        match self.upload.poll(self.client, &mut self.app.side, cx) {
            Poll::Ready(Ok(())) => self.arm(),
            Poll::Ready(Err(Broken::Source(fault))) => return Err(Error::Client(fault)),
            Poll::Ready(Err(Broken::TooLarge)) => return Err(Error::TooLarge),
            Poll::Ready(Err(Broken::Sink(_))) if self.app.has_sent_nothing() => return Err(Error::Died),
            Poll::Ready(Err(Broken::Sink(_))) => {
                // the app may have answered before it closed: read that before saying 502
                self.upload.abandon();
                self.arm();
            }
            Poll::Pending => {
                if self.upload.take_progress() {
                    self.awaits_continue = false;
                    self.arm();
                }
            }
        }
        Ok(())
    }
}
