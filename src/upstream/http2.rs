//! HTTP/2 to apps, in clear with prior knowledge (RFC 9113 3.3): connections of hyper's, streams of ours.
//!
//! One door: [`lease`], which finds or opens a connection with room and starts a stream on it.

use std::cell::{Cell, OnceCell};
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Notify;

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

/// Milliseconds after which a connection without streams is closed: apps keep them for minutes, and the next burst should
/// find them.
const IDLE_FOR: u64 = 60_000;

/// The future of an answer's head.
pub(super) type Answering = Pin<Box<dyn Future<Output = hyper::Result<http::Response<Incoming>>>>>;

/// One HTTP/2 connection to an app, from the moment at which somebody begins to open it: requests that come meanwhile
/// wait for it, as many as it will have room for, and open no further ones.
pub(super) struct Connection {
    link: OnceCell<Link>,
    /// Why it could not be opened; `None` when its opener was no longer interested.
    failed: OnceCell<Option<Error>>,
    opened: Notify,
    active: Cell<usize>,
    cancelled: Cell<u32>,
    /// A stream was started since the last sweep.
    used: Cell<bool>,
    /// The sweep at which it was last seen in use.
    since: Cell<u64>,
}

struct Link {
    sender: SendRequest<SlotBody>,
    address: SocketAddr,
}

impl Connection {
    fn opening() -> Rc<Self> {
        Rc::new(Connection {
            link: OnceCell::new(),
            failed: OnceCell::new(),
            opened: Notify::new(),
            active: Cell::new(0),
            cancelled: Cell::new(0),
            used: Cell::new(true),
            since: Cell::new(0),
        })
    }

    fn has_room(&self) -> bool {
        self.active.get() < STREAMS && !self.is_over()
    }

    /// No new stream may be started on it.
    pub(super) fn is_over(&self) -> bool {
        self.failed.get().is_some()
            || self.cancelled.get() >= CANCELLED
            || self.link.get().is_some_and(|link| link.sender.is_closed())
    }

    /// Whether no stream has been on it for long. Asked by each sweep.
    pub(super) fn is_idle(&self, now: u64) -> bool {
        if self.used.replace(false) || self.active.get() > 0 {
            self.since.set(now);
        }
        now.saturating_sub(self.since.get()) > IDLE_FOR
    }

    /// The app's address, once it is connected to.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.link.get().map(|link| link.address)
    }

    /// Streams that run on it, and those that wait for it.
    pub(super) fn active(&self) -> usize {
        self.active.get()
    }

    /// Waits until it stands. `None`: whoever opened it gave up.
    async fn link(&self) -> Option<Result<&Link, Error>> {
        loop {
            let opened = self.opened.notified();
            if let Some(link) = self.link.get() {
                return Some(Ok(link));
            }
            if let Some(failed) = self.failed.get() {
                return failed.as_ref().map(|error| Err(error.again()));
            }
            opened.await;
        }
    }
}

/// A connection that is being opened; dropped before it stands, those who wait open one of their own.
struct Opening<'c>(&'c Connection);

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        if self.0.link.get().is_none() {
            let _ = self.0.failed.set(None);
        }
        self.0.opened.notify_waiters();
    }
}

/// A place on a connection; given back when dropped.
struct Place(Rc<Connection>);

impl Place {
    fn take(connection: Rc<Connection>) -> Self {
        connection.active.set(connection.active.get() + 1);
        connection.used.set(true);
        Place(connection)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.active.set(self.0.active.get() - 1);
    }
}

/// One stream of a connection.
pub(super) struct Lease {
    place: Place,
    sender: SendRequest<SlotBody>,
    address: SocketAddr,
    started: bool,
    /// The stream came to its end by itself.
    pub(super) complete: bool,
}

impl Lease {
    fn new(place: Place, link: &Link) -> Self {
        Lease { sender: link.sender.clone(), address: link.address, place, started: false, complete: false }
    }

    /// The app's address.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Starts the stream.
    pub(super) fn send(&mut self, request: http::Request<SlotBody>) -> Answering {
        self.started = true;
        Box::pin(self.sender.send_request(request))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.started && !self.complete {
            let connection = &self.place.0;
            connection.cancelled.set(connection.cancelled.get() + 1);
        }
    }
}

/// A place on a connection of the pool, the least busy one; `fresh` asks for one that does not stand yet. The flag tells
/// whether it was there before.
///
/// # Errors
/// Nothing could be connected, or every connection is full.
pub(super) async fn lease(
    upstream: &Rc<Upstream>,
    pool: &Rc<Pool>,
    fresh: bool,
    within: Duration,
) -> Result<(Lease, bool), Error> {
    loop {
        let found = find(&pool.connections().borrow(), fresh);
        if let Some(connection) = found {
            let reused = connection.link.get().is_some();
            let place = Place::take(Rc::clone(&connection));
            match connection.link().await {
                Some(link) => return link.map(|link| (Lease::new(place, link), reused)),
                None => continue,
            }
        }
        pool.connections().borrow_mut().retain(|connection| !connection.is_over());
        if pool.connections().borrow().len() >= CONNECTIONS {
            return Err(Error::Saturated);
        }
        let connection = Connection::opening();
        let place = Place::take(Rc::clone(&connection));
        pool.connections().borrow_mut().push(Rc::clone(&connection));
        let _opening = Opening(&connection);
        let opened = async {
            let (stream, address) = connect(upstream, pool, within).await?;
            open(stream, address).await
        };
        return match opened.await {
            Ok(link) => Ok((Lease::new(place, connection.link.get_or_init(|| link)), false)),
            Err(error) => {
                let _ = connection.failed.set(Some(error.again()));
                Err(error)
            }
        };
    }
}

/// The least busy one of those that have room; one that is still being opened only when no other has.
fn find(connections: &[Rc<Connection>], fresh: bool) -> Option<Rc<Connection>> {
    let usable = connections.iter().filter(|connection| connection.has_room());
    let waits = |connection: &Connection| connection.link.get().is_none();
    let usable = usable.filter(|connection| !fresh || waits(connection));
    usable.min_by_key(|connection| (waits(connection), connection.active.get())).cloned()
}

async fn open(stream: Stream, address: SocketAddr) -> Result<Link, Error> {
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
    Ok(Link { sender, address })
}

#[cfg(test)]
mod tests;
