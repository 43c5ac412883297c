//! What `message` promises, as claims.

mod bodies;
mod claims;
mod fields;
mod forwarded;
mod hostile;
mod http2;
mod split;
mod starts;

use super::strict;
use super::*;

pub(super) const LIMITS: Limits = Limits { bytes: 64 * 1024, fields: 100 };

/// A request head that is there as a whole.
#[track_caller]
pub(super) fn request(head: impl AsRef<[u8]>) -> Head {
    let (mut parsed, head) = (Head::new(), head.as_ref());
    assert_eq!(parsed.parse_request(head, 0, LIMITS), Ok(Some(head.len())), "{}", head.escape_ascii());
    parsed
}

/// The head of an answer that is there as a whole.
#[track_caller]
pub(super) fn response(head: impl AsRef<[u8]>) -> Head {
    let (mut parsed, head) = (Head::new(), head.as_ref());
    assert_eq!(parsed.parse_response(head, 0, LIMITS), Ok(Some(head.len())), "{}", head.escape_ascii());
    parsed
}

/// A GET for `a.example` with these field lines.
#[track_caller]
pub(super) fn get(lines: &str) -> Head {
    request(format!("GET / HTTP/1.1\r\nHost: a.example\r\n{lines}\r\n"))
}

pub(super) fn pairs(head: &Head) -> Vec<(String, String)> {
    head.fields().map(|(name, value)| (text(name), text(value))).collect()
}

pub(super) fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

pub(super) fn request_bytes(head: &Head, framing: Framing, connection: ConnectionHeader) -> String {
    let mut out = Vec::new();
    head.encode_request(framing, connection, &mut out);
    String::from_utf8(out).unwrap()
}

pub(super) fn response_bytes(head: &Head, framing: Framing, connection: ConnectionHeader) -> String {
    let mut out = Vec::new();
    head.encode_response(framing, connection, Version::Http11, &mut out);
    String::from_utf8(out).unwrap()
}

/// As the strict reader names it.
pub(super) fn strictly(framing: Framing) -> strict::Framing {
    match framing {
        Framing::None => strict::Framing::None,
        Framing::Length(length) => strict::Framing::Length(length),
        Framing::Chunked => strict::Framing::Chunked,
        Framing::UntilClose => strict::Framing::UntilClose,
    }
}
