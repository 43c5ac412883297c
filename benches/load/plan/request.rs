//! The head of every request of a run.
//!
//! One door: [`Request::new`].

use anyhow::Context;

use crate::options::Options;

/// A request's head, as each version of HTTP wants it.
pub(crate) struct Request {
    /// HTTP/1.1 with the empty line; of a WebSocket's handshake all but its key.
    pub(crate) bytes: Vec<u8>,
    /// HTTP/2.
    pub(crate) parts: http::Request<()>,
}

/// What a browser of today says about itself, `Host` being the fifteenth.
const FIFTEEN: [(&str, &str); 14] = [
    (
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    ),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("accept-language", "en-GB,en;q=0.9,de;q=0.7"),
    ("cache-control", "max-age=0"),
    ("cookie", "session=5f2b8d9c1e7a4f60b3d2; theme=dark; consent=yes"),
    ("referer", "http://www.example.com/articles/"),
    ("sec-ch-ua", "\"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\""),
    ("sec-ch-ua-mobile", "?0"),
    ("sec-ch-ua-platform", "\"Linux\""),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-site", "same-origin"),
    ("upgrade-insecure-requests", "1"),
];

impl Request {
    pub(crate) fn new(url: &http::Uri, options: &Options) -> anyhow::Result<Request> {
        let given = options.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let named = given.clone().find(|(name, _)| name.eq_ignore_ascii_case("host")).map(|(_, value)| value);
        let host = named.or(url.authority().map(|authority| authority.as_str())).context("the URL names no host")?;
        let browser = FIFTEEN.iter().filter(|_| options.fifteen).copied();
        let fields: Vec<_> = browser.chain(given).filter(|(name, _)| !name.eq_ignore_ascii_case("host")).collect();
        let method = if options.upload.is_some() { "POST" } else { "GET" };
        let path = url.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);

        let mut text = format!("{method} {path} HTTP/1.1\r\nhost: {host}\r\n");
        for (name, value) in &fields {
            text.extend([name, ": ", value, "\r\n"]);
        }
        if options.new_connection {
            text.push_str("connection: close\r\n");
        }
        if let Some(size) = options.upload {
            text.push_str(&format!("content-length: {size}\r\n"));
        }
        text.push_str(match options.websocket {
            Some(_) => "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: ",
            None => "\r\n",
        });

        let target = format!("{}://{host}{path}", url.scheme_str().unwrap_or("http"));
        let parts = http::Request::builder().method(method).uri(target);
        let parts = fields.iter().fold(parts, |parts, &(name, value)| parts.header(name, value)).body(())?;
        Ok(Request { bytes: text.into_bytes(), parts })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn request(arguments: &str) -> Request {
        let options = Options::try_parse_from(["load"].into_iter().chain(arguments.split(' '))).unwrap();
        Request::new(&options.url.parse().unwrap(), &options).unwrap()
    }

    #[test]
    fn a_browser_sends_fifteen_fields_and_a_given_host_replaces_that_of_the_url() {
        let request = request("http://127.0.0.1/x?y=1 --requests 1 --fifteen --header host:www.example.com");
        let text = String::from_utf8(request.bytes).unwrap();
        assert!(text.starts_with("GET /x?y=1 HTTP/1.1\r\nhost: www.example.com\r\n"), "{text}");
        assert_eq!(text.lines().filter(|line| line.contains(": ")).count(), 15);
        assert_eq!(request.parts.uri(), "http://www.example.com/x?y=1");
        assert_eq!(request.parts.headers().len(), 14);
    }

    #[test]
    fn an_upload_is_a_post_with_its_length() {
        let request = request("http://127.0.0.1/ --requests 1 --upload 1KiB");
        let text = String::from_utf8(request.bytes).unwrap();
        assert!(text.starts_with("POST / HTTP/1.1\r\n") && text.contains("\r\ncontent-length: 1024\r\n"), "{text}");
    }
}
