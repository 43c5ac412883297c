//! The whole process put together: what is started in which order, who watches whom, and how it ends.
//!
//! One door: [`run`]. The main thread supervises: signals, the stage, and whoever ends before it should. The data plane
//! has its own threads, the control plane (routes, admin) has one.

mod alone;
mod bind;
mod control_plane;
mod dns;
mod feed;
mod leading;
mod settings;
mod system;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::sync::oneshot;
use tracing::{error, info, warn};

use crate::certs::Store;
use crate::config::CloudflareNetworks;
use crate::lifecycle::{Ended, Lifecycle, Readiness, Signal, Signals};
use crate::proxy::Endpoint;
use crate::published;
use crate::routing::RouteTable;
use crate::telemetry::lines::Lines;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::{self, LogFormat};
use crate::{proxy, upstream};

pub use dns::{Dns, DnsError, Kept, apply as dns_apply, plan as dns_plan, release as dns_release};
pub use settings::{DnsSettings, Ending, Serve, Source};

use control_plane::ControlPlane;
use feed::Routes;

/// Workers that are cut get this long to notice.
const CUT: Duration = Duration::from_secs(1);

/// Where the process can be reached, told once everything is bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    /// For clients in clear.
    pub http: Vec<SocketAddr>,
    /// For clients over TLS.
    pub https: Vec<SocketAddr>,
    /// For questions about the process. Empty while, in a pod, somebody else has the port.
    pub admin: Vec<SocketAddr>,
}

impl Listening {
    fn of(bound: &proxy::Bound, admin: &[SocketAddr]) -> Listening {
        let of = |tls| {
            let endpoints = bound.endpoints().iter().filter(move |endpoint| endpoint.tls == tls);
            endpoints.map(|endpoint| endpoint.addr).collect()
        };
        Listening { http: of(false), https: of(true), admin: admin.to_vec() }
    }

    fn tell(&self) {
        for (listener, addrs) in [("http", &self.http), ("https", &self.https)] {
            for addr in addrs {
                info!(listener, %addr, "Listening");
            }
        }
    }
}

/// Runs the proxy until a signal or a fault ends it. `listening` is called once clients can come.
pub fn run(serve: Serve, listening: impl FnOnce(&Listening)) -> ExitCode {
    telemetry::init(serve.log, &serve.log_level);
    let format = serve.log.unwrap_or_else(LogFormat::of_stderr);
    match start(serve, listening) {
        Ok(code) => code,
        Err(fault) => {
            match format {
                LogFormat::Text => anstream::eprintln!("gatepost: {fault:#}"),
                LogFormat::Json => error!(error = format!("{fault:#}"), "Cannot go on"),
            }
            ExitCode::FAILURE
        }
    }
}

/// What lives as long as the process.
struct Process {
    readiness: Readiness,
    lifecycle: Lifecycle,
    metrics: Arc<Metrics>,
    is_pod: bool,
    started: Instant,
}

fn start(serve: Serve, listening: impl FnOnce(&Listening)) -> anyhow::Result<ExitCode> {
    let readiness = Readiness::new();
    let process = Process {
        lifecycle: Lifecycle::new(&readiness),
        readiness,
        metrics: Metrics::new(),
        is_pod: system::is_pod(),
        started: Instant::now(),
    };
    let lines = Lines::start(std::io::stdout()).context("no thread for the access log")?;
    process.metrics.watch_dropped_lines(lines.dropped());
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime for the main thread")?;
    let ended = runtime.block_on(supervise(serve, &process, &lines, listening));
    if let Ok(Ended::AtOnce(signal)) = ended {
        // nothing is waited for any more, not even the access log
        return Ok(ExitCode::from(signal.exit_code()));
    }
    if !lines.close() {
        warn!("The access log has lines that nobody read");
    }
    ended.map(|_| ExitCode::SUCCESS)
}

/// Starts everything and stays until it has ended.
async fn supervise(
    serve: Serve,
    process: &Process,
    lines: &Lines,
    listening: impl FnOnce(&Listening),
) -> anyhow::Result<Ended> {
    let Serve {
        source,
        namespace,
        http,
        https,
        admin,
        workers,
        state_dir,
        secret_dir,
        allow_local_backends,
        cluster_domain,
        resolver,
        log: _,
        log_level: _,
        dns,
        machine,
        ending,
    } = serve;
    let mut signals = Signals::of_system().context("no signal handlers")?;
    let listeners_up = process.readiness.condition("listeners");
    let workers = workers.unwrap_or_else(system::workers);
    let (writer, reader) = published::channel(None);
    // handshakes that come before the first certificates are told that there are none
    let (certificates_to, certificates) = published::channel(Some(Arc::new(Store::default())));
    let (cloudflare_to, cloudflare) = published::channel(Some(Arc::new(CloudflareNetworks::default())));
    // outside a pod a port that is taken or forbidden is told before anything is started
    let endpoints: Vec<Endpoint> =
        http.into_iter().map(Endpoint::http).chain(https.into_iter().map(Endpoint::https)).collect();
    let bound = bind::first(&endpoints, workers, process.is_pod)?;
    let admin = bind::admin(&admin, process.is_pod)?;
    let routes = Routes {
        source,
        namespace,
        state_dir,
        allow_local_backends,
        writer,
        certificates: certificates_to,
        secret_dir,
        dns,
        machine,
        cloudflare: cloudflare_to,
    };
    let reached = bound.as_ref().map_or(&*endpoints, |bound| bound.endpoints()).to_vec();
    let mut control = ControlPlane::start(process, routes, admin, &reached)?;

    let upstream = system::upstream_settings(cluster_domain, resolver, allow_local_backends)?;
    let awaited = async {
        let namespace = control.namespace().await?;
        let bound = match bound {
            Some(bound) => bound,
            None => bind::retry(&endpoints, workers).await,
        };
        Ok::<_, anyhow::Error>((namespace, bound))
    };
    let (namespace, bound) = tokio::select! {
        awaited = awaited => awaited?,
        _ = signals.next() => {
            process.lifecycle.stop();
            control.stop().await;
            return Ok(Ended::Drained);
        }
    };
    let places = Listening::of(&bound, control.admin_addrs());
    let setup = proxy::Setup {
        routes: reader.clone(),
        certificates,
        cloudflare,
        https_port: places.https.first().map(SocketAddr::port),
        metrics: process.metrics.clone(),
        lines: Some(lines.clone()),
        stage: process.lifecycle.stage(),
        connections: system::connections(),
        loop_id: system::loop_id(&namespace, process.is_pod),
        upstream: upstream::Settings { namespace, ..upstream },
    };
    let running = proxy::start(bound, &setup)?;
    drop(setup);
    places.tell();
    listeners_up.set(true);
    listening(&places);
    serve_until_the_end(process, signals, control, running, reader, ending).await
}

/// From the first client to the last.
async fn serve_until_the_end(
    process: &Process,
    mut signals: Signals,
    mut control: ControlPlane,
    running: proxy::Running,
    mut routes: published::Reader<RouteTable>,
    ending: Ending,
) -> anyhow::Result<Ended> {
    let (gone, drained) = oneshot::channel();
    let workers = async move {
        let result = running.join().await;
        let _ = gone.send(());
        result
    };
    let lame_duck = |signal| match signal {
        Signal::Terminate if process.is_pod => {
            routes.load().map_or(Duration::ZERO, |table| table.settings().drain.lame_duck)
        }
        _ => Duration::ZERO,
    };
    let drained = async {
        let _ = drained.await;
    };
    let end = async {
        match ending {
            Ending::Orderly => process.lifecycle.run(&mut signals, lame_duck, drained).await,
            Ending::AtOnce => {
                signals.next().await;
                process.lifecycle.stop();
                Ended::Drained
            }
        }
    };
    tokio::pin!(workers, end);
    let mut result = None;
    let ended = loop {
        tokio::select! {
            biased;
            ended = &mut end => break Ok(ended),
            fault = control.fault() => break Err(fault),
            joined = &mut workers, if result.is_none() => {
                if process.lifecycle.is_serving() {
                    let unasked = || anyhow::anyhow!("the workers have ended without being asked to");
                    break Err(joined.map_or_else(Into::into, |()| unasked()));
                }
                result = Some(joined);
            }
        }
    };
    process.lifecycle.stop();
    if let Ok(Ended::AtOnce(_)) = ended {
        return ended;
    }
    if result.is_none() && ended.is_ok() {
        result = tokio::time::timeout(CUT, workers).await.ok();
    }
    control.stop().await;
    let ended = ended?;
    result.transpose()?;
    Ok(ended)
}
