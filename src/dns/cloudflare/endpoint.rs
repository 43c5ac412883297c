//! Where Cloudflare is: [`Endpoint`] by `FromStr`, from `CF_API_URL`.

use std::fmt;
use std::str::FromStr;

use http::Uri;

/// The real one.
pub const DEFAULT_ENDPOINT: &str = "https://api.cloudflare.com/client/v4";

/// Scheme, host, port, and the path before every path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    is_tls: bool,
    /// Without brackets.
    host: String,
    port: u16,
    /// As in the header `Host`: the port only when it was written.
    authority: String,
    prefix: String,
}

/// A text that is no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}; an endpoint is such as {DEFAULT_ENDPOINT}")]
pub struct InvalidEndpoint(&'static str);

impl Default for Endpoint {
    fn default() -> Self {
        Endpoint {
            is_tls: true,
            host: "api.cloudflare.com".to_owned(),
            port: 443,
            authority: "api.cloudflare.com".to_owned(),
            prefix: "/client/v4".to_owned(),
        }
    }
}

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    /// `https://host[:port][/path]`; `http` too, for tests and the demo.
    fn from_str(text: &str) -> Result<Endpoint, InvalidEndpoint> {
        let text = text.trim();
        if text.is_empty() {
            return Err(InvalidEndpoint("it is empty"));
        }
        if !text.contains("://") {
            return Err(InvalidEndpoint("it does not begin with https:// (or http://)"));
        }
        if text.contains(['?', '#']) {
            return Err(InvalidEndpoint("it has a query or a fragment"));
        }
        let uri: Uri = text.parse().map_err(|_| InvalidEndpoint("it is no URL"))?;
        let is_tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(InvalidEndpoint("it is neither https nor http")),
        };
        let authority = uri.authority().ok_or(InvalidEndpoint("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(InvalidEndpoint("it has a user in it, which belongs to CF_API_TOKEN"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        if host.is_empty() {
            return Err(InvalidEndpoint("it has no host"));
        }
        // a port that is no number is taken for none by those who read URLs
        let is_written = authority.as_str().len() > authority.host().len();
        let port = match (authority.port_u16(), is_tls) {
            (Some(port), _) => port,
            (None, _) if is_written => return Err(InvalidEndpoint("its port is no number up to 65535")),
            (None, true) => 443,
            (None, false) => 80,
        };
        if port == 0 {
            return Err(InvalidEndpoint("port 0 is no port"));
        }
        Ok(Endpoint {
            is_tls,
            host,
            port,
            authority: authority.as_str().to_ascii_lowercase(),
            prefix: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

impl Endpoint {
    /// Whether what is sent is encrypted.
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// A name or an address.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    /// Without a slash at its end.
    pub(super) fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_url_that_requests_can_be_appended_to() {
        assert_eq!(DEFAULT_ENDPOINT.parse(), Ok(Endpoint::default()));
        for (text, host, port, shown) in [
            ("https://api.cloudflare.com/client/v4/", "api.cloudflare.com", 443, DEFAULT_ENDPOINT),
            (" http://LOCALHOST:8787/client/v4", "localhost", 8787, "http://localhost:8787/client/v4"),
            ("http://127.0.0.1", "127.0.0.1", 80, "http://127.0.0.1"),
            ("http://[::1]:80/", "::1", 80, "http://[::1]:80"),
        ] {
            let endpoint: Endpoint = text.parse().unwrap();
            assert_eq!((endpoint.host(), endpoint.port(), endpoint.to_string().as_str()), (host, port, shown));
        }
    }

    #[test]
    fn what_is_no_endpoint_is_told_why_and_a_secret_in_it_is_not_repeated() {
        for (text, part) in [
            ("", "empty"),
            ("api.cloudflare.com/client/v4", "begin with https://"),
            ("ftp://api.cloudflare.com", "neither"),
            ("https://user:secret@api.cloudflare.com", "CF_API_TOKEN"),
            ("https://api.cloudflare.com/?token=secret", "query"),
            ("https://api.cloudflare.com:0", "port 0"),
            ("https://api.cloudflare.com:99999", "65535"),
            ("https:///client/v4", "URL"),
        ] {
            let told = text.parse::<Endpoint>().unwrap_err().to_string();
            assert!(
                told.contains(part) && told.contains(DEFAULT_ENDPOINT) && !told.contains("secret"),
                "{text}: {told}"
            );
        }
    }
}
