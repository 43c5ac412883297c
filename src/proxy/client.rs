//! The client's side of one request after another.
//!
//! One door: [`Client`]: heads towards the client, and what becomes of its connection.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpStream;

use crate::message::{ConnectionHeader, Framing, Head, Method, Name, Version};
use crate::wire::{Deadline, Fault, Phase, Piece, Side, SlotBody, slot};

/// How long a client may take to read our own answers.
const ANSWER: Duration = Duration::from_secs(60);
/// What is read of a request's rest after an early answer, so that the connection stays usable.
const DISCARDED: usize = 64 * 1024;
const DISCARD_FOR: Duration = Duration::from_secs(1);

/// A client and the request it is at.
pub(super) struct Client {
    pub(super) side: Side,
    pub(super) deadline: Deadline,
    version: Version,
    method: Method,
    /// It waits to be asked for its body.
    expects: bool,
    /// The connection ends after this request.
    pub(super) close: bool,
    /// The client wants it so and has sent all it will, so that nothing can cross our answer.
    pub(super) said_all: bool,
    /// The final answer's head was queued: no error can be told any more.
    pub(super) answered: bool,
    /// The end of the connection is the end of the answer: until it is whole, closing resets.
    until_close: bool,
    /// Where an HTTP/2 stream's head goes.
    stream: Option<HeadSlot>,
}

impl Client {
    pub(super) fn new(side: Side, deadline: Deadline, stream: Option<HeadSlot>) -> Self {
        let (version, method) = (Version::Http11, Method::Get);
        let (expects, close, said_all, answered, until_close) = (false, false, false, false, false);
        Client { side, deadline, version, method, expects, close, said_all, answered, until_close, stream }
    }

    /// A request's head has been read. `close`: the connection is to end with it. Gives whether the client says that it
    /// sends no other one there (RFC 9112 9.3, 9.6).
    pub(super) fn begin(&mut self, request: &Head, close: bool) -> bool {
        self.version = request.version();
        self.method = request.method();
        let is_last = request.wants_close() || self.version == Version::Http10 && !request.wants_keep_alive();
        self.close = close || is_last;
        self.said_all = false;
        self.expects = request.get(Name::Expect).is_some();
        self.answered = false;
        is_last
    }

    /// Shows an interim answer, where the client's version has them and we can send them.
    pub(super) fn interim(side: &mut Side, version: Version, head: &Head) {
        if let (Side::Http1(http1), Version::Http11) = (side, version) {
            head.encode_response(Framing::None, ConnectionHeader::None, version, http1.stream().queue());
        }
    }

    /// Queues the final answer's head; its body follows in the framing that suits the client.
    pub(super) fn send_head(&mut self, head: &Head, framing: Framing) -> Result<(), Fault> {
        self.answered = true;
        // a client that waits may or may not send its body now: what it sends next could be either
        self.close |= self.expects && !self.side.is_incoming_done();
        match (&mut self.side, &self.stream) {
            (Side::Http1(http1), _) => {
                let framing = match (framing, self.version) {
                    (Framing::UntilClose, Version::Http11) => Framing::Chunked,
                    (Framing::Chunked | Framing::UntilClose, _) if self.version == Version::Http10 => {
                        Framing::UntilClose
                    }
                    (framing, _) => framing,
                };
                self.close |= framing == Framing::UntilClose;
                let connection = match (head.status(), self.close, self.version) {
                    (101, _, _) => ConnectionHeader::Upgrade,
                    (_, true, _) => ConnectionHeader::Close,
                    (_, false, Version::Http10) => ConnectionHeader::KeepAlive,
                    _ => ConnectionHeader::None,
                };
                head.encode_response(framing, connection, self.version, http1.stream().queue());
                http1.begin_outgoing(framing);
                self.until_close = framing == Framing::UntilClose;
                if self.close && head.status() != 101 {
                    http1.part();
                }
                // what follows a change of protocols is no request
                self.said_all &= head.status() != 101;
                if self.until_close {
                    reset_on_close(http1.stream().socket(), true);
                }
            }
            (Side::Http2(http2), Some(stream)) => {
                let length = if let Framing::Length(length) = framing { Some(length) } else { None };
                let (mut sender, body) = slot(length);
                if framing == Framing::None {
                    sender.end(None);
                }
                let answer = head.to_http_response().map_err(Fault::Malformed)?;
                http2.set_outgoing(sender);
                stream.0.set(Some(answer.map(|()| body)));
            }
            (Side::Http2(_), None) => return Err(Fault::Gone),
        }
        Ok(())
    }

    /// Sends an answer of ours as a whole. Returns the bytes of its body that were sent.
    pub(super) async fn send_whole(&mut self, head: &mut Head, body: &[u8]) -> Result<u64, Fault> {
        let bodiless = matches!(head.status(), 204 | 304);
        let framing =
            if self.method == Method::Head || bodiless { Framing::None } else { Framing::Length(body.len() as u64) };
        if self.method == Method::Head && !bodiless {
            let mut length = itoa::Buffer::new();
            head.push_str("content-length", length.format(body.len()).as_bytes());
        }
        self.send_head(head, framing)?;
        self.deadline.arm(Phase::Body, ANSWER);
        let mut rest = if framing == Framing::None { &[][..] } else { body };
        let sent = rest.len() as u64;
        let Client { side, deadline, .. } = self;
        let mut ended = false;
        poll_fn(|cx| {
            if deadline.poll_expired(cx).is_ready() {
                return Poll::Ready(Err(Fault::Gone));
            }
            while !rest.is_empty() {
                let n = ready!(side.poll_data(cx, rest))?;
                rest = &rest[n..];
            }
            if !ended {
                ready!(side.poll_end(cx, None))?;
                ended = true;
            }
            side.poll_flush(cx)
        })
        .await?;
        Ok(sent)
    }

    /// Writes what is queued, as far as the client takes it at once.
    pub(super) async fn flush_now(&mut self) {
        poll_fn(|cx| {
            let _ = self.side.poll_flush(cx);
            Poll::Ready(())
        })
        .await;
    }

    /// After the answer: takes what is left of the request, if that is little. False: the connection must end.
    pub(super) async fn discard_rest(&mut self) -> bool {
        if self.side.is_incoming_done() {
            return true;
        }
        self.deadline.arm(Phase::Drain, DISCARD_FOR);
        let mut left = DISCARDED;
        poll_fn(|cx| match self.deadline.poll_expired(cx) {
            Poll::Ready(_) => Poll::Ready(false),
            Poll::Pending => poll_discard(&mut self.side, &mut left, cx),
        })
        .await
    }

    /// Ends an HTTP/1 connection so that the client still reads what was sent: FIN leaves with the last bytes, which wait for
    /// it. Unless the client has said all, what still comes is taken for a while: closing would answer that with a reset,
    /// which can overtake our last bytes.
    pub(super) async fn end(&mut self) {
        let at_once = match &mut self.side {
            Side::Http1(http1) => self.said_all && !self.until_close && http1.stream().input().is_empty(),
            Side::Http2(_) => true,
        };
        if at_once {
            poll_fn(|cx| Poll::Ready(self.side.poll_shutdown(cx).is_ready())).await;
        } else {
            self.linger().await;
        }
    }

    async fn linger(&mut self) {
        self.deadline.arm(Phase::Drain, DISCARD_FOR);
        if let (true, Side::Http1(http1)) = (self.until_close, &mut self.side) {
            reset_on_close(http1.stream().socket(), false);
        }
        let Client { side, deadline, .. } = self;
        let (mut left, mut is_shut) = (DISCARDED, false);
        poll_fn(|cx| {
            if deadline.poll_expired(cx).is_ready() || !is_shut && ready!(side.poll_shutdown(cx)).is_err() {
                return Poll::Ready(());
            }
            is_shut = true;
            let Side::Http1(http1) = side else { return Poll::Ready(()) };
            loop {
                match ready!(http1.stream().poll_fill(cx)) {
                    Ok(n) if n > 0 && n <= left => left -= n,
                    _ => return Poll::Ready(()),
                }
                let n = http1.stream().input().len();
                http1.stream().consume(n);
            }
        })
        .await;
    }
}

/// Where the socket refuses, a cut answer looks whole, and nothing else is different.
fn reset_on_close(socket: &TcpStream, reset: bool) {
    let _ = SockRef::from(socket).set_linger(reset.then_some(Duration::ZERO));
}

fn poll_discard(side: &mut Side, left: &mut usize, cx: &mut Context<'_>) -> Poll<bool> {
    loop {
        match ready!(side.poll_piece(cx)) {
            Err(_) => return Poll::Ready(false),
            Ok(Piece::End) => return Poll::Ready(true),
            Ok(Piece::Data) => {
                let n = side.data().len();
                side.consume(n);
                if n > *left {
                    return Poll::Ready(false);
                }
                *left -= n;
            }
        }
    }
}

/// Where `handle` leaves the head of a stream's answer for hyper's service to find.
#[derive(Clone, Default)]
pub(super) struct HeadSlot(Rc<Cell<Option<http::Response<SlotBody>>>>);

impl HeadSlot {
    /// The head, once it is there.
    pub(super) fn take(&self) -> Option<http::Response<SlotBody>> {
        self.0.take()
    }
}
