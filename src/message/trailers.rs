//! The fields behind a body (RFC 9110 6.5). [`Trailers`] keeps only those that may stand there.

use super::name::{self, Name};
use super::semantics::HOP_BY_HOP;
use super::{Malformed, target};

/// Bytes of trailer lines in one message, dropped ones included.
const BYTES_MAX: usize = 8 * 1024;

/// Names that mean something before the body and nothing good behind it (RFC 9110 6.5.1): framing, routing, who sent
/// it, authentication, and what a cache or a client decides by.
const NEVER: u64 = HOP_BY_HOP
    | name::CLAIMS
    | name::set(&[
        Name::Host,
        Name::ContentLength,
        Name::Trailer,
        Name::Expect,
        Name::MaxForwards,
        Name::ProxyAuthenticate,
        Name::ProxyAuthorization,
        Name::WwwAuthenticate,
        Name::Authorization,
        Name::Cookie,
        Name::SetCookie,
        Name::CacheControl,
        Name::Range,
        Name::ContentRange,
        Name::ContentType,
        Name::ContentEncoding,
        Name::IfNoneMatch,
        Name::IfModifiedSince,
        Name::CdnLoop,
        Name::Via,
        Name::XRequestId,
        Name::Location,
        Name::RetryAfter,
        Name::Date,
        Name::Vary,
        Name::StrictTransportSecurity,
        Name::AltSvc,
    ]);

/// Trailer fields, at most 8 KiB of them.
#[derive(Debug, Clone, Default)]
pub struct Trailers {
    bytes: Vec<u8>,
    fields: Vec<Field>,
    dropped: usize,
    /// Bytes of lines read so far, and where the unfinished last line begins in `bytes`.
    read: usize,
    line: usize,
}

#[derive(Debug, Clone, Copy)]
struct Field {
    at: u32,
    name_len: u32,
    value_at: u32,
    value_len: u32,
}

impl Trailers {
    /// None yet.
    pub fn new() -> Trailers {
        Trailers::default()
    }

    /// Name and value of each field, in order.
    pub fn fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.fields.iter().map(|field| {
            let name = &self.bytes[field.at as usize..][..field.name_len as usize];
            (name, &self.bytes[field.value_at as usize..][..field.value_len as usize])
        })
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// How many fields were left out because they may not be trailers.
    pub fn dropped(&self) -> usize {
        self.dropped
    }

    /// Adds a field, unless it may not be a trailer or there are too many: then it is counted as dropped.
    pub fn push(&mut self, name: &[u8], value: &[u8]) {
        let room = self.bytes.len() + name.len() + value.len() + 4 <= BYTES_MAX;
        if !room || !target::is_token(name) || !target::is_field_value(value) || is_never(name) {
            self.dropped += 1;
            return;
        }
        let value = value.trim_ascii();
        let at = self.bytes.len() as u32;
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
        self.fields.push(Field {
            at,
            name_len: name.len() as u32,
            value_at: at + name.len() as u32,
            value_len: value.len() as u32,
        });
        self.line = self.bytes.len();
    }

    /// From what HTTP/2 had behind the body.
    pub fn from_http(map: &http::HeaderMap) -> Trailers {
        let mut trailers = Trailers::new();
        for (name, value) in map {
            trailers.push(name.as_str().as_bytes(), value.as_bytes());
        }
        trailers
    }

    /// For HTTP/2 to send behind the body.
    pub fn to_http(&self) -> http::HeaderMap {
        let mut map = http::HeaderMap::with_capacity(self.fields.len());
        for (name, value) in self.fields() {
            let name = http::HeaderName::from_bytes(name);
            // both always succeed: names are tokens and values are free of control characters
            if let (Ok(name), Ok(value)) = (name, http::HeaderValue::from_bytes(value)) {
                map.append(name, value);
            }
        }
        map
    }

    /// Appends the field lines, without the empty line behind them.
    pub fn encode(&self, out: &mut Vec<u8>) {
        for (name, value) in self.fields() {
            out.extend_from_slice(name);
            out.extend_from_slice(b": ");
            out.extend_from_slice(value);
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Takes the next byte of the trailer section. True when it was the last of the empty line that ends it.
    pub(super) fn take(&mut self, byte: u8) -> Result<bool, Malformed> {
        self.read += 1;
        if self.read > BYTES_MAX {
            return Err(Malformed::TooLarge("trailers too large"));
        }
        let after_cr = self.bytes.len() > self.line && self.bytes.last() == Some(&b'\r');
        match (byte, after_cr) {
            (b'\n', true) => {
                self.bytes.pop();
                let empty = self.bytes.len() == self.line;
                if !empty {
                    self.finish_line()?;
                }
                Ok(empty)
            }
            (b'\n', false) => Err(Malformed::Body("bare line feed in the trailers")),
            (_, true) => Err(Malformed::Body("bare carriage return in the trailers")),
            _ => {
                self.bytes.push(byte);
                Ok(false)
            }
        }
    }

    /// The line from `self.line` on is complete: makes a field of it, or forgets it.
    fn finish_line(&mut self) -> Result<(), Malformed> {
        let line = &self.bytes[self.line..];
        let colon = memchr::memchr(b':', line).ok_or(Malformed::Body("trailer without a colon"))?;
        let (name, rest) = (&line[..colon], &line[colon + 1..]);
        if !target::is_token(name) {
            return Err(Malformed::Body("bad trailer name"));
        }
        if !target::is_field_value(rest) {
            return Err(Malformed::Body("bad byte in a trailer"));
        }
        if is_never(name) {
            self.dropped += 1;
            self.bytes.truncate(self.line);
            return Ok(());
        }
        let value = rest.trim_ascii_start();
        let lead = rest.len() - value.len();
        self.fields.push(Field {
            at: self.line as u32,
            name_len: colon as u32,
            value_at: (self.line + colon + 1 + lead) as u32,
            value_len: value.trim_ascii_end().len() as u32,
        });
        self.line = self.bytes.len();
        Ok(())
    }
}

fn is_never(name: &[u8]) -> bool {
    let id = Name::of(name);
    NEVER & id.bit() != 0 || (id == Name::Other && Name::is_twin(name))
}
