//! DNS records of a machine that is no cluster, as in the demo: it is the one node, and nobody else writes. One door:
//! [`keep`].

use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tracing::warn;

use super::leading::client;
use super::settings::DnsSettings;
use crate::dns::{Keeper, Mark, Node, Observer, Sync, Unobserved, Wish, World};
use crate::lifecycle::Right;
use crate::telemetry::metrics::Metrics;

/// Notices go nowhere: all of them are in the log too.
const NOTICES: usize = 1;

/// Keeps the names of the routes pointing at `node`. It has no end.
pub(super) async fn keep(node: Node, wishes: watch::Receiver<Option<Wish>>, dns: &DnsSettings, metrics: Arc<Metrics>) {
    let cloudflare = match client(dns) {
        Ok(cloudflare) => cloudflare,
        Err(error) => {
            warn!(error = format!("{error:#}"), "DNS records stay as they are");
            return std::future::pending().await;
        }
    };
    let (notices, _) = mpsc::channel(NOTICES);
    let mark = Mark::new(&node.name, "alone");
    let (flags, is_dry_run) = (dns.flags.clone(), dns.dry_run);
    let sync = Sync { keeper: Keeper::new(cloudflare, mark), wishes, flags, is_dry_run, metrics, notices };
    sync.run(Right::own(), || Unchanging(node.clone())).await;
}

/// A world of one node that stays as it is.
struct Unchanging(Node);

impl Observer for Unchanging {
    async fn observe(&mut self) -> Result<World, Unobserved> {
        Ok(World { nodes: vec![self.0.clone()] })
    }

    async fn changed(&mut self) {
        std::future::pending().await
    }
}
