//! One connection: a request out, an answer in, checked.
//!
//! One door: [`Client::ask`]. It never retries. A kept connection that the server has closed before the request is sent
//! is replaced, as any client does; one that dies after that is an error.

use std::io;
use std::time::Duration;

use gatepost::message::{BodyReader, Head, Limits, Method, Read};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::options::{Expect, Plan};
use crate::tally::Failure;
use crate::transport::Transport;

/// An answer that takes longer is an error.
const PATIENCE: Duration = Duration::from_secs(5);
const LIMITS: Limits = Limits { bytes: 64 * 1024, fields: 100 };
const BUFFER: usize = 64 * 1024;

/// A place for one connection at a time.
pub(crate) struct Client<'p> {
    plan: &'p Plan,
    socket: Option<Transport>,
    head: Head,
    buffer: Vec<u8>,
    filled: usize,
    /// Connections opened since this was last asked.
    opened: u64,
}

impl<'p> Client<'p> {
    pub(crate) fn new(plan: &'p Plan) -> Self {
        Client { plan, socket: None, head: Head::new(), buffer: Vec::new(), filled: 0, opened: 0 }
    }

    /// How many connections were opened since this was last asked.
    pub(crate) fn take_opened(&mut self) -> u64 {
        std::mem::take(&mut self.opened)
    }

    /// An idle place needs no buffer.
    pub(crate) fn rest(&mut self) {
        self.buffer = Vec::new();
    }

    /// Sends the request and checks its answer. Returns the bytes of the body.
    pub(crate) async fn ask(&mut self) -> Result<u64, Failure> {
        let asked = tokio::time::timeout(PATIENCE, self.exchange()).await.unwrap_or(Err(Failure::Slow));
        if asked.is_err() || self.plan.new_connection {
            self.socket = None;
        }
        asked
    }

    async fn exchange(&mut self) -> Result<u64, Failure> {
        // end, error, or bytes that nobody asked for: the connection is no good, and nothing was sent on it
        let kept = self.socket.take().and_then(|mut kept| kept.is_quiet().then_some(kept));
        let mut socket = match kept {
            Some(kept) => kept,
            None => {
                self.opened += 1;
                Transport::connect(self.plan.target, self.plan.tls.as_ref()).await?
            }
        };
        self.filled = 0;
        self.buffer.resize(BUFFER, 0);
        socket.write_all(&self.plan.request).await.map_err(|error| lost(&error, true))?;
        socket.flush().await.map_err(|error| lost(&error, true))?;
        loop {
            let answer = self.head.parse_response(&self.buffer[..self.filled], 0, LIMITS);
            if let Some(n) = answer.map_err(|_| Failure::Malformed)? {
                self.buffer.copy_within(n..self.filled, 0);
                self.filled -= n;
                if self.head.status() >= 200 {
                    break;
                }
            } else if self.fill(&mut socket).await? == 0 {
                return Err(if self.filled == 0 { Failure::Closed } else { Failure::Short });
            }
        }
        let status = self.head.status();
        let whole = self.body(&mut socket).await?;
        if !self.head.wants_close() && self.filled == 0 {
            self.socket = Some(socket);
        }
        let fine = self.plan.expect.status.map_or((200..400).contains(&status), |wanted| wanted == status);
        if fine { whole } else { Err(Failure::Status) }
    }

    /// Reads the body to its end. Outer error: it did not come whole; inner: it is another one than asked for.
    async fn body(&mut self, socket: &mut Transport) -> Result<Result<u64, Failure>, Failure> {
        let framing = self.head.response_framing(Method::Get).map_err(|_| Failure::Malformed)?;
        let mut reader = BodyReader::new(framing);
        let Expect { size: wanted_size, body: wanted, .. } = &self.plan.expect;
        let (mut size, mut same) = (0, true);
        while !reader.is_end() {
            match reader.next(&self.buffer[..self.filled]).map_err(|_| Failure::Malformed)? {
                Read::Data { skip, len } => {
                    if let Some(wanted) = wanted {
                        same &= wanted.get(size..size + len) == Some(&self.buffer[skip..skip + len]);
                    }
                    size += len;
                    self.drop_front(skip + len);
                }
                Read::End { skip } => self.drop_front(skip),
                Read::More { skip } => {
                    self.drop_front(skip);
                    if self.fill(socket).await? == 0 {
                        reader.eof().map_err(|_| Failure::Short)?;
                    }
                }
            }
        }
        let same = same && wanted.as_ref().is_none_or(|wanted| wanted.len() == size);
        let size = size as u64;
        Ok(if same && wanted_size.is_none_or(|wanted| wanted == size) { Ok(size) } else { Err(Failure::Body) })
    }

    fn drop_front(&mut self, n: usize) {
        self.buffer.copy_within(n..self.filled, 0);
        self.filled -= n;
    }

    async fn fill(&mut self, socket: &mut Transport) -> Result<usize, Failure> {
        if self.filled == self.buffer.len() {
            return Err(Failure::Malformed);
        }
        let n = socket.read(&mut self.buffer[self.filled..]).await.map_err(|error| lost(&error, self.filled == 0))?;
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
