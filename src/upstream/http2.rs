//! HTTP/2 to apps, in clear with prior knowledge (RFC 9113 3.3): connections of hyper's, streams of ours.
//!
//! One door: [`lease`], which finds or opens a connection with room and starts a stream on it.

use std::cell::Cell;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioIo, TokioTimer};

use super::connect::connect;
use super::pool::CONNECTIONS;
use super::{Error, Pool, Upstream};
use crate::wire::{LocalExecutor, SlotBody, Stream};

/// Streams of one connection at once: 32 x 64 KiB stream window = 2 MiB, the connection's window.
const STREAMS: usize = 32;
/// An app that has streams and says nothing is probed after this time, and given up after the next.
const PING: Duration = Duration::from_secs(5);
const STREAM_WINDOW: u32 = 64 * 1024;
const CONNECTION_WINDOW: u32 = STREAMS as u32 * STREAM_WINDOW;
/// Streams that clients may cancel on one connection before it is replaced, so that nobody trips the app's reset guard.
const CANCELLED: u32 = 64;

/// The future of an answer's head.
pub(super) type Answering = Pin<Box<dyn Future<Output = hyper::Result<http::Response<Incoming>>>>>;

/// One HTTP/2 connection to an app.
pub(super) struct Connection {
    sender: SendRequest<SlotBody>,
    address: SocketAddr,
    active: Cell<usize>,
    cancelled: Cell<u32>,
}

impl Connection {
    fn has_room(&self) -> bool {
        self.active.get() < STREAMS && !self.is_over()
    }

    /// No new stream may be started on it.
    pub(super) fn is_over(&self) -> bool {
        self.sender.is_closed() || self.cancelled.get() >= CANCELLED
    }

    /// The app's address.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Streams that run on it.
    pub(super) fn active(&self) -> usize {
        self.active.get()
    }
}

/// A place on a connection; given back when dropped.
pub(super) struct Lease {
    connection: Rc<Connection>,
    /// The stream came to its end by itself.
    pub(super) complete: bool,
}

impl Lease {
    fn take(connection: &Rc<Connection>) -> Self {
        connection.active.set(connection.active.get() + 1);
        Lease { connection: Rc::clone(connection), complete: false }
    }

    /// The app's address.
    pub(super) fn address(&self) -> SocketAddr {
        self.connection.address
    }

    /// Starts the stream.
    pub(super) fn send(&self, request: http::Request<SlotBody>) -> Answering {
        Box::pin(self.connection.sender.clone().send_request(request))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.connection.active.set(self.connection.active.get() - 1);
        if !self.complete {
            self.connection.cancelled.set(self.connection.cancelled.get() + 1);
        }
    }
}

/// A place on a connection of the pool; `fresh` asks for a new one. The flag tells whether it was there before.
///
/// # Errors
/// Nothing could be connected, or every connection is full.
pub(super) async fn lease(
    upstream: &Rc<Upstream>,
    pool: &Rc<Pool>,
    fresh: bool,
    within: Duration,
) -> Result<(Lease, bool), Error> {
    if !fresh && let Some(connection) = pool.connections().borrow().iter().find(|connection| connection.has_room()) {
        return Ok((Lease::take(connection), true));
    }
    pool.connections().borrow_mut().retain(|connection| !connection.is_over());
    if pool.connections().borrow().len() >= CONNECTIONS {
        return Err(Error::Saturated);
    }
    let (stream, address) = connect(upstream, pool, within).await?;
    let connection = Rc::new(open(stream, address).await?);
    let lease = Lease::take(&connection);
    pool.connections().borrow_mut().push(connection);
    Ok((lease, false))
}

async fn open(stream: Stream, address: SocketAddr) -> Result<Connection, Error> {
    let (sender, connection) = hyper::client::conn::http2::Builder::new(LocalExecutor)
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_header_list_size(64 * 1024)
        // an app that vanished without a word is found out, not asked again and again
        .timer(TokioTimer::new())
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING)
        .max_concurrent_reset_streams(CANCELLED as usize * 2)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|_| Error::Broken("the app does not speak HTTP/2"))?;
    tokio::task::spawn_local(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "An app's HTTP/2 connection ended");
        }
    });
    Ok(Connection { sender, address, active: Cell::new(0), cancelled: Cell::new(0) })
}
