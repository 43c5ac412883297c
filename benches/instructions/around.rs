//! What is around a request: its record, its metrics, and the connection that it borrows.

use std::hint::black_box;
use std::rc::Rc;
use std::sync::Arc;

use gatepost::config::{Backend, BackendName, BackendPort, BackendScheme};
use gatepost::telemetry::access::{self, Format, Record, Second};
use gatepost::telemetry::metrics::Metrics;
use gatepost::upstream::{Policy, ResolverSettings, Settings, Upstream};
use gatepost::wire::{Deadlines, Http1, Stream};
use tokio::net::{TcpListener, TcpStream};

use crate::parts::Body;

/// A record of the access log with a value in every usual field.
pub(crate) fn log() -> Body {
    let (format, second, mut out) = (Format::default(), Second::default(), Vec::new());
    Box::new(move || {
        let record = Record {
            ts_ms: black_box(1_767_225_600_123),
            id: "0123456789abcdef0123456789abcdef",
            client: [192, 0, 2, 7].into(),
            method: "GET",
            scheme: "https",
            host: "www.example.com",
            path: "/catalogue/items",
            query: None,
            http: "1.1",
            status: 200,
            bytes_in: 0,
            bytes_out: 1234,
            nanos: 1_234_567,
            route: "www.example.com/",
            backend: "http://web:80",
            upstream: Some(([10, 42, 0, 17], 8080).into()),
            upstream_nanos: Some(1_100_000),
            retries: 0,
            error: None,
            detail: "",
            tls: Some("TLSv1.3"),
            ua: b"Browser/5.0 (X11; Linux x86_64) Engine/537.36 (as others do) Browser/120.0.0.0 More/537.36",
            referer: b"https://www.example.com/catalogue",
        };
        out.clear();
        access::write(black_box(&record), &format, &second, &mut out);
        black_box(&out);
    })
}

/// One request counted: its route, and that a connection was used again.
pub(crate) fn metrics() -> Body {
    let metrics = Metrics::new();
    let worker = metrics.worker();
    let shard = worker.route(&Arc::from("www.example.com/"));
    worker.upstream_new();
    Box::new(move || {
        shard.record(black_box(200), "GET", black_box(1_234_567), Some(1_100_000), 0, black_box(1234));
        worker.upstream_reused();
    })
}

/// A kept connection taken out of its pool and put back.
pub(crate) fn pool() -> Body {
    /// Milliseconds; both ends of the wait are the same moment.
    const NOW: u64 = 0;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime for a socket");
    let guard = runtime.enter();
    let settings = Settings {
        resolver: ResolverSettings::servers(&[([127, 0, 0, 1], 9).into()]),
        policy: Policy { allow_local: true },
        namespace: "default".into(),
        cluster_domain: "cluster.local".into(),
    };
    let upstream = Upstream::new(settings, Metrics::new().worker(), Rc::new(Deadlines::default()));
    let (listener, socket, address) = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port on loopback");
        let address = listener.local_addr().expect("a bound socket has an address");
        let socket = TcpStream::connect(address).await.expect("a connection to ourselves");
        (listener, socket, address)
    });
    let (ip, port) = (BackendName::Ip(address.ip()), BackendPort::Number(address.port()));
    let pool = upstream.pool(&Backend { scheme: BackendScheme::Http, name: ip, port });
    pool.check_in(Http1::new(Stream::new(socket)), address, NOW);
    drop(guard);
    Box::new(move || {
        let _alive = (&runtime, &listener);
        let (mut http1, address) = pool.check_out(black_box(NOW), 1).expect("the connection is quiet");
        // as a request does, which queues its head: the memory for it comes and goes with the connection
        black_box(http1.stream().queue());
        pool.check_in(http1, address, NOW);
    })
}
