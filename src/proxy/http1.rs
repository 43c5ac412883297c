//! A client's HTTP/1 connection: one request after the other, in this one task.
//!
//! One door: [`serve`]. While the connection is idle it holds no buffer and no request state.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use super::answer;
use super::client::Client;
use super::connection::HEAD;
use super::error::{Blame, Error};
use super::exchange::{Exchange, Opened};
use super::service::{Peer, handle, introduce};
use super::worker::Worker;
use crate::message::{Framing, Limits};
use crate::wire::{Closed, Phase, Side};

/// Serves requests until either side wants the connection to end. True: it ends between two of them, and its end has not
/// been sent.
pub(super) async fn serve(worker: &Rc<Worker>, peer: &Peer, client: &mut Client) -> bool {
    let mut first = true;
    while let Some(next) = next(worker, client, first).await {
        if !answer(worker, peer, client, next).await {
            return false;
        }
        first = false;
    }
    true
}

/// What came on the connection.
enum Next {
    Request(Box<Exchange>),
    Refused(Box<Exchange>, Blame),
}

/// Waits for the next request's head. `None`: the client has left, or is asked to.
async fn next(worker: &Rc<Worker>, client: &mut Client, first: bool) -> Option<Next> {
    let Side::Http1(http1) = &mut client.side else { return None };
    let deadline = &client.deadline;
    deadline.limit(None);
    let mut limits = None;
    if http1.stream().input().is_empty() {
        http1.stream().release();
        if !first {
            deadline.arm(Phase::Idle, worker.keep_alive());
        }
    } else {
        http1.stream().rest();
        deadline.arm(Phase::Head, HEAD);
    }
    let mut exchange: Option<Box<Exchange>> = None;
    let read = poll_fn(|cx| {
        let silent = http1.stream().input().is_empty();
        if let Poll::Ready(_phase) = deadline.poll_expired(cx) {
            return Poll::Ready(if silent { None } else { Some(Err(Blame::Slow)) });
        }
        // between requests, and only there, a connection ends without a word
        if worker.closes_silent() && http1.stream().is_silent() {
            return Poll::Ready(None);
        }
        let head = exchange.get_or_insert_with(|| worker.take_exchange());
        let limits = *limits.get_or_insert_with(|| {
            let limits = worker.limits();
            Limits { bytes: limits.header_bytes, fields: limits.header_count }
        });
        match http1.poll_request(cx, &mut head.request, limits) {
            Poll::Ready(Ok(())) => Poll::Ready(Some(Ok(()))),
            Poll::Ready(Err(Closed::Malformed(malformed))) => Poll::Ready(Some(Err(Blame::Malformed(malformed)))),
            Poll::Ready(Err(Closed::Clean | Closed::Cut | Closed::Io(_))) => Poll::Ready(None),
            Poll::Pending => {
                if http1.stream().input().is_empty() {
                    if let Some(unused) = exchange.take() {
                        worker.keep_exchange(unused);
                    }
                } else if deadline.phase() == Phase::Idle {
                    deadline.arm(Phase::Head, HEAD);
                }
                Poll::Pending
            }
        }
    })
    .await;
    let exchange = exchange.unwrap_or_default();
    match read {
        Some(Ok(())) => Some(Next::Request(exchange)),
        Some(Err(blame)) => Some(Next::Refused(exchange, blame)),
        None => {
            worker.keep_exchange(exchange);
            None
        }
    }
}

/// Answers one request. True: the connection waits for the next one.
async fn answer(worker: &Rc<Worker>, peer: &Peer, client: &mut Client, next: Next) -> bool {
    let (exchange, refused) = match next {
        Next::Request(exchange) => (exchange, None),
        Next::Refused(exchange, blame) => (exchange, Some(blame)),
    };
    let mut x = Opened::new(worker, exchange);
    let result = match refused {
        Some(blame) => {
            answer::unread(&mut x);
            client.begin(&x.request, true);
            Err(Error::Client(blame))
        }
        None => begin(worker, client, &mut x),
    };
    let result = match result {
        Ok(()) => handle(worker, peer, client, &mut x).await,
        Err(error) => {
            introduce(worker, peer, &mut x);
            Err(error)
        }
    };
    if let Err(error) = result
        && !told(worker, client, &mut x, &error).await
    {
        return false;
    }
    drop(x);
    let goes_on = !client.close && client.discard_rest().await;
    if !goes_on {
        client.end().await;
    }
    goes_on
}

/// The body's bytes begin where the head ended.
fn begin(worker: &Worker, client: &mut Client, x: &mut Exchange) -> Result<(), Error> {
    let is_last = client.begin(&x.request, worker.is_draining());
    let framing = x.request.request_framing().map_err(|malformed| {
        client.close = true;
        Blame::Malformed(malformed)
    })?;
    if let Side::Http1(http1) = &mut client.side {
        http1.begin_incoming(framing);
    }
    // some send a line's end after a body
    client.said_all = framing == Framing::None && is_last;
    Ok(())
}

/// Tells the client and the record what went wrong. False: the connection is cut as it is.
pub(super) async fn told(worker: &Worker, client: &mut Client, x: &mut Exchange, error: &Error) -> bool {
    let verdict = error.verdict();
    x.facts.error = Some(verdict.kind);
    x.facts.detail.clear();
    let _ = std::fmt::Write::write_fmt(&mut x.facts.detail, format_args!("{error}"));
    tracing::debug!(client.addr = %x.facts.origin.client, status = verdict.status, error = %error, "A request failed");
    if let Error::Client(_) = error {
        worker.metrics.client_error(verdict.kind);
    }
    if client.answered || verdict.status == 499 {
        return false;
    }
    client.close |= worker.is_draining();
    answer::error(client, x, verdict).await.is_ok()
}
