//! What comes to a TLS port and is no good handshake.

use crate::support::{Ca, Client, Gate, gatepost, tls, upstream};

fn gate(ca: &Ca) -> Gate {
    let gate = gatepost().line("host: a.test, respond: {status: 200, body: hello}").start();
    gate.certificate("a.test", &ca.issue(&["a.test"]));
    gate
}

#[test]
fn a_hello_may_come_byte_by_byte() {
    let ca = Ca::new();
    let gate = gate(&ca);
    let mut client = tls(&ca).begin(&gate, "a.test");
    let mut hello = Vec::new();
    client.io().conn.write_tls(&mut hello).unwrap();
    for byte in hello {
        std::io::Write::write_all(&mut client.io().sock, &[byte]).unwrap();
    }
    client.shake().unwrap();
    assert_eq!(client.get("a.test", "/").text(), "hello");
}

#[test]
fn a_hello_may_be_spread_over_many_records() {
    let ca = Ca::new();
    let gate = gate(&ca);
    let mut client = tls(&ca).begin(&gate, "a.test");
    let mut hello = Vec::new();
    client.io().conn.write_tls(&mut hello).unwrap();
    let records: Vec<u8> =
        hello[5..].chunks(50).flat_map(|part| [&[22, 3, 1, 0, part.len() as u8], part].concat()).collect();
    std::io::Write::write_all(&mut client.io().sock, &records).unwrap();
    client.shake().unwrap();
    assert_eq!(client.get("a.test", "/").text(), "hello");
}

#[test]
fn a_hello_of_more_than_16_kib_is_closed() {
    let ca = Ca::new();
    let gate = gate(&ca);
    let mut client = Client::connect(gate.tls_addr);
    // a ClientHello of 60,000 bytes, in records of 1,000
    let message = [&[1, 0, 234, 96, 3, 3][..], &[0; 59_998]].concat();
    for part in message.chunks(1000) {
        if client.try_send([&[22, 3, 1, 3, 232][..], part].concat()).is_err() {
            break;
        }
    }
    client.is_closed();
    assert_eq!(gate.metric("gatepost_client_errors_total{kind=\"tls_hello\"}"), 1.0);
}

/// What begins like a handshake and is none.
const GARBAGE: &[&[u8]] = &[
    &[22; 600],
    &[22, 3, 1, 0, 0],
    &[22, 3, 1, 255, 255, 1, 2, 3],
    &[22, 0, 0, 0, 5, 1, 0, 0, 1, 0],
    // a ServerHello
    &[22, 3, 3, 0, 6, 2, 0, 0, 2, 3, 3],
    // a ClientHello of two bytes
    &[22, 3, 1, 0, 6, 1, 0, 0, 2, 3, 3],
    // an alert within a hello
    &[22, 3, 1, 0, 4, 1, 0, 1, 0, 21, 3, 1, 0, 2, 1, 0],
];

#[test]
fn garbage_gets_an_alert_or_a_close() {
    let ca = Ca::new();
    let gate = gate(&ca);
    for garbage in GARBAGE {
        let mut client = Client::connect(gate.tls_addr);
        let answer = client.send(garbage).finish().rest();
        assert!(matches!(answer[..], [] | [21, 3, _, 0, 2, 2, _]), "{}", answer.escape_ascii());
    }
    assert_eq!(tls(&ca).connect(&gate, "a.test").get("a.test", "/").text(), "hello");
}

#[test]
fn http_in_clear_on_a_tls_port_is_400_with_a_hint() {
    let ca = Ca::new();
    let mut gate = gate(&ca);
    let mut client = Client::connect(gate.tls_addr);
    let answer = client.get("a.test", "/x");
    assert_eq!((answer.status(), answer.field("connection")), (400, Some("close")));
    assert!(answer.text().contains("https://"), "{}", answer.text());
    client.is_closed();
    let preface = Client::connect(gate.tls_addr).send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").rest();
    assert!(preface.starts_with(b"HTTP/1.1 "), "{}", preface.escape_ascii());
    let log = gate.log();
    let line = &log[0];
    assert_eq!((&line["status"], &line["host"], &line["path"]), (&400.into(), &"a.test".into(), &"/x".into()));
    assert_eq!((&line["scheme"], &line["error"]), (&"http".into(), &"http_request_error".into()));
}

#[test]
fn what_a_client_in_clear_says_does_not_make_the_tls_port_serve_it() {
    let ca = Ca::new();
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).section("trust: {proxies: [127.0.0.0/8]}").start();
    gate.certificate("a.test", &ca.issue(&["a.test"]));
    let mut client = Client::connect(gate.tls_addr);
    let answer = client.send("GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-Proto: https\r\n\r\n").answer();
    assert_eq!((answer.status(), app.connections()), (400, 0));
}

#[test]
fn tls_on_a_port_in_clear_is_400_or_a_close() {
    let ca = Ca::new();
    let gate = gate(&ca);
    let answer = gate.client().send(tls(&ca).hello("a.test")).finish().rest();
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400 "), "{}", answer.escape_ascii());
}

#[test]
fn renegotiation_is_refused() {
    let ca = Ca::new();
    let gate = gate(&ca);
    let mut client = tls(&ca).only(&rustls::version::TLS12).connect(&gate, "a.test");
    client.get("a.test", "/");
    // a handshake record in clear within a secured connection
    std::io::Write::write_all(&mut client.io().sock, &tls(&ca).hello("a.test")).unwrap();
    client.try_rest().unwrap_err();
    assert_eq!(tls(&ca).connect(&gate, "a.test").get("a.test", "/").text(), "hello");
}

#[test]
fn a_client_that_stops_before_its_handshake_or_within_a_proxy_header_is_closed_by_the_deadline() {
    let ca = Ca::new();
    let mut gate = gate(&ca);
    let introduced = gatepost().section("trust: {proxies: [127.0.0.0/8], proxyProtocol: accept}").start();
    let hello = tls(&ca).hello("a.test");
    let mut clients = Vec::new();
    for (addr, said) in [
        (gate.tls_addr, &b""[..]),
        (gate.tls_addr, &hello[..100]),
        (introduced.addr, b"PROXY TCP4 192.0.2.1"),
        (introduced.tls_addr, b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"),
    ] {
        let mut client = Client::connect(addr);
        client.send(said);
        clients.push(client);
    }
    let mut whole = Client::connect(gate.tls_addr);
    whole.send(&hello);
    // the one test that waits for the ten seconds: there is no shorter way through all of it
    for client in &mut clients {
        client.is_closed();
    }
    assert_eq!(whole.rest()[0], 22);
    // a handshake is counted behind its close, and before the worker's end
    gate.log();
    let errors = |gate: &Gate, kind| gate.metric(&format!("gatepost_client_errors_total{{kind=\"{kind}\"}}"));
    assert_eq!((errors(&gate, "tls_slow"), errors(&gate, "tls_handshake")), (2.0, 1.0));
    assert_eq!(errors(&introduced, "proxy_protocol"), 2.0);
}

#[test]
fn an_alert_reaches_a_client_that_goes_on_sending() {
    let ca = Ca::new();
    let gate = gate(&ca);
    for first in [tls(&ca).hello("b.test"), vec![22, 3, 3, 0, 6, 2, 0, 0, 2, 3, 3]] {
        let mut client = Client::connect(gate.tls_addr);
        // with more behind it than is read at once
        let answer = client.send([&first[..], &[23; 50_000]].concat()).finish().rest();
        assert!(matches!(answer[..], [21, 3, _, 0, 2, 2, _]), "{}", answer.escape_ascii());
    }
}

#[test]
fn who_leaves_without_a_word_has_done_nothing_wrong() {
    let gate = gatepost().section("trust: {proxies: [127.0.0.0/8], proxyProtocol: accept}").start();
    let plain = gatepost().start();
    // as load balancers do, to see whether somebody listens
    for addr in [gate.addr, gate.tls_addr, plain.addr, plain.tls_addr] {
        Client::connect(addr).finish().is_closed();
    }
    for gate in [gate, plain] {
        assert!(!gate.metrics.encode().contains("client_errors_total{"), "{}", gate.metrics.encode());
    }
}
