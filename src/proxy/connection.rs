//! From accept to the protocol: limits, and which version the client speaks.
//!
//! One door: [`accept`], the loop of one listener.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};

use super::client::Client;
use super::clients::Place;
use super::service::{Arrival, Peer};
use super::worker::Worker;
use super::{forwarded, http1, http2, proxy_protocol, tls};
use crate::lifecycle::handover::Duty;
use crate::wire::{Http1, Phase, Side, Stream};

/// How long a client may take for the first head of its connection, and for the rest of each later one.
pub(super) const HEAD: Duration = Duration::from_secs(10);
/// Rest after an accept that failed for want of descriptors or memory: trying at once would only spin.
const EXHAUSTED: Duration = Duration::from_millis(100);
/// What an HTTP/2 client with prior knowledge begins with (RFC 9113 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What is the same for all connections of a listening socket.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listener {
    /// Under which they are counted.
    pub(super) metric: usize,
    /// They begin with a handshake.
    pub(super) tls: bool,
    /// Only a predecessor was to listen there.
    pub(super) is_leftover: bool,
}

/// Accepts while it is this process's duty, until told to close; then takes what already waits in the queue, so that
/// nobody who was let in is reset. On standby the socket is kept and not looked at.
pub(super) async fn accept(
    worker: Rc<Worker>,
    mut socket: std::net::TcpListener,
    listener: Listener,
    closing: Rc<Notify>,
    mut duty: watch::Receiver<Duty>,
) -> io::Result<Left> {
    let mut closing = std::pin::pin!(closing.notified());
    loop {
        let now = *duty.borrow_and_update();
        match now {
            // the predecessor has left before this was looked at, and nobody else will
            Duty::Relieved if listener.is_leftover => {
                take_rest(&worker, &TcpListener::from_std(socket)?, listener).await;
                return Ok(Left::Relieved);
            }
            Duty::Relieved => return Ok(Left::Relieved),
            Duty::Standby if worker.is_draining() => return Ok(Left::Closed),
            Duty::Standby => tokio::select! {
                biased;
                () = &mut closing => return Ok(Left::Closed),
                () = Duty::changed(&mut duty) => {}
            },
            Duty::Active => {
                let active = TcpListener::from_std(socket)?;
                // told before it has begun, it still takes those who wait
                let is_closing = worker.is_draining()
                    || tokio::select! {
                        biased;
                        () = &mut closing => true,
                        () = Duty::changed(&mut duty) => false,
                        () = take_in(&worker, &active, listener) => true,
                    };
                if is_closing || *duty.borrow() == Duty::Relieved {
                    take_rest(&worker, &active, listener).await;
                    return Ok(if is_closing { Left::Closed } else { Left::Relieved });
                }
                socket = active.into_std()?;
            }
        }
    }
}

/// Why an accept loop has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// The worker ends.
    Closed,
    /// Nobody needs this socket here any more.
    Relieved,
}

/// Lets in whoever comes. It has no end; dropped, it has lost nobody.
async fn take_in(worker: &Rc<Worker>, socket: &TcpListener, listener: Listener) {
    loop {
        match socket.accept().await {
            Ok((socket, addr)) => open(worker, socket, addr, listener),
            Err(error) if is_exhausted(&error) => {
                worker.metrics.refused("descriptors");
                tokio::time::sleep(EXHAUSTED).await;
            }
            // the client was gone before it was accepted
            Err(_) => {}
        }
    }
}

/// Lets in whoever waits already.
async fn take_rest(worker: &Rc<Worker>, socket: &TcpListener, listener: Listener) {
    // one look at the sockets, so that tokio knows of those who came meanwhile
    tokio::task::yield_now().await;
    poll_fn(|cx| {
        while let Poll::Ready(Ok((accepted, addr))) = socket.poll_accept(cx) {
            open(worker, accepted, addr, listener);
        }
        Poll::Ready(())
    })
    .await;
}

fn is_exhausted(error: &io::Error) -> bool {
    // ENFILE, EMFILE, ENOBUFS, ENOMEM
    matches!(error.raw_os_error(), Some(23 | 24 | 105 | 12))
}

/// Gives an accepted connection its task, if the limits let it in.
fn open(worker: &Rc<Worker>, socket: TcpStream, addr: SocketAddr, listener: Listener) {
    let limits = worker.limits();
    let Some(counted) = worker.open_connection(limits.connections) else {
        worker.metrics.refused("connections");
        return;
    };
    let ip = forwarded::unmapped(addr.ip());
    // one in front, who says who the client is, is not the client whose connections are counted
    let introduced = worker.may_introduce(ip);
    let Ok(place) = enter(worker, ip, limits.connections_per_client.filter(|_| !introduced)) else { return };
    worker.metrics.connection_opened(listener.metric);
    let closed = Closed { worker: Rc::clone(worker), metric: listener.metric };
    let peer = Peer::new(SocketAddr::new(ip, addr.port()), place);
    let begins = Begins { tls: listener.tls, introduced };
    tokio::task::spawn_local(serve(Rc::clone(worker), peer, socket, begins, (closed, counted)));
}

/// A place among the connections of a client, where their number is limited.
fn enter(worker: &Worker, ip: IpAddr, most: Option<usize>) -> Result<Option<Place>, Refused> {
    let Some(most) = most else { return Ok(None) };
    let place = worker.clients.enter(ip, most);
    if place.is_none() {
        worker.metrics.refused("connectionsPerClient");
    }
    place.map(Some).ok_or(Refused)
}

struct Refused;

struct Closed {
    worker: Rc<Worker>,
    metric: usize,
}

impl Drop for Closed {
    fn drop(&mut self) {
        self.worker.metrics.connection_closed(self.metric);
    }
}

/// What stands before the first request.
#[derive(Clone, Copy)]
struct Begins {
    tls: bool,
    /// Perhaps a PROXY header.
    introduced: bool,
}

/// A connection from its first byte to its last; `held` is let go of after it. A block holds what it captures once, where
/// an `async fn` would hold its parameters twice: this is the memory of an idle connection.
fn serve(
    worker: Rc<Worker>,
    mut peer: Peer,
    socket: TcpStream,
    begins: Begins,
    held: impl Sized,
) -> impl Future<Output = ()> {
    let deadline = worker.deadlines.open();
    deadline.arm(Phase::Head, HEAD);
    // changed in place, because what is moved within a task has two places in it
    let mut client = Some(Client::new(Side::Http1(Http1::new(Stream::new(socket))), deadline, None));
    async move {
        if begins.tls || begins.introduced {
            // on the heap and gone after it: what a handshake needs is no part of an idle connection
            client = Box::pin(arrive(&worker, &mut peer, client.take(), begins)).await;
        }
        let http2 = match (&peer.arrival, &mut client) {
            (_, None) => None,
            (Arrival::Secured(secured), Some(_)) => Some(secured.http2),
            (Arrival::Misplaced, Some(_)) => Some(false),
            (Arrival::Clear, Some(client)) => speaks_http2(client, &worker).await,
        };
        match (http2, &mut client) {
            // on the heap: its state is larger, and an HTTP/1.1 connection's task must not be as large
            (Some(true), _) => Box::pin(http2::serve(&worker, Rc::new(peer), client.take())).await,
            (Some(false), Some(client)) => {
                let quietly = http1::serve(&worker, &peer, client).await;
                if quietly && matches!(peer.arrival, Arrival::Secured(_)) {
                    part(client);
                }
            }
            _ => {}
        }
        drop((client, held));
    }
}

/// What comes before HTTP: who the client is, and its handshake. `None`: the connection has ended. All of it has to be
/// done by the deadline that was armed at accept.
async fn arrive(worker: &Rc<Worker>, peer: &mut Peer, client: Option<Client>, begins: Begins) -> Option<Client> {
    let Client { side: Side::Http1(http1), deadline, .. } = client? else { return None };
    let mut stream = http1.into_stream();
    let (_shaking, within) = worker.shake();
    deadline.arm(Phase::Head, within);
    if begins.introduced {
        let Some(begin) = proxy_protocol::read(worker, &mut stream, &deadline).await else {
            worker.metrics.client_error("proxy_protocol");
            return None;
        };
        let addr = match begin {
            proxy_protocol::Begins::Client(addr) => SocketAddr::new(forwarded::unmapped(addr.ip()), addr.port()),
            proxy_protocol::Begins::Peer => peer.addr,
            proxy_protocol::Begins::Nothing => return None,
        };
        let place = enter(worker, addr.ip(), worker.limits().connections_per_client).ok()?;
        *peer = Peer::new(addr, place);
    }
    if begins.tls {
        stream = match tls::secure(worker, stream, &deadline).await? {
            tls::Begun::Clear(stream) => {
                peer.arrival = Arrival::Misplaced;
                stream
            }
            tls::Begun::Secured(stream, secured) => {
                peer.arrival = Arrival::Secured(secured);
                deadline.arm(Phase::Head, HEAD);
                stream
            }
        };
    }
    Some(Client::new(Side::Http1(Http1::new(stream)), deadline, None))
}

/// Tells a client over TLS that this is the end and no cut (RFC 8446 6.1), as far as it takes that at once.
fn part(client: &mut Client) {
    if let Side::Http1(http1) = &mut client.side {
        let _ = http1.stream().poll_shutdown(&mut Context::from_waker(Waker::noop()));
    }
}

/// Reads until the first bytes tell. `None`: the client left, or said nothing in time.
async fn speaks_http2(client: &mut Client, worker: &Worker) -> Option<bool> {
    let Client { side: Side::Http1(http1), deadline, .. } = client else { return None };
    poll_fn(|cx| {
        let stream = http1.stream();
        if deadline.poll_expired(cx).is_ready() || (worker.closes_silent() && stream.is_silent()) {
            return Poll::Ready(None);
        }
        loop {
            let n = stream.input().len().min(PREFACE.len());
            if stream.input()[..n] != PREFACE[..n] {
                return Poll::Ready(Some(false));
            }
            if n == PREFACE.len() {
                return Poll::Ready(Some(true));
            }
            match ready!(stream.poll_fill(cx)) {
                Ok(read) if read > 0 => {}
                // what it sent is the beginning of a request, which HTTP/1.1 refuses with a reason
                _ if n > 0 => return Poll::Ready(Some(false)),
                _ => return Poll::Ready(None),
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::super::worker::tests::setup;
    use super::*;

    /// What one connection's task may take: with tokio's header (about 100 bytes), its registration (about 250) and the
    /// deadline's cell (about 150) an idle connection stays under 2.5 KiB, with some left for what the allocator loses.
    const TASK: usize = 1340;

    #[test]
    fn the_task_of_a_connection_is_small() {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default()).unwrap();
        let size = runtime.block_on(async {
            let (_writer, setup) = setup("routes:\n");
            let worker = Worker::new(setup, Default::default(), 1);
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let (socket, accepted) =
                tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
            drop(socket.unwrap());
            let (socket, addr) = accepted.unwrap();
            let peer = Peer::new(addr, None);
            size_of_val(&serve(worker, peer, socket, Begins { tls: true, introduced: true }, ()))
        });
        assert!(size <= TASK, "{size} bytes");
    }
}
