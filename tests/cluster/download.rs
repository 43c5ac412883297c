//! A download from a node that takes four seconds, one after the other. One that does not come whole is lost.

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::bed::{Bed, LOAD_HOST};
use crate::load::Shared;

const SIZE: usize = 1_000_000;
/// The app takes four seconds for it.
const PATIENCE: Duration = Duration::from_secs(30);
/// After one that failed.
const PAUSE: Duration = Duration::from_millis(250);

pub(crate) async fn run(node: &'static str, shared: &Shared) {
    while shared.goes_on() {
        let began = Instant::now();
        let size = tokio::time::timeout(PATIENCE, download(node)).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()));
        match size {
            Ok(size) if size > SIZE => shared.count(|counts| counts.downloads += 1),
            Ok(_) => shared.failed(node, "download", began, "cut"),
            Err(ref error) => shared.failed(node, &format!("download ({error})"), began, "broken"),
        }
        if size.is_err() {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// The bytes of the answer, head and body, until the other side closes the connection.
async fn download(node: &str) -> io::Result<usize> {
    let mut stream = TcpStream::connect((Bed::address(node), 80)).await?;
    let request = format!("GET /slow?bytes={SIZE}&ms=4000 HTTP/1.1\r\nHost: {LOAD_HOST}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::with_capacity(SIZE + 1024);
    stream.read_to_end(&mut answer).await
}
