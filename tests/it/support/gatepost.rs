//! The real proxy, in this process, on a port of its own.
//!
//! One door: [`gatepost`]. Routes are written as in the routes file.

use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use gatepost::certs::{Maker, Store, TicketKey, Tickets};
use gatepost::config::CloudflareNetworks;
use gatepost::lifecycle::Stage;
use gatepost::lifecycle::handover::Duty;
use gatepost::proxy::{self, Bound, Endpoint, Running, Setup, WorkerError};
use gatepost::published::{self, Reader, Writer};
use gatepost::routing::RouteTable;
use gatepost::telemetry::lines::Lines;
use gatepost::telemetry::metrics::Metrics;
use gatepost::upstream::{Policy, ResolverSettings, Settings};
use gatepost::{config, telemetry};
use serde_json::Value;
use tokio::sync::watch;

use super::pki::PROVIDER;
use super::{App, Client, Dns, loud};

/// What is to be started.
pub struct Gatepost {
    file: Option<String>,
    workers: usize,
    policy: Policy,
    resolver: SocketAddr,
    sink: Option<Box<dyn Write + Send>>,
    tickets: Option<Arc<Tickets>>,
    only_1_3: bool,
}

/// A proxy without routes.
pub fn gatepost() -> Gatepost {
    Gatepost {
        file: Some("routes:\n".to_owned()),
        workers: 1,
        policy: Policy { allow_local: true },
        // the discard port: nobody answers there
        resolver: SocketAddr::from((Ipv4Addr::LOCALHOST, 9)),
        sink: None,
        tickets: None,
        only_1_3: false,
    }
}

impl Gatepost {
    /// A route to an app: `host: www.test, path: /api`.
    pub fn route(self, keys: &str, app: &App) -> Self {
        self.to(keys, app.addr)
    }

    /// A route to an address.
    pub fn to(self, keys: &str, addr: SocketAddr) -> Self {
        self.line(&format!("{keys}, backend: \"{addr}\""))
    }

    /// A route with all its keys.
    pub fn line(mut self, keys: &str) -> Self {
        let file = self.file.get_or_insert_default();
        file.push_str(&format!("  - {{{keys}}}\n"));
        self
    }

    /// A section; after the routes.
    pub fn section(mut self, text: &str) -> Self {
        let file = self.file.get_or_insert_default();
        file.push_str(&format!("{text}\n"));
        self
    }

    pub fn workers(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Nothing has been published yet.
    pub fn without_table(mut self) -> Self {
        self.file = None;
        self
    }

    /// Backends may not be this machine.
    pub fn strict_about_addresses(mut self) -> Self {
        self.policy = Policy { allow_local: false };
        self
    }

    pub fn names_by(self, dns: &Dns) -> Self {
        self.names_at(dns.addr)
    }

    pub fn names_at(mut self, resolver: SocketAddr) -> Self {
        self.resolver = resolver;
        self
    }

    /// Where the access log goes in place of [`Gate::log`].
    pub fn log_to(mut self, sink: impl Write + Send + 'static) -> Self {
        self.sink = Some(Box::new(sink));
        self
    }

    /// Sessions resume by these keys.
    pub fn tickets(mut self, tickets: &Arc<Tickets>) -> Self {
        self.tickets = Some(Arc::clone(tickets));
        self
    }

    /// TLS 1.2 is not spoken.
    pub fn only_1_3(mut self) -> Self {
        self.only_1_3 = true;
        self
    }

    pub fn start(self) -> Gate {
        let Gatepost { file, workers, policy, resolver, sink, tickets, only_1_3 } = self;
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let bound = Bound::bind(&[Endpoint::http(any), Endpoint::https(any)], workers, false).expect("two ports");
        let (addr, tls_addr) = (bound.endpoints()[0].addr, bound.endpoints()[1].addr);
        let (certificates, certificates_reader) = published::channel(Some(Arc::new(Store::default())));
        let (cloudflare_writer, cloudflare) = published::channel(Some(Arc::new(CloudflareNetworks::default())));
        let (writer, reader): (Writer<RouteTable>, Reader<RouteTable>) = published::channel(None);
        if let Some(file) = &file {
            writer.publish(table(file, 1));
        }
        let tickets = tickets.unwrap_or_else(|| Tickets::new(&[TicketKey::random().expect("a key")]));
        let maker = Maker::new(Arc::clone(&PROVIDER), only_1_3, tickets);
        let metrics = Metrics::new();
        let (sender, log) = channel();
        let lines = Lines::start(sink.unwrap_or_else(|| Box::new(Capture(sender)))).expect("a thread");
        metrics.watch_dropped_lines(lines.dropped());
        let (stage, watched) = watch::channel(Stage::Serving);
        let setup = Setup {
            routes: reader,
            certificates: certificates_reader,
            cloudflare,
            https_port: Some(tls_addr.port()),
            metrics: Arc::clone(&metrics),
            lines: Some(lines.clone()),
            stage: watched,
            duty: watch::Sender::new(Duty::Active).subscribe(),
            leftover: watch::Sender::new(Duty::Active).subscribe(),
            connections: usize::MAX,
            upstream: Settings {
                resolver: ResolverSettings::servers(&[resolver]),
                policy,
                namespace: "default".to_owned(),
                cluster_domain: "cluster.local".to_owned(),
            },
            loop_id: "gatepost-under-test".to_owned(),
        };
        let running = proxy::start(bound, &setup).expect("threads");
        match std::env::var("GATEPOST_TEST_LOG") {
            Ok(level) => telemetry::init(None, &level.parse().expect("a level")),
            Err(_) => loud::listen(),
        }
        Gate {
            addr,
            tls_addr,
            certificates,
            cloudflare: cloudflare_writer,
            maker,
            metrics,
            writer,
            stage,
            running: Some(running),
            lines,
            log,
            generation: 1,
        }
    }
}

fn table(file: &str, generation: u64) -> RouteTable {
    let parsed = config::parse(file, "test.yaml").unwrap_or_else(|refused| panic!("{file}\n{:?}", refused.problems));
    let (config, problems) = parsed.settle(None).unwrap_or_else(|refused| panic!("{:?}", refused.problems));
    let bad = problems.iter().find(|problem| problem.severity == config::Severity::Error);
    assert!(bad.is_none() || file.contains("# bad"), "{file}\n{problems:?}");
    RouteTable::build(&config, generation).expect("a table")
}

/// The access log, one line a message.
struct Capture(Sender<Vec<u8>>);

impl Write for Capture {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A proxy that runs. Dropped, it stops at once; a worker that panicked fails the test.
pub struct Gate {
    pub addr: SocketAddr,
    /// For TLS.
    pub tls_addr: SocketAddr,
    pub certificates: Writer<Store>,
    pub cloudflare: Writer<CloudflareNetworks>,
    pub maker: Maker,
    pub metrics: Arc<Metrics>,
    pub writer: Writer<RouteTable>,
    stage: watch::Sender<Stage>,
    running: Option<Running>,
    lines: Lines,
    log: Receiver<Vec<u8>>,
    generation: u64,
}

impl Gate {
    pub fn client(&self) -> Client {
        Client::connect(self.addr)
    }

    /// Publishes other routes.
    pub fn reload(&mut self, routes: Gatepost) {
        self.generation += 1;
        self.writer.publish(table(&routes.file.expect("routes"), self.generation));
    }

    /// The value of a series of the metrics, 0 when there is none.
    pub fn metric(&self, series: &str) -> f64 {
        let text = self.metrics.encode();
        let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().expect("a number"))
    }

    /// Connections end when they are done, at most after these times.
    pub fn drain(&self, requests: Duration, tunnels: Duration) {
        self.begin_draining(requests, tunnels, false);
    }

    /// The same where another process has the listeners.
    pub fn drain_with_successor(&self, within: Duration) {
        self.begin_draining(within, within, true);
    }

    fn begin_draining(&self, requests: Duration, tunnels: Duration, has_successor: bool) {
        let now = Instant::now();
        let (requests_until, tunnels_until) = (now + requests, now + tunnels);
        self.stage.send_replace(Stage::Draining { requests_until, tunnels_until, has_successor });
    }

    /// Waits until every worker has ended.
    pub fn join(&mut self) -> Result<(), WorkerError> {
        let Some(running) = self.running.take() else { return Ok(()) };
        // on a thread of its own, so that tests of HTTP/2 may drop a proxy from within their runtime
        let joined = std::thread::spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
            runtime.block_on(async { tokio::time::timeout(super::PATIENCE, running.join()).await })
        });
        joined.join().expect("no panic while waiting").expect("the workers end")
    }

    /// Stops and tells what was logged.
    pub fn log(&mut self) -> Vec<Value> {
        self.text_log().lines().map(|line| serde_json::from_str(line).expect("a JSON line")).collect()
    }

    /// Stops and tells what was logged.
    pub fn text_log(&mut self) -> String {
        self.stage.send_replace(Stage::Stopped);
        self.join().expect("no worker panicked");
        assert!(self.lines.close(), "the log is written");
        String::from_utf8(self.log.try_iter().flatten().collect()).expect("text")
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        // a stopped worker drops its connections without a word
        self.stage.send_replace(Stage::Stopped);
        if std::thread::panicking() {
            return;
        }
        let panics = self.metric("gatepost_panics_total");
        self.join().expect("no worker panicked");
        assert_eq!(panics, 0.0, "a connection panicked");
        assert_eq!(loud::said(), "", "strangers cannot write above debug");
    }
}
