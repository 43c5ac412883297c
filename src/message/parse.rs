//! Reading a head from bytes. httparse does the first pass; a second, ours, walks the lines it found and refuses what
//! it lets by. The doors are [`Head::parse_request`] and [`Head::parse_response`].

use std::mem::MaybeUninit;

use httparse::Status;

use super::head::{Field, Head};
use super::name::Name;
use super::target::{self, Form};
use super::{Limits, Malformed, Version};

/// Most fields that are ever read: httparse wants room for them on the stack (32 bytes each).
const FIELDS_MAX: usize = 128;
/// Most options in `Connection`: each costs a walk over the fields when hop-by-hop fields are taken out.
const OPTIONS_MAX: usize = 32;

type Slots<'a> = [MaybeUninit<httparse::Header<'a>>; FIELDS_MAX];

impl Head {
    /// Reads a request head from the start of `input`. `Ok(None)`: more bytes are needed. `Ok(Some(n))`: the first `n`
    /// bytes were the head, with one empty line before it if there was one (RFC 9112 2.2).
    ///
    /// `seen` is how much of `input` an earlier call has looked at, 0 at first. A head that drips in costs linear
    /// work: new bytes are only searched for the end and for bare line feeds, and the beginning is tried again
    /// each time its length has passed another power of two, so that garbage is still refused early.
    pub fn parse_request(&mut self, input: &[u8], seen: usize, limits: Limits) -> Result<Option<usize>, Malformed> {
        self.clear();
        let start = match input {
            [] | [b'\r'] | [b'\r', b'\n'] => return Ok(None),
            [b'\r', b'\n', b'\r' | b'\n', ..] | [b'\n', ..] => return Err(Malformed::StartLine("empty line")),
            [b'\r', b'\n', ..] => 2,
            _ => 0,
        };
        let window = &input[..input.len().min(limits.bytes)];
        let too_large = || match memchr::memchr(b'\n', window.get(start..).unwrap_or_default()) {
            Some(_) => Malformed::TooLarge("head too large"),
            None => Malformed::TargetTooLong,
        };
        if !worth_a_try(window, start, seen)? {
            return still_room(window, limits).map_err(|()| too_large());
        }
        let mut slots: Slots<'_> = [const { MaybeUninit::uninit() }; FIELDS_MAX];
        let mut parsed = httparse::Request::new(&mut []);
        let head = &window[start..];
        let outcome = parsed.parse_with_uninit_headers(head, &mut slots[..limits.fields.min(FIELDS_MAX)]);
        let len = match outcome.map_err(|error| refused(error, head))? {
            Status::Complete(len) => len,
            Status::Partial => {
                look(window, if seen > start { window.len() } else { 0 })?;
                return still_room(window, limits).map_err(|()| too_large());
            }
        };
        let (Some(method), Some(path), Some(minor)) = (parsed.method, parsed.path, parsed.version) else {
            return Err(Malformed::StartLine("bad request line"));
        };
        self.is_request = true;
        self.version = version(minor);
        self.take_request_line(method, path)?;
        let line = method.len() + path.len() + " HTTP/1.1".len() + 1;
        self.take_fields(&head[..len], line, parsed.headers)?;
        self.received = start + len;
        self.check_host()?;
        Ok(Some(start + len))
    }

    /// Reads the head of an answer from the start of `input`; see [`Head::parse_request`].
    pub fn parse_response(&mut self, input: &[u8], seen: usize, limits: Limits) -> Result<Option<usize>, Malformed> {
        self.clear();
        if let [b'\r' | b'\n', ..] = input {
            return Err(Malformed::StartLine("empty line"));
        }
        let window = &input[..input.len().min(limits.bytes)];
        let too_large = |()| Malformed::TooLarge("head too large");
        if window.is_empty() || !worth_a_try(window, 0, seen)? {
            return still_room(window, limits).map_err(too_large);
        }
        let mut slots: Slots<'_> = [const { MaybeUninit::uninit() }; FIELDS_MAX];
        let mut parsed = httparse::Response::new(&mut []);
        let outcome = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut parsed,
            window,
            &mut slots[..limits.fields.min(FIELDS_MAX)],
        );
        let len = match outcome.map_err(|error| refused(error, window))? {
            Status::Complete(len) => len,
            Status::Partial => {
                look(window, if seen > 0 { window.len() } else { 0 })?;
                return still_room(window, limits).map_err(too_large);
            }
        };
        let (Some(status), Some(minor)) = (parsed.code, parsed.version) else {
            return Err(Malformed::StartLine("bad status line"));
        };
        if status < 100 {
            return Err(Malformed::StartLine("bad status"));
        }
        self.version = version(minor);
        self.set_status(status, parsed.reason.unwrap_or(""));
        // httparse gives no reason when there is obs-text in it, so the end of the line is looked for
        let line = memchr::memchr(b'\n', window).map_or(0, |end| end.saturating_sub(1));
        self.take_fields(&window[..len], line, parsed.headers)?;
        self.received = len;
        Ok(Some(len))
    }

    pub(super) fn take_request_line(&mut self, method: &str, path: &str) -> Result<(), Malformed> {
        if !target::is_method(method.as_bytes()) {
            return Err(Malformed::StartLine("bad method"));
        }
        self.set_method(method);
        self.target_at = self.add_text(path);
        self.path_at = self.target_at;
        match target::form(self.method, path)? {
            Form::Origin | Form::Asterisk => {}
            Form::Authority => self.authority_at = Some(self.target_at),
            Form::Absolute { scheme, authority, path } => {
                self.scheme_at = Some(self.add_text(scheme));
                self.authority_at = Some(self.add_text(authority));
                let slash = if path.starts_with('/') { "" } else { "/" };
                self.path_at = self.add_text(slash);
                self.path_at.end = self.add_text(path).end;
            }
        }
        Ok(())
    }

    /// Walks the lines from the end of the start line (`line`) on: every one ends in CRLF, has nothing but optional
    /// white space around its value, and the next begins right behind it.
    fn take_fields(&mut self, head: &[u8], line: usize, fields: &[httparse::Header<'_>]) -> Result<(), Malformed> {
        let ends = |at: usize| head.get(at..at + 2) == Some(b"\r\n");
        if !ends(line) {
            return Err(Malformed::StartLine("bare line feed"));
        }
        let base = line + 2;
        self.bytes.extend_from_slice(head.get(base..head.len() - 2).unwrap_or_default());
        let space = |at: usize| matches!(head.get(at), Some(b' ' | b'\t'));
        let mut at = base;
        for field in fields {
            let colon = at + field.name.len();
            let mut value = colon + 1;
            while space(value) {
                value += 1;
            }
            let mut end = value + field.value.len();
            let tidy = value == colon + 2 && head[colon + 1] == b' ' && !space(end);
            while space(end) {
                end += 1;
            }
            if !ends(end) {
                return Err(Malformed::Field("bare line feed"));
            }
            let Ok(name_len) = u16::try_from(field.name.len()) else {
                return Err(Malformed::TooLarge("field name too long"));
            };
            let id = Name::of(field.name.as_bytes());
            self.index(Field {
                at: (at - base) as u32,
                value_at: (value - base) as u32,
                value_len: field.value.len() as u32,
                name_len,
                id,
                removed: id == Name::Other && Name::is_twin(field.name.as_bytes()),
                tidy,
            });
            at = end + 2;
        }
        if !ends(at) || at + 2 != head.len() {
            return Err(Malformed::Field("bare line feed"));
        }
        if self.options.count > OPTIONS_MAX {
            return Err(Malformed::Field("too many connection options"));
        }
        Ok(())
    }

    /// RFC 9112 3.2: one valid Host; and when the target names an authority too, the same one. (3.2.2 lets a server
    /// ignore the Host instead; but then somebody behind us may not.)
    pub(super) fn check_host(&self) -> Result<(), Malformed> {
        if self.several & Name::Host.bit() != 0 {
            return Err(Malformed::Field("two Host fields"));
        }
        let Some(host) = self.get(Name::Host) else {
            return match self.version {
                Version::Http10 => Ok(()),
                Version::Http11 | Version::Http2 => Err(Malformed::Field("no Host field")),
            };
        };
        if !target::is_host(host) {
            return Err(Malformed::Field("bad Host field"));
        }
        match self.authority() {
            Some(authority) if !authority.as_bytes().eq_ignore_ascii_case(host) => {
                Err(Malformed::Field("Host differs from the target"))
            }
            _ => Ok(()),
        }
    }
}

fn version(minor: u8) -> Version {
    if minor == 0 { Version::Http10 } else { Version::Http11 }
}

/// Nothing found yet: that is fine while the head may still grow.
fn still_room(window: &[u8], limits: Limits) -> Result<Option<usize>, ()> {
    if window.len() < limits.bytes { Ok(None) } else { Err(()) }
}

/// Whether to run the parser over the head from its first byte: the first time, when its end has arrived, and each
/// time it has grown past a power of two. All the tries together cost at most twice the length.
fn worth_a_try(window: &[u8], start: usize, seen: usize) -> Result<bool, Malformed> {
    if seen <= start {
        return Ok(true);
    }
    let grown = window.len().checked_ilog2() > seen.checked_ilog2();
    Ok(look(window, seen)? || grown)
}

/// Looks through the bytes from `seen` on: is the empty line among them that ends a head? A line feed that follows no
/// carriage return is refused at once.
fn look(window: &[u8], seen: usize) -> Result<bool, Malformed> {
    let fresh = window.get(seen..).unwrap_or_default();
    for at in memchr::memchr_iter(b'\n', fresh) {
        let line = &window[..seen + at];
        if line.last() != Some(&b'\r') {
            return Err(Malformed::Field("bare line feed"));
        }
        if line.ends_with(b"\r\n\r") && line.len() > 3 {
            return Ok(true);
        }
    }
    Ok(false)
}

fn refused(error: httparse::Error, head: &[u8]) -> Malformed {
    match error {
        httparse::Error::HeaderName => Malformed::Field("bad field name"),
        httparse::Error::HeaderValue => Malformed::Field("bad byte in a field value"),
        httparse::Error::NewLine => Malformed::Field("bare carriage return"),
        httparse::Error::TooManyHeaders => Malformed::TooLarge("too many fields"),
        httparse::Error::Status => Malformed::StartLine("bad status"),
        httparse::Error::Token => Malformed::StartLine("bad request line"),
        httparse::Error::Version if is_other_version(head) => Malformed::Version,
        httparse::Error::Version => Malformed::StartLine("bad version"),
    }
}

/// A request line that is well formed but of HTTP/2.0 or later: that earns a 505. Anything else is a 400.
fn is_other_version(head: &[u8]) -> bool {
    let line = memchr::memchr(b'\n', head).and_then(|end| head[..end].strip_suffix(b"\r"));
    let Some((line, version)) = line.and_then(|line| line.split_at_checked(line.len().saturating_sub(9))) else {
        return false;
    };
    let shape = matches!(version, [b' ', b'H', b'T', b'T', b'P', b'/', b'2'..=b'9', b'.', b'0'..=b'9']);
    shape && line.iter().filter(|byte| **byte == b' ').count() == 1
}
