//! The app behind the proxies that are measured. It must cost less than any of them, and keep no body in memory.
//!
//! `app ADDRESS:PORT`, HTTP/1.1. `GET /bytes/N` is answered with N bytes, a handshake of a WebSocket is accepted and every
//! message said back; everything else gets the same 64 bytes, after its body. It keeps every connection open.

mod body;
mod inbox;
mod request;
mod serve;
mod websocket;

use std::net::SocketAddr;
use std::process::ExitCode;

use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some(address) = std::env::args().nth(1).and_then(|text| text.parse::<SocketAddr>().ok()) else {
        eprintln!("usage: app ADDRESS:PORT");
        return ExitCode::from(2);
    };
    match run(address).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("app: {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(address: SocketAddr) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        // a proxy that leaves is no failure of ours
        tokio::spawn(async move { drop(serve::serve(socket).await) });
    }
}
