//! What the kernel alone costs: what comes from a client goes to the app as it came, and back.
//!
//! `relay LISTEN UPSTREAM`, one thread. Two reads and two writes are all that a small request takes; nothing is parsed, no
//! line is logged, and each client has a connection of its own. No proxy can cost less there.

mod pair;
mod relay;

use std::net::{SocketAddr, TcpListener};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut addresses = std::env::args().skip(1).map(|text| text.parse::<SocketAddr>());
    let (Some(Ok(listen)), Some(Ok(upstream))) = (addresses.next(), addresses.next()) else {
        eprintln!("usage: relay LISTEN UPSTREAM, each ADDRESS:PORT");
        return ExitCode::from(2);
    };
    let Err(error) = TcpListener::bind(listen).and_then(|listener| relay::run(&listener, upstream));
    eprintln!("relay: {listen}: {error}");
    ExitCode::FAILURE
}
