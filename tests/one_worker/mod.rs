//! A real worker in this process, for what is measured in a whole request.

use std::net::SocketAddr;

use gatepost::config::{
    AccessLog, Action, Backend, BackendName, BackendPort, BackendScheme, Config, HostPattern, LogField, PathPattern,
    Route, Weighted,
};
use gatepost::lifecycle::{Lifecycle, Readiness};
use gatepost::proxy::{Bound, Endpoint, Setup};
use gatepost::published;
use gatepost::routing::RouteTable;
use gatepost::telemetry::lines::Lines;
use gatepost::telemetry::metrics::Metrics;
use gatepost::upstream::{Policy, ResolverSettings, Settings};

/// One worker as `serve` starts it, with log and metrics, all of `www.example.com` to `app`. It lives as long as the process.
pub(crate) fn start(app: SocketAddr) -> SocketAddr {
    let fields = vec![LogField::Ts, LogField::Id, LogField::Client, LogField::Host, LogField::Path, LogField::Ms];
    let access_log = AccessLog { fields, ..AccessLog::default() };
    let config = Config { routes: vec![route(app)], access_log, ..Config::default() };
    let (writer, routes) = published::channel(Some(RouteTable::build(&config, 1).unwrap().into()));
    let lifecycle = Lifecycle::new(&Readiness::default());
    let setup = Setup {
        routes,
        certificates: published::channel(None).1,
        cloudflare: published::channel(Some(Default::default())).1,
        https_port: None,
        metrics: Metrics::new(),
        lines: Some(Lines::start(std::io::sink()).unwrap()),
        stage: lifecycle.stage(),
        duty: lifecycle.duty().subscribe(),
        leftover: lifecycle.duty().subscribe(),
        connections: usize::MAX,
        upstream: Settings {
            resolver: ResolverSettings::servers(&["127.0.0.1:9".parse().unwrap()]),
            policy: Policy { allow_local: true },
            namespace: "default".into(),
            cluster_domain: "cluster.local".into(),
        },
        loop_id: "gatepost-test".into(),
    };
    let bound = Bound::bind(&[Endpoint::http("127.0.0.1:0".parse().unwrap())], 1, false).unwrap();
    let addr = bound.endpoints()[0].addr;
    gatepost::proxy::start(bound, &setup).unwrap();
    // dropped, they would end it
    std::mem::forget((lifecycle, writer));
    addr
}

fn route(app: SocketAddr) -> Route {
    let to =
        Backend { scheme: BackendScheme::Http, name: BackendName::Ip(app.ip()), port: BackendPort::Number(app.port()) };
    let host = HostPattern::Exact("www.example.com".into());
    Route::new(1, vec![host], PathPattern::Prefix("/".into()), Action::Forward(vec![Weighted { to, weight: 1 }]))
}
