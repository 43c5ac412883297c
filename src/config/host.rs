//! Host names and patterns of them: [`HostPattern`] by `FromStr`, and the checks of names that backends share.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde_json::{Value, json};

use super::HostPattern;
use super::file::Node;
use super::problem::Invalid;
use super::read::{Decode, Reader, brief};
use super::schema::Definitions;

impl FromStr for HostPattern {
    type Err = Invalid;

    /// A port is left out: hosts match whatever the port is.
    fn from_str(text: &str) -> Result<HostPattern, Invalid> {
        with_port(text).map(|(pattern, _)| pattern)
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HostPattern::Exact(name) => f.write_str(name),
            HostPattern::Wildcard(rest) => write!(f, "*.{rest}"),
            HostPattern::Any => f.write_str("*"),
        }
    }
}

impl Decode for HostPattern {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<HostPattern> {
        let text = reader.text(node)?;
        match with_port(text) {
            Ok((pattern, None)) => Some(pattern),
            Ok((pattern, Some(_))) => {
                let message = "a port in a host does not matter: requests match on every port";
                reader.warning(node.place, message, format!("write `{pattern}`"));
                Some(pattern)
            }
            Err(error) => {
                reader.invalid(node.place, error);
                None
            }
        }
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({"type": "string", "minLength": 1, "examples": ["www.example.com", "*.example.com", "*"]})
    }
}

/// The pattern, and the port that was written behind it.
pub(super) fn with_port(text: &str) -> Result<(HostPattern, Option<u16>), Invalid> {
    if let Some((_, rest)) = text.split_once("://") {
        let host = rest.split('/').next().unwrap_or_default();
        return Err(Invalid::new("this is a URL, not a host", format!("write `{}`", brief(host))));
    }
    if let Some((host, _)) = text.split_once('/') {
        let message = "a host has no `/`";
        return Err(Invalid::new(message, format!("write `{}` here and the rest as `path`", brief(host))));
    }
    let (name, port) = without_port(text)?;
    if name == "*" {
        return Ok((HostPattern::Any, port));
    }
    let (rest, wildcard) = match name.strip_prefix("*.") {
        Some(rest) => (rest, true),
        None => (name, false),
    };
    if rest.contains('*') {
        let message = format!("in `{}` the `*` stands where it may not", brief(text));
        return Err(Invalid::new(
            message,
            "allowed are `*` alone (every host) and `*.example.com` (one or more labels)",
        ));
    }
    match (address(rest), wildcard) {
        (Some(_), true) => Err(Invalid::new("an address has no names below it", "write the address without `*.`")),
        (Some(IpAddr::V6(ip)), false) => Ok((HostPattern::Exact(format!("[{ip}]")), port)),
        (Some(IpAddr::V4(ip)), false) => Ok((HostPattern::Exact(ip.to_string()), port)),
        (None, true) => Ok((HostPattern::Wildcard(name_of(rest)?), port)),
        (None, false) => Ok((HostPattern::Exact(name_of(rest)?), port)),
    }
}

fn without_port(text: &str) -> Result<(&str, Option<u16>), Invalid> {
    // more than one colon is an IPv6 address; with a port it stands in brackets
    let (name, port) = match text.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') || name.ends_with(']') => (name, port),
        _ => return Ok((text, None)),
    };
    match port.parse() {
        Ok(port) => Ok((name, Some(port))),
        Err(_) => Err(Invalid::new(format!("`{}` is no port", brief(port)), format!("write `{}`", brief(name)))),
    }
}

/// An IP address, IPv6 with or without brackets. One that is IPv4 inside IPv6 is IPv4.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    if let Ok(ip) = text.parse::<Ipv4Addr>() {
        return Some(IpAddr::V4(ip));
    }
    let inner = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    inner.parse::<Ipv6Addr>().ok().map(|ip| IpAddr::V6(ip).to_canonical())
}

/// A DNS name in its one form: A-labels in lower case, no dot at the end.
pub(super) fn name_of(text: &str) -> Result<String, Invalid> {
    let text = text.strip_suffix('.').unwrap_or(text);
    if text.is_empty() {
        return Err(Invalid::new("there is no name here", "write it like `www.example.com`"));
    }
    let name = ascii(text)?;
    if name.len() > 253 {
        return Err(Invalid::bare(format!("`{}` is longer than the 253 characters of a DNS name", brief(text))));
    }
    for label in name.split('.') {
        label_is_good(label).map_err(|why| {
            Invalid::new(format!("`{}` is no host name: {why}", brief(text)), "write it like `www.example.com`")
        })?;
    }
    // what ends in a number is an address to every URL parser, and this is none
    if name.rsplit('.').next().is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit())) {
        return Err(Invalid::new(
            format!("`{}` is neither a name nor an address", brief(text)),
            "write an address like `10.0.0.7`",
        ));
    }
    Ok(name.into_owned())
}

fn ascii(text: &str) -> Result<Cow<'_, str>, Invalid> {
    let plain = text.is_ascii() && !text.as_bytes().windows(4).any(|w| w.eq_ignore_ascii_case(b"xn--"));
    if plain {
        return Ok(if text.bytes().any(|b| b.is_ascii_uppercase()) {
            text.to_ascii_lowercase().into()
        } else {
            text.into()
        });
    }
    match idna::domain_to_ascii(text) {
        // full-width and other dots may have become one at the end
        Ok(name) => Ok(name.strip_suffix('.').map(str::to_owned).unwrap_or(name).into()),
        Err(_) => {
            Err(Invalid::new(format!("`{}` is no international host name (IDNA)", brief(text)), "check its letters"))
        }
    }
}

/// Why a label of a DNS name is none. Underscores are no letters of a host name, but names with them are in use.
fn label_is_good(label: &str) -> Result<(), &'static str> {
    match label {
        "" => Err("two dots stand together, or one stands at its begin"),
        label if label.len() > 63 => Err("a label has more than 63 characters"),
        label if label.starts_with('-') || label.ends_with('-') => Err("a label begins or ends with `-`"),
        label if !label.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_')) => {
            Err("only letters, digits, `-`, `_` and dots may stand in it")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_one_form() {
        for (written, form) in [
            ("www.example.com", "www.example.com"),
            ("WWW.Example.COM.", "www.example.com"),
            ("www.example.com:8080", "www.example.com"),
            ("*.Example.com", "*.example.com"),
            ("*", "*"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("*.BÜCHER.example", "*.xn--bcher-kva.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("my_app.example", "my_app.example"),
            ("localhost", "localhost"),
            ("10.0.0.7:80", "10.0.0.7"),
            ("[::1]", "[::1]"),
            ("[FD00::7]:443", "[fd00::7]"),
            ("fd00:0::7", "[fd00::7]"),
            ("[::ffff:10.0.0.7]", "10.0.0.7"),
        ] {
            assert_eq!(written.parse::<HostPattern>().map(|host| host.to_string()), Ok(form.to_owned()), "{written}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for written in [
            "",
            ".",
            "*.",
            "**",
            "*example.com",
            "*.*.example.com",
            "www.*.com",
            "a..b",
            ".a",
            "-a.example",
            "a-.example",
            "a b",
            "a,b",
            "a/b",
            "http://a.example",
            "a.example:http",
            "1.2.3",
            "1.2.3.4.5",
            "300.1.1.1",
            "*.10.0.0.7",
            "xn--0.example",
            "user@a.example",
        ] {
            assert!(written.parse::<HostPattern>().is_err(), "{written}");
        }
        let label = "a".repeat(64);
        assert!(label.parse::<HostPattern>().is_err());
        assert!(vec!["a".repeat(60); 5].join(".").parse::<HostPattern>().is_err());
    }
}
