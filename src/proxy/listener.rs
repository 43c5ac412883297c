//! Listening sockets: every worker its own, on the same addresses (SO_REUSEPORT), bound once per process.
//!
//! One door: [`Bound::bind`].

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
    endpoints: Vec<Endpoint>,
    workers: Vec<Vec<TcpListener>>,
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
        let mut bound = Bound { endpoints: Vec::new(), workers: (0..workers.max(1)).map(|_| Vec::new()).collect() };
        for &Endpoint { addr, tls } in endpoints {
            let mut addr = addr;
            for (worker, sockets) in bound.workers.iter_mut().enumerate() {
                if worker == 0 && addr.port() != 0 && !shared {
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
            bound.endpoints.push(Endpoint { addr, tls });
        }
        Ok(bound)
    }

    /// Where clients reach us, in the order asked for.
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    pub(super) fn into_workers(self) -> Vec<Vec<TcpListener>> {
        self.workers
    }
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
        assert_ne!(bound.endpoints[0].addr.port(), bound.endpoints[1].addr.port());
        for sockets in &bound.workers {
            let endpoints: Vec<_> = sockets.iter().map(|socket| Endpoint::http(socket.local_addr().unwrap())).collect();
            assert_eq!(endpoints, bound.endpoints);
        }
    }

    #[test]
    fn workers_share_a_port_that_was_asked_for_by_number() {
        let free = Bound::bind(&[any()], 1, false).unwrap().endpoints().to_vec();
        assert_eq!(Bound::bind(&free, 2, false).unwrap().endpoints(), free);
    }

    #[test]
    fn a_port_of_another_gatepost_is_taken_unless_it_is_to_be_shared() {
        let first = Bound::bind(&[any()], 1, false).unwrap();
        let again = Bound::bind(first.endpoints(), 1, false);
        assert!(matches!(again, Err(BindError::InUse(addr)) if addr == first.endpoints[0].addr));
        Bound::bind(first.endpoints(), 1, true).unwrap();
    }
}
