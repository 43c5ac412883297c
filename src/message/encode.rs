//! Writing a head as HTTP/1.1. Framing and connection fields are written from the arguments and never from the head's
//! own fields, so that no stale one can contradict the body that follows.

use super::head::Head;
use super::name::{self, Name};
use super::{ConnectionHeader, Framing, Version};

/// Never copied out of a head.
const FROM_ARGUMENTS: u64 = name::set(&[
    Name::Connection,
    Name::ContentLength,
    Name::KeepAlive,
    Name::ProxyConnection,
    Name::TransferEncoding,
    Name::Upgrade,
]);

impl Head {
    /// Appends the request head to `out`. `UntilClose` does not exist for HTTP/1 requests and is written as chunked,
    /// which a careless caller's body then breaks loudly.
    pub fn encode_request(&self, framing: Framing, connection: ConnectionHeader, out: &mut Vec<u8>) {
        debug_assert!(framing != Framing::UntilClose, "a request cannot end by a close");
        out.reserve(self.bytes.len() + self.line.len() + 128);
        out.extend_from_slice(self.method_str().as_bytes());
        out.push(b' ');
        out.extend_from_slice(self.target().as_bytes());
        out.extend_from_slice(b" HTTP/1.1\r\n");
        self.write_fields(FROM_ARGUMENTS, out);
        let framing = if framing == Framing::UntilClose { Framing::Chunked } else { framing };
        write_framing(framing, out);
        write_connection(connection, out);
        out.extend_from_slice(b"\r\n");
    }

    /// Appends the answer's head to `out`, for a client of `version`. [`Framing::None`] is for answers without a body:
    /// a `Content-Length` field of the head is passed on then (HEAD, 304) unless the status forbids it (1xx, 204). A
    /// body that ends with the connection is told with `connection: close`.
    pub fn encode_response(&self, framing: Framing, connection: ConnectionHeader, version: Version, out: &mut Vec<u8>) {
        debug_assert!(framing != Framing::Chunked || version != Version::Http10, "HTTP/1.0 knows no chunks");
        out.reserve(self.bytes.len() + self.line.len() + 128);
        out.extend_from_slice(b"HTTP/1.1 ");
        let digits = [self.status / 100 % 10, self.status / 10 % 10, self.status % 10];
        out.extend(digits.map(|digit| b'0' + digit as u8));
        out.push(b' ');
        out.extend_from_slice(self.reason().as_bytes());
        out.extend_from_slice(b"\r\n");
        let told = framing == Framing::None && !matches!(self.status, 100..200 | 204);
        let skipped = if told { FROM_ARGUMENTS & !Name::ContentLength.bit() } else { FROM_ARGUMENTS };
        self.write_fields(skipped, out);
        write_framing(framing, out);
        let ends = framing == Framing::UntilClose && connection == ConnectionHeader::None;
        write_connection(if ends { ConnectionHeader::Close } else { connection }, out);
        out.extend_from_slice(b"\r\n");
    }

    /// Writes the live fields but those of `skipped`. Lines that stand side by side in the buffer as they are to be
    /// written go out in one copy.
    fn write_fields(&self, skipped: u64, out: &mut Vec<u8>) {
        let mut run = 0..0;
        for field in &self.fields {
            if field.removed || skipped & field.id.bit() != 0 {
                continue;
            }
            let at = field.at as usize;
            if field.tidy && run.end == at {
                run.end = (field.value_at + field.value_len) as usize + 2;
                continue;
            }
            out.extend_from_slice(&self.bytes[run.clone()]);
            if field.tidy {
                run = at..(field.value_at + field.value_len) as usize + 2;
            } else {
                run = 0..0;
                out.extend_from_slice(field.name(&self.bytes));
                out.extend_from_slice(b": ");
                out.extend_from_slice(field.value(&self.bytes));
                out.extend_from_slice(b"\r\n");
            }
        }
        out.extend_from_slice(&self.bytes[run]);
    }
}

fn write_framing(framing: Framing, out: &mut Vec<u8>) {
    match framing {
        Framing::None | Framing::UntilClose => {}
        Framing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Framing::Length(length) => {
            out.extend_from_slice(b"content-length: ");
            out.extend_from_slice(itoa::Buffer::new().format(length).as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
}

fn write_connection(connection: ConnectionHeader, out: &mut Vec<u8>) {
    out.extend_from_slice(match connection {
        ConnectionHeader::None => b"",
        ConnectionHeader::Close => b"connection: close\r\n",
        ConnectionHeader::KeepAlive => b"connection: keep-alive\r\n",
        ConnectionHeader::Upgrade => b"connection: upgrade\r\nupgrade: websocket\r\n",
    });
}
