//! The control plane's thread: the source of the routes and the admin surface on a runtime of their own, so that neither
//! waits for the data plane nor makes it wait. The door is [`ControlPlane::start`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tracing::{error, info};

use super::bind::Admin;
use super::{Process, Source, system};
use crate::backoff::Backoff;
use crate::certs::{Store, Tickets};
use crate::control::{self, Applier, Certificates, ConfigMapName, InCluster, Kubernetes, Patience, SecretDir, leader};
use crate::lifecycle::{Condition, Leadership, Readiness, Stage};
use crate::proxy::Endpoint;
use crate::published::Writer;
use crate::routing::RouteTable;
use crate::telemetry;
use crate::telemetry::metrics::Metrics;

/// Waits between looks for a service account in a pod.
const TRIES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// How long the thread may take to end, once the lease is released.
const STOP: Duration = Duration::from_secs(1);

/// Where the routes come from and go to.
pub(super) struct Routes {
    pub(super) source: Source,
    pub(super) namespace: Option<String>,
    pub(super) state_dir: Option<PathBuf>,
    pub(super) allow_local_backends: bool,
    pub(super) writer: Writer<RouteTable>,
    pub(super) certificates: Writer<Store>,
    pub(super) secret_dir: Option<PathBuf>,
}

/// The running thread.
pub(super) struct ControlPlane {
    namespace: Option<oneshot::Receiver<String>>,
    fault: oneshot::Receiver<anyhow::Error>,
    /// Resolves when the thread has let go of the other end.
    ended: oneshot::Receiver<()>,
    stop: Option<oneshot::Sender<()>>,
    admin_addrs: Vec<SocketAddr>,
}

impl ControlPlane {
    /// Starts the thread.
    pub(super) fn start(
        process: &Process,
        routes: Routes,
        admin: Admin,
        endpoints: &[Endpoint],
    ) -> anyhow::Result<ControlPlane> {
        let admin_addrs = admin.bound.as_ref().map(|bound| bound.local_addrs()).unwrap_or_default();
        let (tell_namespace, namespace) = oneshot::channel();
        let (tell_fault, fault) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let (alive, ended) = oneshot::channel::<()>();
        let (electing, elected) = oneshot::channel::<()>();
        let feed = Feed::new(process, routes, tell_namespace, electing)?;
        let about = About {
            readiness: process.readiness.clone(),
            stage: process.lifecycle.stage(),
            metrics: process.metrics.clone(),
            endpoints: endpoints.to_vec(),
            started: process.started,
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("no runtime for the control plane")?;
        std::thread::Builder::new()
            .name("control".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let mut source = telemetry::spawn("routes", feed.run());
                    let admin = telemetry::spawn("admin", about.answer(admin));
                    let fault = tokio::select! {
                        _ = stopped => None,
                        ended = &mut source => Some(ended.unwrap_or_else(|error| error.into())),
                        ended = admin => Some(ended.unwrap_or_else(|error| error.into())),
                    };
                    if let Some(fault) = fault {
                        // who hears of it ends the process, and with that the election
                        let _ = tell_fault.send(fault);
                    }
                    // who does not take part in the election yet does not begin now; who does releases the lease, so that
                    // another one need not wait for its age
                    source.abort();
                    let _ = tokio::time::timeout(leader::RELEASE, elected).await;
                });
                drop((runtime, alive));
            })
            .context("no thread for the control plane")?;
        Ok(ControlPlane { namespace: Some(namespace), fault, ended, stop: Some(stop), admin_addrs })
    }

    /// Where the admin surface listens; nothing while, in a pod, it is still tried.
    pub(super) fn admin_addrs(&self) -> &[SocketAddr] {
        &self.admin_addrs
    }

    /// The namespace in which a Service without one is looked for.
    pub(super) async fn namespace(&mut self) -> anyhow::Result<String> {
        match self.namespace.take() {
            Some(told) => match told.await {
                Ok(namespace) => Ok(namespace),
                Err(_) => Err(self.fault().await),
            },
            None => Err(anyhow::anyhow!("the namespace is told once")),
        }
    }

    /// Waits for a task of it to end before it should, for ever if none does.
    pub(super) async fn fault(&mut self) -> anyhow::Error {
        match (&mut self.fault).await {
            Ok(fault) => fault,
            Err(_) => anyhow::anyhow!("the control plane has ended without being asked to"),
        }
    }

    /// Ends it and waits a moment for that.
    pub(super) async fn stop(mut self) {
        drop(self.stop.take());
        let _ = tokio::time::timeout(leader::RELEASE + STOP, self.ended).await;
    }
}

/// What feeds the table and the store of certificates.
struct Feed {
    source: Source,
    namespace: Option<String>,
    applier: Applier,
    patience: Patience,
    tell_namespace: oneshot::Sender<String>,
    certificates: Certificates,
    certificates_ready: Condition,
    kept: Option<SecretDir>,
    stage: watch::Receiver<Stage>,
    metrics: Arc<Metrics>,
    /// Is dropped once this process takes no part in an election any more.
    electing: oneshot::Sender<()>,
}

impl Feed {
    fn new(
        process: &Process,
        routes: Routes,
        tell_namespace: oneshot::Sender<String>,
        electing: oneshot::Sender<()>,
    ) -> anyhow::Result<Feed> {
        let metrics = process.metrics.clone();
        let ready = process.readiness.condition("routes");
        let applier = Applier::new(routes.writer, metrics, ready).allow_local_backends(routes.allow_local_backends);
        let applier = match &routes.state_dir {
            None => applier,
            Some(dir) => {
                applier.keep_in(dir).with_context(|| format!("the state directory {} cannot be used", dir.display()))?
            }
        };
        let patience = if process.is_pod { Patience::Endless } else { Patience::UntilFault };
        let kept = routes.secret_dir.as_deref().map(SecretDir::open).transpose().context("--secret-dir")?;
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
            metrics: process.metrics.clone(),
            electing,
        })
    }

    /// Runs the sources; whatever it returns is why they should not have ended.
    async fn run(self) -> anyhow::Error {
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
            metrics,
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
                first_of(control::run_file(path, applier, patience), certificates, std::future::pending()).await
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
                let pod = system::node().pod;
                let election = leader::elect(kubernetes.clone(), pod, stage.clone(), tell_leadership, metrics);
                let election = telemetry::spawn("election", async move {
                    election.await;
                    drop(electing);
                });
                let certificates = feed(control::Place::Secrets(Box::new(InCluster {
                    kubernetes: kubernetes.clone(),
                    kept,
                    node: system::node(),
                    generations: applier.generations(),
                    stage,
                    networks: watch::Sender::new(None),
                })));
                let name = ConfigMapName { namespace: of_config_map, name };
                let routes = control::run_config_map(kubernetes, name, applier, patience, leadership);
                first_of(routes, certificates, fault_of(election)).await
            }
        }
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

/// What the admin surface tells.
struct About {
    readiness: Readiness,
    stage: watch::Receiver<Stage>,
    metrics: Arc<Metrics>,
    endpoints: Vec<Endpoint>,
    started: Instant,
}

impl About {
    /// Answers until the runtime ends.
    async fn answer(self, admin: Admin) -> anyhow::Error {
        let About { readiness, stage, metrics, endpoints, started } = self;
        let bound = admin.get().await;
        let mut listeners: Vec<_> = endpoints
            .into_iter()
            .map(|endpoint| (if endpoint.tls { "https" } else { "http" }.to_owned(), endpoint.addr))
            .collect();
        for addr in bound.local_addrs() {
            info!(listener = "admin", %addr, "Listening");
            listeners.push(("admin".to_owned(), addr));
        }
        let setup = crate::admin::Setup { readiness, stage, metrics, listeners, started };
        match bound.run(setup, std::future::pending()).await {
            Ok(()) => anyhow::anyhow!("the admin surface has ended without being asked to"),
            Err(error) => anyhow::Error::from(error).context("the admin surface cannot run"),
        }
    }
}
