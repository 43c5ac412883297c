//! A WebSocket that says everything back, frame by frame and as it comes: a message of any length needs no room of its own.

use std::io;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use self::frame::Header;
use crate::inbox::Inbox;

#[path = "../websocket/frame.rs"]
#[allow(dead_code, reason = "the load driver has the other half")]
mod frame;

pub(crate) use self::frame::accept;

/// Until the client closes.
///
/// # Errors
/// The connection ended without a close frame, or the frames are none.
pub(crate) async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut socket: S, mut inbox: Inbox) -> io::Result<()> {
    let mut out = Vec::new();
    loop {
        let header = loop {
            if let Some((header, n)) = Header::parse(inbox.data()) {
                inbox.drop_front(n);
                break header;
            }
            // what has been said so far, in one piece
            socket.write_all(&out).await?;
            out.clear();
            inbox.more(&mut socket).await?;
        };
        // a client masks (RFC 6455 5.1)
        let mask = header.mask.ok_or(io::ErrorKind::InvalidData)?;
        if let Some(first) = answer(&header) {
            Header { first, mask: None, len: header.len }.encode(&mut out);
        }
        let mut at = 0;
        while at < header.len {
            if inbox.is_empty() {
                socket.write_all(&out).await?;
                out.clear();
                inbox.widen();
                inbox.more(&mut socket).await?;
            }
            let n = (header.len - at).min(inbox.data().len() as u64) as usize;
            let piece = inbox.first_mut(n);
            frame::mask(piece, mask, at);
            if answer(&header).is_some() {
                out.extend_from_slice(piece);
            }
            inbox.drop_front(n);
            at += n as u64;
        }
        if header.opcode() == frame::CLOSE {
            return socket.write_all(&out).await;
        }
    }
}

/// The first byte of the frame that goes back.
fn answer(header: &Header) -> Option<u8> {
    match header.opcode() {
        frame::PING => Some(frame::FIN | frame::PONG),
        frame::PONG => None,
        _ => Some(header.first),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;

    fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
        let (mut bytes, mask) = (Vec::new(), [1, 2, 3, 4]);
        Header { first, mask: Some(mask), len: payload.len() as u64 }.encode(&mut bytes);
        let at = bytes.len();
        bytes.extend_from_slice(payload);
        frame::mask(&mut bytes[at..], mask, 0);
        bytes
    }

    fn plain(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        Header { first, mask: None, len: payload.len() as u64 }.encode(&mut bytes);
        [bytes, payload.to_vec()].concat()
    }

    /// What comes back to these bytes.
    async fn echoed(said: &[u8]) -> Vec<u8> {
        let (client, server) = tokio::io::duplex(10_000);
        let (mut from, mut to) = tokio::io::split(client);
        let (mut heard, said) = (Vec::new(), said.to_vec());
        tokio::spawn(echo(server, Inbox::new()));
        let saying = tokio::spawn(async move { to.write_all(&said).await });
        from.read_to_end(&mut heard).await.unwrap();
        saying.await.unwrap().unwrap();
        heard
    }

    #[tokio::test]
    async fn every_message_comes_back_whatever_its_length_until_the_close() {
        let (close, mut said, mut expected) = ([3, 232], Vec::new(), Vec::new());
        for len in [0, 64, 1000, 300_000] {
            let payload: Vec<u8> = (0..len).map(|n| n as u8).collect();
            said.extend(masked(frame::FIN | frame::BINARY, &payload));
            expected.extend(plain(frame::FIN | frame::BINARY, &payload));
        }
        said.extend(masked(frame::FIN | frame::CLOSE, &close));
        expected.extend(plain(frame::FIN | frame::CLOSE, &close));
        assert!(echoed(&said).await == expected);
    }

    #[tokio::test]
    async fn a_ping_between_the_parts_of_a_message_gets_its_pong_and_a_pong_nothing() {
        let said = [
            masked(frame::BINARY, b"a"),
            masked(frame::FIN | frame::PING, b"p"),
            masked(frame::FIN | frame::PONG, b"q"),
            masked(frame::FIN | frame::CONTINUATION, b"b"),
            masked(frame::FIN | frame::CLOSE, b""),
        ];
        let expected = [
            plain(frame::BINARY, b"a"),
            plain(frame::FIN | frame::PONG, b"p"),
            plain(frame::FIN | frame::CONTINUATION, b"b"),
            plain(frame::FIN | frame::CLOSE, b""),
        ];
        assert_eq!(echoed(&said.concat()).await, expected.concat());
    }

    #[tokio::test]
    async fn a_frame_without_a_mask_ends_the_connection() {
        assert!(echoed(&plain(frame::FIN | frame::BINARY, b"a")).await.is_empty());
    }
}
