//! The data plane alone, wired as `serve` wires it: one worker, one route, access log to a file, metrics on.
//!
//! `proxy LISTEN APP LOG`. It has no control plane, so that what is measured is what a request costs.

use std::fs::File;
use std::net::SocketAddr;
use std::process::ExitCode;

use gatepost::config::{
    AccessLog, Action, Backend, BackendName, BackendPort, BackendScheme, Conditions, Config, HeaderEdits, HostPattern,
    LogField, PathPattern, Rewrite, Route, Timeouts, Weighted,
};
use gatepost::lifecycle::{Lifecycle, Readiness};
use gatepost::proxy::{Bound, Setup};
use gatepost::routing::{RouteTable, published};
use gatepost::telemetry::lines::Lines;
use gatepost::telemetry::metrics::Metrics;
use gatepost::upstream::{Policy, ResolverSettings, Settings};

/// What a line of the access log says unless the routes file says otherwise.
const FIELDS: [LogField; 22] = [
    LogField::Ts,
    LogField::Id,
    LogField::Client,
    LogField::Method,
    LogField::Scheme,
    LogField::Host,
    LogField::Path,
    LogField::Http,
    LogField::Status,
    LogField::BytesIn,
    LogField::BytesOut,
    LogField::Ms,
    LogField::Route,
    LogField::Backend,
    LogField::Upstream,
    LogField::UpstreamMs,
    LogField::Retries,
    LogField::Error,
    LogField::Detail,
    LogField::Tls,
    LogField::Ua,
    LogField::Referer,
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, app, log] = &arguments[..] else {
        eprintln!("usage: proxy LISTEN APP LOG");
        return ExitCode::from(2);
    };
    match run(listen, app, log) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("proxy: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(listen: &str, app: &str, log: &str) -> anyhow::Result<()> {
    let app: SocketAddr = app.parse()?;
    let access_log = AccessLog { fields: FIELDS.into(), ..AccessLog::default() };
    let config = Config { routes: vec![route(app)], access_log, ..Config::default() };
    let table = RouteTable::build(&config, 1)?;
    let (_writer, routes) = published::channel(Some(table.into()));
    let metrics = Metrics::new();
    let readiness = Readiness::default();
    let lifecycle = Lifecycle::new(&readiness);
    let setup = Setup {
        routes,
        metrics,
        lines: Some(Lines::start(File::create(log)?)?),
        stage: lifecycle.stage(),
        upstream: Settings {
            resolver: ResolverSettings::servers(&["127.0.0.1:9".parse()?]),
            policy: Policy { allow_local: true },
            namespace: "default".into(),
            cluster_domain: "cluster.local".into(),
        },
        loop_id: "gatepost-measure".into(),
    };
    let bound = Bound::bind(&[listen.parse()?], 1, false)?;
    let running = gatepost::proxy::start(bound, &setup)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(running.join())?)
}

fn route(app: SocketAddr) -> Route {
    let to =
        Backend { scheme: BackendScheme::Http, name: BackendName::Ip(app.ip()), port: BackendPort::Number(app.port()) };
    Route {
        line: 1,
        hosts: vec![HostPattern::Any],
        path: PathPattern::Prefix("/".into()),
        conditions: Conditions::default(),
        action: Action::Forward(vec![Weighted { to, weight: 1 }]),
        rewrite: Rewrite::default(),
        headers: HeaderEdits::default(),
        timeouts: Timeouts::default(),
        max_body: None,
        via: false,
        log: true,
    }
}
