//! What feeds the data plane: the sources of routes and certificates, and what a process of many does beside. One door:
//! [`Feed::run`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use super::alone;
use super::leading::{Leading, learn_networks};
use super::settings::DnsSettings;
use super::{Process, Source, system};
use crate::backoff::Backoff;
use crate::certs::{Store, Tickets};
use crate::config::CloudflareNetworks;
use crate::control::{self, Applier, Certificates, ConfigMapName, InCluster, Kubernetes, Patience, SecretDir, leader};
use crate::dns::Node;
use crate::lifecycle::{Condition, Leadership, Readiness, Right, Stage};
use crate::published::Writer;
use crate::routing::RouteTable;
use crate::telemetry;
use crate::telemetry::metrics::Metrics;

/// Waits between looks for a service account in a pod.
const TRIES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));

/// Where the routes come from and go to.
pub(super) struct Routes {
    pub(super) source: Source,
    pub(super) namespace: Option<String>,
    pub(super) state_dir: Option<PathBuf>,
    pub(super) allow_local_backends: bool,
    pub(super) writer: Writer<RouteTable>,
    pub(super) certificates: Writer<Store>,
    pub(super) secret_dir: Option<PathBuf>,
    pub(super) dns: DnsSettings,
    pub(super) machine: Option<Node>,
    pub(super) cloudflare: Writer<CloudflareNetworks>,
}

impl Routes {
    /// The namespace in which a Service without one is looked for, as far as can be told without Kubernetes.
    pub(super) fn presumed_namespace(&self) -> String {
        let of_config_map = match &self.source {
            Source::ConfigMap { namespace, .. } => namespace.as_ref(),
            Source::File(_) => None,
        };
        of_config_map.or(self.namespace.as_ref()).cloned().unwrap_or_else(system::namespace)
    }
}

/// What feeds the table and the store of certificates.
pub(super) struct Feed {
    source: Source,
    namespace: Option<String>,
    applier: Applier,
    patience: Patience,
    tell_namespace: oneshot::Sender<String>,
    certificates: Certificates,
    certificates_ready: Condition,
    kept: Option<SecretDir>,
    stage: watch::Receiver<Stage>,
    readiness: Readiness,
    metrics: Arc<Metrics>,
    dns: DnsSettings,
    machine: Option<Node>,
    cloudflare: Writer<CloudflareNetworks>,
    /// Is dropped once this process takes no part in an election any more.
    electing: oneshot::Sender<()>,
}

impl Feed {
    pub(super) fn new(
        process: &Process,
        routes: Routes,
        tell_namespace: oneshot::Sender<String>,
        electing: oneshot::Sender<()>,
    ) -> anyhow::Result<Feed> {
        let metrics = process.metrics.clone();
        let ready = process.readiness.condition("routes");
        let applier = Applier::new(routes.writer, metrics, ready).allow_local_backends(routes.allow_local_backends);
        let state = routes.state_dir.as_deref().map(control::StateDir::open).transpose();
        let state = or_without(state.context("--state-dir"), process.is_pod)?;
        let applier = state.into_iter().fold(applier, Applier::keep_in);
        let patience = if process.is_pod { Patience::Endless } else { Patience::UntilFault };
        let kept = routes.secret_dir.as_deref().map(SecretDir::open).transpose().context("--secret-dir");
        let kept = or_without(kept, process.is_pod)?;
        let tickets = Tickets::new(&[]);
        let certificates = Certificates::new(routes.certificates, process.metrics.clone(), tickets);
        let certificates_ready = process.readiness.condition("certificates");
        Ok(Feed {
            source: routes.source,
            namespace: routes.namespace,
            applier,
            patience,
            tell_namespace,
            certificates,
            certificates_ready,
            kept,
            stage: process.lifecycle.stage(),
            readiness: process.readiness.clone(),
            metrics: process.metrics.clone(),
            dns: routes.dns,
            machine: routes.machine,
            cloudflare: routes.cloudflare,
            electing,
        })
    }

    /// Runs the sources; whatever it returns is why they should not have ended.
    pub(super) async fn run(self) -> anyhow::Error {
        let Feed {
            source,
            namespace,
            applier,
            patience,
            tell_namespace,
            certificates,
            certificates_ready,
            kept,
            stage,
            readiness,
            metrics,
            dns,
            machine,
            cloudflare,
            electing,
        } = self;
        let sections = applier.sections();
        let feed = |place| {
            let task = control::run_certificates(certificates, sections, certificates_ready, place);
            telemetry::spawn("certificates", task)
        };
        match source {
            Source::File(path) => {
                let _ = tell_namespace.send(namespace.unwrap_or_else(system::namespace));
                let certificates = feed(control::Place::beside(&path));
                let wishes = applier.wishes();
                let records = async {
                    match machine {
                        Some(node) => alone::keep(node, wishes, &dns, metrics).await,
                        None if dns.flags.names.is_some() || dns.dry_run => {
                            warn!(
                                "DNS records are kept in a cluster only: with --routes the flags of the DNS sync do nothing"
                            );
                            std::future::pending().await
                        }
                        None => std::future::pending().await,
                    }
                };
                let routes = control::run_file(path, applier, patience);
                tokio::select! {
                    fault = first_of(routes, certificates, std::future::pending()) => fault,
                    // it has no end
                    () = records => anyhow::anyhow!("the records have ended without being asked to"),
                }
            }
            Source::ConfigMap { namespace: of_config_map, name, kubeconfig } => {
                let kubernetes = match loop_connect(kubeconfig.as_deref(), namespace.as_deref(), patience).await {
                    Err(error) => return error.into(),
                    Ok(kubernetes) => kubernetes,
                };
                // a Service without a namespace is one beside the ConfigMap
                let beside = of_config_map.as_deref().unwrap_or(kubernetes.namespace()).to_owned();
                let _ = tell_namespace.send(beside);
                let (tell_leadership, leadership) = watch::channel(Leadership::Unknown);
                let (pod, of_election) = (system::pod(), (stage.clone(), Arc::clone(&metrics)));
                let electorate = kubernetes.clone();
                let election = telemetry::spawn("election", async move {
                    match pod {
                        Some(pod) => {
                            let (stage, metrics) = of_election;
                            leader::elect(electorate, pod, stage, tell_leadership, metrics).await;
                        }
                        // a laptop must not take the records from the cluster, whose flags and credentials it does not have
                        None => info!("Takes no part in the election and writes no DNS records: POD_NAME is not set"),
                    }
                    drop(electing);
                });
                let leading = Leading {
                    kubernetes: kubernetes.clone(),
                    right: Right::elected(leadership.clone()),
                    wishes: applier.wishes(),
                    dns,
                    metrics,
                };
                let (tell_networks, networks) = watch::channel(None);
                let beside = async { tokio::join!(leading.run(), learn_networks(networks, cloudflare)) };
                let certificates = feed(control::Place::Secrets(Box::new(InCluster {
                    kubernetes: kubernetes.clone(),
                    kept,
                    node: system::node(),
                    generations: applier.generations(),
                    stage,
                    readiness,
                    networks: tell_networks,
                })));
                let name = ConfigMapName { namespace: of_config_map, name };
                let routes = control::run_config_map(kubernetes, name, applier, patience, leadership);
                tokio::select! {
                    fault = first_of(routes, certificates, fault_of(election)) => fault,
                    // neither has an end
                    _ = beside => anyhow::anyhow!("what the leader does has ended without being asked to"),
                }
            }
        }
    }
}

/// A folder that was asked for. In a pod the node may be what is wrong, and a node without a proxy is worse than one without
/// what is kept for a restart.
fn or_without<T>(folder: anyhow::Result<Option<T>>, is_pod: bool) -> anyhow::Result<Option<T>> {
    match folder {
        Err(error) if is_pod => {
            warn!(error = format!("{error:#}"), "Nothing is kept there for a restart while the API server is away");
            Ok(None)
        }
        folder => folder,
    }
}

/// Waits for a panic of the election. Where it ends otherwise, the process was asked to.
async fn fault_of(election: JoinHandle<()>) -> anyhow::Error {
    match election.await {
        Ok(()) => std::future::pending().await,
        Err(error) => error.into(),
    }
}

/// Waits for the first of those that should not end.
async fn first_of(
    routes: impl Future<Output = Result<(), control::Error>>,
    certificates: JoinHandle<()>,
    election: impl Future<Output = anyhow::Error>,
) -> anyhow::Error {
    tokio::select! {
        ended = routes => match ended {
            Ok(()) => anyhow::anyhow!("the source of the routes has ended without being asked to"),
            Err(error) => error.into(),
        },
        ended = certificates => match ended {
            Ok(()) => anyhow::anyhow!("the source of the certificates has ended without being asked to"),
            Err(error) => error.into(),
        },
        fault = election => fault,
    }
}

/// The client settings. In a pod a service account that is not there yet is waited for.
async fn loop_connect(
    kubeconfig: Option<&std::path::Path>,
    namespace: Option<&str>,
    patience: Patience,
) -> Result<Kubernetes, control::Error> {
    let mut backoff = Backoff::new(TRIES.0, TRIES.1);
    loop {
        match (Kubernetes::connect(kubeconfig, namespace).await, patience) {
            (Err(error), Patience::Endless) => {
                error!(%error, "Cannot speak to Kubernetes yet, trying again");
                tokio::time::sleep(backoff.next_wait()).await;
            }
            (result, _) => return result,
        }
    }
}
