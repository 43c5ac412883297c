//! A new connection to an app: resolve, then one address after the other until one answers.
//!
//! One door: [`connect`]. The caller bounds it with the route's `connect` timeout.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use tokio::net::TcpStream;

use super::{Error, Pool, Upstream};
use crate::wire::Stream;

/// Addresses that are tried for one request.
const TRIES: usize = 3;

/// Connects to one of the pool's addresses.
///
/// # Errors
/// The name has no address, none may be used, or none accepted.
pub(super) async fn connect(upstream: &Rc<Upstream>, pool: &Rc<Pool>) -> Result<(Stream, SocketAddr), Error> {
    let (addresses, first) = pool.addresses(upstream).await?;
    let mut last = io::ErrorKind::AddrNotAvailable.into();
    for step in 0..addresses.len().min(TRIES) {
        let address = addresses[(first + step) % addresses.len()];
        match TcpStream::connect(address).await {
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
