//! What a request asks for, in the one canonical form that decides both the match and what is forwarded. The one door is
//! [`Target`].

use std::fmt;

use memchr::{memchr, memmem};

use super::canonical;
use crate::message::{Head, Method, Name, Version};

/// The canonical form of what was asked for. Reused between requests: no allocation once warm.
#[derive(Debug, Default)]
pub struct Target {
    host: String,
    host_header: String,
    port: Option<u16>,
    /// The path as forwarded, then `?` and the query when there is one.
    forwarded: String,
    path_len: usize,
    matched: String,
    /// `matched` differs from the path; else it is not written.
    differs: bool,
}

/// What of a head says where the request goes.
pub(super) struct Asked<'h> {
    pub(super) target: &'h str,
    pub(super) options: bool,
    pub(super) version: Version,
    /// Of HTTP/2, or of an absolute target, which is read again.
    pub(super) authority: Option<&'h str>,
    /// The value of the first Host field.
    pub(super) host: Option<&'h [u8]>,
    pub(super) is_host_repeated: bool,
}

/// A target that nobody can be sent to. Each is a 400.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadTarget {
    /// RFC 9112 3.2: a request of HTTP/1.1 and later names its host.
    NoHost,
    /// The host is malformed, too long, carries user information, or is named twice.
    Host,
    /// Neither a path, nor a URL of http or https, nor `*` of OPTIONS.
    Form,
    /// A character that no target has, `#` among them.
    Character,
    /// A `%` without two hexadecimal digits, or `%00`.
    Escape,
    /// A way up that some apps see and others do not.
    Climb,
}

impl BadTarget {
    /// In a few words, for the log.
    pub fn reason(self) -> &'static str {
        match self {
            BadTarget::NoHost => "no host",
            BadTarget::Host => "malformed host",
            BadTarget::Form => "malformed target",
            BadTarget::Character => "bad character in target",
            BadTarget::Escape => "bad escape in path",
            BadTarget::Climb => "hidden dot segment in path",
        }
    }
}

impl fmt::Display for BadTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason())
    }
}

impl std::error::Error for BadTarget {}

impl Target {
    /// An empty one, to be set.
    pub fn new() -> Target {
        Target::default()
    }

    /// Reads the target of a request. After an error only the host stays, if that was good, and all else is empty.
    pub fn set(&mut self, head: &Head) -> Result<(), BadTarget> {
        let mut hosts = head.all(Name::Host);
        let host = hosts.next();
        let asked = Asked {
            target: head.target(),
            options: head.method() == Method::Options,
            version: head.version(),
            authority: head.authority(),
            host,
            is_host_repeated: hosts.next().is_some(),
        };
        self.read(&asked)
    }

    pub(super) fn read(&mut self, asked: &Asked<'_>) -> Result<(), BadTarget> {
        self.forget_path();
        let form = Form::of(asked.target, asked.options);
        let written = form.as_ref().map_err(|bad| *bad).and_then(|form| asked.authority(form));
        self.set_host(written)?;
        let read = self.set_path(&form?);
        if read.is_err() {
            self.forget_path();
        }
        read
    }

    fn set_path(&mut self, form: &Form<'_>) -> Result<(), BadTarget> {
        if form.path == "*" {
            self.forwarded.push('*');
        } else {
            self.differs = canonical::path(form.path, &mut self.forwarded, &mut self.matched)?;
        }
        self.path_len = self.forwarded.len();
        if let Some(query) = form.query {
            // RFC 3986 3.4, and what http::Uri lets by; no early end: this way many bytes are done at once
            if query.bytes().fold(false, |bad, byte| bad | (byte <= b' ') | (byte == 0x7f) | (byte == b'#')) {
                return Err(BadTarget::Character);
            }
            self.forwarded.push('?');
            self.forwarded.push_str(query);
        }
        Ok(())
    }

    /// Most requests of a connection name the host that the one before has named.
    fn set_host(&mut self, written: Result<&[u8], BadTarget>) -> Result<(), BadTarget> {
        if written == Ok(self.host_header.as_bytes()) {
            return Ok(());
        }
        self.host.clear();
        self.host_header.clear();
        self.port = None;
        match std::str::from_utf8(written?) {
            // of HTTP/1.0
            Ok("") => Ok(()),
            Ok(written) => {
                let port = canonical::host(written, &mut self.host);
                if port.is_err() {
                    self.host.clear();
                }
                self.port = port?;
                self.host_header.push_str(written);
                Ok(())
            }
            Err(_) => Err(BadTarget::Host),
        }
    }

    fn forget_path(&mut self) {
        self.forwarded.clear();
        self.path_len = 0;
        self.differs = false;
    }

    /// The host: lower case, no port, no trailing dot, an IPv6 address in brackets; empty when a request of HTTP/1.0
    /// names none.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host as the client wrote it, with its port.
    pub fn host_header(&self) -> &str {
        &self.host_header
    }

    /// The port that the client wrote.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// The path as it is forwarded: dot segments removed, else byte for byte the client's. `*` for such an OPTIONS.
    pub fn path(&self) -> &str {
        &self.forwarded[..self.path_len]
    }

    /// The path as it is matched: unreserved characters decoded, other escapes in upper case, slashes merged.
    pub fn matched(&self) -> &str {
        if self.differs { &self.matched } else { self.path() }
    }

    /// What follows the `?`.
    pub fn query(&self) -> Option<&str> {
        self.forwarded.get(self.path_len + 1..)
    }

    /// Path and query, as an app gets them that no rewrite stands before.
    pub fn path_and_query(&self) -> &str {
        &self.forwarded
    }
}

impl<'h> Asked<'h> {
    /// RFC 9112 3.2.2: the authority of an absolute target wins over Host, which must be there all the same. Empty when
    /// a request of HTTP/1.0 names none.
    fn authority(&self, form: &Form<'h>) -> Result<&'h [u8], BadTarget> {
        if self.is_host_repeated {
            return Err(BadTarget::Host);
        }
        match (form.authority.or(self.authority), self.host, self.version) {
            (Some(_), None, Version::Http11) => Err(BadTarget::NoHost),
            // an absolute target without a host is no target
            (Some(""), _, _) => Err(BadTarget::Host),
            (Some(authority), _, _) => Ok(authority.as_bytes()),
            (None, None | Some(b""), Version::Http10) => Ok(b""),
            (None, None | Some(b""), _) => Err(BadTarget::NoHost),
            (None, Some(field), _) => Ok(field),
        }
    }
}

/// A request-target taken apart, RFC 9112 3.2.
#[derive(Debug, Clone, Copy)]
struct Form<'t> {
    authority: Option<&'t str>,
    path: &'t str,
    query: Option<&'t str>,
}

impl<'t> Form<'t> {
    fn of(target: &'t str, options: bool) -> Result<Form<'t>, BadTarget> {
        if target.starts_with('/') {
            return Ok(Form::split(None, target));
        }
        if target == "*" && options {
            return Ok(Form { authority: None, path: "*", query: None });
        }
        let colon = memmem::find(target.as_bytes(), b"://").ok_or(BadTarget::Form)?;
        let scheme = &target[..colon];
        if !scheme.eq_ignore_ascii_case("http") && !scheme.eq_ignore_ascii_case("https") {
            return Err(BadTarget::Form);
        }
        let rest = &target[colon + 3..];
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let form = Form::split(Some(&rest[..end]), &rest[end..]);
        Ok(match form.path {
            // RFC 9112 3.2.4: without path and query it is the `*` that the client meant
            "" if options && form.query.is_none() => Form { path: "*", ..form },
            "" => Form { path: "/", ..form },
            _ => form,
        })
    }

    fn split(authority: Option<&'t str>, rest: &'t str) -> Form<'t> {
        match memchr(b'?', rest.as_bytes()) {
            Some(mark) => Form { authority, path: &rest[..mark], query: Some(&rest[mark + 1..]) },
            None => Form { authority, path: rest, query: None },
        }
    }
}
