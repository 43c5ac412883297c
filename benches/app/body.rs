//! Where the body of a request ends (RFC 9112 6). One door: [`Body`].

use std::io;

use httparse::Status;

/// What is still to come of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    /// So many bytes.
    Length(u64),
    /// The size of a chunk.
    Size,
    /// So many bytes of a chunk, the end of its line among them.
    Chunk(u64),
    /// Trailer fields and the empty line after them.
    Trailers,
}

impl Body {
    pub(crate) fn is_over(self) -> bool {
        self == Body::Length(0)
    }

    /// How many of these bytes belong to the body and have been gone past; the others need what comes after them, or belong
    /// to the next request.
    ///
    /// # Errors
    /// They are no chunks.
    pub(crate) fn skip(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            match *self {
                Body::Length(left) => {
                    let n = least(left, rest);
                    *self = Body::Length(left - n as u64);
                    return Ok(at + n);
                }
                Body::Chunk(left) => {
                    let n = least(left, rest);
                    at += n;
                    *self = Body::Chunk(left - n as u64);
                    if n as u64 != left {
                        return Ok(at);
                    }
                    *self = Body::Size;
                }
                Body::Size => {
                    let malformed = || io::Error::from(io::ErrorKind::InvalidData);
                    let Status::Complete((n, size)) = httparse::parse_chunk_size(rest).map_err(|_| malformed())? else {
                        return Ok(at);
                    };
                    at += n;
                    *self = match size {
                        0 => Body::Trailers,
                        _ => Body::Chunk(size.checked_add(2).ok_or_else(malformed)?),
                    };
                }
                Body::Trailers => {
                    let Some(end) = memchr::memchr(b'\n', rest) else { return Ok(at) };
                    at += end + 1;
                    if &rest[..end] == b"\r" {
                        *self = Body::Length(0);
                    }
                }
            }
        }
    }
}

fn least(left: u64, rest: &[u8]) -> usize {
    usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHUNKS: &[u8] = b"5;a=b\r\nhello\r\n1A\r\nabcdefghijklmnopqrstuvwxyz\r\n0\r\nx-sum: 1\r\n\r\n";

    #[test]
    fn a_body_with_a_length_ends_there() {
        let mut body = Body::Length(7);
        assert_eq!((body.skip(b"hell").unwrap(), body.is_over()), (4, false));
        assert_eq!((body.skip(b"o, GET /").unwrap(), body.is_over()), (3, true));
    }

    #[test]
    fn chunks_end_after_their_trailers_wherever_they_are_cut() {
        let next = b"GET / HTTP/1.1\r\n";
        for cut in 0..CHUNKS.len() {
            let mut body = Body::Size;
            let first = body.skip(&CHUNKS[..cut]).unwrap();
            assert!(!body.is_over(), "{cut}");
            let rest = [&CHUNKS[first..], next].concat();
            assert_eq!(body.skip(&rest).unwrap(), CHUNKS.len() - first, "{cut}");
            assert!(body.is_over(), "{cut}");
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for bytes in [&b"hello\r\n"[..], b"fffffffffffffffff\r\n", b"ffffffffffffffff\r\n"] {
            assert!(Body::Size.skip(bytes).is_err(), "{bytes:?}");
        }
    }
}
