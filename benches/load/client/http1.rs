//! A connection of HTTP/1.1 at a time: a request out, an answer in, checked.
//!
//! A kept connection that the server has closed before the request is sent is replaced, as any client does; one that
//! dies after that is an error.

use gatepost::message::{BodyReader, Head, Method, Read};

use super::duplex::{Inbox, Sending};
use super::{Answer, Transport};
use crate::plan::{Plan, Work};
use crate::tally::Failure;

/// A place for one connection at a time.
pub(super) struct Connection<'p> {
    plan: &'p Plan,
    socket: Option<Transport>,
    head: Head,
    inbox: Inbox,
    /// Connections opened since this was last asked.
    pub(super) opened: u64,
}

impl<'p> Connection<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        Connection { plan, socket: None, head: Head::new(), inbox: Inbox::default(), opened: 0 }
    }

    pub(super) fn rest(&mut self) {
        self.inbox = Inbox::default();
    }

    pub(super) async fn open(&mut self) -> Result<(), Failure> {
        let socket = self.connect().await?;
        self.socket = Some(socket);
        Ok(())
    }

    async fn connect(&mut self) -> Result<Transport, Failure> {
        self.opened += 1;
        Transport::connect(self.plan.target, self.plan.tls.as_ref()).await
    }

    pub(super) async fn exchange(&mut self) -> Result<u64, Failure> {
        // end, error, or bytes that nobody asked for: the connection is no good, and nothing was sent on it
        let kept = self.socket.take().and_then(|mut kept| kept.is_quiet().then_some(kept));
        let mut socket = match kept {
            Some(kept) => kept,
            None => self.connect().await?,
        };
        self.inbox.clear();
        let mut sending = match &self.plan.work {
            Work::Upload { size, piece } => Sending::new(&self.plan.request.bytes, piece, *size),
            _ => Sending::new(&self.plan.request.bytes, &[], 0),
        };
        loop {
            self.inbox.head(&mut self.head, &mut socket, &mut sending).await?;
            if self.head.status() >= 200 {
                break;
            }
        }
        let mut answer = Answer::new(&self.plan.expect, self.head.status());
        self.body(&mut socket, &mut sending, &mut answer).await?;
        let judged = answer.judged();
        let is_kept = judged.is_ok() && !self.plan.new_connection && !self.head.wants_close();
        if is_kept && self.inbox.is_empty() && sending.is_done() {
            self.socket = Some(socket);
        }
        judged
    }

    /// Reads the body to its end. An error: it did not come whole.
    async fn body(
        &mut self,
        socket: &mut Transport,
        sending: &mut Sending<'_>,
        answer: &mut Answer<'_>,
    ) -> Result<(), Failure> {
        let framing = self.head.response_framing(Method::Get).map_err(|_| Failure::Malformed)?;
        let mut reader = BodyReader::new(framing);
        while !reader.is_end() {
            match reader.next(self.inbox.data()).map_err(|_| Failure::Malformed)? {
                Read::Data { skip, len } => {
                    answer.add(&self.inbox.data()[skip..skip + len]);
                    self.inbox.drop_front(skip + len);
                }
                Read::End { skip } => self.inbox.drop_front(skip),
                Read::More { skip } => {
                    self.inbox.drop_front(skip);
                    if self.inbox.fill(socket, sending).await? == 0 {
                        reader.eof().map_err(|_| Failure::Short)?;
                    }
                }
            }
        }
        Ok(())
    }
}
