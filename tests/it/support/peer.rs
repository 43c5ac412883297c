//! The other side of a hand-over, which says exactly what a test tells it. Doors: [`Peer::asks`] is a process that wants
//! the listeners of another, [`Host::listens`] is one that has some.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
};
use serde_json::{Value, json};
use socket2::{Domain, SockAddr, Socket, Type};

use super::PATIENCE;

/// Descriptors that one packet may bring.
const FDS: usize = 64;

/// One end of a connection.
pub struct Peer(Socket);

/// Where processes ask.
pub struct Host(Socket);

/// What the program is asked at by a process of this user.
pub fn name(addr: SocketAddr) -> String {
    format!("gatepost/{}/{addr}", rustix::process::geteuid().as_raw())
}

fn socket() -> Socket {
    Socket::new(Domain::UNIX, Type::SEQPACKET, None).expect("a socket")
}

fn address(name: &str) -> SockAddr {
    SockAddr::unix(format!("\0{name}")).expect("a name")
}

impl Host {
    pub fn listens(name: &str) -> Host {
        let socket = socket();
        socket.bind(&address(name)).expect("a name");
        socket.listen(8).expect("a listener");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Host(socket)
    }

    /// The next process that asks, and its first word.
    pub fn asked(&self) -> (Peer, Value) {
        let (socket, _) = self.0.accept().expect("somebody asks");
        let peer = Peer::over(socket);
        let ask = peer.hears().expect("a question");
        (peer, ask)
    }
}

impl Peer {
    fn over(socket: Socket) -> Peer {
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        Peer(socket)
    }

    /// Connects and says nothing.
    pub fn connects(addr: SocketAddr) -> Peer {
        let socket = socket();
        socket.connect(&address(&name(addr))).expect("it can be asked");
        Peer::over(socket)
    }

    /// Asks, and gives the offer with its descriptors.
    pub fn asks(addr: SocketAddr) -> (Peer, Value, Vec<OwnedFd>) {
        let peer = Peer::connects(addr);
        peer.says(json!({"type": "ask", "protocol": 1, "version": "test", "pid": 1}));
        let offer = peer.hears().expect("an offer");
        let told =
            offer["listeners"].as_array().map_or(0, |all| all.iter().map(|one| one["sockets"].as_u64().unwrap()).sum());
        let mut fds = Vec::new();
        while (fds.len() as u64) < told {
            fds.extend(peer.packet().expect("descriptors").1);
        }
        (peer, offer, fds)
    }

    pub fn says(&self, message: Value) {
        self.sends(message.to_string().as_bytes(), &[]);
    }

    pub fn sends(&self, packet: &[u8], fds: &[BorrowedFd<'_>]) {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS * 4))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        assert!(fds.is_empty() || control.push(SendAncillaryMessage::ScmRights(fds)));
        rustix::net::sendmsg(&self.0, &[IoSlice::new(packet)], &mut control, SendFlags::NOSIGNAL).expect("it listens");
    }

    /// The next message; `None` when the other side has ended.
    pub fn hears(&self) -> Option<Value> {
        self.packet().map(|(message, _)| message)
    }

    /// Whether the other side is still there and has said nothing more.
    pub fn is_held(&self) -> bool {
        let waits = rustix::net::recv(&self.0, &mut [0_u8; 1], RecvFlags::DONTWAIT | RecvFlags::PEEK);
        matches!(waits, Err(rustix::io::Errno::AGAIN))
    }

    /// The next message that is no beat.
    pub fn hears_news(&self) -> Option<Value> {
        loop {
            match self.hears() {
                Some(message) if message["type"] == "alive" => {}
                other => return other,
            }
        }
    }

    fn packet(&self) -> Option<(Value, Vec<OwnedFd>)> {
        let mut packet = vec![0; 64 * 1024];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let got =
            rustix::net::recvmsg(&self.0, &mut [IoSliceMut::new(&mut packet)], &mut control, RecvFlags::CMSG_CLOEXEC);
        let bytes = match got {
            Ok(got) => got.bytes,
            // it has closed with something unread
            Err(rustix::io::Errno::CONNRESET) => return self.packet(),
            Err(error) => panic!("nothing was heard: {error}"),
        };
        let mut fds = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(rights) = message {
                fds.extend(rights);
            }
        }
        if bytes == 0 {
            return None;
        }
        Some((serde_json::from_slice(&packet[..bytes]).expect("a message"), fds))
    }
}

/// Descriptors as they are sent.
pub fn borrowed(fds: &[OwnedFd]) -> Vec<BorrowedFd<'_>> {
    fds.iter().map(AsFd::as_fd).collect()
}
