//! What only the process that leads does: the records at Cloudflare, the list of Cloudflare's networks, and keeping
//! `gatepost-status` tidy. One door: [`Leading::run`].

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use ipnet::IpNet;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tracing::{error, info, warn};

use super::settings::DnsSettings;
use crate::backoff::Backoff;
use crate::config::CloudflareNetworks;
use crate::control::{self, Caretaker, Kubernetes, Observing};
use crate::dns::{
    Cloudflare, Credentials, DEFAULT_ENDPOINT, Endpoint, Https, Keeper, Mark, Notice, Settings, Sync, Wish,
};
use crate::lifecycle::Right;
use crate::published::Writer;
use crate::telemetry;
use crate::telemetry::metrics::Metrics;

/// Notices that wait to be told.
const NOTICES: usize = 64;

/// Waits before what has ended is begun again.
const AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5 * 60));

/// Waits between tries to learn which cluster this is.
const CLUSTER: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// Cloudflare's networks are looked for so often; they change once in years.
const NETWORKS: Duration = Duration::from_secs(24 * 60 * 60);

/// Waits when they could not be had: the list that is known goes on being used.
const NETWORKS_AGAIN: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(60 * 60));

/// Everything that it needs.
#[derive(Clone)]
pub(super) struct Leading {
    pub(super) kubernetes: Kubernetes,
    pub(super) right: Right,
    pub(super) wishes: watch::Receiver<Option<Wish>>,
    pub(super) dns: DnsSettings,
    pub(super) metrics: Arc<Metrics>,
}

impl Leading {
    /// Does it all whenever this process leads. It has no end: what goes wrong with records must not keep the proxy from
    /// serving.
    pub(super) async fn run(self) {
        let mut backoff = Backoff::new(AGAIN.0, AGAIN.1);
        loop {
            let began = Instant::now();
            let error = match telemetry::spawn("leading", self.clone().work()).await {
                Ok(error) => error,
                // a panic, and it has been written
                Err(error) => error.into(),
            };
            if began.elapsed() > AGAIN.1 {
                backoff.reset();
            }
            error!(error = format!("{error:#}"), "The DNS sync has ended and is begun again");
            tokio::time::sleep(backoff.next_wait()).await;
        }
    }

    async fn work(self) -> anyhow::Error {
        let caretaker = Caretaker::new(self.kubernetes.clone());
        let (notices, told) = mpsc::channel(NOTICES);
        tokio::select! {
            error = self.records(notices) => error,
            error = self.networks(&caretaker) => error,
            () = caretaker.clone().run(self.right.clone()) => anyhow::anyhow!("the care for gatepost-status has ended"),
            () = control::tell_notices(&self.kubernetes, told) => anyhow::anyhow!("nobody tells of DNS any more"),
        }
    }

    /// Keeps the records, once there is one to keep. It begins by learning which cluster this is: by that it knows which of
    /// them are ours.
    async fn records(&self, notices: mpsc::Sender<Notice>) -> anyhow::Error {
        let keeps = |wish: &Option<Wish>| {
            let wish = wish.as_ref();
            wish.is_some_and(|wish| !Settings::of(&wish.config.dns, &self.dns.flags).names.is_empty())
        };
        if self.wishes.clone().wait_for(keeps).await.is_err() {
            return std::future::pending().await;
        }
        let mut right = self.right.clone();
        right.gained().await;
        let mark = Mark::new(&self.cluster().await, self.kubernetes.namespace());
        let cloudflare = match client(&self.dns) {
            Ok(cloudflare) => cloudflare,
            Err(error) => return error,
        };
        let sync = Sync {
            keeper: Keeper::new(cloudflare, mark),
            wishes: self.wishes.clone(),
            flags: self.dns.flags.clone(),
            is_dry_run: self.dns.dry_run,
            metrics: Arc::clone(&self.metrics),
            notices,
        };
        sync.run(right, || Observing::new(self.kubernetes.clone())).await;
        anyhow::anyhow!("the DNS sync has ended without being asked to")
    }

    /// What tells this cluster from all others, waited for.
    async fn cluster(&self) -> String {
        let mut backoff = Backoff::new(CLUSTER.0, CLUSTER.1);
        loop {
            match control::cluster_uid(&self.kubernetes).await {
                Ok(uid) => return uid,
                Err(error) => {
                    let wait = backoff.next_wait();
                    if backoff.failures() == 1 {
                        warn!(%error, "DNS records stay as they are: it is not known which of them are ours");
                    }
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Looks for Cloudflare's networks, for as long as somebody trusts them.
    async fn networks(&self, caretaker: &Caretaker) -> anyhow::Error {
        let mut cloudflare = match client(&self.dns) {
            Ok(cloudflare) => cloudflare,
            Err(error) => return error,
        };
        let mut wishes = self.wishes.clone();
        let mut right = self.right.clone();
        let mut backoff = Backoff::new(NETWORKS_AGAIN.0, NETWORKS_AGAIN.1);
        loop {
            let trusts = |wish: &Option<Wish>| wish.as_ref().is_some_and(|wish| wish.config.trust.cloudflare);
            if wishes.wait_for(trusts).await.is_err() {
                return std::future::pending().await;
            }
            let permit = right.gained().await;
            let got = cloudflare.networks(&permit).await;
            cloudflare.close();
            let wait = match got.map_err(|error| error.to_string()).and_then(plausible) {
                Ok(networks) => {
                    backoff.reset();
                    // not leading any more, there is no wait either
                    let _ = caretaker.write_networks(&networks.to_json(), &permit).await;
                    NETWORKS
                }
                Err(error) => {
                    info!(error, "Cloudflare's networks cannot be looked for, the list that is known is used");
                    backoff.next_wait()
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = permit.lost() => {}
            }
        }
    }
}

/// A client with what the process was told when it began.
pub(super) fn client(dns: &DnsSettings) -> anyhow::Result<Cloudflare<Https>> {
    let DnsSettings { flags: _, token, token_file, api_key, api_email, secret_dir, endpoint, dry_run: _ } = dns;
    let endpoint: Endpoint = endpoint.as_deref().unwrap_or(DEFAULT_ENDPOINT).parse().context("CF_API_URL")?;
    let credentials =
        Credentials::new(token.clone(), token_file.clone(), api_key.clone(), api_email.clone(), secret_dir.clone());
    // a wrong token must not keep the proxy from serving
    let credentials = credentials.unwrap_or_else(Credentials::lacking);
    Ok(Cloudflare::new(Https::new(endpoint.clone()), endpoint, credentials))
}

fn plausible(networks: Vec<IpNet>) -> Result<CloudflareNetworks, String> {
    CloudflareNetworks::new(networks).map_err(|error| error.to_string())
}

/// Hands on what the leader has written of Cloudflare's networks, to the data plane of this process; the built-in list when
/// that was taken out. What cannot be believed changes nothing.
pub(super) async fn learn_networks(mut told: watch::Receiver<Option<String>>, to: Writer<CloudflareNetworks>) {
    while told.changed().await.is_ok() {
        let text = told.borrow_and_update().clone();
        match text.as_deref().map_or_else(|| Ok(CloudflareNetworks::default()), CloudflareNetworks::parse) {
            Ok(networks) if to.current().is_none_or(|known| *known != networks) => {
                info!("Cloudflare's networks have changed");
                to.publish(networks);
            }
            Ok(_) => {}
            Err(error) => warn!(%error, "The networks of Cloudflare in gatepost-status are not believed"),
        }
    }
    // the process ends
    std::future::pending().await
}
