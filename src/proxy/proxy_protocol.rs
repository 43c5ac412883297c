//! The PROXY header, versions 1 and 2, by which a proxy in front tells who the client is before the client says anything
//! (haproxy.org/download/2.9/doc/proxy-protocol.txt).
//!
//! One door: [`read`], asked only for peers that are believed.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::task::{Poll, ready};

use proxy_header::{Error, ParseConfig, ProxyHeader};

use super::worker::Worker;
use crate::wire::{Deadline, Stream};

/// What version 2 begins with; no HTTP or TLS does.
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The same of version 1.
const V1: &[u8] = b"PROXY ";
/// Longest header that is read: version 2 with its addresses (up to 232 bytes) and what a cloud adds to them.
const MOST: usize = 4 * 1024;

/// What a connection began with.
pub(super) enum Begins {
    /// A header that names the client.
    Client(SocketAddr),
    /// A header that names nobody (`LOCAL`, `UNKNOWN`), or none: the peer is the client.
    Peer,
    /// Not a byte, and the peer leaves or the process ends.
    Nothing,
}

/// Reads the header if there is one. `None`: the peer has left within it, is too slow, or its header is none.
pub(super) async fn read(worker: &Worker, stream: &mut Stream, deadline: &Deadline) -> Option<Begins> {
    poll_fn(|cx| {
        if deadline.poll_expired(cx).is_ready() {
            return Poll::Ready(None);
        }
        if worker.closes_silent() && stream.is_silent() {
            return Poll::Ready(Some(Begins::Nothing));
        }
        loop {
            match parse(stream.input()) {
                Parsed::Header(n, client) => {
                    stream.consume(n);
                    return Poll::Ready(Some(client.map_or(Begins::Peer, Begins::Client)));
                }
                Parsed::None => return Poll::Ready(Some(Begins::Peer)),
                Parsed::Bad => return Poll::Ready(None),
                Parsed::More => {}
            }
            match ready!(stream.poll_fill(cx)) {
                Ok(n) if n > 0 => {}
                _ if stream.input().is_empty() => return Poll::Ready(Some(Begins::Nothing)),
                _ => return Poll::Ready(None),
            }
        }
    })
    .await
}

#[derive(Debug, PartialEq, Eq)]
enum Parsed {
    /// Its length, and the client when it names one.
    Header(usize, Option<SocketAddr>),
    /// Something else begins here.
    None,
    Bad,
    More,
}

fn parse(input: &[u8]) -> Parsed {
    let begins = |with: &[u8]| {
        let n = input.len().min(with.len());
        input[..n] == with[..n]
    };
    if input.is_empty() || (input.len() < V1.len() && (begins(V1) || begins(V2))) {
        return Parsed::More;
    }
    if !begins(V1) && !begins(V2) {
        return Parsed::None;
    }
    let config = ParseConfig { include_tlvs: false, allow_v1: true, allow_v2: true };
    match ProxyHeader::parse(input, config) {
        Ok((header, n)) => Parsed::Header(n, header.proxied_address().map(|address| address.source)),
        Err(Error::BufferTooShort) if input.len() < MOST => Parsed::More,
        Err(_) => Parsed::Bad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let mut header = V2.to_vec();
        header.extend_from_slice(&[0x20 | command, family]);
        header.extend_from_slice(&(rest.len() as u16).to_be_bytes());
        header.extend_from_slice(rest);
        header
    }

    #[test]
    fn a_header_names_the_client_and_what_follows_is_left() {
        let ipv4 = v2(1, 0x11, &[192, 0, 2, 1, 10, 0, 0, 1, 0x1f, 0x90, 0, 80]);
        for (header, client) in [
            (b"PROXY TCP4 192.0.2.1 10.0.0.1 8080 80\r\n".to_vec(), Some("192.0.2.1:8080")),
            (b"PROXY TCP6 2001:db8::1 ::1 8080 80\r\n".to_vec(), Some("[2001:db8::1]:8080")),
            (b"PROXY UNKNOWN\r\n".to_vec(), None),
            (ipv4, Some("192.0.2.1:8080")),
            (v2(0, 0, &[]), None),
        ] {
            let client = client.map(|addr| addr.parse().unwrap());
            let with_request = [&header[..], b"GET / HTTP/1.1\r\n"].concat();
            assert_eq!(parse(&with_request), Parsed::Header(header.len(), client));
            for cut in 0..header.len() {
                assert_eq!(parse(&header[..cut]), Parsed::More, "{cut} of {header:?}");
            }
        }
    }

    #[test]
    fn requests_and_hellos_are_no_headers() {
        for input in
            [&b"GET / HT"[..], b"POST /x ", b"PUT /abc", b"PRI * HTTP/2.0", b"\x16\x03\x01\x02\x00\x01", b"\r\nGET /"]
        {
            assert_eq!(parse(input), Parsed::None, "{}", input.escape_ascii());
        }
    }

    #[test]
    fn a_header_that_is_none_or_never_ends_is_bad() {
        assert_eq!(parse(b"PROXY TCP4 somebody 10.0.0.1 1 2\r\n"), Parsed::Bad);
        assert_eq!(parse(&v2(9, 0x11, &[0; 12])), Parsed::Bad);
        assert_eq!(parse(&[b"PROXY TCP4 ".as_slice(), &[b'1'; 200]].concat()), Parsed::Bad);
        let long = v2(1, 0x11, &[0; 60_000]);
        assert_eq!(parse(&long[..MOST]), Parsed::Bad);
    }
}
