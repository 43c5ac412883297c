//! What the fields of a head mean for the connection: hop-by-hop fields (RFC 9110 7.6.1), persistence, upgrade, and how
//! long the body is (RFC 9112 6.3).

use super::head::{Head, Options};
use super::name::{self, Name};
use super::{Framing, Malformed, Method, Version};

/// Fields that are for the next hop only, whether `Connection` names them or not. `Trailer` is not among them: trailers
/// pass (RFC 9110 6.6.2).
pub(super) const HOP_BY_HOP: u64 = name::set(&[
    Name::Connection,
    Name::KeepAlive,
    Name::ProxyConnection,
    Name::Te,
    Name::TransferEncoding,
    Name::Upgrade,
    Name::Http2Settings,
]);

/// Fields that stay although `Connection` names them: what they do (framing, routing, who the client is, loops) must
/// not be switched off by a stranger's word.
const KEPT: u64 = name::CLAIMS | name::set(&[Name::Host, Name::ContentLength, Name::CdnLoop, Name::Via]);

/// Longest `Content-Length` that is read: any number of 19 digits fits in 64 bits.
const LENGTH_DIGITS: usize = 19;

/// Who sent a request, as far as its claims about the client go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// Anybody: nothing is believed.
    Stranger,
    /// A proxy that is believed in what proxies keep up, `X-Forwarded-*`. The rest may have come through it from a
    /// stranger, unread.
    Proxy,
    /// Cloudflare's edge, believed in its own fields too.
    Cloudflare,
}

// === impl Sender ===

impl Sender {
    fn believed(self) -> u64 {
        match self {
            Sender::Stranger => 0,
            Sender::Proxy => name::FORWARDED,
            Sender::Cloudflare => name::FORWARDED | name::CLOUDFLARE,
        }
    }
}

// === impl Options ===

impl Options {
    pub(super) fn note(&mut self, name: Name, value: &[u8]) {
        for token in tokens(value) {
            match name {
                Name::Upgrade => self.websocket |= token.eq_ignore_ascii_case(b"websocket"),
                _ => {
                    self.count += 1;
                    self.close |= token.eq_ignore_ascii_case(b"close");
                    self.keep_alive |= token.eq_ignore_ascii_case(b"keep-alive");
                    self.upgrade |= token.eq_ignore_ascii_case(b"upgrade");
                }
            }
        }
    }
}

/// The members of a comma-separated list, without white space and empty ones (RFC 9110 5.6.1).
fn tokens(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|token| !token.is_empty())
}

// === impl Head ===

impl Head {
    /// Takes out what is for this hop only: `Connection`, the fields it names, and those that are known to be. The
    /// framing must have been read before.
    pub fn strip_hop_by_hop(&mut self) {
        if self.present & Name::Connection.bit() != 0 {
            self.strip_named();
        }
        self.remove_set(HOP_BY_HOP);
    }

    /// Takes out what the sender may not say of the client. `Forwarded` goes whoever sent it: it is not kept up here, and
    /// one that lacks the last hop would contradict the fields that have it.
    pub fn strip_claims(&mut self, sender: Sender) {
        self.remove_set(name::CLAIMS & !sender.believed());
    }

    fn strip_named(&mut self) {
        for at in 0..self.fields.len() {
            let field = self.fields[at];
            if field.id != Name::Connection || field.removed {
                continue;
            }
            let mut from = field.value_at as usize;
            let end = from + field.value_len as usize;
            while from < end {
                let rest = &self.bytes[from..end];
                let len = memchr::memchr(b',', rest).unwrap_or(rest.len());
                let token = rest[..len].trim_ascii();
                let id = Name::of(token);
                if id != Name::Other {
                    if (KEPT | HOP_BY_HOP) & id.bit() == 0 {
                        self.remove(id);
                    }
                } else if !token.is_empty() && !token.eq_ignore_ascii_case(b"close") {
                    let (start, len) = (from + token.as_ptr().addr() - rest.as_ptr().addr(), token.len());
                    self.remove_where(0, |field, bytes| {
                        field.id == Name::Other && field.name(bytes).eq_ignore_ascii_case(&bytes[start..start + len])
                    });
                }
                from += len + 1;
            }
        }
    }

    /// `Connection: close` was there.
    pub fn wants_close(&self) -> bool {
        self.options.close
    }

    /// `Connection: keep-alive` was there: what an HTTP/1.0 client says that can keep its connection.
    pub fn wants_keep_alive(&self) -> bool {
        self.options.keep_alive && !self.options.close
    }

    /// The request asks to become a WebSocket, or the answer agrees to (RFC 6455 4). Still true after
    /// [`Head::strip_hop_by_hop`].
    pub fn upgrade_to_websocket(&self) -> bool {
        let asked = self.options.upgrade && self.options.websocket && self.version == Version::Http11;
        asked && (!self.is_request || self.method == Method::Get)
    }

    /// How the request's body is delimited. In HTTP/2 the stream itself says where it ends: without a length it is
    /// [`Framing::UntilClose`], whether or not there will be any byte.
    pub fn request_framing(&self) -> Result<Framing, Malformed> {
        let length = self.length()?;
        match (self.chunked()?, length) {
            (true, _) => Ok(Framing::Chunked),
            (false, Some(length)) => Ok(Framing::Length(length)),
            (false, None) if self.version == Version::Http2 => Ok(Framing::UntilClose),
            (false, None) => Ok(Framing::None),
        }
    }

    /// How the answer's body is delimited, given the method that it answers. What is said about a body that does not
    /// come (HEAD, 304) must be sound too: it is passed on.
    pub fn response_framing(&self, request_method: Method) -> Result<Framing, Malformed> {
        let length = self.length()?;
        let chunked = self.chunked()?;
        let bodiless = request_method == Method::Head || matches!(self.status, 100..200 | 204 | 304);
        let tunnel = request_method == Method::Connect && (200..300).contains(&self.status);
        match (chunked, length) {
            _ if bodiless || tunnel => Ok(Framing::None),
            (true, _) => Ok(Framing::Chunked),
            (false, Some(length)) => Ok(Framing::Length(length)),
            (false, None) => Ok(Framing::UntilClose),
        }
    }

    fn length(&self) -> Result<Option<u64>, Malformed> {
        if self.several & Name::ContentLength.bit() != 0 {
            return Err(Malformed::Framing("two Content-Length fields"));
        }
        let Some(value) = self.get(Name::ContentLength) else { return Ok(None) };
        let digits = !value.is_empty() && value.len() <= LENGTH_DIGITS && value.iter().all(u8::is_ascii_digit);
        if !digits {
            return Err(Malformed::Framing("bad Content-Length"));
        }
        Ok(Some(value.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'))))
    }

    /// Exactly one `chunked`, or no transfer coding. RFC 9112 6.1 lets others be; nobody sends them but to confuse.
    fn chunked(&self) -> Result<bool, Malformed> {
        let Some(value) = self.get(Name::TransferEncoding) else { return Ok(false) };
        if self.version != Version::Http11 {
            return Err(Malformed::Framing("Transfer-Encoding in a version without it"));
        }
        if self.present & Name::ContentLength.bit() != 0 {
            return Err(Malformed::Framing("Content-Length beside Transfer-Encoding"));
        }
        if self.several & Name::TransferEncoding.bit() != 0 || !value.eq_ignore_ascii_case(b"chunked") {
            return Err(Malformed::Framing("transfer coding other than one chunked"));
        }
        Ok(true)
    }
}
