//! Clients with certificates of their own: who is let in, and what the app is told (RFC 9440).

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use gatepost::certs::Clients;
use rustls::AlertDescription;
use rustls::version::{TLS12, TLS13};

use crate::support::{App, Ca, Client, Gate, gatepost, http2, tls, upstream};

/// What a stranger writes to pass for somebody.
const CLAIMS: &str =
    "Client-Cert: :AAAA:\r\nclient-cert: :BBBB:\r\nClient-Cert-Chain: :CCCC:\r\nClient_Cert: :DDDD:\r\n";

fn gate(ca: &Ca, app: &App, clients: &Clients) -> Gate {
    let gate = gatepost().route("host: a.test, https: allow", app).start();
    gate.host("a.test", &[&ca.issue(&["a.test"])], clients);
    gate
}

#[test]
fn the_app_gets_the_certificate_of_a_client_and_never_what_it_writes_itself() {
    let (ca, app) = (Ca::new(), upstream().ok("hello"));
    let me = ca.issue(&["me"]);
    let shown = format!(":{}:", BASE64.encode(me.der()));
    for required in [true, false] {
        let gate = gate(&ca, &app, &ca.clients(required));
        for version in [&TLS12, &TLS13] {
            let client = tls(&ca).only(version).shows(&me);
            // the second resumes: the session knows the certificate
            for _ in 0..2 {
                let mut client = client.connect(&gate, "a.test");
                client.send(format!("GET / HTTP/1.1\r\nHost: a.test\r\n{CLAIMS}\r\n")).answer();
                let seen = app.request();
                assert_eq!(seen.all("client-cert"), [&shown]);
                assert_eq!((seen.field("client-cert-chain"), seen.field("client_cert")), (None, None));
            }
        }
    }
}

#[tokio::test]
async fn the_same_in_http_2() {
    let (ca, app) = (Ca::new(), upstream().ok("hello"));
    let me = ca.issue(&["me"]);
    let gate = gate(&ca, &app, &ca.clients(true));
    let client = http2::secure(&gate, &tls(&ca).shows(&me), "a.test").await;
    let claims = http2::request("GET", "a.test", "/").header("client-cert", ":AAAA:").header("client-cert-chain", "x");
    client.send(claims.body(http2::full("")).unwrap()).await;
    let seen = app.request();
    assert_eq!(seen.all("client-cert"), [format!(":{}:", BASE64.encode(me.der()))]);
    assert_eq!(seen.field("client-cert-chain"), None);
}

#[test]
fn those_without_a_certificate_cannot_claim_one() {
    let (ca, app) = (Ca::new(), upstream().ok("hello"));
    let gate = gate(&ca, &app, &ca.clients(false));
    gate.certificate("b.test", &ca.issue(&["b.test"]));
    let ask = format!("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: client-cert\r\n{CLAIMS}\r\n");
    // over TLS without a certificate, and in clear
    tls(&ca).connect(&gate, "a.test").send(&ask).answer();
    gate.client().send(&ask).answer();
    for _ in 0..2 {
        let seen = app.request();
        for name in ["client-cert", "client-cert-chain", "client_cert"] {
            assert_eq!(seen.field(name), None);
        }
    }
}

#[test]
fn a_proxy_that_is_believed_cannot_claim_one_either() {
    let (ca, app) = (Ca::new(), upstream().ok("hello"));
    let gate = gatepost().route("host: a.test", &app).section("trust: {proxies: [127.0.0.0/8]}").start();
    gate.host("a.test", &[&ca.issue(&["a.test"])], &ca.clients(false));
    let ask = format!("GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-Proto: https\r\n{CLAIMS}\r\n");
    assert_eq!(gate.client().send(ask).answer().status(), 200);
    assert_eq!(app.request().field("client-cert"), None);
}

#[test]
fn a_certificate_that_does_not_hold_is_refused_whether_one_is_required_or_not() {
    let (ca, other, app) = (Ca::new(), Ca::new(), upstream().ok("hello"));
    for required in [true, false] {
        let gate = gate(&ca, &app, &ca.clients(required));
        for version in [&TLS12, &TLS13] {
            let client = || tls(&ca).only(version);
            let foreign = client().shows(&other.issue(&["me"])).alert(&gate, "a.test");
            assert!(matches!(foreign, AlertDescription::UnknownCA | AlertDescription::DecryptError), "{foreign:?}");
            for leaf in [ca.leaf(&["me"]).expired(), ca.leaf(&["me"]).not_yet_valid()] {
                assert_eq!(client().shows(&leaf.issue()).alert(&gate, "a.test"), AlertDescription::CertificateExpired);
            }
        }
    }
    assert_eq!(app.connections(), 0);
}

#[test]
fn those_without_a_certificate_are_refused_where_one_is_required() {
    let (ca, app) = (Ca::new(), upstream().ok("hello"));
    let required = gate(&ca, &app, &ca.clients(true));
    for version in [&TLS13, &TLS12] {
        assert_eq!(tls(&ca).only(version).alert(&required, "a.test"), AlertDescription::CertificateRequired);
    }
    assert_eq!(app.connections(), 0);
    let optional = gate(&ca, &app, &ca.clients(false));
    assert_eq!(tls(&ca).connect(&optional, "a.test").get("a.test", "/").text(), "hello");
}

#[test]
fn a_broken_authority_lets_nobody_in() {
    let (ca, app) = (Ca::new(), upstream().ok("hello"));
    let gate = gate(&ca, &app, &Clients::Nobody);
    gate.certificate("b.test", &ca.issue(&["b.test"]));
    gate.default_host("b.test");
    let answer = Client::connect(gate.tls_addr).send(tls(&ca).hello("a.test")).rest();
    assert_eq!(answer, [21, 3, 3, 0, 2, 2, 40]);
    let answer = gate.client().get("a.test", "/");
    assert_eq!((answer.status(), app.connections()), (403, 0));
}

#[test]
fn a_host_that_requires_certificates_is_not_served_in_clear() {
    let (ca, app) = (Ca::new(), upstream().ok("hello"));
    let gate = gatepost()
        .route("host: a.test, https: allow", &app)
        .route("host: b.test", &app)
        .route("host: c.test, https: redirect", &app)
        .section("trust: {proxies: [127.0.0.0/8]}")
        .start();
    for host in ["a.test", "b.test", "c.test"] {
        gate.host(host, &[&ca.issue(&[host])], &ca.clients(true));
    }
    for (host, status) in [("a.test", 403), ("A.test.:80", 403), ("b.test", 308), ("c.test", 308)] {
        // not even for an authority that checks a challenge, which is never sent elsewhere
        for (path, status) in [("/", status), ("/.well-known/acme-challenge/x", 403)] {
            assert_eq!(gate.client().get(host, path).status(), status, "{host}{path}");
            let ask = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nX-Forwarded-Proto: https\r\n\r\n");
            assert_eq!(gate.client().send(ask).answer().status(), 403, "{host}{path}");
        }
    }
    assert_eq!(app.connections(), 0);
}

#[test]
fn a_host_that_requires_certificates_is_closed_before_its_certificates_are_there() {
    let (ca, app) = (Ca::new(), upstream().ok("hello"));
    let gate = gatepost()
        .route("host: \"*.w.test\", https: allow", &app)
        .section("tls: {certificates: [{host: \"*.w.test\", secret: a, clientCa: {secret: ca, mode: require}}]}")
        .start();
    assert_eq!(gate.client().get("a.w.test", "/").status(), 403);
    assert_eq!(gate.client().get("x.y.w.test", "/").status(), 403);
    // what was loaded for it before the edit lets everybody in
    gate.certificate("a.w.test", &ca.issue(&["a.w.test"]));
    assert_eq!(tls(&ca).connect(&gate, "a.w.test").get("a.w.test", "/").status(), 421);
    assert_eq!(app.connections(), 0);
}

#[test]
fn a_deeper_name_of_the_same_route_is_no_way_around_a_required_certificate() {
    let (ca, app) = (Ca::new(), upstream().ok("hello"));
    let gate = gatepost().route("host: \"*.w.test\", https: allow", &app).start();
    gate.host("*.w.test", &[&ca.issue(&["*.w.test"])], &ca.clients(true));
    gate.certificate("a.test", &ca.issue(&["a.test", "x.y.w.test"]));
    assert_eq!(gate.client().get("x.y.w.test", "/").status(), 403);
    assert_eq!(tls(&ca).connect(&gate, "a.test").get("x.y.w.test", "/").status(), 421);
    assert_eq!(app.connections(), 0);
}
