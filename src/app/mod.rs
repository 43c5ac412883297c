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
mod owner;
mod serving;
mod settings;
mod starting;
mod system;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use tracing::{error, info, warn};

use crate::certs::Store;
use crate::config::CloudflareNetworks;
use crate::lifecycle::handover::Stock;
use crate::lifecycle::{Ended, Lifecycle, Readiness, Signals};
use crate::proxy::Endpoint;
use crate::published;
use crate::telemetry::lines::Lines;
use crate::telemetry::metrics::Metrics;
use crate::telemetry::{self, LogFormat};
use crate::{proxy, upstream};

pub use dns::{Dns, DnsError, Kept, apply as dns_apply, plan as dns_plan, release as dns_release};
pub use settings::{DnsSettings, Ending, Serve, Source};

use bind::Wanted;
use feed::Routes;
use serving::{End, Serving};
use starting::{Beginning, begin};

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
            let endpoints = bound.endpoints().into_iter().filter(move |endpoint| endpoint.tls == tls);
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
    /// Copies of its listeners, for a successor.
    stock: Stock,
    is_pod: bool,
    started: Instant,
}

fn start(serve: Serve, listening: impl FnOnce(&Listening)) -> anyhow::Result<ExitCode> {
    let readiness = Readiness::new();
    let process = Process {
        lifecycle: Lifecycle::new(&readiness),
        readiness,
        metrics: Metrics::new(),
        stock: Stock::default(),
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
        take_over,
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
    let (writer, reader) = published::channel(None);
    // handshakes that come before the first certificates are told that there are none
    let (certificates_to, certificates) = published::channel(Some(Arc::new(Store::default())));
    let (cloudflare_to, cloudflare) = published::channel(Some(Arc::new(CloudflareNetworks::default())));
    let endpoints = http.into_iter().map(Endpoint::http).chain(https.into_iter().map(Endpoint::https)).collect();
    let workers = workers.unwrap_or_else(system::workers);
    let wanted = Wanted::new(process, endpoints, admin, workers, take_over.unwrap_or(process.is_pod));
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
    let upstream = system::upstream_settings(cluster_domain, resolver, allow_local_backends)?;
    let Some(Beginning { control, namespace, listeners, bound }) =
        begin(process, &wanted, routes, &mut signals).await?
    else {
        return Ok(Ended::Drained);
    };
    let setup = proxy::Setup {
        routes: reader.clone(),
        certificates,
        cloudflare,
        https_port: bound.endpoints().iter().find(|endpoint| endpoint.tls).map(|endpoint| endpoint.addr.port()),
        metrics: process.metrics.clone(),
        lines: Some(lines.clone()),
        stage: process.lifecycle.stage(),
        duty: process.lifecycle.duty().subscribe(),
        leftover: listeners.leftover.clone(),
        connections: system::connections(),
        loop_id: system::loop_id(&namespace, process.is_pod),
        upstream: upstream::Settings { namespace, ..upstream },
    };
    let end = End { control, routes: reader, ending };
    let places = Listening::of(&bound, &listeners.admin_addrs);
    let serving = Serving::start(process, bound, setup, listeners, end)?;
    places.tell();
    listening(&places);
    serving.until_the_end(process, signals).await
}
