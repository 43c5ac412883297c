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
    /// The value of the only Host field.
    pub(super) host: Option<&'h [u8]>,
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

    /// Reads the target of a request. After an error it holds nothing of use but the host, if that was good.
    pub fn set(&mut self, head: &Head) -> Result<(), BadTarget> {
        let mut hosts = head.all(Name::Host);
        let host = hosts.next();
        if hosts.next().is_some() {
            self.clear();
            return Err(BadTarget::Host);
        }
        self.read(&Asked {
            target: head.target(),
            options: head.method() == Method::Options,
            version: head.version(),
            authority: head.authority(),
            host,
        })
    }

    pub(super) fn read(&mut self, asked: &Asked<'_>) -> Result<(), BadTarget> {
        self.clear();
        let form = Form::of(asked.target, asked.options)?;
        self.set_host(asked, &form)?;
        if form.path == "*" {
            self.forwarded.push('*');
        } else {
            self.differs = canonical::path(form.path, &mut self.forwarded, &mut self.matched)?;
        }
        self.path_len = self.forwarded.len();
        if let Some(query) = form.query {
            // RFC 3986 3.4, and what http::Uri lets by
            if query.bytes().any(|byte| byte <= b' ' || matches!(byte, 0x7f | b'#')) {
                return Err(BadTarget::Character);
            }
            self.forwarded.push('?');
            self.forwarded.push_str(query);
        }
        Ok(())
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

    fn clear(&mut self) {
        self.host.clear();
        self.host_header.clear();
        self.port = None;
        self.forwarded.clear();
        self.path_len = 0;
        self.differs = false;
    }

    /// RFC 9112 3.2.2: the authority of an absolute target wins over Host, which must be there all the same.
    fn set_host(&mut self, asked: &Asked<'_>, form: &Form<'_>) -> Result<(), BadTarget> {
        let field = asked.host.map(|field| std::str::from_utf8(field).map_err(|_| BadTarget::Host)).transpose()?;
        let written = match (form.authority.or(asked.authority), field, asked.version) {
            (Some(_), None, Version::Http11) => return Err(BadTarget::NoHost),
            (Some(authority), _, _) => authority,
            (None, None | Some(""), Version::Http10) => return Ok(()),
            (None, None | Some(""), _) => return Err(BadTarget::NoHost),
            (None, Some(field), _) => field,
        };
        self.port = canonical::host(written, &mut self.host)?;
        self.host_header.push_str(written);
        Ok(())
    }
}

/// A request-target taken apart, RFC 9112 3.2.
#[derive(Debug)]
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
