//! Both directions of a connection: what is still to be sent, and what has come in the meantime.
//!
//! Two doors: [`Sending`] and [`Inbox`]. A server may answer before it has read everything, or read no further before
//! its answer is taken from it: whoever waits for bytes goes on sending.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use gatepost::message::{Head, Limits};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Transport;
use crate::tally::Failure;

/// Of an answer's head.
const LIMITS: Limits = Limits { bytes: 64 * 1024, fields: 100 };
/// What a connection's first read has room for; thousands of them may be open.
const LEAST: usize = 4 * 1024;
/// What a read has room for once one was full.
const MOST: usize = 64 * 1024;

/// A head, and as many pieces of a body as are left to be sent.
pub(super) struct Sending<'p> {
    head: &'p [u8],
    piece: &'p [u8],
    left: u64,
    is_flushed: bool,
}

impl<'p> Sending<'p> {
    pub(super) fn new(head: &'p [u8], piece: &'p [u8], left: u64) -> Self {
        Sending { head, piece, left, is_flushed: false }
    }

    /// Everything is sent.
    pub(super) fn is_done(&self) -> bool {
        self.head.is_empty() && self.left == 0 && self.is_flushed
    }

    fn poll(&mut self, socket: &mut Transport, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.head.is_empty() {
            let n = ready!(written(socket, cx, self.head))?;
            self.head = &self.head[n..];
        }
        while self.left > 0 {
            let len = usize::try_from(self.left).map_or(self.piece.len(), |left| left.min(self.piece.len()));
            self.left -= ready!(written(socket, cx, &self.piece[..len]))? as u64;
        }
        if !self.is_flushed {
            ready!(Pin::new(socket).poll_flush(cx))?;
            self.is_flushed = true;
        }
        Poll::Ready(Ok(()))
    }
}

fn written(socket: &mut Transport, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
    match ready!(Pin::new(socket).poll_write(cx, bytes))? {
        0 => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
        n => Poll::Ready(Ok(n)),
    }
}

/// What has come and is not yet used.
#[derive(Default)]
pub(super) struct Inbox {
    bytes: Vec<u8>,
    filled: usize,
}

impl Inbox {
    pub(super) fn data(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.filled == 0
    }

    /// What has come is of no use any more.
    pub(super) fn clear(&mut self) {
        self.filled = 0;
    }

    pub(super) fn drop_front(&mut self, n: usize) {
        self.bytes.copy_within(n..self.filled, 0);
        self.filled -= n;
    }

    /// Reads the next head, an interim one too.
    pub(super) async fn head(
        &mut self,
        head: &mut Head,
        socket: &mut Transport,
        sending: &mut Sending<'_>,
    ) -> Result<(), Failure> {
        loop {
            let parsed = head.parse_response(self.data(), 0, LIMITS);
            if let Some(n) = parsed.map_err(|_| Failure::Malformed)? {
                self.drop_front(n);
                return Ok(());
            }
            self.more(socket, sending).await?;
        }
    }

    /// As [`Self::fill`], where the end is an error.
    pub(super) async fn more(&mut self, socket: &mut Transport, sending: &mut Sending<'_>) -> Result<(), Failure> {
        match self.fill(socket, sending).await? {
            0 if self.is_empty() => Err(Failure::Closed),
            0 => Err(Failure::Short),
            _ => Ok(()),
        }
    }

    /// Reads what is there, or waits for it; sends while it waits. Returns how much came: 0 is the end.
    pub(super) async fn fill(&mut self, socket: &mut Transport, sending: &mut Sending<'_>) -> Result<usize, Failure> {
        if self.filled == self.bytes.len() {
            match self.filled {
                0 => self.bytes.resize(LEAST, 0),
                MOST => return Err(Failure::Malformed),
                _ => self.bytes.resize(MOST, 0),
            }
        }
        let room = &mut self.bytes[self.filled..];
        let mut can_send = !sending.is_done();
        let read = poll_fn(|cx| {
            // after an error there may still be an answer that says why; without one, reading fails too
            if can_send && let Poll::Ready(Err(_)) = sending.poll(socket, cx) {
                can_send = false;
            }
            let mut out = ReadBuf::new(room);
            Pin::new(&mut *socket).poll_read(cx, &mut out).map_ok(|()| out.filled().len())
        });
        let n = read.await.map_err(|error| lost(&error, self.filled == 0))?;
        self.filled += n;
        Ok(n)
    }
}

fn lost(error: &io::Error, before_answer: bool) -> Failure {
    match error.kind() {
        io::ErrorKind::ConnectionReset => Failure::Reset,
        _ if before_answer => Failure::Closed,
        _ => Failure::Short,
    }
}
