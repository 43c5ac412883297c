//! A TCP connection with the bytes that are under way: read but not used, queued but not written.
//!
//! One door: [`Stream`]. A read that yields less than it could clears tokio's readiness, so the next one waits without
//! a system call: a small request costs one read and one write on each side.

use std::io::{self, IoSlice};
use std::ops::{Deref, DerefMut};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::buffer::{Buffer, SMALL};
use super::io::Io;

/// A payload up to this size is copied behind what is queued and goes out with it in one `send`; a larger one is
/// written from where it lies, with `writev` when something is queued before it.
const COPIED: usize = 2 * 1024;
/// Queued bytes that are written before more are queued.
const QUEUED: usize = 16 * 1024;
/// A queue that grew past this is not kept for the next message.
const KEPT_QUEUE: usize = 4 * 1024;

/// A socket, what has been read from it and what is to be written to it.
pub struct Stream {
    io: Io,
    input: Option<Buffer>,
    queue: Queue,
    written: u32,
    /// The last read filled its buffer: a body streams, read more at once.
    eager: bool,
    /// What is queued is the last of the connection.
    last: bool,
    /// Bytes written to the socket since [`Stream::reset_sent`]; tells whether a request may be sent again.
    sent: u64,
}

impl Stream {
    /// Takes over a connected socket.
    pub fn new(socket: TcpStream) -> Self {
        Stream::over(Io::Tcp(socket))
    }

    /// Takes over a socket on which a handshake has succeeded.
    pub fn secured(tls: TlsStream<TcpStream>) -> Self {
        Stream::over(Io::Tls(Box::new(tls)))
    }

    fn over(io: Io) -> Self {
        Stream { io, input: None, queue: Queue(Vec::new()), written: 0, eager: false, last: false, sent: 0 }
    }

    /// The socket.
    pub fn socket(&self) -> &TcpStream {
        self.io.socket()
    }

    /// Gives the socket back, for a handshake; `None` when there has been one. What was read and not used is lost.
    pub fn into_socket(self) -> Option<TcpStream> {
        match self.io {
            Io::Tcp(socket) => Some(socket),
            Io::Tls(_) => None,
        }
    }

    /// What has arrived and was not used.
    pub fn input(&self) -> &[u8] {
        self.input.as_ref().map_or(&[], Buffer::filled)
    }

    /// `n` bytes of the input were used.
    pub fn consume(&mut self, n: usize) {
        if n > 0
            && let Some(input) = &mut self.input
        {
            input.consume(n);
        }
    }

    /// Reads what there is behind the input. 0 is the end of the stream. While nothing arrives no buffer is held.
    ///
    /// # Errors
    /// The socket's, and `OutOfMemory` when a whole [`super::LARGE`] of input lies unused.
    pub fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let mut buffer = match self.input.take() {
            Some(full) if full.filled().len() >= SMALL && !full.is_large() => full.grown(),
            Some(buffer) if buffer.filled().is_empty() && self.eager && !buffer.is_large() => Buffer::take(true),
            Some(buffer) => buffer,
            None => Buffer::take(self.eager),
        };
        let room = buffer.room();
        if room.is_empty() {
            self.input = Some(buffer);
            return Poll::Ready(Err(io::ErrorKind::OutOfMemory.into()));
        }
        let size = room.len();
        let mut read = ReadBuf::new(room);
        let polled = Pin::new(&mut self.io).poll_read(cx, &mut read);
        let n = read.filled().len();
        buffer.add(n);
        self.eager = n == size || (self.eager && n > SMALL);
        if !buffer.filled().is_empty() {
            self.input = Some(buffer);
        }
        polled.map_ok(|()| n)
    }

    /// The message's bytes are through: the next one starts with ordinary reads and a small queue.
    pub fn rest(&mut self) {
        self.eager = false;
        if self.queue.is_empty() && self.queue.capacity() > KEPT_QUEUE {
            self.queue.0 = Vec::new();
        }
        if self.input().is_empty() {
            self.input = None;
        }
    }

    /// An idle connection holds no memory but its socket.
    pub fn release(&mut self) {
        self.rest();
        if self.queue.is_empty() {
            give_queue(std::mem::take(&mut self.queue.0));
        }
    }

    /// Where heads and framing are encoded to; written with the next payload or flush.
    pub fn queue(&mut self) -> &mut Vec<u8> {
        if self.queue.capacity() == 0 {
            self.queue.0 = take_queue();
        }
        &mut self.queue.0
    }

    /// Whether something waits to be written.
    pub fn has_queued(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Takes what is queued, for a connection that is to send it in place of this one.
    pub fn take_queued(&mut self) -> Vec<u8> {
        self.written = 0;
        std::mem::take(&mut self.queue.0)
    }

    /// Bytes that left since the last [`Stream::reset_sent`].
    pub fn sent(&self) -> u64 {
        self.sent
    }

    /// Starts the count of sent bytes anew.
    pub fn reset_sent(&mut self) {
        self.sent = 0;
    }

    /// Writes some of `payload`, after all that is queued. Small payloads are only queued: flush when no more is to come.
    ///
    /// # Errors
    /// The socket's.
    pub fn poll_payload(&mut self, cx: &mut Context<'_>, payload: &[u8]) -> Poll<io::Result<usize>> {
        if self.queue.len() + payload.len() > QUEUED && self.queue.len() >= COPIED {
            ready!(self.poll_flush(cx))?;
        }
        if payload.len() <= COPIED {
            self.queue().extend_from_slice(payload);
            return Poll::Ready(Ok(payload.len()));
        }
        loop {
            let queued = self.queue.len() - self.written as usize;
            if queued == 0 {
                let n = ready!(Pin::new(&mut self.io).poll_write(cx, payload))?;
                self.sent += n as u64;
                return written(n);
            }
            let parts = [IoSlice::new(&self.queue[self.written as usize..]), IoSlice::new(payload)];
            let n = ready!(Pin::new(&mut self.io).poll_write_vectored(cx, &parts))?;
            self.sent += n as u64;
            if n == 0 {
                return written(0);
            }
            if n < queued {
                self.written += n as u32;
                continue;
            }
            self.clear_queue();
            if n > queued {
                return Poll::Ready(Ok(n - queued));
            }
        }
    }

    /// Writes all that is queued.
    ///
    /// # Errors
    /// The socket's.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while (self.written as usize) < self.queue.len() {
            let rest = &self.queue[self.written as usize..];
            let io = &mut self.io;
            let n = ready!(if self.last { io.poll_write_last(cx, rest) } else { Pin::new(io).poll_write(cx, rest) })?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.sent += n as u64;
            self.written += n as u32;
        }
        self.clear_queue();
        Pin::new(&mut self.io).poll_flush(cx)
    }

    /// What is queued now is the last, and [`Stream::poll_shutdown`] follows as soon as it is written.
    pub fn ends(&mut self) {
        self.last = true;
    }

    fn clear_queue(&mut self) {
        self.queue.clear();
        self.written = 0;
    }

    /// Sends FIN after all that is queued.
    ///
    /// # Errors
    /// The socket's.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }

    /// Whether the peer has sent nothing that was not used. Asks the system, which may know more than tokio yet: a request
    /// that has arrived must not be answered by a close.
    pub fn is_silent(&self) -> bool {
        self.input().is_empty() && self.io.is_silent()
    }

    /// Whether an idle connection still looks alive: nothing to read, no end, no error. Costs no system call.
    pub fn is_quiet(&self) -> bool {
        self.input().is_empty() && self.queue.is_empty() && self.io.is_quiet()
    }
}

fn written(n: usize) -> Poll<io::Result<usize>> {
    Poll::Ready(if n == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(n) })
}

/// Most write queues that a thread keeps for later: 256 x 4 KiB = 1 MiB.
const KEPT_QUEUES: usize = 256;

thread_local! {
    static QUEUES: std::cell::RefCell<Vec<Vec<u8>>> = const { std::cell::RefCell::new(Vec::new()) };
}

fn take_queue() -> Vec<u8> {
    QUEUES.with_borrow_mut(Vec::pop).unwrap_or_else(|| Vec::with_capacity(KEPT_QUEUE))
}

fn give_queue(queue: Vec<u8>) {
    if queue.capacity() > 0 {
        let _ = QUEUES.try_with(|free| {
            if let Ok(mut free) = free.try_borrow_mut()
                && free.len() < KEPT_QUEUES
            {
                free.push(queue);
            }
        });
    }
}

/// What is queued to be written; its memory goes back to the thread's when it is dropped.
struct Queue(Vec<u8>);

impl Deref for Queue {
    type Target = Vec<u8>;
    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Queue {
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        let mut queue = std::mem::take(&mut self.0);
        if queue.capacity() <= KEPT_QUEUE * 4 {
            queue.clear();
            give_queue(queue);
        }
    }
}

/// hyper's HTTP/2 reads and writes the socket through this, beginning with what had been read before it took over.
impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let left = self.input();
        if left.is_empty() {
            self.input = None;
            return Pin::new(&mut self.io).poll_read(cx, out);
        }
        let n = left.len().min(out.remaining());
        out.put_slice(&left[..n]);
        self.consume(n);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Stream::poll_flush(self.get_mut(), cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
