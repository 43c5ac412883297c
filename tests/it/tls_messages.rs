//! Requests and answers over TLS: what is true in clear is true here, and every end is told.

use std::io::ErrorKind;

use bytes::Bytes;
use http_body_util::BodyExt;

use crate::support::http2::{self, full, request, trailed, within};
use crate::support::{App, Ca, Client, Gate, Secured, Signal, gatepost, tls, upstream};

fn secured(app: &App) -> (Gate, Secured) {
    let ca = Ca::new();
    let gate = gatepost().route("host: a.test", app).start();
    gate.certificate("a.test", &ca.issue(&["a.test"]));
    let client = tls(&ca).connect(&gate, "a.test");
    (gate, client)
}

fn pattern(len: u32) -> Vec<u8> {
    (0..len).map(|n| (n % 251) as u8).collect()
}

#[test]
fn a_request_over_tls_is_https_for_the_app_and_in_the_log() {
    let app = upstream().ok("hello");
    let (mut gate, mut client) = secured(&app);
    client.get("a.test", "/x");
    client.get("a.test:8443", "/y");
    let seen = app.request();
    assert_eq!((seen.field("x-forwarded-proto"), seen.field("x-forwarded-port")), (Some("https"), Some("443")));
    assert_eq!(app.request().field("x-forwarded-port"), Some("8443"));
    let log = gate.log();
    assert_eq!(
        (&log[0]["scheme"], &log[0]["tls"], &log[0]["path"]),
        (&"https".into(), &"TLSv1.3".into(), &"/x".into())
    );
}

#[test]
fn a_connection_is_kept_and_requests_may_wait_in_it() {
    let app = upstream().each(|request| {
        let path = request.target();
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}", path.len()).into_bytes()
    });
    let (_gate, mut client) = secured(&app);
    client.get("a.test", "/0");
    client.send((1..20).map(|n| format!("GET /{n} HTTP/1.1\r\nHost: a.test\r\n\r\n")).collect::<String>());
    for n in 1..20 {
        assert_eq!(client.answer().text(), format!("/{n}"));
    }
}

#[test]
fn a_large_body_goes_both_ways() {
    let app = upstream().echo();
    let (_gate, mut client) = secured(&app);
    let body = pattern(3_000_000);
    for _ in 0..2 {
        client.send(format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {}\r\n\r\n", body.len()));
        assert!(client.send(&body).answer().body == body, "the body came back as it was");
    }
}

#[tokio::test]
async fn a_large_body_goes_both_ways_in_http_2() {
    let ca = Ca::new();
    let app = upstream().echo();
    let gate = gatepost().route("host: a.test", &app).start();
    gate.certificate("a.test", &ca.issue(&["a.test"]));
    let client = http2::secure(&gate, &tls(&ca), "a.test").await;
    let body: Bytes = pattern(3_000_000).into();
    assert!(client.post("a.test", "/", full(body.clone())).await.body == body, "the body came back as it was");
}

#[test]
fn what_an_app_has_sent_arrives_before_it_says_more() {
    // more than the system takes at once for a client that reads slowly (some 2.6 MB): what TLS has sealed waits
    const PART: usize = 4_000_000;
    let taken = Signal::default();
    let took = taken.clone();
    let app = upstream().script(move |conn| {
        conn.request();
        conn.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 2 * PART));
        for n in 0..2 {
            conn.send(vec![n; PART]);
            took.wait_for(1 + usize::from(n));
        }
        conn.until_closed();
    });
    let ca = Ca::new();
    let gate = gatepost().route("host: a.test", &app).start();
    gate.certificate("a.test", &ca.issue(&["a.test"]));
    let mut client = Client::connect_small(gate.tls_addr).securing(&tls(&ca), "a.test");
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").head();
    for n in 0..2 {
        assert!(client.exactly(PART) == vec![n; PART]);
        taken.give();
    }
}

#[tokio::test]
async fn what_an_app_has_sent_arrives_before_it_says_more_in_http_2() {
    let ca = Ca::new();
    let taken = Signal::default();
    let took = taken.clone();
    let app = upstream().script(move |conn| {
        conn.request();
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 40000\r\n\r\n");
        for n in 0..4 {
            conn.send([n; 10_000]);
            took.wait_for(1 + usize::from(n));
        }
        conn.until_closed();
    });
    let gate = gatepost().route("host: a.test", &app).start();
    gate.certificate("a.test", &ca.issue(&["a.test"]));
    let client = http2::secure(&gate, &tls(&ca), "a.test").await;
    let ask = request("GET", "a.test", "/").body(full("")).unwrap();
    let mut answer = within(client.0.clone().send_request(ask)).await.unwrap();
    for part in 1..=4 {
        let mut left = 10_000;
        while left > 0 {
            left -= within(answer.body_mut().frame()).await.unwrap().unwrap().into_data().unwrap().len();
        }
        taken.give();
        assert_eq!(left, 0, "part {part}");
    }
}

#[test]
fn trailers_go_through() {
    let app = upstream().each(|request| {
        let sum = request.trailer("x-sum").unwrap_or("none");
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: {sum}\r\n\r\n")
            .into_bytes()
    });
    let (_gate, mut client) = secured(&app);
    let ask = "POST / HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\nConnection: TE\r\nTransfer-Encoding: chunked\r\n\r\n\
               2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n";
    assert_eq!(client.send(ask).answer().trailer("x-sum"), Some("7"));
}

#[tokio::test]
async fn trailers_go_through_in_http_2() {
    let ca = Ca::new();
    let app = upstream().each(|request| {
        let sum = request.trailer("x-sum").unwrap_or("none");
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: {sum}\r\n\r\n")
            .into_bytes()
    });
    let gate = gatepost().route("host: a.test", &app).start();
    gate.certificate("a.test", &ca.issue(&["a.test"]));
    let client = http2::secure(&gate, &tls(&ca), "a.test").await;
    assert_eq!(client.post("a.test", "/", trailed("hi", &[("x-sum", "7")])).await.trailer("x-sum"), Some("7"));
}

const UPGRADE: &str = "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const AGREED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzhZRbK+xOo=\r\n\r\n";

#[test]
fn each_direction_of_a_tunnel_ends_by_itself() {
    let app = upstream().script(|conn| {
        conn.head().unwrap();
        conn.send(format!("{AGREED}first"));
        assert_eq!(conn.rest(), b"the client is done");
        conn.send("the app is not");
        conn.finish();
        conn.until_closed();
    });
    let (_gate, mut client) = secured(&app);
    assert_eq!(client.send(UPGRADE).head().status(), 101);
    assert_eq!(client.exactly(5), b"first");
    client.send("the client is done").close_notify();
    assert_eq!(client.rest(), b"the app is not");
}

#[test]
fn an_answer_without_a_length_ends_with_a_close_notify() {
    let app = upstream().raw_and_close("HTTP/1.1 200 OK\r\n\r\nwhole");
    let (_gate, mut client) = secured(&app);
    let answer = client.send("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n").rest();
    assert!(answer.ends_with(b"\r\n\r\nwhole"), "{}", answer.escape_ascii());
}

#[test]
fn an_answer_that_is_cut_ends_without_one() {
    for app in [
        upstream().raw_and_close("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst"),
        upstream().raw_and_close("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"),
    ] {
        let (_gate, mut client) = secured(&app);
        client.send("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n").head();
        let kind = client.try_rest().unwrap_err().kind();
        assert!(matches!(kind, ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset), "{kind}");
    }
}

#[test]
fn an_idle_connection_ends_with_a_close_notify() {
    let app = upstream().ok("hello");
    let ca = Ca::new();
    let gate = gatepost().route("host: a.test", &app).section("limits: {keepAlive: 200ms}").start();
    gate.certificate("a.test", &ca.issue(&["a.test"]));
    let mut client = tls(&ca).connect(&gate, "a.test");
    client.get("a.test", "/");
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_drain_ends_idle_connections_and_those_before_their_handshake() {
    const LONG: std::time::Duration = std::time::Duration::from_secs(3600);
    let app = upstream().ok("hello");
    let (mut gate, mut client) = secured(&app);
    let mut silent = Client::connect(gate.tls_addr);
    client.get("a.test", "/");
    gate.drain(LONG, LONG);
    assert_eq!(client.rest(), b"");
    silent.is_closed();
    gate.join().unwrap();
    // nobody was waited for, and nobody is to blame
    assert!(!gate.metrics.encode().contains("client_errors_total{"), "{}", gate.metrics.encode());
}

#[test]
fn an_idle_connection_of_http_2_ends_with_a_close_notify() {
    const PING: u8 = 6;
    let ca = Ca::new();
    let gate = gatepost().section("limits: {keepAlive: 200ms}").start();
    gate.certificate("a.test", &ca.issue(&["a.test"]));
    let mut client = tls(&ca).alpn(&["h2"]).connect(&gate, "a.test");
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
    // the end is announced by a GOAWAY and a PING behind it (RFC 9113 6.8), which is to be acknowledged
    let payload = loop {
        let head = client.exactly(9);
        let payload = client.exactly(usize::from(head[2]));
        if head[3] == PING {
            break payload;
        }
    };
    client.send([&[0, 0, 8, PING, 1, 0, 0, 0, 0], &payload[..]].concat());
    client.rest();
}
