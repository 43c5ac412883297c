//! A new connection to an app: resolve, then one address after the other until one answers.
//!
//! One door: [`connect`]. The caller bounds it with the route's `connect` timeout.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::{Error, Pool, Upstream};
use crate::wire::Stream;

/// Addresses that are tried for one request.
const TRIES: usize = 3;

/// What an address is given at least, however many there are: a SYN that got lost is sent again after a second, so this is
/// for networks of a cluster's size.
const SHARE: Duration = Duration::from_millis(250);

/// Connects to one of the pool's addresses. `within` is shared by the tries, so that an address which drops what is sent
/// to it leaves time for the next.
///
/// # Errors
/// The name has no address, none may be used, or none accepted.
pub(super) async fn connect(
    upstream: &Rc<Upstream>,
    pool: &Rc<Pool>,
    within: Duration,
) -> Result<(Stream, SocketAddr), Error> {
    let until = Instant::now() + within;
    let (addresses, first) = pool.addresses(upstream).await?;
    let tries = addresses.len().min(TRIES);
    let mut last = io::ErrorKind::AddrNotAvailable.into();
    for step in 0..tries {
        let address = addresses[(first + step) % addresses.len()];
        match dial(address, until, tries - step).await {
            Ok(socket) => {
                // a request's last bytes must not wait for the app's acknowledgement of the first
                socket.set_nodelay(true).map_err(Error::Connect)?;
                upstream.metrics.upstream_new();
                return Ok((Stream::new(socket), address));
            }
            Err(error) => {
                tracing::debug!(backend = pool.key(), addr = %address, %error, "An app's address did not accept");
                last = error;
            }
        }
    }
    upstream.metrics.upstream_failed();
    Err(Error::Connect(last))
}

/// One try of those that are left.
async fn dial(address: SocketAddr, until: Instant, left: usize) -> io::Result<TcpStream> {
    let connecting = TcpStream::connect(address);
    if left == 1 {
        // the caller's bound is the only one
        return connecting.await;
    }
    let share = until.saturating_duration_since(Instant::now()) / left as u32;
    tokio::time::timeout(share.max(SHARE), connecting).await.unwrap_or(Err(io::ErrorKind::TimedOut.into()))
}
