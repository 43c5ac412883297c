//! One stream of an HTTP/2 connection, of hyper's server or client: frames in, a slot out.
//!
//! One door: [`Http2`].

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::Body;
use hyper::body::Incoming;

use super::side::{Fault, Piece};
use super::slot::SlotSender;
use crate::message::Trailers;

/// A stream's two bodies.
pub struct Http2 {
    incoming: Option<Incoming>,
    current: Bytes,
    trailers: Option<Trailers>,
    outgoing: Option<SlotSender>,
}

impl Http2 {
    /// A stream whose body arrives from `incoming`; what leaves it goes to `outgoing` once there is one.
    pub fn new(incoming: Option<Incoming>, outgoing: Option<SlotSender>) -> Box<Self> {
        Box::new(Http2 { incoming, current: Bytes::new(), trailers: None, outgoing })
    }

    /// The answer's body begins to arrive.
    pub fn set_incoming(&mut self, incoming: Incoming) {
        self.incoming = Some(incoming);
    }

    /// The answer's body begins to leave.
    pub fn set_outgoing(&mut self, outgoing: SlotSender) {
        self.outgoing = Some(outgoing);
    }

    /// Whether the incoming body has been read to its end.
    pub fn is_incoming_done(&self) -> bool {
        self.current.is_empty() && self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    pub(super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, Fault>> {
        while self.current.is_empty() {
            let Some(incoming) = &mut self.incoming else { return Poll::Ready(Ok(Piece::End)) };
            match ready!(Pin::new(incoming).poll_frame(cx)) {
                None => self.incoming = None,
                Some(Err(_)) => return Poll::Ready(Err(Fault::Cut)),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.current = data,
                    Err(frame) => {
                        self.trailers = frame.into_trailers().ok().map(|fields| Trailers::from_http(&fields));
                    }
                },
            }
        }
        Poll::Ready(Ok(Piece::Data))
    }

    pub(super) fn data(&self) -> &[u8] {
        &self.current
    }

    pub(super) fn consume(&mut self, n: usize) {
        self.current.advance(n);
    }

    pub(super) fn trailers(&self) -> Option<&Trailers> {
        self.trailers.as_ref()
    }

    pub(super) fn poll_data(&mut self, cx: &mut Context<'_>, data: &[u8]) -> Poll<Result<usize, Fault>> {
        match &mut self.outgoing {
            Some(outgoing) => ready!(outgoing.poll_data(cx, data)).ok_or(Fault::Gone).into(),
            None => Poll::Ready(Err(Fault::Gone)),
        }
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.outgoing.as_mut().map_or(Poll::Ready(()), |outgoing| outgoing.poll_flush(cx))
    }

    pub(super) fn end(&mut self, trailers: Option<&Trailers>) {
        if let Some(outgoing) = &mut self.outgoing {
            outgoing.end(trailers.map(Trailers::to_http));
        }
    }

    pub(super) fn poll_dropped(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.outgoing.as_mut().map_or(Poll::Pending, |outgoing| outgoing.poll_dropped(cx))
    }
}

/// Runs hyper's own tasks on the thread they were made on. A panic there ends at most their connection.
#[derive(Debug, Clone, Copy)]
pub struct LocalExecutor;

impl<F: Future<Output: 'static> + 'static> hyper::rt::Executor<F> for LocalExecutor {
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}
