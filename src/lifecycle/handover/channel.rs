//! One connection between two processes: packets over an abstract UNIX socket, with descriptors. Doors:
//! [`Channel::connect`] and [`listen`], then [`Channel::say`] or [`Channel::send`], and [`Channel::receive`].
//!
//! A packet comes whole or not at all (`SOCK_SEQPACKET`), so a peer cannot hold anybody up in the middle of one.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use socket2::{Domain, SockAddr, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::message::{FDS, Garbage, LARGEST, Message};

/// Processes that may wait to be heard.
const BACKLOG: i32 = 16;
/// For a message to be taken.
const SAY: Duration = Duration::from_secs(1);

/// One end.
#[derive(Debug)]
pub(super) struct Channel(UnixStream);

/// A message and what came with it.
#[derive(Debug)]
pub(super) struct Packet {
    pub(super) message: Message,
    pub(super) fds: Vec<OwnedFd>,
}

/// Why nothing more is heard.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("it has closed the connection")]
    Closed,
    #[error(transparent)]
    Garbage(#[from] Garbage),
    #[error("what it said is longer than {LARGEST} bytes, or brought more than {FDS} descriptors")]
    TooMuch,
    #[error("it takes no message")]
    Deaf,
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A socket on which processes that ask by this name are heard.
///
/// # Errors
/// Somebody else has the name, or the system's.
pub(super) fn listen(name: &str) -> io::Result<OwnedFd> {
    let socket = socket()?;
    socket.bind(&address(name)?)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// The name that a socket is bound to.
pub(super) fn bound_name(fd: impl AsFd) -> Option<String> {
    let addr = SockRef::from(&fd).local_addr().ok()?;
    Some(String::from_utf8_lossy(addr.as_abstract_namespace()?).into_owned())
}

fn socket() -> io::Result<Socket> {
    let socket = Socket::new(Domain::UNIX, Type::SEQPACKET, None)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn address(name: &str) -> io::Result<SockAddr> {
    SockAddr::unix(format!("\0{name}"))
}

impl Channel {
    /// To whoever listens by this name.
    ///
    /// # Errors
    /// `ConnectionRefused`: nobody. `WouldBlock`: too many wait there already.
    pub(super) fn connect(name: &str) -> io::Result<Channel> {
        let socket = socket()?;
        socket.connect(&address(name)?)?;
        Channel::over(socket.into())
    }

    /// With a process that was let in.
    pub(super) fn of(socket: UnixStream) -> Channel {
        Channel(socket)
    }

    /// Over a connected socket, which must not block.
    pub(super) fn over(fd: OwnedFd) -> io::Result<Channel> {
        // to the runtime one kind of socket is like the other
        Ok(Channel(UnixStream::from_std(fd.into())?))
    }

    /// The uid of the process at the other end: of the one that connected, or of the one that began to listen.
    pub(super) fn peer_uid(&self) -> io::Result<u32> {
        Ok(self.0.peer_cred()?.uid())
    }

    /// Says something. May be dropped: then it was said or not.
    pub(super) async fn send(&self, message: &Message, fds: &[BorrowedFd<'_>]) -> Result<(), Broken> {
        let packet = message.write();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS))];
        self.0
            .async_io(Interest::WRITABLE, || {
                let mut control = SendAncillaryBuffer::new(&mut space);
                if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
                    return Err(io::ErrorKind::InvalidInput.into());
                }
                sendmsg(&self.0, &[IoSlice::new(&packet)], &mut control, SendFlags::NOSIGNAL)?;
                Ok(())
            })
            .await
            .map_err(|error| match error.kind() {
                io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Broken::Closed,
                _ => Broken::Io(error),
            })
    }

    /// Says something that the other side takes within a bound. That it has closed is no end yet: its last words may still
    /// have to be heard, and they end with the same.
    pub(super) async fn say(&self, message: &Message) -> Result<(), Broken> {
        timeout(SAY, self.send(message, &[])).await.unwrap_or(Err(Broken::Deaf))
    }

    /// Hears something. May be dropped without losing a message.
    pub(super) async fn receive(&self) -> Result<Packet, Broken> {
        loop {
            match self.0.async_io(Interest::READABLE, || receive(&self.0)).await {
                Ok(received) => return read(received),
                // the peer has closed with something unread: what it said before that comes after this error
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Channel {
    /// What can be heard at this moment, also when the runtime has not yet been told of it.
    pub(super) fn heard(&self) -> Option<Result<Packet, Broken>> {
        match receive(&self.0) {
            Ok(received) => Some(read(received)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => self.heard(),
            Err(error) => Some(Err(error.into())),
        }
    }
}

struct Received {
    packet: Vec<u8>,
    fds: Vec<OwnedFd>,
    flags: ReturnFlags,
}

fn receive(fd: impl AsFd) -> io::Result<Received> {
    let mut packet = vec![0; LARGEST];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(fd, &mut [IoSliceMut::new(&mut packet)], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut fds = Vec::new();
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            fds.extend(rights);
        }
    }
    packet.truncate(got.bytes);
    Ok(Received { packet, fds, flags: got.flags })
}

fn read(received: Received) -> Result<Packet, Broken> {
    let Received { packet, fds, flags } = received;
    // the buffer for descriptors may have room for some more
    if flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) || fds.len() > FDS {
        return Err(Broken::TooMuch);
    }
    if packet.is_empty() {
        return Err(Broken::Closed);
    }
    Ok(Packet { message: Message::read(&packet)?, fds })
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Both ends of a connection.
    pub(in crate::lifecycle::handover) fn pair() -> (Channel, Channel) {
        let (one, other) = Socket::pair(Domain::UNIX, Type::SEQPACKET, None).unwrap();
        let over = |socket: Socket| {
            socket.set_nonblocking(true).unwrap();
            Channel::over(socket.into()).unwrap()
        };
        (over(one), over(other))
    }

    #[tokio::test]
    async fn a_packet_brings_its_descriptors_which_no_program_inherits() {
        let (one, other) = pair();
        let file = std::fs::File::open("/dev/null").unwrap();
        one.send(&Message::Sockets, &[file.as_fd(), file.as_fd()]).await.unwrap();
        let packet = other.receive().await.unwrap();
        assert_eq!((&packet.message, packet.fds.len()), (&Message::Sockets, 2));
        let flags = rustix::io::fcntl_getfd(&packet.fds[1]).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
    }

    #[tokio::test]
    async fn what_was_said_before_the_end_is_heard_whoever_left_first() {
        let (one, other) = pair();
        other.send(&Message::Alive { ready: true }, &[]).await.unwrap();
        one.send(&Message::Accepting, &[]).await.unwrap();
        drop(one);
        assert_eq!(other.receive().await.unwrap().message, Message::Accepting);
        assert!(matches!(other.receive().await, Err(Broken::Closed)));
        assert!(matches!(other.send(&Message::Goodbye, &[]).await, Err(Broken::Closed)));
    }

    #[tokio::test]
    async fn what_is_too_long_or_has_too_many_descriptors_is_not_taken() {
        let (one, other) = pair();
        rustix::net::send(&one.0, &vec![b' '; LARGEST + 1], SendFlags::empty()).unwrap();
        assert!(matches!(other.receive().await, Err(Broken::TooMuch)));
        let file = std::fs::File::open("/dev/null").unwrap();
        for more in [1, 8] {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS + 8))];
            let mut control = SendAncillaryBuffer::new(&mut space);
            let fds = vec![file.as_fd(); FDS + more];
            control.push(SendAncillaryMessage::ScmRights(&fds));
            let text = IoSlice::new(br#"{"type":"sockets"}"#);
            sendmsg(&one.0, &[text], &mut control, SendFlags::empty()).unwrap();
            assert!(matches!(other.receive().await, Err(Broken::TooMuch)));
        }
        one.send(&Message::Unknown, &[]).await.unwrap();
    }

    #[tokio::test]
    async fn a_name_is_had_once_and_gone_with_its_last_descriptor() {
        let name = format!("gatepost/test/{}", std::process::id());
        assert_eq!(Channel::connect(&name).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        let listener = listen(&name).unwrap();
        assert_eq!(bound_name(&listener), Some(name.clone()));
        assert_eq!(listen(&name).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let asking = Channel::connect(&name).unwrap();
        let listener = tokio::net::UnixListener::from_std(listener.into()).unwrap();
        let asked = Channel::of(listener.accept().await.unwrap().0);
        assert_eq!(asked.peer_uid().unwrap(), asking.peer_uid().unwrap());
        drop(listener);
        assert_eq!(Channel::connect(&name).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
}
