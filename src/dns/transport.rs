//! How bytes reach Cloudflare and come back. The seam below which tests put their own network: everything above it, from
//! pages to error codes, is the same code.

use std::future::Future;

use bytes::Bytes;

/// Opens connections.
pub trait Transport: Send {
    /// What it opens.
    type Connection: Connection;

    /// Connects and shakes hands; nothing of a request is sent yet.
    fn connect(&mut self) -> impl Future<Output = Result<Self::Connection, Fault>> + Send;
}

/// A connection over which one request after the other is sent.
pub trait Connection: Send {
    /// Sends a request and collects the answer, of at most [`MAX_ANSWER`] bytes. The head is written when the future is
    /// first polled, and not before. Whoever drops it may not use the connection again.
    fn send(
        &mut self,
        request: http::Request<Bytes>,
    ) -> impl Future<Output = Result<http::Response<Bytes>, Fault>> + Send;
}

/// The most bytes of an answer: 5,000 records have some 2 MB.
pub const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// Why there is no answer that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// No connection, so nothing was done.
    #[error("no connection: {0}")]
    Connect(String),
    /// No answer in time; what was asked for may have been done.
    #[error("no answer in time")]
    Timeout,
    /// The connection broke; what was asked for may have been done.
    #[error("the connection broke: {0}")]
    Broken(String),
    /// It answered that it failed (5xx); what was asked for may have been done.
    #[error("status {0}")]
    Status(u16),
    /// An answer that is none: cut, empty, no JSON, or without what it must have.
    #[error("an answer that cannot be read: {0}")]
    Malformed(String),
}
