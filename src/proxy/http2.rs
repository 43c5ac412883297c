//! A client's HTTP/2 connection: hyper's, with prior knowledge; each stream is one `handle` in a task of its own.
//!
//! One door: [`serve`].

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::task::AbortHandle;

use super::client::{Client, HeadSlot};
use super::connection::HEAD;
use super::error::{Blame, Error};
use super::exchange::Opened;
use super::http1::told;
use super::service::{Peer, handle, introduce};
use super::worker::Worker;
use crate::config;
use crate::message::Limits;
use crate::wire::{Deadline, Frugal, Http2, LocalExecutor, Phase, Side, SlotBody};

/// What a client may send on one stream before we have taken it.
const STREAM_WINDOW: u32 = 64 * 1024;
/// The same for all its streams together: a slow app must not stop the others.
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Streams that may be reset before the connection is ended (CVE-2023-44487, CVE-2025-8671).
const RESETS: usize = 200;
/// A connection on which nothing is answered is probed after this time, and given up after the next.
const PING: Duration = Duration::from_secs(30);
/// How long a connection that was asked to end may take for what it is at; each stream has deadlines of its own.
const GOODBYE: Duration = Duration::from_secs(20);

/// Streams of a connection that are being answered.
struct Streams {
    active: Cell<usize>,
    deadline: Deadline,
    keep_alive: Duration,
}

impl Streams {
    fn enter(self: &Rc<Self>) -> Active {
        self.active.set(self.active.get() + 1);
        self.deadline.disarm();
        Active(Rc::clone(self))
    }
}

struct Active(Rc<Streams>);

impl Drop for Active {
    fn drop(&mut self) {
        let streams = &self.0;
        streams.active.set(streams.active.get() - 1);
        if streams.active.get() == 0 {
            streams.deadline.arm(Phase::Idle, streams.keep_alive);
        }
    }
}

/// Serves streams until either side wants the connection to end.
pub(super) async fn serve(worker: &Rc<Worker>, peer: Rc<Peer>, client: Option<Client>) {
    let Some(Client { side: Side::Http1(http1), deadline, .. }) = client else { return };
    let stream = http1.into_stream();
    let limits = worker.limits();
    // as the first head of HTTP/1: a client that has agreed on HTTP/2 and never says anything is not idle
    deadline.arm(Phase::Idle, limits.keep_alive.min(HEAD));
    let streams = Rc::new(Streams { active: Cell::new(0), deadline, keep_alive: limits.keep_alive });
    let config::Limits { header_bytes, header_count, streams: most, .. } = limits;
    let head = Limits { bytes: header_bytes, fields: header_count };
    let service = service_fn(|request| {
        let active = streams.enter();
        answer(Rc::clone(worker), Rc::clone(&peer), request, head, active)
    });
    let mut connection = pin!(
        hyper::server::conn::http2::Builder::new(LocalExecutor)
            .timer(TokioTimer::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_concurrent_streams(most)
            .max_header_list_size(header_bytes as u32)
            .max_pending_accept_reset_streams(RESETS)
            .max_local_error_reset_streams(RESETS)
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING)
            .serve_connection(TokioIo::new(Frugal::new(stream)), service)
    );
    let mut leaving = false;
    let ended = poll_fn(|cx| {
        match streams.deadline.poll_expired(cx) {
            Poll::Ready(Phase::Idle) if !leaving => {
                leaving = true;
                connection.as_mut().graceful_shutdown();
                streams.deadline.arm(Phase::Drain, GOODBYE);
            }
            Poll::Ready(_) => return Poll::Ready(Ok(())),
            Poll::Pending if worker.is_draining() && !leaving => {
                leaving = true;
                connection.as_mut().graceful_shutdown();
            }
            Poll::Pending => {}
        }
        connection.as_mut().poll(cx)
    })
    .await;
    if let Err(error) = ended {
        worker.metrics.client_error("http2");
        tracing::debug!(client.addr = %peer.addr, %error, "An HTTP/2 connection ended");
    }
}

/// One stream: the head as soon as `handle` has it; its body follows by itself.
async fn answer(
    worker: Rc<Worker>,
    peer: Rc<Peer>,
    request: Request<Incoming>,
    limits: Limits,
    active: Active,
) -> Result<Response<SlotBody>, Reset> {
    let slot = HeadSlot::default();
    let task = tokio::task::spawn_local(run(worker, peer, request, limits, slot.clone(), active));
    // hyper drops this future when the stream is reset before its head: then `handle` ends too
    let abort = AbortOnDrop(Some(task.abort_handle()));
    let head = poll_fn(|cx| slot.poll(cx)).await;
    abort.keep();
    head.ok_or(Reset)
}

async fn run(
    worker: Rc<Worker>,
    peer: Rc<Peer>,
    request: Request<Incoming>,
    limits: Limits,
    slot: HeadSlot,
    active: Active,
) {
    let _over = GiveUp { slot: slot.clone(), worker: Rc::clone(&worker) };
    let (parts, body) = request.into_parts();
    let mut x = Opened::new(&worker, worker.take_exchange());
    let read = x.request.from_http_request(&parts, limits);
    drop(parts);
    let side = Side::Http2(Http2::new(Some(body), None));
    let mut client = Client::new(side, worker.deadlines.open(), Some(slot));
    client.begin(&x.request, false);
    let result = match read {
        Ok(()) => handle(&worker, &peer, &mut client, &mut x).await,
        Err(malformed) => {
            introduce(&worker, &peer, &mut x);
            Err(Error::Client(Blame::Malformed(malformed)))
        }
    };
    if let Err(error) = result {
        told(&worker, &mut client, &mut x, &error).await;
    }
    drop((x, active));
}

/// The stream ends with RST_STREAM: nobody is there to be told, or nothing can be told any more.
#[derive(Debug, thiserror::Error)]
#[error("the stream is given up")]
struct Reset;

/// Held by a stream's task, however it ends.
struct GiveUp {
    slot: HeadSlot,
    worker: Rc<Worker>,
}

impl Drop for GiveUp {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.worker.metrics.panicked();
        }
        self.slot.give_up();
    }
}

struct AbortOnDrop(Option<AbortHandle>);

impl AbortOnDrop {
    fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}
