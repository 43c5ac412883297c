//! A client's HTTP/2 connection: hyper's, with prior knowledge; each stream is one `handle`.
//!
//! One door: [`serve`].

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};

use super::client::{Client, HeadSlot};
use super::connection::HEAD;
use super::error::{Blame, Error};
use super::exchange::Opened;
use super::http1::told;
use super::service::{Peer, handle, introduce};
use super::worker::Worker;
use crate::config;
use crate::message::Limits;
use crate::wire::{Deadline, Frugal, Http2, Phase, Side, SlotBody};

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
    let rests = Rests::default();
    let service = service_fn(|request| {
        let active = streams.enter();
        answer(Rc::clone(worker), Rc::clone(&peer), request, head, active, rests.clone())
    });
    let mut connection = pin!(
        hyper::server::conn::http2::Builder::new(rests.clone())
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

/// One stream, up to the head of its answer; hyper asks for it in the task that it has for the stream. Dropped, as when the
/// stream is reset before that, it ends `handle` too.
///
/// On the heap from the beginning: hyper moves what this gives several times before it first asks.
fn answer(
    worker: Rc<Worker>,
    peer: Rc<Peer>,
    request: Request<Incoming>,
    limits: Limits,
    active: Active,
    rests: Rests,
) -> impl Future<Output = Result<Response<SlotBody>, Reset>> {
    let slot = HeadSlot::default();
    let mut running = Some(Box::pin(run(worker, peer, request, limits, slot.clone(), active)));
    poll_fn(move |cx| {
        let is_over = running.as_mut().is_none_or(|running| running.as_mut().poll(cx).is_ready());
        match (slot.take(), is_over) {
            (None, false) => Poll::Pending,
            (None, true) => Poll::Ready(Err(Reset)),
            (Some(head), true) => Poll::Ready(Ok(head)),
            (Some(head), false) => {
                rests.0.set(running.take().map(|running| running as Rest));
                Poll::Ready(Ok(head))
            }
        }
    })
}

async fn run(
    worker: Rc<Worker>,
    peer: Rc<Peer>,
    request: Request<Incoming>,
    limits: Limits,
    slot: HeadSlot,
    active: Active,
) {
    let _panics = Panics(Rc::clone(&worker));
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

/// What is left of a stream once the head of its answer is there.
type Rest = Pin<Box<dyn Future<Output = ()>>>;

/// Runs hyper's own tasks on the thread they were made on, and what they leave of a stream. A panic there ends at most
/// their connection.
#[derive(Clone, Default)]
struct Rests(Rc<Cell<Option<Rest>>>);

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for Rests {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(Attended { future, rests: self.clone() });
    }
}

pin_project_lite::pin_project! {
    /// A task of hyper's. When it has got a head it takes what it can of the body; a small answer is through with that.
    /// What is not gets a task of its own, for hyper's now waits for the client's window, and would neither read the
    /// upload nor look at a deadline meanwhile.
    struct Attended<F> {
        #[pin]
        future: F,
        rests: Rests,
    }
}

impl<F: Future> Future for Attended<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let polled = this.future.poll(cx);
        if let Some(mut rest) = this.rests.0.take()
            && rest.as_mut().poll(cx).is_pending()
        {
            tokio::task::spawn_local(rest);
        }
        polled
    }
}

/// The stream ends with RST_STREAM: nobody is there to be told, or nothing can be told any more.
#[derive(Debug, thiserror::Error)]
#[error("the stream is given up")]
struct Reset;

/// Held by a stream, however it ends.
struct Panics(Rc<Worker>);

impl Drop for Panics {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.metrics.panicked();
        }
    }
}
