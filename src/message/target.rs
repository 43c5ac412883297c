//! The small grammars of a head: tokens, field values, request-targets, hosts. Yes-or-no questions, mostly one table
//! look-up per byte.

use super::{Malformed, Method};

const TOKEN: u8 = 1;
const PATH: u8 = 2;
const QUERY: u8 = 4;
const HOST: u8 = 8;

static CLASS: [u8; 256] = classes();

/// Longest method that is read; the longest registered one has 17 letters.
const METHOD_MAX: usize = 32;
/// What `http::Uri` can hold; a longer target could not be sent by HTTP/2.
const TARGET_MAX: usize = 65_534;

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut i = 0;
    while i < 256 {
        let byte = i as u8;
        let letter = byte.is_ascii_alphanumeric();
        let mut class = 0;
        // RFC 9110 5.6.2
        if letter || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~')
        {
            class |= TOKEN;
        }
        // What http::Uri takes in a path and in a query, without `#` (it would cut the target there) and without
        // bytes over 0x7f (RFC 3986 2.1 has them percent-encoded).
        let visible = byte > b' ' && byte < 0x7f;
        if visible && !matches!(byte, b'#' | b'<' | b'>' | b'?' | b'`') {
            class |= PATH;
        }
        if visible && !matches!(byte, b'"' | b'#' | b'<' | b'>') {
            class |= QUERY;
        }
        // RFC 3986 3.2.2 reg-name, without percent-encoding and sub-delims: no DNS name has them, and a comma would
        // be two hosts to somebody.
        if letter || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            class |= HOST;
        }
        table[i] = class;
        i += 1;
    }
    table
}

#[inline]
fn all(bytes: &[u8], class: u8) -> bool {
    bytes.iter().all(|byte| CLASS[usize::from(*byte)] & class != 0)
}

pub(super) fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && all(bytes, TOKEN)
}

pub(super) fn is_method(bytes: &[u8]) -> bool {
    bytes.len() <= METHOD_MAX && is_token(bytes)
}

/// RFC 9110 5.5: VCHAR, obs-text, SP, HTAB. Nearly every value is free of control characters, and that is seen eight
/// bytes at a time; only when there is one it matters whether it is a tab.
pub(super) fn is_field_value(bytes: &[u8]) -> bool {
    let found = match bytes.last_chunk() {
        // the last word may overlap the one before it
        Some(last) => bytes.as_chunks().0.iter().fold(controls(*last), |found, word| found | controls(*word)),
        None => bytes.iter().fold(0, |found, byte| found | u64::from(*byte < b' ') | u64::from(*byte == 0x7f)),
    };
    found == 0 || bytes.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~' | 0x80..))
}

/// Not 0 when there is a control character among eight bytes: the upper bit of a byte is set by the borrow when less
/// than a space, or what is left of a DEL, is taken away from.
#[inline]
fn controls(bytes: [u8; 8]) -> u64 {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    let word = u64::from_ne_bytes(bytes);
    let no_del = word ^ (EACH * 0x7f);
    let borrows = word.wrapping_sub(EACH * 0x20) & !word | no_del.wrapping_sub(EACH) & !no_del;
    borrows & (EACH * 0x80)
}

/// Whether a path with query holds only bytes that a target may hold.
#[inline]
pub(super) fn is_clean(target: &[u8]) -> bool {
    let path = target.iter().position(|byte| CLASS[usize::from(*byte)] & PATH == 0).unwrap_or(target.len());
    match target.get(path) {
        None => true,
        Some(b'?') => all(&target[path + 1..], QUERY),
        Some(_) => false,
    }
}

/// `uri-host [":" port]` (RFC 9110 7.2), never empty: the http schemes need a host (RFC 9110 4.2.1).
pub(super) fn is_host(host: &[u8]) -> bool {
    let name = match host {
        [b'[', rest @ ..] => {
            let Some(end) = rest.iter().position(|byte| *byte == b']') else { return false };
            let inner = &rest[..end];
            let parsed = std::str::from_utf8(inner).ok().and_then(|text| text.parse::<std::net::Ipv6Addr>().ok());
            if parsed.is_none() {
                return false;
            }
            end + 2
        }
        _ => {
            let end = host.iter().position(|byte| CLASS[usize::from(*byte)] & HOST == 0).unwrap_or(host.len());
            if end == 0 {
                return false;
            }
            end
        }
    };
    match &host[name..] {
        [] => true,
        [b':', port @ ..] => is_port(port),
        _ => false,
    }
}

/// A port may be empty (RFC 3986 3.2.3), but not larger than there are.
fn is_port(port: &[u8]) -> bool {
    let digits = port.len() <= 5 && port.iter().all(u8::is_ascii_digit);
    digits && port.iter().fold(0_u32, |sum, digit| sum * 10 + u32::from(digit - b'0')) <= 65_535
}

/// The four forms of RFC 9112 3.2.
pub(super) enum Form<'a> {
    Origin,
    Absolute { scheme: &'a str, authority: &'a str, path: &'a str },
    Authority,
    Asterisk,
}

/// Which form a request-target has. CONNECT has authority-form and nothing else has; `*` is for OPTIONS.
#[inline]
pub(super) fn form<'a>(method: Method, target: &'a str) -> Result<Form<'a>, Malformed> {
    if target.len() > TARGET_MAX {
        return Err(Malformed::TargetTooLong);
    }
    if method == Method::Connect {
        let port = target.rsplit_once(':').is_some_and(|(_, port)| !port.is_empty());
        return match port && is_host(target.as_bytes()) {
            true => Ok(Form::Authority),
            false => Err(Malformed::StartLine("bad target for CONNECT")),
        };
    }
    if target.starts_with('/') {
        return match is_clean(target.as_bytes()) {
            true => Ok(Form::Origin),
            false => Err(Malformed::StartLine("bad byte in target")),
        };
    }
    if target == "*" && method == Method::Options {
        return Ok(Form::Asterisk);
    }
    absolute(target)
}

fn absolute(target: &str) -> Result<Form<'_>, Malformed> {
    let Some((scheme, rest)) = target.split_once("://") else {
        return Err(Malformed::StartLine("bad target"));
    };
    if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
        return Err(Malformed::StartLine("bad scheme in target"));
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if !is_host(authority.as_bytes()) {
        return Err(Malformed::StartLine("bad authority in target"));
    }
    if !is_clean(path.as_bytes()) {
        return Err(Malformed::StartLine("bad byte in target"));
    }
    Ok(Form::Absolute { scheme, authority, path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_character_is_found_wherever_it_stands() {
        for len in 1..20 {
            for at in 0..len {
                for byte in 0..=255_u8 {
                    let mut value = vec![b'~'; len];
                    value[at] = byte;
                    let good = byte == b'\t' || !byte.is_ascii_control();
                    assert_eq!(is_field_value(&value), good, "{byte} at {at} of {len}");
                }
            }
        }
        assert!(is_field_value(b""));
    }
}
