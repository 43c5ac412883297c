//! Heads from and to the `http` crate's types, in which hyper's HTTP/2 speaks.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::head::Head;
use super::name::{self, Name};
use super::semantics::HOP_BY_HOP;
use super::{Limits, Malformed, Method, Version, target};

/// RFC 9113 8.2.2: these make a message malformed.
const CONNECTION_SPECIFIC: u64 =
    name::set(&[Name::Connection, Name::KeepAlive, Name::ProxyConnection, Name::TransferEncoding, Name::Upgrade]);

/// Of each request another value. In the compression's table (RFC 7541 2.3.2) they would push out what does come again, and
/// every next one is compared with all of its name that are still there; as "never indexed" they stay out.
const UNIQUE: u64 = name::set(&[Name::XRequestId, Name::XForwardedFor, Name::XRealIp]);

impl Head {
    /// Takes over a request that came by HTTP/2. `:authority` becomes the Host field, several Cookie fields become
    /// one (RFC 9113 8.2.3).
    pub fn from_http_request(&mut self, parts: &http::request::Parts, limits: Limits) -> Result<(), Malformed> {
        self.clear();
        self.is_request = true;
        self.version = Version::Http2;
        let method = parts.method.as_str();
        if !target::is_method(method.as_bytes()) {
            return Err(Malformed::StartLine("bad method"));
        }
        self.set_method(method);
        self.take_uri(&parts.uri)?;
        let authority = parts.uri.authority().map(|authority| authority.as_str());
        if let Some(authority) = authority {
            if !target::is_host(authority.as_bytes()) {
                return Err(Malformed::StartLine("bad authority"));
            }
            self.authority_at = Some(self.add_text(authority));
            if !parts.headers.contains_key(http::header::HOST) {
                self.push(Name::Host, authority.as_bytes());
            }
        }
        self.take_map(&parts.headers, limits)?;
        self.join_cookies();
        self.check_host()
    }

    /// Takes over an answer that came by HTTP/2.
    pub fn from_http_response(&mut self, parts: &http::response::Parts, limits: Limits) -> Result<(), Malformed> {
        self.clear();
        self.version = Version::Http2;
        self.set_status(parts.status.as_u16(), parts.status.canonical_reason().unwrap_or(""));
        self.take_map(&parts.headers, limits)
    }

    /// The answer for an HTTP/2 client: names in lower case, nothing hop-by-hop.
    pub fn to_http_response(&self) -> Result<http::Response<()>, Malformed> {
        let status = http::StatusCode::from_u16(self.status).map_err(|_| Malformed::StartLine("bad status"))?;
        let mut response = http::Response::new(());
        *response.status_mut() = status;
        *response.version_mut() = http::Version::HTTP_2;
        self.give_map(0, response.headers_mut())?;
        Ok(response)
    }

    /// The request for an HTTP/2 app. The authority stands for the Host field.
    pub fn to_http_request(&self, scheme: &str, authority: &str) -> Result<http::Request<()>, Malformed> {
        let bad = |_| Malformed::StartLine("bad target");
        let method = http::Method::from_bytes(self.method_str().as_bytes());
        let path = if self.path_and_query().is_empty() { "/" } else { self.path_and_query() };
        let uri = http::Uri::builder().scheme(scheme).authority(authority).path_and_query(path);
        let mut request = http::Request::new(());
        *request.method_mut() = method.map_err(|_| Malformed::StartLine("bad method"))?;
        *request.uri_mut() = uri.build().map_err(bad)?;
        *request.version_mut() = http::Version::HTTP_2;
        self.give_map(Name::Host.bit(), request.headers_mut())?;
        Ok(request)
    }

    fn take_uri(&mut self, uri: &http::Uri) -> Result<(), Malformed> {
        let path = match uri.path_and_query() {
            Some(path) => path.as_str(),
            None if self.method == Method::Connect => uri.authority().map_or("", |authority| authority.as_str()),
            None => "",
        };
        // hyper has read the pseudo-fields; what it let by must be a target in HTTP/1 too
        target::form(self.method, path).map_err(|error| match error {
            Malformed::TargetTooLong => error,
            _ => Malformed::StartLine("bad target"),
        })?;
        self.target_at = self.add_text(path);
        self.path_at = self.target_at;
        self.scheme_at = uri.scheme_str().map(|scheme| self.add_text(scheme));
        Ok(())
    }

    fn take_map(&mut self, map: &HeaderMap, limits: Limits) -> Result<(), Malformed> {
        if map.len() > limits.fields {
            return Err(Malformed::TooLarge("too many fields"));
        }
        // as the head would be long in HTTP/1, so that one limit means the same in every version
        self.received = self.line.len() + " HTTP/1.1\r\n\r\n".len();
        for (name, value) in map {
            let (name, value) = (name.as_str().as_bytes(), value.as_bytes());
            self.received += name.len() + value.len() + 4;
            if self.received > limits.bytes {
                return Err(Malformed::TooLarge("head too large"));
            }
            let id = Name::of(name);
            if CONNECTION_SPECIFIC & id.bit() != 0 {
                return Err(Malformed::Field("connection-specific field in HTTP/2"));
            }
            if id == Name::Te && !value.eq_ignore_ascii_case(b"trailers") {
                return Err(Malformed::Field("TE other than trailers in HTTP/2"));
            }
            let twin = id == Name::Other && Name::is_twin(name);
            let good = if twin { target::is_field_value(value) } else { self.add(id, name, value) };
            if !good {
                return Err(Malformed::Field("bad byte in a field value"));
            }
        }
        Ok(())
    }

    fn join_cookies(&mut self) {
        if self.several & Name::Cookie.bit() == 0 {
            return;
        }
        let mut joined = Vec::new();
        for crumb in self.all(Name::Cookie) {
            if !joined.is_empty() {
                joined.extend_from_slice(b"; ");
            }
            joined.extend_from_slice(crumb);
        }
        self.remove(Name::Cookie);
        self.push(Name::Cookie, &joined);
    }

    fn give_map(&self, skipped: u64, map: &mut HeaderMap) -> Result<(), Malformed> {
        map.reserve(self.len());
        for field in self.fields.iter().filter(|field| !field.removed) {
            let value = field.value(&self.bytes);
            let trailers = field.id == Name::Te && value.eq_ignore_ascii_case(b"trailers");
            if (HOP_BY_HOP | skipped) & field.id.bit() != 0 && !trailers {
                continue;
            }
            let name = match field.id.to_http() {
                Some(name) => name,
                None => {
                    HeaderName::from_bytes(field.name(&self.bytes)).map_err(|_| Malformed::Field("bad field name"))?
                }
            };
            let mut value =
                HeaderValue::from_bytes(value).map_err(|_| Malformed::Field("bad byte in a field value"))?;
            value.set_sensitive(UNIQUE & field.id.bit() != 0);
            map.append(name, value);
        }
        Ok(())
    }
}
