//! What only the process that leads does: the records at Cloudflare, the list of Cloudflare's networks, and keeping
//! `gatepost-status` tidy. One door: [`Leading::run`].

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tracing::{info, warn};

use super::settings::DnsSettings;
use crate::backoff::Backoff;
use crate::config::CloudflareNetworks;
use crate::control::{self, Caretaker, Kubernetes, Observing};
use crate::dns::{Cloudflare, Credentials, Https, Keeper, Mark, Notice, Permission, Sync, Wish};
use crate::lifecycle::Right;
use crate::telemetry::metrics::Metrics;

/// Notices that wait to be told.
const NOTICES: usize = 64;

/// Waits between tries to learn which cluster this is.
const CLUSTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Cloudflare's networks are looked for so often; they change once in years.
const NETWORKS: Duration = Duration::from_secs(24 * 60 * 60);

/// Waits when they could not be had: the list that is known goes on being used.
const NETWORKS_AGAIN: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(60 * 60));

/// Everything that it needs.
pub(super) struct Leading {
    pub(super) kubernetes: Kubernetes,
    pub(super) right: Right,
    pub(super) wishes: watch::Receiver<Option<Wish>>,
    pub(super) dns: DnsSettings,
    pub(super) metrics: Arc<Metrics>,
}

impl Leading {
    /// Does it all whenever this process leads. It has no end but a mistake in the settings.
    pub(super) async fn run(self) -> anyhow::Error {
        let caretaker = Caretaker::new(self.kubernetes.clone());
        let (notices, told) = mpsc::channel(NOTICES);
        tokio::select! {
            error = self.records(notices) => error,
            error = self.networks(&caretaker) => error,
            () = caretaker.run(self.right.clone()) => anyhow::anyhow!("the care for gatepost-status has ended"),
            () = control::tell_notices(&self.kubernetes, told) => anyhow::anyhow!("nobody tells of DNS any more"),
        }
    }
}
