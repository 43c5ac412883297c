//! The language that the tests are written in: [`upstream`] makes an app, [`gatepost`] the proxy, [`Client`] asks it.
//!
//! Nothing here waits for time to pass: every wait is for an event, and [`PATIENCE`] only ends a test that fails.

mod app;
mod child;
mod client;
pub mod cloudflare;
mod cluster;
mod dns;
mod gatepost;
pub mod http2;
pub mod load;
mod loud;
pub mod peer;
mod pki;
pub mod process;
pub mod serving;
mod sessions;
pub mod strict;
pub mod sync;
mod tls;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use socket2::{SockRef, Socket};

pub use app::{App, black_hole, nobody, upstream, upstream_at};
pub use client::Client;
pub use dns::{Dns, Reply, dns};
pub use gatepost::{Gate, Gatepost, gatepost};
pub use pki::{Ca, Identity, PROVIDER};
pub use tls::{Secured, Tls, tls};

/// After this a wait has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Something that one thread says and others wait for.
#[derive(Clone, Default)]
pub struct Signal(Arc<(Mutex<usize>, Condvar)>);

impl Signal {
    pub fn give(&self) {
        let (count, changed) = &*self.0;
        *count.lock().expect("no panic while counting") += 1;
        changed.notify_all();
    }

    pub fn wait(&self) {
        self.wait_for(1);
    }

    /// Waits until it was given that many times.
    pub fn wait_for(&self, times: usize) {
        let (count, changed) = &*self.0;
        let count = count.lock().expect("no panic while counting");
        let (count, waited) =
            changed.wait_timeout_while(count, PATIENCE, |count| *count < times).expect("no panic while counting");
        drop(count);
        assert!(!waited.timed_out(), "the signal was not given {times} times");
    }
}

/// Bytes that a socket of [`small`] and [`shrink`] holds.
const SMALL: usize = 8 * 1024;

fn shrink(listener: &TcpListener) {
    let socket = SockRef::from(listener);
    socket.set_recv_buffer_size(SMALL).expect("a socket option");
    socket.set_send_buffer_size(SMALL).expect("a socket option");
}

fn small(addr: SocketAddr) -> TcpStream {
    let socket = Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(SMALL).expect("a socket option");
    socket.set_send_buffer_size(SMALL).expect("a socket option");
    socket.connect(&addr.into()).expect("the proxy listens");
    socket.into()
}

fn reset(socket: &TcpStream) {
    // the last descriptor closes right after: with this option that is a reset
    SockRef::from(socket).set_linger(Some(Duration::ZERO)).expect("a socket option");
}
