//! One HTTP message, whichever version it came by: a byte buffer and an index of fields, strict HTTP/1 reading and
//! writing, body framing, and the way from and to the `http` crate's heads for HTTP/2.
//!
//! The doors: [`Head`] for heads, [`BodyReader`] and [`BodyWriter`] for bodies. Everything here is pure (no socket, no
//! clock) and nothing allocates once its buffers are warm. What is ambiguous under RFC 9112 is refused, never repaired:
//! two servers in a row that read one message differently are how requests are smuggled.

mod encode;
mod fields;
mod head;
mod http2;
mod name;
mod parse;
mod reader;
mod semantics;
mod target;
mod trailers;
mod writer;

#[cfg(test)]
mod strict;
#[cfg(test)]
mod tests;

pub use self::head::Head;
pub use self::name::Name;
pub use self::reader::{BodyReader, Read};
pub use self::semantics::Sender;
pub use self::trailers::Trailers;
pub use self::writer::{BodyWriter, Excess, Short};

use std::fmt;

/// The HTTP version a message came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
    /// HTTP/2
    Http2,
}

impl Version {
    /// As the access log writes it: `1.0`, `1.1`, `2`.
    pub fn as_str(self) -> &'static str {
        match self {
            Version::Http10 => "1.0",
            Version::Http11 => "1.1",
            Version::Http2 => "2",
        }
    }
}

/// The request methods this proxy knows by name; [`Head::method_str`] has the text of the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// GET
    Get,
    /// HEAD
    Head,
    /// POST
    Post,
    /// PUT
    Put,
    /// DELETE
    Delete,
    /// OPTIONS
    Options,
    /// PATCH
    Patch,
    /// CONNECT
    Connect,
    /// TRACE
    Trace,
    /// Any other token.
    Other,
}

impl Method {
    /// Methods are case-sensitive (RFC 9110 9.1): `get` is [`Method::Other`].
    pub fn of(method: &str) -> Method {
        match method {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "POST" => Method::Post,
            "PUT" => Method::Put,
            "DELETE" => Method::Delete,
            "OPTIONS" => Method::Options,
            "PATCH" => Method::Patch,
            "CONNECT" => Method::Connect,
            "TRACE" => Method::Trace,
            _ => Method::Other,
        }
    }

    /// RFC 9110 9.2.1: asks for nothing but an answer.
    pub fn is_safe(self) -> bool {
        matches!(self, Method::Get | Method::Head | Method::Options | Method::Trace)
    }

    /// RFC 9110 9.2.2: doing it twice is like doing it once, so it may be sent again.
    pub fn is_idempotent(self) -> bool {
        self.is_safe() || matches!(self, Method::Put | Method::Delete)
    }

    /// A label for metrics: bounded, whatever strangers send.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
            Method::Options => "OPTIONS",
            Method::Patch => "PATCH",
            Method::Connect => "CONNECT",
            Method::Trace => "TRACE",
            Method::Other => "other",
        }
    }
}

/// How large a head may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the whole head, start line and empty line included.
    pub bytes: usize,
    /// Fields; never more than 128, whatever is set here.
    pub fields: usize,
}

/// How a body is delimited (RFC 9112 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// No body.
    None,
    /// So many bytes.
    Length(u64),
    /// Chunked transfer coding.
    Chunked,
    /// As long as the connection, or under HTTP/2 the stream, goes on.
    UntilClose,
}

/// The `Connection` field that an encoded head gets. Fields of that name in the head itself are never written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConnectionHeader {
    /// None: what the version implies.
    None,
    /// `connection: close`
    Close,
    /// `connection: keep-alive`, for HTTP/1.0 clients.
    KeepAlive,
    /// `connection: upgrade` and `upgrade: websocket`.
    Upgrade,
}

/// Why a message was refused. Its text is for the log, short and without a stranger's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The request line or status line.
    #[error("{0}")]
    StartLine(&'static str),
    /// A field line, or what a field says.
    #[error("{0}")]
    Field(&'static str),
    /// The fields that delimit the body contradict each other or cannot be read.
    #[error("{0}")]
    Framing(&'static str),
    /// The body's own framing: chunks and trailers, or an early end.
    #[error("{0}")]
    Body(&'static str),
    /// A request line of a version that is not spoken here.
    #[error("HTTP version not supported")]
    Version,
    /// The head reached its limit within the request line.
    #[error("request target too long")]
    TargetTooLong,
    /// The head has too many bytes or fields.
    #[error("{0}")]
    TooLarge(&'static str),
}

impl Malformed {
    /// The status that answers such a request. (In an answer from an app it is a 502, whatever the kind.)
    pub fn status(self) -> u16 {
        match self {
            Malformed::StartLine(_) | Malformed::Field(_) | Malformed::Framing(_) | Malformed::Body(_) => 400,
            Malformed::Version => 505,
            Malformed::TargetTooLong => 414,
            Malformed::TooLarge(_) => 431,
        }
    }

    /// A few words for the log.
    pub fn reason(self) -> &'static str {
        match self {
            Malformed::StartLine(why) | Malformed::Field(why) | Malformed::Framing(why) => why,
            Malformed::Body(why) | Malformed::TooLarge(why) => why,
            Malformed::Version => "HTTP version not supported",
            Malformed::TargetTooLong => "request target too long",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
