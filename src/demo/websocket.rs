//! A WebSocket that says everything back (RFC 6455). Doors: [`accept`] for the handshake, [`echo`] for the frames.

use std::io;

use aws_lc_rs::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderValue};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Largest frame that is taken.
const FRAME: u64 = 1024 * 1024;

const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// The value of `Sec-WebSocket-Accept`, when the request is a handshake (RFC 6455 4.2.1).
pub(super) fn accept(headers: &HeaderMap) -> Option<HeaderValue> {
    let has = |name: &str, token: &str| {
        let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|word| word.trim().eq_ignore_ascii_case(token))
    };
    let key = headers.get("sec-websocket-key")?;
    if !has("connection", "upgrade") || !has("upgrade", "websocket") || !has("sec-websocket-version", "13") {
        return None;
    }
    // no secret rests on it (4.2.2)
    let mut sha1 = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    sha1.update(key.as_bytes());
    sha1.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    HeaderValue::from_str(&BASE64_STANDARD.encode(sha1.finish())).ok()
}

/// Says every message back, frame by frame, until the other side closes.
///
/// # Errors
/// The connection ended without a close frame, or the frames are none.
pub(super) async fn echo(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    loop {
        let Frame { first, mut payload } = match read(&mut stream).await? {
            Ok(frame) => frame,
            Err(code) => return write(&mut stream, 0x80 | CLOSE, &code.to_be_bytes()).await,
        };
        match first & 15 {
            CLOSE => {
                // at most the code comes back
                payload.truncate(2);
                return write(&mut stream, 0x80 | CLOSE, &payload).await;
            }
            PING => write(&mut stream, 0x80 | PONG, &payload).await?,
            PONG => {}
            // text, binary and the parts of both
            _ => write(&mut stream, first, &payload).await?,
        }
    }
}

struct Frame {
    /// The final bit and the opcode, as they came.
    first: u8,
    payload: Vec<u8>,
}

/// The next frame, or the code to close with (RFC 6455 7.4.1).
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Result<Frame, u16>> {
    let first = stream.read_u8().await?;
    let second = stream.read_u8().await?;
    let length = match second & 0x7f {
        126 => stream.read_u16().await?.into(),
        127 => stream.read_u64().await?,
        short => u64::from(short),
    };
    let is_masked = second & 0x80 != 0;
    let is_control = first & 8 != 0;
    if first & 0x70 != 0 || !is_masked || (is_control && (length > 125 || first & 0x80 == 0)) {
        return Ok(Err(1002));
    }
    if length > FRAME {
        return Ok(Err(1009));
    }
    let mask = stream.read_u32().await?.to_be_bytes();
    let mut payload = vec![0; length as usize];
    stream.read_exact(&mut payload).await?;
    for (byte, mask) in payload.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= mask;
    }
    Ok(Ok(Frame { first, payload }))
}

/// Servers never mask.
async fn write(stream: &mut (impl AsyncWrite + Unpin), first: u8, payload: &[u8]) -> io::Result<()> {
    let mut frame = vec![first];
    match payload.len() {
        length @ ..126 => frame.push(length as u8),
        length @ ..65_536 => {
            frame.push(126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            frame.push(127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(payload);
    stream.write_all(&frame).await?;
    stream.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handshake(edit: impl FnOnce(&mut HeaderMap)) -> Option<HeaderValue> {
        let mut headers = HeaderMap::new();
        headers.insert("connection", HeaderValue::from_static("keep-alive, Upgrade"));
        headers.insert("upgrade", HeaderValue::from_static("WebSocket"));
        headers.insert("sec-websocket-version", HeaderValue::from_static("13"));
        headers.insert("sec-websocket-key", HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="));
        edit(&mut headers);
        accept(&headers)
    }

    #[test]
    fn the_handshake_is_the_one_of_the_standard() {
        assert_eq!(handshake(|_| {}).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        for missing in ["connection", "upgrade", "sec-websocket-version", "sec-websocket-key"] {
            assert_eq!(handshake(|headers| _ = headers.remove(missing)), None, "{missing}");
        }
    }

    /// A masked frame as clients send it.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [1, 2, 3, 4];
        let mut bytes = vec![first];
        match payload.len() {
            length @ ..126 => bytes.push(0x80 | length as u8),
            length => {
                bytes.push(0x80 | 126);
                bytes.extend_from_slice(&(length as u16).to_be_bytes());
            }
        }
        bytes.extend_from_slice(&mask);
        bytes.extend(payload.iter().zip(mask.into_iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes
    }

    async fn answer_to(sent: &[u8]) -> Vec<u8> {
        let (mut client, server) = tokio::io::duplex(4096);
        let echo = tokio::spawn(echo(server));
        client.write_all(sent).await.unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        echo.await.unwrap().unwrap();
        answer
    }

    #[tokio::test]
    async fn messages_come_back_pings_are_answered_and_a_close_is_returned() {
        let long = vec![b'x'; 300];
        let mut sent = Vec::new();
        sent.extend(frame(0x81, b"hello"));
        sent.extend(frame(0x89, b"p"));
        sent.extend(frame(0x02, &long));
        sent.extend(frame(0x88, &[3, 232, b'b']));
        let mut expected = vec![0x81, 5];
        expected.extend_from_slice(b"hello");
        expected.extend_from_slice(&[0x8a, 1, b'p', 0x02, 126, 1, 44]);
        expected.extend_from_slice(&long);
        expected.extend_from_slice(&[0x88, 2, 3, 232]);
        assert_eq!(answer_to(&sent).await, expected);
    }

    #[tokio::test]
    async fn what_is_no_frame_of_a_client_is_closed_with_a_reason() {
        let protocol_error = vec![0x88, 2, 3, 234];
        assert_eq!(answer_to(&[0x81, 1]).await, protocol_error, "not masked");
        assert_eq!(answer_to(&[0xc1, 0x80]).await, protocol_error, "reserved bit");
        assert_eq!(answer_to(&[0x89, 0x80 | 126, 0, 200]).await, protocol_error, "long ping");
        let huge = [0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0];
        assert_eq!(answer_to(&huge).await, [0x88, 2, 3, 241]);
    }
}
