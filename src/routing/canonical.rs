//! The canonical forms of hosts and paths. The doors are [`host`] and [`path`], both for [`super::Target`], and
//! [`prefix_form`] and [`exact_form`], which bring the paths of the routes into the same form.
//!
//! Two forms of a path are kept apart. The *forwarded* one has its dot segments removed (RFC 3986 5.2.4, `%2e` is a dot)
//! and is else the client's, byte for byte. The *matched* one is made of it: unreserved characters are decoded, all other
//! bytes that must be escapes are escapes in upper case (RFC 3986 6.2.2), and runs of slashes are one.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv6Addr};

use super::BadTarget;
use super::hosts::MAX_HOST;

/// What a byte of a path asks for; nothing when it stands for itself in both forms, wherever it is.
const PLAIN: u8 = 0;
/// Two of them, or one before a dot, need a closer look.
const SLASH: u8 = 1;
const DOT: u8 = 2;
/// Begins an escape, or has to become one.
const ESCAPE: u8 = 4;
/// No target has it: `http::Uri` refuses it, or apps of another system take it for a slash.
const BAD: u8 = 8;

static PATH_BYTES: [u8; 256] = {
    let mut bytes = [PLAIN; 256];
    let mut at = 0;
    while at < 256 {
        bytes[at] = match at as u8 {
            0..=b' ' | 0x7f | b'#' | b'<' | b'>' | b'`' | b'\\' | b'?' => BAD,
            b'/' => SLASH,
            b'.' => DOT,
            b'%' | 0x80.. => ESCAPE,
            _ => PLAIN,
        };
        at += 1;
    }
    bytes
};

/// Both forms of a raw path that begins with `/`. `forwarded` is appended to; `matched` is written only when it differs,
/// which the answer says.
pub(super) fn path(raw: &str, forwarded: &mut String, matched: &mut String) -> Result<bool, BadTarget> {
    if is_plain(raw)? {
        forwarded.push_str(raw);
        return Ok(false);
    }
    let start = forwarded.len();
    remove_dot_segments(raw, forwarded)?;
    matched.clear();
    match_form(&forwarded[start..], matched);
    Ok(true)
}

/// One scan that most paths end with: nothing to remove, decode or merge.
#[inline]
fn is_plain(raw: &str) -> Result<bool, BadTarget> {
    let (mut seen, mut before, mut odd) = (PLAIN, PLAIN, false);
    for &byte in raw.as_bytes() {
        let now = PATH_BYTES[usize::from(byte)];
        seen |= now;
        odd |= before == SLASH && now & (SLASH | DOT) != 0;
        before = now;
    }
    match seen & BAD {
        0 => Ok(!odd && seen & ESCAPE == 0),
        _ if raw.contains('\\') => Err(BadTarget::Climb),
        _ => Err(BadTarget::Character),
    }
}

fn remove_dot_segments(raw: &str, out: &mut String) -> Result<(), BadTarget> {
    let root = out.len();
    let mut ends_in_dots = false;
    for segment in raw.strip_prefix('/').unwrap_or(raw).split('/') {
        let kind = Segment::of(segment)?;
        ends_in_dots = kind != Segment::Name;
        match kind {
            Segment::Name => {
                out.push('/');
                out.push_str(segment);
            }
            Segment::Dot => {}
            // above the root there is nothing: it stays at the root
            Segment::DotDot => out.truncate(root + out[root..].rfind('/').unwrap_or(0)),
        }
    }
    if ends_in_dots || out.len() == root {
        out.push('/');
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Segment {
    Name,
    Dot,
    DotDot,
}

impl Segment {
    /// Reads a raw segment as an app might that decodes too early: a `..` beside an encoded slash or before a `;` would
    /// be a climb there that the routes have not seen.
    fn of(segment: &str) -> Result<Segment, BadTarget> {
        let mut bytes = segment.bytes();
        // dots since the last encoded slash; none once anything else has come
        let mut dots = Some(0);
        let mut split = false;
        while let Some(byte) = bytes.next() {
            let byte = if byte == b'%' { escaped(bytes.next(), bytes.next()).ok_or(BadTarget::Escape)? } else { byte };
            match byte {
                0 => return Err(BadTarget::Escape),
                b'/' | b'\\' if dots == Some(2) => return Err(BadTarget::Climb),
                b';' if dots == Some(2) => return Err(BadTarget::Climb),
                b'/' | b'\\' => {
                    split = true;
                    dots = Some(0);
                }
                b'.' => dots = dots.map(|dots| dots + 1),
                _ => dots = None,
            }
        }
        match dots {
            Some(2) if split => Err(BadTarget::Climb),
            Some(2) => Ok(Segment::DotDot),
            Some(1) if !split => Ok(Segment::Dot),
            _ => Ok(Segment::Name),
        }
    }
}

fn escaped(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let high = char::from(high?).to_digit(16)?;
    let low = char::from(low?).to_digit(16)?;
    u8::try_from(high * 16 + low).ok()
}

/// The form that paths are matched in, of a path without dot segments.
fn match_form(path: &str, out: &mut String) {
    let mut bytes = path.as_bytes().iter();
    let mut after_slash = false;
    while let Some(&byte) = bytes.next() {
        if byte == b'/' {
            if !after_slash {
                out.push('/');
            }
            after_slash = true;
            continue;
        }
        after_slash = false;
        let ahead = bytes.as_slice();
        match (byte, escaped(ahead.first().copied(), ahead.get(1).copied())) {
            (b'%', Some(byte)) => {
                bytes.nth(1);
                push_decoded(byte, out);
            }
            // only in the patterns of routes: a broken escape of a target has been refused
            (b'%', None) => out.push_str("%25"),
            (0x80.., _) => push_escape(byte, out),
            _ => out.push(char::from(byte)),
        }
    }
}

fn push_decoded(byte: u8, out: &mut String) {
    match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
        _ => push_escape(byte, out),
    }
}

fn push_escape(byte: u8, out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    out.push('%');
    out.push(char::from(DIGITS[usize::from(byte >> 4)]));
    out.push(char::from(DIGITS[usize::from(byte & 15)]));
}

/// A route's exact path in the form that targets are matched in.
pub(super) fn exact_form(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    match_form(path, &mut out);
    out
}

/// A route's prefix in the form that targets are matched in; without a slash at its end but for `/` itself.
pub(super) fn prefix_form(prefix: &str) -> String {
    let mut out = exact_form(prefix);
    if out.len() > 1 && out.ends_with('/') {
        out.pop();
    }
    out
}

/// The canonical form of an authority as a client may write it: host, `:` and port. The answer is the port.
///
/// Stricter than RFC 3986 3.2.2: a name has letters, digits, `-`, `_` and `.`, no escapes and no empty label, because no
/// DNS name has and no route could name it. User information is refused (RFC 9110 4.2.4).
pub(super) fn host(authority: &str, out: &mut String) -> Result<Option<u16>, BadTarget> {
    out.clear();
    if let Some(literal) = authority.strip_prefix('[') {
        let (address, port) = literal.split_once(']').ok_or(BadTarget::Host)?;
        let address: Ipv6Addr = address.parse().map_err(|_| BadTarget::Host)?;
        // one text per address (RFC 5952), and IPv4 is IPv4 however it is wrapped
        match IpAddr::V6(address).to_canonical() {
            IpAddr::V4(address) => write!(out, "{address}"),
            IpAddr::V6(address) => write!(out, "[{address}]"),
        }
        .map_err(|_| BadTarget::Host)?;
        return match port.strip_prefix(':') {
            Some(port) => self::port(port),
            None if port.is_empty() => Ok(None),
            None => Err(BadTarget::Host),
        };
    }
    let (name, port) = match memchr::memchr(b':', authority.as_bytes()) {
        Some(colon) => (&authority[..colon], self::port(&authority[colon + 1..])?),
        None => (authority, None),
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.len() > MAX_HOST {
        return Err(BadTarget::Host);
    }
    let (mut seen, mut before) = (0, HOST_DOT);
    for &byte in name.as_bytes() {
        let now = HOST_BYTES[usize::from(byte)];
        // an empty label is as bad as a bad byte
        seen |= if before & now & HOST_DOT == 0 { now } else { HOST_BAD };
        before = now;
    }
    // an empty name, or two dots at its end
    if seen & HOST_BAD != 0 || before == HOST_DOT {
        return Err(BadTarget::Host);
    }
    out.push_str(name);
    if seen & HOST_UPPER != 0 {
        out.make_ascii_lowercase();
    }
    Ok(port)
}

const HOST_DOT: u8 = 1;
const HOST_UPPER: u8 = 2;
const HOST_BAD: u8 = 4;

static HOST_BYTES: [u8; 256] = {
    let mut bytes = [HOST_BAD; 256];
    let mut at = 0;
    while at < 256 {
        bytes[at] = match at as u8 {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => 0,
            b'A'..=b'Z' => HOST_UPPER,
            b'.' => HOST_DOT,
            _ => HOST_BAD,
        };
        at += 1;
    }
    bytes
};

/// RFC 3986 3.2.3: the port may be empty.
fn port(digits: &str) -> Result<Option<u16>, BadTarget> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(BadTarget::Host);
    }
    if digits.is_empty() { Ok(None) } else { digits.parse().map(Some).map_err(|_| BadTarget::Host) }
}
