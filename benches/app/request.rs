//! What a request wants, read from its head. One door: [`Request::parse`].

use std::io;
use std::mem::MaybeUninit;

use httparse::Status;

use crate::body::Body;
use crate::websocket;

/// A browser sends 15, a proxy adds some.
const FIELDS: usize = 64;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// The same 64 bytes as everybody.
    Small,
    /// So many bytes.
    Bytes(u64),
    /// That its body is read, and then the 64 bytes.
    Upload(Body),
    /// A WebSocket; what is answered to its key.
    WebSocket(String),
}

impl Request {
    /// The request at the beginning of these bytes and the length of its head; `None` while that is not there as a whole.
    ///
    /// # Errors
    /// It is no head of a request, or names a size that is none.
    pub(crate) fn parse(bytes: &[u8]) -> io::Result<Option<(Request, usize)>> {
        let mut fields = [const { MaybeUninit::uninit() }; FIELDS];
        let mut head = httparse::Request::new(&mut []);
        let status = head.parse_with_uninit_headers(bytes, &mut fields).map_err(|_| malformed())?;
        let Status::Complete(n) = status else { return Ok(None) };
        let (mut body, mut key, mut is_upgrade) = (Body::Length(0), None, false);
        for field in head.headers.iter() {
            match field.name.len() {
                7 if field.name.eq_ignore_ascii_case("upgrade") => {
                    is_upgrade = field.value.eq_ignore_ascii_case(b"websocket");
                }
                14 if field.name.eq_ignore_ascii_case("content-length") => body = Body::Length(number(field.value)?),
                17 if field.name.eq_ignore_ascii_case("transfer-encoding") => body = Body::Size,
                17 if field.name.eq_ignore_ascii_case("sec-websocket-key") => key = Some(field.value),
                _ => {}
            }
        }
        let request = match (key, head.path.and_then(|path| path.strip_prefix("/bytes/"))) {
            (Some(key), _) if is_upgrade => Request::WebSocket(websocket::accept(key)),
            _ if !body.is_over() => Request::Upload(body),
            (_, Some(size)) => Request::Bytes(number(size.as_bytes())?),
            _ => Request::Small,
        };
        Ok(Some((request, n)))
    }
}

fn number(digits: &[u8]) -> io::Result<u64> {
    str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or_else(malformed)
}

fn malformed() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(line: &str, fields: &[&str]) -> Request {
        let fields: String = ["host: a.test"].iter().chain(fields).map(|field| format!("{field}\r\n")).collect();
        let head = format!("{line} HTTP/1.1\r\n{fields}\r\n");
        let (request, n) = Request::parse(format!("{head}GET /").as_bytes()).unwrap().unwrap();
        assert_eq!(n, head.len());
        request
    }

    #[test]
    fn each_request_gets_what_it_wants() {
        let websocket = ["Upgrade: websocket", "Connection: upgrade", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="];
        for (line, fields, expected) in [
            ("GET /", &[][..], Request::Small),
            ("GET /bytes", &[], Request::Small),
            ("GET /bytes/1073741824", &[], Request::Bytes(1 << 30)),
            ("POST /", &["Content-Length: 10"], Request::Upload(Body::Length(10))),
            ("POST /", &["content-length: 0"], Request::Small),
            ("PUT /x", &["Transfer-Encoding: chunked"], Request::Upload(Body::Size)),
            ("GET /", &websocket, Request::WebSocket("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".into())),
            ("GET /", &websocket[1..], Request::Small),
        ] {
            assert_eq!(wanted(line, fields), expected, "{line} {fields:?}");
        }
    }

    #[test]
    fn half_a_head_is_none_and_a_bad_one_is_refused() {
        assert_eq!(Request::parse(b"GET / HTTP/1.1\r\nhost:").unwrap(), None);
        for bytes in
            [&b"\x16\x03\x01"[..], b"GET /bytes/-1 HTTP/1.1\r\n\r\n", b"PUT / HTTP/1.1\r\ncontent-length: x\r\n\r\n"]
        {
            assert!(Request::parse(bytes).is_err(), "{bytes:?}");
        }
    }
}
