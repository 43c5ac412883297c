//! Who is shown which certificate, and which version and protocol are agreed on.

use std::sync::Arc;

use gatepost::certs::{Clients, Host};
use rustls::crypto::aws_lc_rs::kx_group::{MLKEM768, X25519};
use rustls::version::{TLS12, TLS13};
use rustls::{AlertDescription, HandshakeKind, NamedGroup, ProtocolVersion};

use crate::support::{Ca, Client, Gate, Identity, Secured, gatepost, http2, tls, upstream};

/// A fatal unrecognized_name (RFC 6066 3) as a record, and nothing else.
const UNRECOGNIZED_NAME: &[u8] = &[21, 3, 3, 0, 2, 2, 112];

/// A proxy with an app behind every host, and certificates for these names.
fn gate(ca: &Ca, names: &[&str]) -> (Gate, Vec<Identity>) {
    let gate = gatepost().line("host: \"*\", respond: {status: 200, body: hello}").start();
    let identities: Vec<Identity> = names.iter().map(|name| ca.issue(&[name])).collect();
    for (name, identity) in names.iter().zip(&identities) {
        gate.certificate(name, identity);
    }
    (gate, identities)
}

fn says_hello(client: &mut Secured, host: &str) {
    assert_eq!(client.get(host, "/").text(), "hello");
}

#[test]
fn a_host_is_served_over_either_version() {
    let ca = Ca::new();
    let (gate, _) = gate(&ca, &["a.test"]);
    for (version, spoken) in [(&TLS13, ProtocolVersion::TLSv1_3), (&TLS12, ProtocolVersion::TLSv1_2)] {
        let mut client = tls(&ca).only(version).connect(&gate, "a.test");
        says_hello(&mut client, "a.test");
        says_hello(&mut client, "a.test");
        assert_eq!(client.version(), spoken);
    }
}

#[test]
fn an_exact_name_comes_before_a_wildcard_and_a_wildcard_is_one_label() {
    let ca = Ca::new();
    let (gate, identities) = gate(&ca, &["*.w.test", "a.w.test", "*.b.w.test"]);
    for (name, shown) in [("a.w.test", 1), ("c.w.test", 0), ("b.w.test", 0), ("x.b.w.test", 2)] {
        let mut client = tls(&ca).connect(&gate, name);
        assert!(client.shown() == identities[shown].der(), "{name}");
        says_hello(&mut client, name);
    }
    for name in ["x.y.b.w.test", "x.a.w.test", "w.test", "other"] {
        assert_eq!(tls(&ca).alert(&gate, name), AlertDescription::UnrecognisedName, "{name}");
    }
}

#[test]
fn an_unknown_name_and_a_missing_one_get_one_alert_and_a_close() {
    let ca = Ca::new();
    let (gate, _) = gate(&ca, &["a.test"]);
    for hello in [
        tls(&ca).hello("b.test"),
        tls(&ca).nameless().hello("a.test"),
        tls(&ca).only(&TLS12).hello("b.test"),
        // an address is no name (RFC 6066 3)
        tls(&ca).hello("127.0.0.1"),
    ] {
        let mut client = Client::connect(gate.tls_addr);
        assert_eq!(client.send(hello).rest(), UNRECOGNIZED_NAME);
    }
    // the counter is read after the close, which comes after it
    assert_eq!(gate.metric("gatepost_client_errors_total{kind=\"tls_name\"}"), 4.0);
}

#[test]
fn an_address_sent_as_a_name_is_no_name() {
    let ca = Ca::new();
    let (gate, _) = gate(&ca, &["a.test"]);
    // of the same length: what else is in the hello stays right
    let mut hello = tls(&ca).hello("abc.example.test");
    let at = hello.windows(16).position(|part| part == b"abc.example.test").unwrap();
    hello[at..at + 16].copy_from_slice(b"192.168.100.1000");
    hello[at + 15] = b'.';
    let answer = Client::connect(gate.tls_addr).send(hello).rest();
    assert!(matches!(answer[..], [21, 3, 3, 0, 2, 2, _]), "{}", answer.escape_ascii());
}

#[test]
fn a_default_host_is_shown_to_those_who_name_nobody_of_ours() {
    let ca = Ca::new();
    let (gate, identities) = gate(&ca, &["a.test", "b.test"]);
    gate.default_host("b.test");
    let mut nameless = tls(&ca).nameless().connect(&gate, "b.test");
    says_hello(&mut nameless, "b.test");
    assert!(tls(&ca).careless().connect(&gate, "other.test").shown() == identities[1].der());
    assert!(tls(&ca).connect(&gate, "a.test").shown() == identities[0].der());
}

#[test]
fn a_host_that_has_lost_its_certificate_is_as_an_unknown_one() {
    let ca = Ca::new();
    let (gate, _) = gate(&ca, &["a.test", "b.test"]);
    gate.host("a.test", &[], &Clients::Anyone);
    assert_eq!(tls(&ca).alert(&gate, "a.test"), AlertDescription::UnrecognisedName);
    gate.default_host("b.test");
    tls(&ca).careless().connect(&gate, "a.test");
    let gone = |host: &str, store: &gatepost::certs::Store| store.with(host, None::<Arc<Host>>);
    gate.store(|store| gone("b.test", store).with_default(None));
    assert_eq!(tls(&ca).alert(&gate, "b.test"), AlertDescription::UnrecognisedName);
}

#[test]
fn the_case_of_a_name_does_not_matter() {
    let ca = Ca::new();
    let (gate, _) = gate(&ca, &["a.test"]);
    let mut client = tls(&ca).connect(&gate, "A.TEST");
    says_hello(&mut client, "a.TEST");
    let mut hello = tls(&ca).hello("a.test");
    let at = hello.windows(6).position(|part| part == b"a.test").unwrap();
    hello[at] = b'A';
    // a ServerHello: its record begins with 22
    assert_eq!(Client::connect(gate.tls_addr).send(hello).exactly(1), [22]);
}

#[test]
fn each_client_gets_the_certificate_that_it_can_verify() {
    let ca = Ca::new();
    let (gate, _) = gate(&ca, &[]);
    let (ecdsa, rsa) = (ca.issue(&["a.test"]), ca.leaf(&["a.test"]).rsa().issue());
    gate.host("a.test", &[&rsa, &ecdsa], &Clients::Anyone);
    for version in [&TLS12, &TLS13] {
        assert!(tls(&ca).only(version).connect(&gate, "a.test").shown() == ecdsa.der());
        assert!(tls(&ca).only(version).only_rsa().connect(&gate, "a.test").shown() == rsa.der());
    }
    gate.certificate("b.test", &ca.leaf(&["b.test"]).rsa().issue());
    says_hello(&mut tls(&ca).connect(&gate, "b.test"), "b.test");
}

#[test]
fn older_versions_are_refused() {
    let ca = Ca::new();
    let (gate, _) = gate(&ca, &["a.test"]);
    for minor in [0, 1, 2] {
        let mut hello = tls(&ca).only(&TLS12).hello("a.test");
        // client_version stands behind the heads of the record and the message (RFC 5246 7.4.1.2), and
        // supported_versions, which counts before it (RFC 8446 4.2.1), becomes an extension that nobody knows
        hello[10] = minor;
        let at = hello.windows(7).position(|part| part == [0, 43, 0, 3, 2, 3, 3]).unwrap();
        hello[at..at + 2].fill(0x7a);
        let answer = Client::connect(gate.tls_addr).send(hello).rest();
        assert_eq!(answer, [21, 3, 3, 0, 2, 2, 70], "3.{minor}");
    }
}

#[test]
fn a_proxy_may_speak_1_3_alone() {
    let ca = Ca::new();
    let gate = gatepost().line("host: a.test, respond: {status: 200, body: hello}").only_1_3().start();
    gate.certificate("a.test", &ca.issue(&["a.test"]));
    says_hello(&mut tls(&ca).connect(&gate, "a.test"), "a.test");
    assert_eq!(tls(&ca).only(&TLS12).alert(&gate, "a.test"), AlertDescription::ProtocolVersion);
}

#[test]
fn the_protocol_is_agreed_on_in_the_handshake() {
    let ca = Ca::new();
    let (gate, _) = gate(&ca, &["a.test"]);
    for (offered, agreed) in
        [(&["http/1.1"][..], Some("http/1.1")), (&[], None), (&["x", "http/1.1"], Some("http/1.1"))]
    {
        let mut client = tls(&ca).alpn(offered).connect(&gate, "a.test");
        says_hello(&mut client, "a.test");
        assert_eq!(client.protocol().as_deref(), agreed);
    }
    let mut both = tls(&ca).alpn(&["http/1.1", "h2"]).connect(&gate, "a.test");
    assert_eq!(both.protocol().as_deref(), Some("h2"));
    for version in [&TLS12, &TLS13] {
        let foreign = tls(&ca).only(version).alpn(&["spdy/3"]);
        assert_eq!(foreign.alert(&gate, "a.test"), AlertDescription::NoApplicationProtocol);
    }
}

#[tokio::test]
async fn h2_is_http_2() {
    let ca = Ca::new();
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).start();
    gate.certificate("a.test", &ca.issue(&["a.test"]));
    let answer = http2::secure(&gate, &tls(&ca), "a.test").await.get("a.test", "/x").await;
    assert_eq!((answer.status, answer.text()), (200, "hello"));
    let seen = app.request();
    assert_eq!((seen.field("x-forwarded-proto"), seen.field("x-forwarded-port")), (Some("https"), Some("443")));
}

#[test]
fn http_2_is_never_guessed_on_a_tls_port() {
    let ca = Ca::new();
    let (gate, _) = gate(&ca, &["a.test"]);
    for offered in [&["http/1.1"][..], &[]] {
        let mut client = tls(&ca).alpn(offered).connect(&gate, "a.test");
        let answer = client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").rest();
        assert!(answer.starts_with(b"HTTP/1.1 "), "{}", answer.escape_ascii());
    }
}

#[test]
fn keys_are_exchanged_against_quantum_computers_where_the_client_can() {
    let ca = Ca::new();
    let (gate, _) = gate(&ca, &["a.test"]);
    assert_eq!(tls(&ca).connect(&gate, "a.test").group(), NamedGroup::X25519MLKEM768);
    assert_eq!(tls(&ca).only(&TLS12).preferring(X25519).connect(&gate, "a.test").group(), NamedGroup::X25519);
}

#[test]
fn a_client_that_guesses_the_key_exchange_wrong_is_asked_again() {
    let ca = Ca::new();
    let (gate, _) = gate(&ca, &["a.test"]);
    let mut client = tls(&ca).preferring(MLKEM768).connect(&gate, "a.test");
    assert_eq!(client.io().conn.handshake_kind(), Some(HandshakeKind::FullWithHelloRetryRequest));
    says_hello(&mut client, "a.test");
}
