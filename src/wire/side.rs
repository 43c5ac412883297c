//! The client's side or the app's side of a request: the same calls for both versions.
//!
//! One door: [`Side`].

use std::io;
use std::task::{Context, Poll, ready};

use super::buffer::SMALL;
use super::{Http1, Http2};
use crate::message::{Malformed, Trailers};

/// One peer of a request. On the heap, once for a connection or stream: a pooled one is handed around without a copy,
/// and the state of a request that holds one stays small.
pub enum Side {
    /// The whole connection is at this request's disposal.
    Http1(Box<Http1>),
    /// One stream of a shared connection.
    Http2(Box<Http2>),
}

/// What a body's next piece is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// There are bytes in [`Side::data`].
    Data,
    /// The body is complete; [`Side::trailers`] has what came behind it.
    End,
}

/// Why a body cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The peer closed or reset before the end of its message.
    #[error("the peer closed before the end of its message")]
    Cut,
    /// The peer's framing is wrong.
    #[error("the peer's body is malformed: {}", .0.reason())]
    Malformed(Malformed),
    /// The socket failed.
    #[error("the socket failed: {0}")]
    Io(io::Error),
    /// Nobody reads the other end of the stream.
    #[error("nobody reads the other end of the stream")]
    Gone,
    /// The body is longer or shorter than its Content-Length.
    #[error("the body's size is not the one its head promised")]
    Length,
}

impl Side {
    /// The next piece of the body that this peer sends.
    ///
    /// # Errors
    /// The body is cut or malformed, or the socket failed.
    pub fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Fault>> {
        match self {
            Side::Http1(http1) => http1.poll_piece(cx),
            Side::Http2(http2) => http2.poll_piece(cx),
        }
    }

    /// The bytes of the current piece that were not consumed.
    pub fn data(&self) -> &[u8] {
        match self {
            Side::Http1(http1) => http1.data(),
            Side::Http2(http2) => http2.data(),
        }
    }

    /// `n` bytes of [`Side::data`] were used.
    pub fn consume(&mut self, n: usize) {
        match self {
            Side::Http1(http1) => http1.consume(n),
            Side::Http2(http2) => http2.consume(n),
        }
    }

    /// What came behind the body, when it has been read to its end.
    pub fn trailers(&self) -> Option<&Trailers> {
        match self {
            Side::Http1(http1) => http1.trailers(),
            Side::Http2(http2) => http2.trailers(),
        }
    }

    /// Whether fields behind the body that goes to this peer find a place.
    pub fn takes_trailers(&self) -> bool {
        match self {
            Side::Http1(http1) => http1.takes_trailers(),
            Side::Http2(_) => true,
        }
    }

    /// Whether the body that this peer sends has been read to its end.
    pub fn is_incoming_done(&self) -> bool {
        match self {
            Side::Http1(http1) => http1.is_incoming_done(),
            Side::Http2(http2) => http2.is_incoming_done(),
        }
    }

    /// Writes some of `data` as body towards this peer. It may only be queued: flush when no more is at hand.
    ///
    /// # Errors
    /// The peer is gone, or the body would be longer than promised.
    pub fn poll_data(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, Fault>> {
        match self {
            Side::Http1(http1) => http1.poll_data(cx, data),
            Side::Http2(http2) => http2.poll_data(cx, data),
        }
    }

    /// Everything queued is on its way.
    ///
    /// # Errors
    /// The socket's.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        match self {
            Side::Http1(http1) => http1.stream().poll_flush(cx).map_err(Fault::Io),
            Side::Http2(http2) => http2.poll_flush(cx).map(Ok),
        }
    }

    /// The body towards this peer is complete: its end and trailers are queued.
    ///
    /// # Errors
    /// The body is shorter than promised.
    pub fn poll_end(&mut self, cx: &mut Context<'_>, trailers: Option<&Trailers>) -> Poll<Result<(), Fault>> {
        match self {
            Side::Http1(http1) => Poll::Ready(http1.end(trailers)),
            Side::Http2(http2) => {
                if trailers.is_some() {
                    ready!(http2.poll_flush(cx));
                }
                http2.end(trailers);
                Poll::Ready(Ok(()))
            }
        }
    }

    /// No more bytes will come towards this peer (a tunnel's half-close).
    ///
    /// # Errors
    /// The socket's.
    pub fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Fault>> {
        match self {
            Side::Http1(http1) => http1.stream().poll_shutdown(cx).map_err(Fault::Io),
            Side::Http2(_) => Poll::Ready(Ok(())),
        }
    }

    /// Ready when this peer has gone away while nothing is expected from it. What it sends meanwhile (the next requests
    /// of a pipeline) is kept, at most [`SMALL`] bytes of it.
    pub fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Side::Http1(http1) => loop {
                if http1.stream().input().len() >= SMALL {
                    return Poll::Pending;
                }
                match ready!(http1.stream().poll_fill(cx)) {
                    Ok(n) if n > 0 => {}
                    _ => return Poll::Ready(()),
                }
            },
            Side::Http2(http2) => http2.poll_dropped(cx),
        }
    }
}
