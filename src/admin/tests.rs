//! What the admin surface claims, over real sockets.

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;

use super::*;
use crate::lifecycle::Lifecycle;

struct Admin {
    addr: SocketAddr,
    readiness: Readiness,
    _end: oneshot::Sender<()>,
}

async fn admin() -> Admin {
    let bound = Bound::bind(&[SocketAddr::from(([127, 0, 0, 1], 0))]).unwrap();
    let addr = bound.local_addrs()[0];
    let readiness = Readiness::new();
    let setup = Setup {
        readiness: readiness.clone(),
        stage: Lifecycle::new(&readiness).stage(),
        metrics: Metrics::new(),
        listeners: vec![("http".to_owned(), SocketAddr::from(([0, 0, 0, 0], 80)))],
        started: Instant::now(),
    };
    setup.metrics.config().set_generation(4);
    let (end, ended) = oneshot::channel::<()>();
    let duty = watch::Sender::new(Duty::Active).subscribe();
    tokio::spawn(bound.run(setup, [duty.clone(), duty], async {
        let _ = ended.await;
    }));
    Admin { addr, readiness, _end: end }
}

impl Admin {
    /// Sends a request line and a Host, gives back the status and the body.
    async fn ask(&self, line: &str, host: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        let request = format!("{line} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), body.to_owned())
    }
}

#[tokio::test]
async fn readiness_names_what_is_missing_one_a_line() {
    let admin = admin().await;
    assert_eq!(admin.ask("GET /readyz", "localhost").await, (200, "ok\n".to_owned()));
    let (routes, listeners) = (admin.readiness.condition("routes"), admin.readiness.condition("listeners"));
    let expected = (503, "missing: routes\nmissing: listeners\n".to_owned());
    assert_eq!(admin.ask("GET /readyz", "127.0.0.1:9180").await, expected);
    assert_eq!(admin.ask("GET /livez", "127.0.0.1").await, (200, "ok\n".to_owned()));
    routes.set(true);
    listeners.set(true);
    assert_eq!(admin.ask("GET /readyz", "[::1]:1").await, (200, "ok\n".to_owned()));
}

#[tokio::test]
async fn status_says_what_serves() {
    let admin = admin().await;
    let (status, body) = admin.ask("GET /status", "localhost").await;
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(status, 200);
    assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&body["generation"], &body["ready"]), (&Value::from(4), &Value::from(true)));
    assert_eq!((&body["stage"], &body["lastKnownGood"]), (&Value::from("serving"), &Value::from(false)));
    assert_eq!(body["listeners"][0]["addr"], "0.0.0.0:80");
}

#[tokio::test]
async fn metrics_are_prometheus_text() {
    let (status, body) = admin().await.ask("GET /metrics", "10.0.0.1:9180").await;
    assert_eq!(status, 200);
    assert!(body.contains("\ngatepost_config_generation 4\n"), "{body}");
}

#[tokio::test]
async fn nobody_changes_anything_and_strangers_learn_nothing() {
    let admin = admin().await;
    for (line, host, expected) in [
        ("POST /livez", "localhost", 405),
        ("DELETE /status", "localhost", 405),
        ("HEAD /livez", "localhost", 200),
        ("GET /", "localhost", 404),
        ("GET /status", "rebound.example", 421),
        ("GET /metrics", "rebound.example:9180", 421),
        ("GET http://rebound.example/status", "localhost", 421),
        ("GET /status", "", 421),
    ] {
        assert_eq!(admin.ask(line, host).await.0, expected, "{line} {host}");
    }
}

#[test]
fn an_address_that_is_not_loopback_tells_only_metrics() {
    let readiness = Readiness::new();
    let setup = Setup {
        readiness: readiness.clone(),
        stage: Lifecycle::new(&readiness).stage(),
        metrics: Metrics::new(),
        listeners: Vec::new(),
        started: Instant::now(),
    };
    let ask = |path: &str| {
        let request = http::Request::builder().uri(path).header("host", "10.0.0.7:9180").body(()).unwrap();
        answer::answer(&request, false, &setup).status().as_u16()
    };
    assert_eq!(["/metrics", "/livez", "/readyz", "/status"].map(ask), [200, 404, 404, 404]);
    assert!(is_loopback("::ffff:127.0.0.1".parse().unwrap()) && is_loopback("::1".parse().unwrap()));
    assert!(!is_loopback("::ffff:10.0.0.7".parse().unwrap()) && !is_loopback("10.0.0.7".parse().unwrap()));
}

#[tokio::test]
async fn a_taken_port_is_named() {
    let holder = StdListener::bind("127.0.0.1:0").unwrap();
    let taken = holder.local_addr().unwrap();
    let (addr, error) = Bound::bind(&[taken]).unwrap_err();
    assert_eq!((addr, error.kind()), (taken, io::ErrorKind::AddrInUse));
}
