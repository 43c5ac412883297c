//! Listening sockets: every worker its own, on the same addresses (SO_REUSEPORT), bound once per process or taken from
//! the one before it.
//!
//! Doors: [`Bound::bind`], and [`Bound::complete`] where there was one before.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait to be accepted, per listener; the kernel caps it at `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

/// A place to listen at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// Where.
    pub addr: SocketAddr,
    /// Clients begin with a handshake.
    pub tls: bool,
}

/// The sockets of all workers, bound and listening.
#[derive(Debug)]
pub struct Bound {
    places: Vec<Place>,
    workers: Vec<Vec<Owned>>,
}

/// Where all workers listen.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) endpoint: Endpoint,
    /// Only a predecessor was to listen there: for as long as it has copies of the sockets, clients still come.
    pub(super) is_leftover: bool,
}

/// One worker's socket.
#[derive(Debug)]
pub(super) struct Owned {
    /// Its place by number.
    pub(super) place: usize,
    pub(super) socket: TcpListener,
    /// Another worker looks at the same queue.
    is_copy: bool,
}

/// Sockets of a predecessor.
#[derive(Debug)]
pub struct Inherited {
    /// Where, and what clients of the predecessor begin with.
    pub endpoint: Endpoint,
    /// One or more on the same address.
    pub sockets: Vec<TcpListener>,
}

/// An address could not be bound.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error("{0} is already in use")]
    InUse(SocketAddr),
    /// Ports below 1024 want a right that this process does not have.
    #[error("no permission to listen on {0}: ports below 1024 need the capability NET_BIND_SERVICE (or another port)")]
    Permission(SocketAddr),
    /// No interface has this address.
    #[error("{0} is not an address of this machine")]
    NotOurs(SocketAddr),
    /// Anything else.
    #[error("cannot listen on {addr}: {error}")]
    Other {
        /// Where.
        addr: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
}

impl Endpoint {
    /// For HTTP in clear.
    pub fn http(addr: SocketAddr) -> Endpoint {
        Endpoint { addr, tls: false }
    }

    /// For HTTP over TLS.
    pub fn https(addr: SocketAddr) -> Endpoint {
        Endpoint { addr, tls: true }
    }
}

impl Bound {
    /// Binds every address once for each worker. `[::]` takes IPv4 too, and is 0.0.0.0 on a machine without IPv6.
    /// Unless `shared`, an address where another process already listens is refused even if that one would share it.
    ///
    /// # Errors
    /// See [`BindError`].
    pub fn bind(endpoints: &[Endpoint], workers: usize, shared: bool) -> Result<Self, BindError> {
        Bound::complete(Vec::new(), endpoints, workers, shared)
    }

    /// The same where a predecessor has given sockets. Those are all there are on their address, whatever the number of
    /// workers was: a queue of this process's own would be lost to its clients if this process hangs or dies while the
    /// predecessor stands by. So a worker may get several, or share one. What is not wanted here is served for as long as
    /// clients come.
    ///
    /// # Errors
    /// See [`BindError`].
    pub fn complete(
        mut inherited: Vec<Inherited>,
        endpoints: &[Endpoint],
        workers: usize,
        shared: bool,
    ) -> Result<Self, BindError> {
        let workers = workers.max(1);
        let mut bound = Bound { places: Vec::new(), workers: (0..workers).map(|_| Vec::new()).collect() };
        for &endpoint in endpoints {
            let known = inherited.iter().position(|inherited| is_place_of(endpoint.addr, inherited.endpoint.addr));
            let (addr, sockets) = match known.map(|known| inherited.swap_remove(known)) {
                Some(Inherited { endpoint, sockets }) if !sockets.is_empty() => (endpoint.addr, sockets),
                _ => open_all(endpoint.addr, workers, shared)?,
            };
            bound.place(Endpoint { addr, ..endpoint }, false, sockets)?;
        }
        for Inherited { endpoint, sockets } in inherited {
            bound.place(endpoint, true, sockets)?;
        }
        Ok(bound)
    }

    fn place(&mut self, endpoint: Endpoint, is_leftover: bool, sockets: Vec<TcpListener>) -> Result<(), BindError> {
        let place = self.places.len();
        self.places.push(Place { endpoint, is_leftover });
        let workers = self.workers.len();
        let copies = (sockets.len()..workers).map(|number| sockets[number % sockets.len()].try_clone());
        let copies = copies.collect::<io::Result<Vec<_>>>().map_err(|error| BindError::of(endpoint.addr, error))?;
        let sockets = sockets.into_iter().map(|socket| Owned { place, socket, is_copy: false });
        let copies = copies.into_iter().map(|socket| Owned { place, socket, is_copy: true });
        for (number, owned) in sockets.chain(copies).enumerate() {
            self.workers[number % workers].push(owned);
        }
        Ok(())
    }

    /// Where clients reach us, in the order asked for.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.wanted().map(|(_, endpoint)| endpoint).collect()
    }

    /// The sockets of each of those, for a successor.
    pub fn sockets(&self) -> impl Iterator<Item = (Endpoint, Vec<&TcpListener>)> {
        self.wanted().map(|(number, endpoint)| {
            let all = self.workers.iter().flatten().filter(move |owned| owned.place == number && !owned.is_copy);
            (endpoint, all.map(|owned| &owned.socket).collect())
        })
    }

    fn wanted(&self) -> impl Iterator<Item = (usize, Endpoint)> {
        let wanted = self.places.iter().enumerate().filter(|(_, place)| !place.is_leftover);
        wanted.map(|(number, place)| (number, place.endpoint))
    }

    pub(super) fn places(&self) -> &[Place] {
        &self.places
    }

    pub(super) fn into_workers(self) -> Vec<Vec<Owned>> {
        self.workers
    }
}

/// Whether sockets at `bound` are what binding `wanted` comes to.
fn is_place_of(wanted: SocketAddr, bound: SocketAddr) -> bool {
    let is_fallback = wanted.is_ipv6() && wanted.ip().is_unspecified();
    wanted.port() != 0
        && (wanted == bound
            || is_fallback && bound == SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), wanted.port()))
}

/// A socket for each worker, and where.
fn open_all(mut addr: SocketAddr, workers: usize, shared: bool) -> Result<(SocketAddr, Vec<TcpListener>), BindError> {
    let mut sockets = Vec::with_capacity(workers);
    while sockets.len() < workers {
        if sockets.is_empty() && addr.port() != 0 && !shared {
            open(addr, false).map_err(|error| BindError::of(addr, error))?;
        }
        let socket = match open(addr, true) {
            Err(error) if addr.ip().is_unspecified() && addr.is_ipv6() && lacks_ipv6(&error) => {
                addr = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), addr.port());
                open(addr, true)
            }
            other => other,
        };
        let socket = socket.map_err(|error| BindError::of(addr, error))?;
        // port 0 is chosen by the first worker's socket
        addr = socket.local_addr().map_err(|error| BindError::of(addr, error))?;
        sockets.push(socket);
    }
    Ok((addr, sockets))
}

impl BindError {
    fn of(addr: SocketAddr, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => BindError::InUse(addr),
            io::ErrorKind::PermissionDenied => BindError::Permission(addr),
            io::ErrorKind::AddrNotAvailable => BindError::NotOurs(addr),
            _ => BindError::Other { addr, error },
        }
    }
}

fn open(addr: SocketAddr, reuse_port: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(reuse_port)?;
    if addr.is_ipv6() {
        socket.set_only_v6(!addr.ip().is_unspecified())?;
    }
    // accepted sockets inherit it: one system call less for each connection
    socket.set_tcp_nodelay(true)?;
    socket.bind(&addr.into())?;
    if reuse_port {
        socket.listen(BACKLOG)?;
    }
    Ok(socket.into())
}

fn lacks_ipv6(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported)
        || matches!(error.raw_os_error(), Some(97 /* EAFNOSUPPORT */))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any() -> Endpoint {
        Endpoint::http(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0))
    }

    #[test]
    fn every_worker_gets_a_socket_on_the_same_port() {
        let bound = Bound::bind(&[any(), any()], 3, false).unwrap();
        let endpoints = bound.endpoints();
        assert_ne!(endpoints[0].addr.port(), endpoints[1].addr.port());
        for sockets in &bound.workers {
            let here: Vec<_> = sockets.iter().map(|owned| Endpoint::http(owned.socket.local_addr().unwrap())).collect();
            assert_eq!(here, endpoints);
        }
    }

    /// What a predecessor with so many workers gives away.
    fn inherited(workers: usize) -> Inherited {
        let bound = Bound::bind(&[any()], workers, false).unwrap();
        let endpoint = bound.endpoints()[0];
        let sockets = bound.into_workers().into_iter().flatten().map(|owned| owned.socket).collect();
        Inherited { endpoint, sockets }
    }

    /// How many sockets each worker has.
    fn shares(bound: &Bound) -> Vec<usize> {
        bound.workers.iter().map(Vec::len).collect()
    }

    #[test]
    fn every_queue_of_a_predecessor_gets_a_worker_and_every_worker_a_queue() {
        for (theirs, ours, expected) in [(2, 2, &[1, 1][..]), (5, 2, &[3, 2]), (1, 3, &[1, 1, 1]), (3, 1, &[3])] {
            let inherited = inherited(theirs);
            let endpoints = [inherited.endpoint];
            let bound = Bound::complete(vec![inherited], &endpoints, ours, false).unwrap();
            assert_eq!((shares(&bound), bound.endpoints()), (expected.to_vec(), endpoints.to_vec()));
            // each queue is handed on once
            assert_eq!(bound.sockets().map(|(_, sockets)| sockets.len()).collect::<Vec<_>>(), [theirs]);
        }
    }

    #[test]
    fn an_address_that_is_not_wanted_any_more_is_served_and_not_offered() {
        let (gone, kept) = (inherited(2), inherited(2));
        let wanted = [kept.endpoint, any()];
        let bound = Bound::complete(vec![gone, kept], &wanted, 2, false).unwrap();
        assert_eq!((shares(&bound), bound.endpoints().len()), (vec![3, 3], 2));
        assert_eq!(bound.places().iter().map(|place| place.is_leftover).collect::<Vec<_>>(), [false, false, true]);
        assert!(bound.sockets().all(|(_, sockets)| sockets.len() == 2));
    }

    #[test]
    fn sockets_on_all_of_ipv4_are_those_of_a_machine_without_ipv6() {
        let at = |addr: &str| addr.parse::<SocketAddr>().unwrap();
        assert!(is_place_of(at("[::]:80"), at("0.0.0.0:80")) && is_place_of(at("[::]:80"), at("[::]:80")));
        for (wanted, bound) in [("[::]:80", "0.0.0.0:81"), ("[::1]:80", "0.0.0.0:80"), ("0.0.0.0:80", "[::]:80")] {
            assert!(!is_place_of(at(wanted), at(bound)), "{wanted} {bound}");
        }
        assert!(!is_place_of(at("127.0.0.1:0"), at("127.0.0.1:0")));
    }

    #[test]
    fn workers_share_a_port_that_was_asked_for_by_number() {
        let free = Bound::bind(&[any()], 1, false).unwrap().endpoints();
        assert_eq!(Bound::bind(&free, 2, false).unwrap().endpoints(), free);
    }

    #[test]
    fn a_port_of_another_gatepost_is_taken_unless_it_is_to_be_shared() {
        let first = Bound::bind(&[any()], 1, false).unwrap();
        let again = Bound::bind(&first.endpoints(), 1, false);
        assert!(matches!(again, Err(BindError::InUse(addr)) if addr == first.endpoints()[0].addr));
        Bound::bind(&first.endpoints(), 1, true).unwrap();
    }
}
