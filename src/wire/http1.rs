//! HTTP/1.1 on a socket: heads in, bodies in and out, framed by `message`.
//!
//! One door: [`Http1`]. One message each way at a time; what is read beyond the current message stays for the next.

use std::io;
use std::task::{Context, Poll, ready};

use super::side::{Fault, Piece};
use super::stream::Stream;
use crate::message::{BodyReader, BodyWriter, Framing, Head, Limits, Malformed, Read, Trailers};

/// A connection that speaks HTTP/1.1, on either side of the proxy.
pub struct Http1 {
    stream: Stream,
    /// Bytes of the input that a head was already looked for in.
    seen: usize,
    incoming: BodyReader,
    /// Payload at the front of the input that the reader has counted and nobody used yet.
    ready: usize,
    outgoing: BodyWriter,
    /// Payload of the current chunk that is announced and not written.
    announced: usize,
    /// The connection ends with the message that leaves.
    parts: bool,
}

/// Why no head could be read.
#[derive(Debug)]
pub enum Closed {
    /// The peer closed between messages.
    Clean,
    /// The peer closed within a head.
    Cut,
    /// The socket failed.
    Io(io::Error),
    /// The head is not one.
    Malformed(Malformed),
}

impl Http1 {
    /// Takes over a connected socket.
    pub fn new(stream: Stream) -> Box<Self> {
        Box::new(Http1 {
            stream,
            seen: 0,
            incoming: BodyReader::new(Framing::None),
            ready: 0,
            outgoing: BodyWriter::new(Framing::None),
            announced: 0,
            parts: false,
        })
    }

    /// The socket and its queues.
    pub fn stream(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// Gives the socket back, with what had been read from it.
    pub fn into_stream(self) -> Stream {
        self.stream
    }

    /// Reads a request's head into `head`.
    ///
    /// # Errors
    /// See [`Closed`].
    pub fn poll_request(&mut self, cx: &mut Context<'_>, head: &mut Head, limits: Limits) -> Poll<Result<(), Closed>> {
        self.poll_head(cx, |input, seen| head.parse_request(input, seen, limits))
    }

    /// Reads an answer's head into `head`.
    ///
    /// # Errors
    /// See [`Closed`].
    pub fn poll_response(&mut self, cx: &mut Context<'_>, head: &mut Head, limits: Limits) -> Poll<Result<(), Closed>> {
        self.poll_head(cx, |input, seen| head.parse_response(input, seen, limits))
    }

    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        mut parse: impl FnMut(&[u8], usize) -> Result<Option<usize>, Malformed>,
    ) -> Poll<Result<(), Closed>> {
        loop {
            let input = self.stream.input();
            if input.len() > self.seen {
                match parse(input, self.seen).map_err(Closed::Malformed)? {
                    Some(n) => {
                        self.stream.consume(n);
                        self.seen = 0;
                        return Poll::Ready(Ok(()));
                    }
                    None => self.seen = input.len(),
                }
            }
            match ready!(self.stream.poll_fill(cx)) {
                Ok(0) if self.seen == 0 => return Poll::Ready(Err(Closed::Clean)),
                Ok(0) => return Poll::Ready(Err(Closed::Cut)),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(Closed::Io(error))),
            }
        }
    }

    /// A message's body begins to arrive.
    pub fn begin_incoming(&mut self, framing: Framing) {
        self.incoming = BodyReader::new(framing);
        self.ready = 0;
    }

    /// A message's body begins to leave.
    pub fn begin_outgoing(&mut self, framing: Framing) {
        self.outgoing = BodyWriter::new(framing);
        self.announced = 0;
    }

    /// The connection will be shut down as soon as the message that leaves has been written.
    pub fn part(&mut self) {
        self.parts = true;
    }

    /// Takes over a request of which another connection has written nothing: its queued bytes and where its body stands.
    pub fn take_over(&mut self, from: &mut Http1) {
        *self.stream.queue() = from.stream.take_queued();
        self.outgoing = std::mem::replace(&mut from.outgoing, BodyWriter::new(Framing::None));
        self.announced = from.announced;
    }

    /// Whether the incoming body has been read to its end.
    pub fn is_incoming_done(&self) -> bool {
        self.ready == 0 && self.incoming.is_end()
    }

    pub(super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Fault>> {
        if self.ready > 0 {
            return Poll::Ready(Ok(Piece::Data));
        }
        loop {
            if self.incoming.is_end() {
                return Poll::Ready(Ok(Piece::End));
            }
            match self.incoming.next(self.stream.input()).map_err(Fault::Malformed)? {
                Read::Data { skip, len } => {
                    self.stream.consume(skip);
                    self.ready = len;
                    return Poll::Ready(Ok(Piece::Data));
                }
                Read::End { skip } => {
                    self.stream.consume(skip);
                    return Poll::Ready(Ok(Piece::End));
                }
                Read::More { skip } => self.stream.consume(skip),
            }
            if ready!(self.stream.poll_fill(cx)).map_err(Fault::Io)? == 0 {
                self.incoming.eof().map_err(|_| Fault::Cut)?;
            }
        }
    }

    pub(super) fn data(&self) -> &[u8] {
        &self.stream.input()[..self.ready]
    }

    pub(super) fn consume(&mut self, n: usize) {
        self.stream.consume(n);
        self.ready -= n;
    }

    pub(super) fn trailers(&self) -> Option<&Trailers> {
        self.incoming.trailers()
    }

    pub(super) fn takes_trailers(&self) -> bool {
        self.outgoing.takes_trailers()
    }

    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, Fault>> {
        if self.announced == 0 {
            self.outgoing.before(data.len(), self.stream.queue()).map_err(|_| Fault::Length)?;
            self.announced = data.len();
        }
        let part = &data[..data.len().min(self.announced)];
        let n = ready!(self.stream.poll_payload(cx, part)).map_err(Fault::Io)?;
        self.announced -= n;
        if self.announced == 0 {
            self.outgoing.after(self.stream.queue());
        }
        Poll::Ready(Ok(n))
    }

    pub(super) fn end(&mut self, trailers: Option<&Trailers>) -> Result<(), Fault> {
        if self.parts {
            self.stream.ends();
        }
        self.outgoing.end(trailers, self.stream.queue()).map_err(|_| Fault::Length)
    }
}
