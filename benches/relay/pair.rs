//! A client and the app, connected. One door: [`Pair`].

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use rustix::event::epoll::EventFlags;

/// What has come from one end and the other did not take yet; at most one read of it, for until it is taken no more is read.
#[derive(Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// The end has said all it will say.
    is_last: bool,
}

pub(crate) struct Pair {
    ends: [TcpStream; 2],
    /// By the end that it came from.
    waiting: [Waiting; 2],
}

/// What is left to do for a pair.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// To wait for the same as before.
    Same,
    /// To wait for something else, at both ends.
    Other,
    /// Nothing: both ends have said all.
    Over,
}

impl Pair {
    pub(crate) fn connect(client: TcpStream, upstream: SocketAddr) -> io::Result<Pair> {
        // on loopback a connection is there at once, or refused
        let pair = Pair { ends: [client, TcpStream::connect(upstream)?], waiting: Default::default() };
        for end in &pair.ends {
            end.set_nodelay(true)?;
            end.set_nonblocking(true)?;
        }
        Ok(pair)
    }

    /// The end, and what is to be waited for at it.
    pub(crate) fn end(&self, side: usize) -> (&TcpStream, EventFlags) {
        let mut flags = EventFlags::empty();
        flags.set(EventFlags::IN, self.waiting[side].bytes.is_empty() && !self.waiting[side].is_last);
        flags.set(EventFlags::OUT, !self.waiting[1 - side].bytes.is_empty());
        (&self.ends[side], flags)
    }

    /// One read from this end and one write to the other.
    pub(crate) fn read(&mut self, side: usize, buffer: &mut [u8]) -> io::Result<Next> {
        if !self.end(side).1.contains(EventFlags::IN) {
            return Ok(Next::Same);
        }
        let Some(n) = unless_blocked(self.ends[side].read(buffer))? else { return Ok(Next::Same) };
        if n == 0 {
            self.waiting[side].is_last = true;
            return self.end_said(side);
        }
        let sent = unless_blocked(self.ends[1 - side].write(&buffer[..n]))?.unwrap_or(0);
        if sent == n {
            return Ok(Next::Same);
        }
        self.waiting[side].bytes.extend_from_slice(&buffer[sent..n]);
        Ok(Next::Other)
    }

    /// This end takes more of what waits for it.
    pub(crate) fn write(&mut self, side: usize) -> io::Result<Next> {
        let waiting = &mut self.waiting[1 - side];
        if waiting.bytes.is_empty() {
            return Ok(Next::Same);
        }
        let sent = unless_blocked(self.ends[side].write(&waiting.bytes))?.unwrap_or(0);
        waiting.bytes.drain(..sent);
        if waiting.bytes.is_empty() { self.end_said(1 - side) } else { Ok(Next::Same) }
    }

    /// Tells the other end when this one has said all and nothing of it waits.
    fn end_said(&mut self, side: usize) -> io::Result<Next> {
        let is_said = |waiting: &Waiting| waiting.is_last && waiting.bytes.is_empty();
        if self.waiting.iter().all(is_said) {
            return Ok(Next::Over);
        }
        if is_said(&self.waiting[side]) {
            self.ends[1 - side].shutdown(Shutdown::Write)?;
        }
        Ok(Next::Other)
    }
}

fn unless_blocked(done: io::Result<usize>) -> io::Result<Option<usize>> {
    match done {
        Ok(n) => Ok(Some(n)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}
