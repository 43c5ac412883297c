//! Getting the listeners. Outside a pod what cannot be had is told at once; in a pod, where a slow predecessor may still
//! have the port, it is tried again and again while the process is not ready.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context;
use tracing::warn;

use crate::backoff::Backoff;
use crate::{admin, proxy};

/// Waits between tries in a pod.
const TRIES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// The admin addresses, perhaps not to be had yet.
pub(super) struct Admin {
    pub(super) wanted: Vec<SocketAddr>,
    pub(super) bound: Option<admin::Bound>,
}

/// The first try at the clients' listeners; `None` = to be tried again, in a pod.
pub(super) fn first(
    endpoints: &[proxy::Endpoint],
    workers: usize,
    is_pod: bool,
) -> anyhow::Result<Option<proxy::Bound>> {
    match proxy::Bound::bind(endpoints, workers, is_pod) {
        Ok(bound) => Ok(Some(bound)),
        Err(error) if is_pod => {
            warn!(%error, "Cannot listen yet, trying again");
            Ok(None)
        }
        Err(error) => Err(error).context("cannot listen for clients (--http and --https name other places)"),
    }
}

/// Tries until it works.
pub(super) async fn retry(endpoints: &[proxy::Endpoint], workers: usize) -> proxy::Bound {
    let mut backoff = Backoff::new(TRIES.0, TRIES.1);
    loop {
        tokio::time::sleep(backoff.next_wait()).await;
        // in a pod the port is shared with a predecessor of ours
        if let Ok(bound) = proxy::Bound::bind(endpoints, workers, true) {
            return bound;
        }
    }
}

/// The first try at the admin addresses.
pub(super) fn admin(wanted: &[SocketAddr], is_pod: bool) -> anyhow::Result<Admin> {
    let bound = match admin::Bound::bind(wanted) {
        Ok(bound) => Some(bound),
        Err((addr, error)) if is_pod => {
            warn!(%addr, %error, "Cannot listen for admin requests yet, trying again");
            None
        }
        Err((addr, error)) => {
            return Err(error)
                .with_context(|| format!("cannot listen for admin requests on {addr} (--admin changes it)"));
        }
    };
    Ok(Admin { wanted: wanted.to_vec(), bound })
}

impl Admin {
    /// Tries until it works.
    pub(super) async fn get(self) -> admin::Bound {
        let mut backoff = Backoff::new(TRIES.0, TRIES.1);
        let Admin { wanted, mut bound } = self;
        loop {
            match bound {
                Some(bound) => return bound,
                None => tokio::time::sleep(backoff.next_wait()).await,
            }
            bound = admin::Bound::bind(&wanted).ok();
        }
    }
}
