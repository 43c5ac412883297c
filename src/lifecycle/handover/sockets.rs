//! The sockets themselves: what a process has to hand over, and what it takes from another. Doors: [`Stock`] is what is
//! offered; [`check`] looks at what has come, so that nothing foreign is ever served.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use socket2::{Domain, Protocol, SockRef, Type};

use super::channel::bound_name;
use super::message::{Kind, Listener};

/// Sockets that listen at one place.
#[derive(Debug)]
pub struct Sockets {
    /// What they are for.
    pub kind: Kind,
    /// Where, as in `Listener::addr`.
    pub addr: String,
    /// One for each worker of the process that bound them.
    pub fds: Vec<OwnedFd>,
}

impl Sockets {
    /// The address, of all but those of [`Kind::Handover`].
    pub fn address(&self) -> Option<SocketAddr> {
        self.addr.parse().ok()
    }
}

/// Copies of all sockets of this process that another one may take. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Stock(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    shelves: Vec<(Listener, Vec<Arc<OwnedFd>>)>,
    closed: bool,
}

impl Stock {
    /// Keeps copies of sockets that listen at `addr`.
    ///
    /// # Errors
    /// No descriptor is free.
    pub fn add<'s, S: AsFd + 's>(
        &self,
        kind: Kind,
        addr: impl ToString,
        sockets: impl IntoIterator<Item = &'s S>,
    ) -> io::Result<()> {
        let copy = |socket: &S| socket.as_fd().try_clone_to_owned().map(Arc::new);
        let fds: Vec<_> = sockets.into_iter().map(copy).collect::<Result<_, _>>()?;
        let listener = Listener { kind, addr: addr.to_string(), sockets: fds.len() };
        let mut state = self.lock();
        if !state.closed {
            state.shelves.push((listener, fds));
        }
        Ok(())
    }

    /// What there is, to be offered.
    pub(super) fn offer(&self) -> (Vec<Listener>, Vec<Arc<OwnedFd>>) {
        let state = self.lock();
        let listeners = state.shelves.iter().map(|(listener, _)| listener.clone()).collect();
        (listeners, state.shelves.iter().flat_map(|(_, fds)| fds.iter().cloned()).collect())
    }

    /// Closes the copies, for good: a socket on which nobody accepts any more must be gone in the kernel too, so that its
    /// clients are refused and don't wait.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.shelves.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A descriptor is not what was said of it.
#[derive(Debug, thiserror::Error)]
pub(super) enum Foreign {
    #[error("a descriptor for {0} is no socket that listens")]
    Deaf(String),
    #[error("a socket for {0} is of another family or type")]
    Family(String),
    #[error("a socket for {0} listens at {1}")]
    Elsewhere(String, String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Whether this is a socket that listens at the place that was told. Then it does not block any more.
pub(super) fn check(listener: &Listener, fd: &OwnedFd) -> Result<(), Foreign> {
    let told = || listener.addr.clone();
    let socket = SockRef::from(fd);
    if !socket.is_listener().unwrap_or(false) {
        return Err(Foreign::Deaf(told()));
    }
    let (domain, kind, protocol) = (socket.domain()?, socket.r#type()?, socket.protocol()?);
    if listener.kind == Kind::Handover {
        if (domain, kind) != (Domain::UNIX, Type::SEQPACKET) {
            return Err(Foreign::Family(told()));
        }
        match bound_name(fd) {
            Some(name) if name == listener.addr => {}
            name => return Err(Foreign::Elsewhere(told(), name.unwrap_or_else(|| "no name".to_owned()))),
        }
    } else {
        let is_tcp = [Domain::IPV4, Domain::IPV6].contains(&domain)
            && kind == Type::STREAM
            && protocol.is_none_or(|protocol| protocol == Protocol::TCP);
        if !is_tcp {
            return Err(Foreign::Family(told()));
        }
        let bound = socket.local_addr()?.as_socket();
        if bound.is_none() || bound != listener.addr.parse().ok() {
            let bound = bound.map_or_else(|| "no address".to_owned(), |bound| bound.to_string());
            return Err(Foreign::Elsewhere(told(), bound));
        }
    }
    Ok(socket.set_nonblocking(true)?)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use super::super::channel::listen;
    use super::*;

    fn told(kind: Kind, addr: impl ToString) -> Listener {
        Listener { kind, addr: addr.to_string(), sockets: 1 }
    }

    #[test]
    fn only_a_socket_that_listens_at_the_told_place_is_taken() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (here, fd) = (listener.local_addr().unwrap(), OwnedFd::from(listener));
        assert!(check(&told(Kind::Http, here), &fd).is_ok());
        assert!(rustix::fs::fcntl_getfl(&fd).unwrap().contains(rustix::fs::OFlags::NONBLOCK));
        let elsewhere = check(&told(Kind::Https, "127.0.0.1:1"), &fd).unwrap_err().to_string();
        assert_eq!(elsewhere, format!("a socket for 127.0.0.1:1 listens at {here}"));
        assert!(check(&told(Kind::Http, "nowhere"), &fd).is_err());
        assert!(check(&told(Kind::Handover, here), &fd).is_err());
    }

    #[test]
    fn what_is_no_such_socket_is_foreign() {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let here = udp.local_addr().unwrap();
        let bound = socket2::Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        bound.bind(&here.into()).unwrap();
        let (pipe, _other) = std::io::pipe().unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        for fd in [OwnedFd::from(udp), OwnedFd::from(bound), OwnedFd::from(pipe), OwnedFd::from(file)] {
            assert!(matches!(check(&told(Kind::Http, here), &fd), Err(Foreign::Deaf(_))));
        }
    }

    #[test]
    fn a_name_is_checked_as_an_address_is() {
        let name = format!("gatepost/test/sockets/{}", std::process::id());
        let fd = listen(&name).unwrap();
        assert!(check(&told(Kind::Handover, &name), &fd).is_ok());
        assert!(matches!(check(&told(Kind::Handover, "gatepost/other"), &fd), Err(Foreign::Elsewhere(..))));
        assert!(matches!(check(&told(Kind::Http, "127.0.0.1:1"), &fd), Err(Foreign::Family(_))));
        let tcp = OwnedFd::from(TcpListener::bind("127.0.0.1:0").unwrap());
        assert!(matches!(check(&told(Kind::Handover, &name), &tcp), Err(Foreign::Family(_))));
    }

    #[test]
    fn a_stock_that_is_closed_keeps_nothing_and_takes_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (addr, stock) = (listener.local_addr().unwrap(), Stock::default());
        stock.add(Kind::Http, addr, [&listener, &listener]).unwrap();
        let (listeners, fds) = stock.offer();
        assert_eq!((listeners, fds.len()), (vec![Listener { sockets: 2, ..told(Kind::Http, addr) }], 2));
        drop((listener, fds));
        assert!(std::net::TcpStream::connect(addr).is_ok());
        stock.close();
        assert!(std::net::TcpStream::connect(addr).is_err());
        stock.add(Kind::Http, addr, [&TcpListener::bind(addr).unwrap()]).unwrap();
        assert!(stock.offer().1.is_empty());
    }
}
