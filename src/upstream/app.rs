//! The app's side of one request.
//!
//! One door: [`App`]. Dropped before [`App::finish`], its connection is closed or its stream cancelled.

use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::http2::{Answering, Lease};
use super::{Error, Pool};
use crate::message::{ConnectionHeader, Framing, Head, Limits, Method};
use crate::wire::{Closed, Http1, Http2, Side, slot};

/// Bounds of an answer's head.
pub(super) const ANSWER: Limits = Limits { bytes: 64 * 1024, fields: 100 };

/// A connection or stream to an app that is at one request's disposal.
pub struct App {
    /// Where bodies go and come from.
    pub side: Side,
    address: SocketAddr,
    reused: bool,
    way: Way,
}

enum Way {
    Http1(Rc<Pool>),
    Http2 { lease: Lease, answering: Option<Answering> },
}

impl App {
    pub(super) fn http1(pool: &Rc<Pool>, http1: Box<Http1>, address: SocketAddr, reused: bool) -> Self {
        App { side: Side::Http1(http1), address, reused, way: Way::Http1(Rc::clone(pool)) }
    }

    pub(super) fn http2(lease: Lease, reused: bool) -> Self {
        let address = lease.address();
        App { side: Side::Http2(Http2::new(None, None)), address, reused, way: Way::Http2 { lease, answering: None } }
    }

    /// The address that it is connected to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether an earlier request went the same way, so that the app may have closed it meanwhile.
    pub(super) fn is_reused(&self) -> bool {
        self.reused
    }

    /// Whether nothing of the request has left for the app.
    pub(super) fn has_sent_nothing(&mut self) -> bool {
        match &mut self.side {
            Side::Http1(http1) => http1.stream().sent() == 0,
            Side::Http2(_) => false,
        }
    }

    /// Queues the request's head.
    pub(super) fn send_head(&mut self, head: &Head, framing: Framing, upgrade: bool) -> Result<(), Error> {
        match (&mut self.side, &mut self.way) {
            (Side::Http1(http1), _) => {
                let connection = if upgrade { ConnectionHeader::Upgrade } else { ConnectionHeader::None };
                http1.stream().reset_sent();
                head.encode_request(framing, connection, http1.stream().queue());
                http1.begin_outgoing(framing);
            }
            (Side::Http2(http2), Way::Http2 { lease, answering }) => {
                let length = if let Framing::Length(length) = framing { Some(length) } else { None };
                let (mut sender, body) = slot(length);
                if framing == Framing::None {
                    sender.end(None);
                }
                let authority = head.get(crate::message::Name::Host).and_then(|host| str::from_utf8(host).ok());
                let request = head
                    .to_http_request("http", authority.unwrap_or_default())
                    .map_err(|_| Error::Broken("the request cannot be written in HTTP/2"))?;
                *answering = Some(lease.send(request.map(|()| body)));
                http2.set_outgoing(sender);
            }
            (Side::Http2(_), Way::Http1(_)) => unreachable!("an HTTP/2 side has a lease"),
        }
        Ok(())
    }

    /// Reads the head of the next answer, interim ones included.
    pub(super) fn poll_answer(&mut self, cx: &mut Context<'_>, head: &mut Head) -> Poll<Result<(), Error>> {
        match (&mut self.side, &mut self.way) {
            (Side::Http1(http1), _) => {
                let polled = http1.poll_response(cx, head, ANSWER);
                polled.map_err(|closed| match closed {
                    Closed::Malformed(malformed) => Error::Broken(malformed.reason()),
                    _ if http1.stream().input().is_empty() => Error::Died,
                    Closed::Clean | Closed::Io(_) | Closed::Cut => {
                        Error::Broken("the app closed within the head of its answer")
                    }
                })
            }
            (Side::Http2(http2), Way::Http2 { answering: Some(answering), .. }) => {
                let answer = ready!(answering.as_mut().poll(cx));
                let (parts, body) = answer.map_err(|_| Error::Died)?.into_parts();
                head.from_http_response(&parts, ANSWER).map_err(|malformed| Error::Broken(malformed.reason()))?;
                http2.set_incoming(body);
                Poll::Ready(Ok(()))
            }
            _ => Poll::Ready(Err(Error::Broken("no request was sent"))),
        }
    }

    /// The answer's head is there: its body begins. Tells how it is framed.
    ///
    /// # Errors
    /// The head says two things about its length.
    pub(super) fn begin_answer(&mut self, head: &Head, method: Method) -> Result<Framing, Error> {
        let framing = head.response_framing(method).map_err(|malformed| Error::Broken(malformed.reason()))?;
        match &mut self.side {
            Side::Http1(http1) => {
                http1.begin_incoming(framing);
                Ok(framing)
            }
            // an HTTP/1.1 client must be told that nothing follows, where something could
            Side::Http2(http2) if http2.is_incoming_done() && framing != Framing::None => Ok(Framing::Length(0)),
            Side::Http2(_) => Ok(if framing == Framing::UntilClose { Framing::Chunked } else { framing }),
        }
    }

    /// The answer is through. `reusable` says that the request is too, and that the app did not ask to close.
    pub fn finish(self, reusable: bool, now: u64) {
        match (self.side, self.way) {
            (Side::Http1(mut http1), Way::Http1(pool)) => {
                if reusable && http1.is_incoming_done() && http1.stream().input().is_empty() {
                    pool.check_in(http1, self.address, now);
                }
            }
            (_, Way::Http2 { mut lease, .. }) => lease.complete = true,
            (Side::Http2(_), Way::Http1(_)) => {}
        }
    }
}
