//! Who asks: a place from which one request at a time is sent, over HTTP/1.1, a stream of HTTP/2, or a WebSocket.
//!
//! One door: [`Client::ask`]. It never retries and follows no redirect.

mod duplex;
mod http1;
mod http2;
mod transport;
mod websocket;

use crate::plan::{Expect, Plan, Work};
use crate::tally::Failure;

use self::transport::Transport;

pub(crate) use self::transport::Tls;

/// A place from which one request at a time is sent.
pub(crate) struct Client<'p> {
    plan: &'p Plan,
    on: On<'p>,
}

enum On<'p> {
    Http1(Box<http1::Connection<'p>>),
    Http2(http2::Stream<'p>),
    WebSocket(Box<websocket::Connection<'p>>),
}

impl<'p> Client<'p> {
    /// The first, or only, place on a connection.
    pub(crate) fn new(plan: &'p Plan) -> Self {
        let on = match (&plan.work, plan.streams) {
            (Work::Message(message), _) => On::WebSocket(Box::new(websocket::Connection::new(plan, message))),
            (_, Some(_)) => On::Http2(http2::Stream::new(plan)),
            (_, None) => On::Http1(Box::new(http1::Connection::new(plan))),
        };
        Client { plan, on }
    }

    /// All places of a run.
    pub(crate) fn all(plan: &'p Plan) -> Vec<Self> {
        let streams = plan.streams.unwrap_or(1);
        (0..plan.connections).flat_map(|_| Client::new(plan).and_beside(streams)).collect()
    }

    fn and_beside(self, places: usize) -> Vec<Self> {
        let plan = self.plan;
        match self.on {
            On::Http2(first) => (0..places).map(|_| Client { plan, on: On::Http2(first.beside()) }).collect(),
            on => vec![Client { plan, on }],
        }
    }

    /// Opens the connection, if it is not open.
    pub(crate) async fn open(&mut self) -> Result<(), Failure> {
        let opening = async {
            match &mut self.on {
                On::Http1(connection) => connection.open().await,
                On::Http2(stream) => stream.open().await,
                On::WebSocket(connection) => connection.open().await,
            }
        };
        tokio::time::timeout(self.plan.timeout, opening).await.unwrap_or(Err(Failure::Slow))
    }

    /// Sends the request and checks its answer. Returns the bytes of the body.
    pub(crate) async fn ask(&mut self) -> Result<u64, Failure> {
        let asking = async {
            match &mut self.on {
                On::Http1(connection) => connection.exchange().await,
                On::Http2(stream) => stream.exchange().await,
                On::WebSocket(connection) => connection.exchange().await,
            }
        };
        // dropped in between it takes its connection with it; of HTTP/2 only the stream
        tokio::time::timeout(self.plan.timeout, asking).await.unwrap_or(Err(Failure::Slow))
    }

    /// How many connections were opened since this was last asked.
    pub(crate) fn take_opened(&mut self) -> u64 {
        match &mut self.on {
            On::Http1(connection) => std::mem::take(&mut connection.opened),
            On::Http2(stream) => stream.take_opened(),
            On::WebSocket(connection) => std::mem::take(&mut connection.opened),
        }
    }

    /// An idle place needs no buffer.
    pub(crate) fn rest(&mut self) {
        match &mut self.on {
            On::Http1(connection) => connection.rest(),
            On::WebSocket(connection) => connection.rest(),
            On::Http2(_) => {}
        }
    }
}

/// An answer as it comes, compared with what is expected.
struct Answer<'p> {
    expect: &'p Expect,
    status: u16,
    size: usize,
    is_same: bool,
}

impl<'p> Answer<'p> {
    fn new(expect: &'p Expect, status: u16) -> Self {
        Answer { expect, status, size: 0, is_same: true }
    }

    fn add(&mut self, bytes: &[u8]) {
        let end = self.size + bytes.len();
        if let Some(wanted) = &self.expect.body {
            self.is_same &= wanted.get(self.size..end) == Some(bytes);
        }
        self.size = end;
    }

    /// Once the body has ended: its size, or what is wrong.
    fn judged(&self) -> Result<u64, Failure> {
        let Expect { status, size, body } = self.expect;
        if !status.map_or((200..400).contains(&self.status), |wanted| wanted == self.status) {
            return Err(Failure::Status);
        }
        let is_whole = body.as_ref().is_none_or(|wanted| wanted.len() == self.size);
        let has_size = size.is_none_or(|wanted| wanted == self.size as u64);
        if self.is_same && is_whole && has_size { Ok(self.size as u64) } else { Err(Failure::Body) }
    }
}
