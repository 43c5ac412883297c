//! The control plane's thread: the source of the routes and the admin surface on a runtime of their own, so that neither
//! waits for the data plane nor makes it wait. The door is [`ControlPlane::start`].

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;
use tracing::{info, warn};

use super::bind::Admin;
use super::feed::{Feed, Routes};
use super::{Process, system};
use crate::admin;
use crate::control::leader;
use crate::lifecycle::handover::{Duty, Kind, Stock};
use crate::lifecycle::{Readiness, Stage};
use crate::proxy::Endpoint;
use crate::telemetry;
use crate::telemetry::metrics::Metrics;

/// How long the thread may take to end, once the lease is released.
const STOP: Duration = Duration::from_secs(1);
/// How long the source may take to tell its namespace. It looks at files for it; but in a pod it waits for those.
const NAMED: Duration = Duration::from_secs(5);

/// The running thread.
pub(super) struct ControlPlane {
    namespace: Option<oneshot::Receiver<String>>,
    /// What that comes to in a pod.
    presumed: String,
    fault: oneshot::Receiver<anyhow::Error>,
    /// Resolves when the thread has let go of the other end.
    ended: oneshot::Receiver<()>,
    stop: Option<oneshot::Sender<()>>,
    open: Option<oneshot::Sender<Opened>>,
}

/// What the admin surface answers on, and what it tells of the listeners.
pub(super) struct Opened {
    pub(super) admin: Admin,
    pub(super) endpoints: Vec<Endpoint>,
    /// Where copies of its sockets go, for a successor.
    pub(super) stock: Stock,
    /// Of addresses that only a predecessor wanted.
    pub(super) leftover: watch::Receiver<Duty>,
}

impl ControlPlane {
    /// Starts the thread.
    pub(super) fn start(process: &Process, routes: Routes) -> anyhow::Result<ControlPlane> {
        let (open, opened) = oneshot::channel();
        let (tell_namespace, namespace) = oneshot::channel();
        let (tell_fault, fault) = oneshot::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let (alive, ended) = oneshot::channel::<()>();
        let (electing, elected) = oneshot::channel::<()>();
        let presumed = routes.presumed_namespace();
        let feed = Feed::new(process, routes, tell_namespace, electing)?;
        let about = About {
            readiness: process.readiness.clone(),
            stage: process.lifecycle.stage(),
            duty: process.lifecycle.duty().subscribe(),
            metrics: process.metrics.clone(),
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
                    let probes = telemetry::spawn("probe", probes(about.readiness.clone()));
                    let admin = telemetry::spawn("admin", about.answer(opened));
                    let fault = tokio::select! {
                        _ = stopped => None,
                        ended = &mut source => Some(ended.unwrap_or_else(|error| error.into())),
                        ended = admin => Some(ended.unwrap_or_else(|error| error.into())),
                        ended = probes => Some(ended.unwrap_or_else(|error| error.into())),
                    };
                    if let Some(fault) = fault {
                        // who hears of it ends the process, and with that the election
                        let _ = tell_fault.send(fault);
                    }
                    // who does not take part in the election yet does not begin now; who does releases the lease, so that
                    // another one need not wait for its age
                    source.abort();
                    let _ = timeout(leader::RELEASE, elected).await;
                });
                drop((runtime, alive));
            })
            .context("no thread for the control plane")?;
        Ok(ControlPlane { namespace: Some(namespace), presumed, fault, ended, stop: Some(stop), open: Some(open) })
    }

    /// The admin surface may answer. Only the first call counts.
    pub(super) fn open(&mut self, opened: Opened) {
        if let Some(open) = self.open.take() {
            // an error means that the thread has ended, which is told as a fault
            let _ = open.send(opened);
        }
    }

    /// The namespace in which a Service without one is looked for. Whoever waits for it keeps clients waiting.
    pub(super) async fn namespace(&mut self) -> anyhow::Result<String> {
        match self.namespace.take() {
            Some(told) => match timeout(NAMED, told).await {
                Ok(Ok(namespace)) => Ok(namespace),
                Ok(Err(_)) => Err(self.fault().await),
                Err(_) => {
                    let namespace = self.presumed.clone();
                    info!(namespace, "Goes on without settings for Kubernetes, with the namespace of this pod");
                    Ok(namespace)
                }
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
        let _ = timeout(leader::RELEASE + STOP, self.ended).await;
    }
}

/// Answers probes of the own pod until the runtime ends.
async fn probes(readiness: Readiness) -> anyhow::Error {
    match system::pod_uid() {
        Some(pod) => anyhow::Error::from(admin::probe::run(pod, readiness).await).context("probes cannot be answered"),
        None => std::future::pending().await,
    }
}

/// What the admin surface tells.
struct About {
    readiness: Readiness,
    stage: watch::Receiver<Stage>,
    duty: watch::Receiver<Duty>,
    metrics: Arc<Metrics>,
    started: Instant,
}

impl About {
    /// Answers until the runtime ends.
    async fn answer(self, opened: oneshot::Receiver<Opened>) -> anyhow::Error {
        let About { readiness, stage, duty, metrics, started } = self;
        // without a word there will be none: the process ends
        let Ok(Opened { admin, endpoints, stock, leftover }) = opened.await else {
            return std::future::pending().await;
        };
        let bound = admin.get().await;
        let mut listeners: Vec<_> = endpoints
            .into_iter()
            .map(|endpoint| (if endpoint.tls { "https" } else { "http" }.to_owned(), endpoint.addr))
            .collect();
        for addr in bound.local_addrs() {
            info!(listener = "admin", %addr, "Listening");
            listeners.push(("admin".to_owned(), addr));
        }
        for listener in bound.listeners() {
            let added = listener.local_addr().and_then(|addr| stock.add(Kind::Admin, addr, [listener]));
            if let Err(error) = added {
                warn!(%error, "A successor will not get an admin address");
            }
        }
        let setup = admin::Setup { readiness, stage, metrics, listeners, started };
        match bound.run(setup, [duty, leftover], std::future::pending()).await {
            Ok(()) => anyhow::anyhow!("the admin surface has ended without being asked to"),
            Err(error) => anyhow::Error::from(error).context("the admin surface cannot run"),
        }
    }
}
