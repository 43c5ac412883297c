//! The app behind the proxies that are measured: answers every request with the same 64 bytes, as fast as it can.
//!
//! `app ADDRESS`. It knows only requests without a body, on loopback, and keeps every connection open.

use std::net::SocketAddr;
use std::process::ExitCode;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 64\r\n\r\n\
    0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n";
const HEAD_END: &[u8] = b"\r\n\r\n";

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(address) = std::env::args().nth(1).and_then(|text| text.parse::<SocketAddr>().ok()) else {
        eprintln!("usage: app ADDRESS:PORT");
        return ExitCode::from(2);
    };
    match serve(address).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("app: {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(address: SocketAddr) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        // a proxy that leaves is no failure of ours
        tokio::spawn(async move { drop(answer(socket).await) });
    }
}

async fn answer(mut socket: TcpStream) -> std::io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    let mut filled = 0;
    let mut answers = Vec::new();
    loop {
        let n = socket.read(&mut buffer[filled..]).await?;
        if n == 0 {
            return Ok(());
        }
        filled += n;
        let mut used = 0;
        while let Some(at) = memchr::memmem::find(&buffer[used..filled], HEAD_END) {
            used += at + HEAD_END.len();
            answers.extend_from_slice(ANSWER);
        }
        buffer.copy_within(used..filled, 0);
        filled -= used;
        socket.write_all(&answers).await?;
        answers.clear();
    }
}
