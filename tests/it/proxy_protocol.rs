//! A proxy in front that tells who the client is before the client says anything.

use crate::support::{App, Ca, Client, Gate, Tls, gatepost, tls, upstream};

const V1: &[u8] = b"PROXY TCP4 192.0.2.1 203.0.113.9 5000 443\r\n";
/// The same, version 2.
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x01\xcb\0\x71\x09\x13\x88\x01\xbb";
const ASK: &str = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

fn gate(app: &App, trust: &str) -> (Gate, Tls) {
    let ca = Ca::new();
    let gate = gatepost().route("host: a.test, https: allow", app).section(&format!("trust: {{{trust}}}")).start();
    gate.certificate("a.test", &ca.issue(&["a.test"]));
    (gate, tls(&ca))
}

const BELIEVED: &str = "proxies: [127.0.0.0/8], proxyProtocol: accept";

#[test]
fn the_client_is_who_the_header_names_on_either_port() {
    let app = upstream().ok("hello");
    let (mut gate, tls) = gate(&app, BELIEVED);
    for header in [V1, V2] {
        assert_eq!(gate.client().send([header, ASK.as_bytes()].concat()).answer().text(), "hello");
        let mut client = Client::connect(gate.tls_addr);
        client.send(header);
        assert_eq!(client.securing(&tls, "a.test").send(ASK).answer().text(), "hello");
    }
    for _ in 0..4 {
        let seen = app.request();
        assert_eq!((seen.field("x-forwarded-for"), seen.field("x-real-ip")), (Some("192.0.2.1"), Some("192.0.2.1")));
    }
    let log = gate.log();
    assert_eq!(log.len(), 4);
    for line in log {
        assert_eq!(line["client"], "192.0.2.1");
    }
}

#[test]
fn a_header_may_come_byte_by_byte_and_behind_it_anything() {
    let app = upstream().ok("hello");
    let (gate, tls) = gate(&app, BELIEVED);
    for header in [V1, V2] {
        let mut client = gate.client();
        for byte in [header, ASK.as_bytes()].concat() {
            client.send([byte]);
        }
        assert_eq!(client.answer().text(), "hello");
        let mut secured = Client::connect(gate.tls_addr);
        for byte in header {
            secured.send([*byte]);
        }
        assert_eq!(secured.securing(&tls, "a.test").get("a.test", "/").text(), "hello");
    }
}

#[test]
fn without_a_header_or_a_name_in_it_the_peer_is_the_client() {
    let app = upstream().ok("hello");
    let (gate, tls) = gate(&app, BELIEVED);
    let local = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    for header in [&b""[..], b"PROXY UNKNOWN\r\n", local] {
        gate.client().send([header, ASK.as_bytes()].concat()).answer();
        assert_eq!(app.request().field("x-forwarded-for"), Some("127.0.0.1"));
    }
    assert_eq!(tls.connect(&gate, "a.test").get("a.test", "/").text(), "hello");
}

#[test]
fn nobody_else_is_believed() {
    let app = upstream().ok("hello");
    for trust in ["proxies: [127.0.0.0/8]", "proxies: [10.0.0.0/8], proxyProtocol: accept", "proxies: []"] {
        let (mut gate, _) = gate(&app, trust);
        for header in [V1, V2] {
            for addr in [gate.addr, gate.tls_addr] {
                let answer = Client::connect(addr).send([header, ASK.as_bytes()].concat()).finish().rest();
                assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400 "), "{}", answer.escape_ascii());
            }
        }
        assert_eq!(app.connections(), 0, "{trust}");
        assert!(gate.log().iter().all(|line| line["client"] == "127.0.0.1"));
    }
}

#[test]
fn a_header_that_is_none_is_closed() {
    let app = upstream().ok("hello");
    let (gate, _) = gate(&app, BELIEVED);
    let too_long = [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", &[0; 5000][..]].concat();
    for header in
        [&b"PROXY TCP4 somebody 10.0.0.1 1 2\r\n"[..], b"PROXY TCP4 192.0.2.1 203.0.113.9 5000\r\n", &too_long]
    {
        for addr in [gate.addr, gate.tls_addr] {
            let mut client = Client::connect(addr);
            let _ = client.try_send([header, ASK.as_bytes()].concat());
            client.is_closed();
        }
    }
    assert_eq!(gate.metric("gatepost_client_errors_total{kind=\"proxy_protocol\"}"), 6.0);
    assert_eq!(app.connections(), 0);
}

#[test]
fn connections_are_counted_for_the_client_that_is_named() {
    let app = upstream().ok("hello");
    let ca = Ca::new();
    let gate = gatepost()
        .route("host: a.test", &app)
        .section(&format!("trust: {{{BELIEVED}}}\nlimits: {{connectionsPerClient: 1}}"))
        .start();
    gate.certificate("b.test", &ca.issue(&["b.test"]));
    let ask = |client: &str| format!("PROXY TCP4 {client} 127.0.0.1 1 80\r\n{ASK}");
    let (mut one, mut other) = (gate.client(), gate.client());
    assert_eq!(one.send(ask("192.0.2.1")).answer().text(), "hello");
    assert_eq!(other.send(ask("192.0.2.2")).answer().text(), "hello");
    gate.client().send(ask("192.0.2.1")).is_closed();
}

#[test]
fn a_drain_does_not_wait_for_a_header() {
    const LONG: std::time::Duration = std::time::Duration::from_secs(3600);
    let app = upstream().ok("hello");
    let (mut gate, _) = gate(&app, BELIEVED);
    let (mut one, mut other) = (Client::connect(gate.addr), Client::connect(gate.tls_addr));
    gate.client().get("a.test", "/");
    gate.drain(LONG, LONG);
    one.is_closed();
    other.is_closed();
    gate.join().unwrap();
    assert!(!gate.metrics.encode().contains("client_errors_total{"), "{}", gate.metrics.encode());
}
