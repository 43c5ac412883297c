//! One call: within its time, with the right to make it, over the connection that is kept or a new one.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONNECTION;
use http::{Method, Request, Response};
use tokio::time::{Instant, timeout_at};

use super::budget::Budget;
use crate::dns::{Connection, Fault, Transport};
use crate::lifecycle::{Lost, Permit};

/// What a call may take, connecting and a second try included. A leader's right ends five seconds before another one can
/// have it, so that of what it may still begin nothing is under way then.
const CALL: Duration = Duration::from_secs(4);

/// Where calls go.
pub(super) struct Line<T: Transport> {
    transport: T,
    /// Free and as good as far as anybody knows. Whoever uses it takes it, so that one that failed, or whose user gave
    /// up, is never used again.
    kept: Option<T::Connection>,
    pub(super) budget: Budget,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum Failure {
    /// There is no right to ask any more.
    Lost,
    /// Not before this time has passed.
    Limited(Duration),
    Fault(Fault),
}

impl From<Lost> for Failure {
    fn from(Lost: Lost) -> Failure {
        Failure::Lost
    }
}

impl<T: Transport> Line<T> {
    pub(super) fn new(transport: T) -> Self {
        Line { transport, kept: None, budget: Budget::default() }
    }

    pub(super) fn close(&mut self) {
        self.kept = None;
    }

    pub(super) async fn call(&mut self, permit: &Permit, request: &Request<Bytes>) -> Result<Response<Bytes>, Failure> {
        let until = Instant::now() + CALL;
        let reused = self.kept.is_some();
        let first = self.attempt(permit, request, until).await;
        match &first {
            // it had ended before a byte was sent
            Err(Failure::Fault(Fault::Connect(_))) if reused => {}
            // a kept connection may be closed at any time from the other end; what only reads may be asked twice
            Err(Failure::Fault(Fault::Broken(_))) if reused && request.method() == Method::GET => {}
            _ => return first,
        }
        self.attempt(permit, request, until).await
    }

    async fn attempt(
        &mut self,
        permit: &Permit,
        request: &Request<Bytes>,
        until: Instant,
    ) -> Result<Response<Bytes>, Failure> {
        permit.check()?;
        self.budget.take(Instant::now()).map_err(Failure::Limited)?;
        let mut connection = match self.kept.take() {
            Some(connection) => connection,
            None => match timeout_at(until, self.transport.connect()).await {
                Ok(connected) => connected.map_err(Failure::Fault)?,
                Err(_) => return Err(Failure::Fault(Fault::Connect(format!("none within {} s", CALL.as_secs())))),
            },
        };
        // the head is written when this future is first polled, which is here
        let sending = connection.send(request.clone());
        permit.check()?;
        let response = match timeout_at(until, sending).await {
            Ok(answered) => answered.map_err(Failure::Fault)?,
            Err(_) => return Err(Failure::Fault(Fault::Timeout)),
        };
        if is_kept(&response) {
            self.kept = Some(connection);
        }
        Ok(response)
    }
}

/// Whether the other end keeps it too (RFC 9112 9.3).
fn is_kept(response: &Response<Bytes>) -> bool {
    let options = response.headers().get_all(CONNECTION).iter();
    let closes = options.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    !closes.into_iter().any(|option| option.trim_ascii().eq_ignore_ascii_case(b"close"))
}
