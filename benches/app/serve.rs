//! One connection. One door: [`serve`].

use std::io::{self, Write};

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use crate::body::Body;
use crate::inbox::Inbox;
use crate::request::Request;
use crate::websocket;

const SMALL: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 64\r\n\r\n\
    0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n";
/// What long answers are made of.
static PIECE: [u8; 256 * 1024] = [b'.'; 256 * 1024];
/// So much of an answer leaves with its head, in one write.
const WITH_HEAD: u64 = 16 * 1024;

/// Answers requests in their order until the client leaves. Nothing is allocated for a small one.
///
/// # Errors
/// What came is no request, or the connection was lost.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut socket: S) -> io::Result<()> {
    let (mut inbox, mut out) = (Inbox::new(), Vec::new());
    loop {
        while !inbox.is_empty() {
            let Some((request, n)) = Request::parse(inbox.data())? else { break };
            inbox.drop_front(n);
            match request {
                Request::Small => out.extend_from_slice(SMALL),
                Request::Bytes(size) => send(size, &mut socket, &mut out).await?,
                Request::Upload(body) => {
                    // answers to earlier requests do not wait for this one's body
                    flush(&mut socket, &mut out).await?;
                    inbox.widen();
                    read(body, &mut socket, &mut inbox).await?;
                    out.extend_from_slice(SMALL);
                }
                Request::WebSocket(accept) => {
                    write!(
                        out,
                        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
                         sec-websocket-accept: {accept}\r\n\r\n"
                    )?;
                    flush(&mut socket, &mut out).await?;
                    return websocket::echo(socket, inbox).await;
                }
            }
        }
        flush(&mut socket, &mut out).await?;
        if inbox.fill(&mut socket).await? == 0 {
            return Ok(());
        }
    }
}

async fn flush(socket: &mut (impl AsyncWrite + Unpin), out: &mut Vec<u8>) -> io::Result<()> {
    socket.write_all(out).await?;
    out.clear();
    Ok(())
}

/// An answer of `size` bytes. A short one waits in `out` for what else is answered.
async fn send(size: u64, socket: &mut (impl AsyncWrite + Unpin), out: &mut Vec<u8>) -> io::Result<()> {
    write!(out, "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {size}\r\n\r\n")?;
    let first = size.min(WITH_HEAD);
    out.extend_from_slice(&PIECE[..first as usize]);
    let mut left = size - first;
    // many short ones that were asked for at once are held back no further than this
    if left > 0 || out.len() > PIECE.len() {
        flush(socket, out).await?;
    }
    while left > 0 {
        let n = left.min(PIECE.len() as u64);
        socket.write_all(&PIECE[..n as usize]).await?;
        left -= n;
    }
    Ok(())
}

async fn read(mut body: Body, socket: &mut (impl AsyncRead + Unpin), inbox: &mut Inbox) -> io::Result<()> {
    loop {
        let n = body.skip(inbox.data())?;
        inbox.drop_front(n);
        if body.is_over() {
            return Ok(());
        }
        inbox.more(socket).await?;
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, DuplexStream};

    use super::*;

    /// A client whose every read and write is cut after some bytes.
    fn client() -> DuplexStream {
        let (client, server) = tokio::io::duplex(1000);
        tokio::spawn(serve(server));
        client
    }

    /// Everything that is answered to these bytes, after which the client says no more.
    async fn answered(said: Vec<u8>) -> Vec<u8> {
        let (mut from, mut to) = tokio::io::split(client());
        let saying = async {
            to.write_all(&said).await.unwrap();
            to.shutdown().await.unwrap();
        };
        let mut heard = Vec::new();
        let (_, read) = tokio::join!(saying, from.read_to_end(&mut heard));
        read.unwrap();
        heard
    }

    #[tokio::test]
    async fn requests_that_come_at_once_are_answered_in_their_order() {
        let said = [
            &b"GET / HTTP/1.1\r\nhost: a.test\r\n\r\n"[..],
            b"GET /bytes/3 HTTP/1.1\r\nhost: a.test\r\n\r\n",
            b"POST / HTTP/1.1\r\nhost: a.test\r\ncontent-length: 5\r\n\r\nhello",
            b"GET /bytes/0 HTTP/1.1\r\nhost: a.test\r\n\r\n",
        ];
        let bytes = |n: usize| {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {n}\r\n\r\n");
            [head.as_bytes(), &PIECE[..n]].concat()
        };
        let expected = [SMALL, &bytes(3), SMALL, &bytes(0)].concat();
        assert_eq!(String::from_utf8(answered(said.concat()).await), String::from_utf8(expected));
    }

    #[tokio::test]
    async fn a_long_answer_has_the_length_that_it_names() {
        let heard = answered(b"GET /bytes/3000001 HTTP/1.1\r\nhost: a.test\r\n\r\n".to_vec()).await;
        let head = memchr::memmem::find(&heard, b"\r\n\r\n").unwrap() + 4;
        assert!(heard[..head].windows(23).any(|part| part == b"content-length: 3000001"));
        assert_eq!(heard.len() - head, 3_000_001);
    }

    #[tokio::test]
    async fn an_upload_is_answered_after_its_end_and_the_next_request_after_it() {
        let body = vec![b'x'; 200_000];
        let sized = [&b"PUT / HTTP/1.1\r\nhost: a.test\r\ncontent-length: 200000\r\n\r\n"[..], &body].concat();
        let chunk = [&b"30d40\r\n"[..], &body, b"\r\n"].concat();
        let head = &b"POST / HTTP/1.1\r\nhost: a.test\r\ntransfer-encoding: chunked\r\n\r\n"[..];
        let chunked = [head, &chunk, &chunk, b"0\r\n\r\n"].concat();
        let heard = answered([&sized[..], &chunked, b"GET / HTTP/1.1\r\nhost: a.test\r\n\r\n"].concat()).await;
        assert!(heard == [SMALL; 3].concat());
    }

    #[tokio::test]
    async fn half_an_upload_is_not_answered() {
        let said = b"PUT / HTTP/1.1\r\nhost: a.test\r\ncontent-length: 10\r\n\r\nhello";
        assert!(answered(said.to_vec()).await.is_empty());
    }

    #[tokio::test]
    async fn a_handshake_is_accepted_and_messages_come_back_on_the_connection() {
        let mut client = client();
        let head = b"GET / HTTP/1.1\r\nhost: a.test\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
            sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        // "hello" by the example of RFC 6455 5.7
        let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        client.write_all(&[&head[..], &hello].concat()).await.unwrap();
        let mut heard = Vec::new();
        while !heard.ends_with(b"\x81\x05Hello") {
            assert_ne!(client.read_buf(&mut heard).await.unwrap(), 0);
        }
        assert!(heard.starts_with(b"HTTP/1.1 101 "));
        assert!(heard.windows(28).any(|part| part == b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    }

    #[tokio::test]
    async fn what_is_no_request_ends_the_connection() {
        assert!(answered(b"\x16\x03\x01\x02\x00".to_vec()).await.is_empty());
    }
}
