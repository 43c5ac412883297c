//! A WebSocket to a node, on which something is said and comes back four times a second. When the other side closes it, its
//! life is written down and the next one begins.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bed::{Bed, LOAD_HOST};
use crate::load::Shared;

const PACE: Duration = Duration::from_millis(250);
/// An echo that takes longer is lost.
const PATIENCE: Duration = Duration::from_secs(5);
/// A text of four bytes with the mask 0.
const MESSAGE: [u8; 10] = [0x81, 0x84, 0, 0, 0, 0, b'p', b'i', b'n', b'g'];
const ECHO: [u8; 6] = [0x81, 4, b'p', b'i', b'n', b'g'];

pub(crate) async fn run(node: &'static str, shared: &Shared) {
    while shared.goes_on() {
        let began = Instant::now();
        let mut stream = match open(node).await {
            Ok(stream) => stream,
            Err(error) => {
                shared.failed(node, &format!("WebSocket ({error})"), began, "not opened");
                tokio::time::sleep(PACE).await;
                continue;
            }
        };
        match talk(&mut stream, shared).await {
            Ok(true) => shared.count(|counts| counts.lives.push(began.elapsed())),
            Ok(false) => return,
            Err(error) => shared.failed(node, &format!("WebSocket ({error})"), began, "broken"),
        }
    }
}

async fn open(node: &str) -> io::Result<TcpStream> {
    tokio::time::timeout(PATIENCE, async {
        let mut stream = TcpStream::connect((Bed::address(node), 80)).await?;
        let request = format!(
            "GET /ws HTTP/1.1\r\nHost: {LOAD_HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        if head.starts_with(b"HTTP/1.1 101 ") { Ok(stream) } else { Err(io::ErrorKind::InvalidData.into()) }
    })
    .await?
}

/// Until the other side closes it (true) or the load is over (false).
async fn talk(stream: &mut TcpStream, shared: &Shared) -> io::Result<bool> {
    let mut echo = [0; ECHO.len()];
    loop {
        if !shared.goes_on() {
            return Ok(false);
        }
        // one that was closed while nothing was said is no broken one
        if stream.write_all(&MESSAGE).await.is_err() {
            return Ok(true);
        }
        match tokio::time::timeout(PATIENCE, stream.read_exact(&mut echo)).await? {
            Ok(_) if echo == ECHO => shared.count(|counts| counts.messages += 1),
            // a close frame in place of the echo
            Ok(_) => return if echo[0] == 0x88 { Ok(true) } else { Err(io::ErrorKind::InvalidData.into()) },
            Err(_) => return Ok(true),
        }
        tokio::time::sleep(PACE).await;
    }
}
