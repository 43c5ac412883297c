//! Streams of HTTP/2: hyper's, several on one connection.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use gatepost::wire::LocalExecutor;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::sync::Mutex;

use super::{Answer, Transport};
use crate::plan::{Plan, Work};
use crate::tally::Failure;

/// About what a browser gives: enough for a body to flow, and bounded.
const STREAM_WINDOW: u32 = 4 << 20;
const CONNECTION_WINDOW: u32 = 16 << 20;

/// A place on a connection that it may share with others.
pub(super) struct Stream<'p> {
    plan: &'p Plan,
    shared: Rc<Shared>,
}

#[derive(Default)]
struct Shared {
    sender: RefCell<Option<SendRequest<Pieces>>>,
    /// One of the places connects, the others wait for it.
    connecting: Mutex<()>,
    opened: Cell<u64>,
}

impl<'p> Stream<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        Stream { plan, shared: Rc::default() }
    }

    /// Another place on the same connection.
    pub(super) fn beside(&self) -> Self {
        Stream { plan: self.plan, shared: Rc::clone(&self.shared) }
    }

    pub(super) fn take_opened(&mut self) -> u64 {
        self.shared.opened.take()
    }

    pub(super) async fn open(&mut self) -> Result<(), Failure> {
        self.sender().await.map(drop)
    }

    pub(super) async fn exchange(&mut self) -> Result<u64, Failure> {
        let mut sender = self.sender().await?;
        sender.ready().await.map_err(|error| failure(&error))?;
        let body = match &self.plan.work {
            Work::Upload { size, piece } => Pieces { piece: piece.clone(), left: *size },
            _ => Pieces { piece: Bytes::new(), left: 0 },
        };
        let request = self.plan.request.parts.clone().map(|()| body);
        let response = sender.send_request(request).await.map_err(|error| failure(&error))?;
        let mut answer = Answer::new(&self.plan.expect, response.status().as_u16());
        let mut body = response.into_body();
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => answer.add(frame.data_ref().map_or(&[], |data| data)),
                Err(_) => return Err(Failure::Short),
            }
        }
        answer.judged()
    }

    /// The connection, opened if there is none that takes requests.
    async fn sender(&self) -> Result<SendRequest<Pieces>, Failure> {
        let _turn = self.shared.connecting.lock().await;
        if let Some(sender) = self.shared.sender.borrow().as_ref().filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        self.shared.opened.update(|opened| opened + 1);
        let socket = Transport::connect(self.plan.target, self.plan.tls.as_ref()).await?;
        if !socket.speaks_http2() {
            return Err(Failure::Version);
        }
        let (sender, connection) = Builder::new(LocalExecutor)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .handshake(TokioIo::new(socket))
            .await
            .map_err(|error| failure(&error))?;
        // how it ended is told to every stream
        tokio::task::spawn_local(async move { drop(connection.await) });
        *self.shared.sender.borrow_mut() = Some(sender.clone());
        Ok(sender)
    }
}

/// What went wrong before the answer's head.
fn failure(error: &hyper::Error) -> Failure {
    let is_reset = |error: &io::Error| error.kind() == io::ErrorKind::ConnectionReset;
    match cause(error) {
        Some(error) if !is_reset(error) => Failure::Closed,
        None if error.is_canceled() || error.is_closed() => Failure::Closed,
        // or the server said goodbye, or reset the stream
        _ => Failure::Reset,
    }
}

fn cause(error: &hyper::Error) -> Option<&io::Error> {
    std::iter::successors(error.source(), |&error| error.source()).find_map(|cause| cause.downcast_ref())
}

/// A body out of one piece, sent as often as it takes.
struct Pieces {
    piece: Bytes,
    left: u64,
}

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let len = usize::try_from(self.left).map_or(self.piece.len(), |left| left.min(self.piece.len()));
        self.left -= len as u64;
        Poll::Ready(Some(Ok(Frame::data(self.piece.slice(..len)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
