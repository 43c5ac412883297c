//! Which hosts a connection is good for (RFC 9110 7.4), and what a renewal changes.

use gatepost::certs::Clients;
use rustls::StreamOwned;

use crate::support::{Ca, Gate, Gatepost, gatepost, http2, tls};

/// A proxy that knows these hosts and no others.
fn gate(hosts: &[&str]) -> Gate {
    let known = |gate: Gatepost, host: &&str| {
        gate.line(&format!("host: \"{host}\", respond: {{status: 200, body: \"{host}\"}}"))
    };
    hosts.iter().fold(gatepost(), known).start()
}

#[test]
fn a_host_that_the_certificate_does_not_cover_is_421_and_the_connection_stays() {
    let ca = Ca::new();
    let gate = gate(&["a.test", "b.test"]);
    gate.certificate("a.test", &ca.issue(&["a.test"]));
    gate.certificate("b.test", &ca.issue(&["b.test"]));
    let mut client = tls(&ca).connect(&gate, "a.test");
    assert_eq!(client.get("b.test", "/").status(), 421);
    assert_eq!(client.post("b.test", "/", "body").status(), 421);
    assert_eq!(client.get("c.test", "/").status(), 421);
    assert_eq!(client.get("a.test", "/").text(), "a.test");
}

#[test]
fn a_host_over_a_wildcard_s_certificate_is_served_and_a_deeper_one_is_not() {
    let ca = Ca::new();
    let gate = gate(&["*.w.test"]);
    gate.certificate("*.w.test", &ca.issue(&["*.w.test"]));
    let mut client = tls(&ca).connect(&gate, "a.w.test");
    for (host, status) in
        [("a.w.test", 200), ("A.w.test.", 200), ("b.w.test:443", 200), ("x.b.w.test", 421), ("w.test", 421)]
    {
        assert_eq!(client.get(host, "/").status(), status, "{host}");
    }
}

#[test]
fn an_unknown_host_that_the_certificate_covers_is_404() {
    let ca = Ca::new();
    let gate = gate(&["a.test"]);
    gate.certificate("a.test", &ca.issue(&["a.test", "b.test"]));
    assert_eq!(tls(&ca).connect(&gate, "a.test").get("b.test", "/").status(), 404);
}

#[test]
fn a_request_that_names_nobody_gets_what_is_for_everybody() {
    let ca = Ca::new();
    let gate = gate(&["*", "a.test"]);
    gate.certificate("a.test", &ca.issue(&["a.test"]));
    let mut client = tls(&ca).connect(&gate, "a.test");
    assert_eq!(client.send("GET / HTTP/1.0\r\n\r\n").answer().text(), "*");
}

#[tokio::test]
async fn http_2_may_ask_for_another_host_that_the_certificate_covers_and_for_no_other() {
    let ca = Ca::new();
    let gate = gate(&["a.test", "b.test", "c.test"]);
    let both = ca.issue(&["a.test", "b.test"]);
    gate.certificate("a.test", &both);
    gate.certificate("b.test", &both);
    gate.certificate("c.test", &ca.issue(&["c.test"]));
    let client = http2::secure(&gate, &tls(&ca), "a.test").await;
    assert_eq!(client.get("b.test", "/").await.text(), "b.test");
    assert_eq!(client.get("c.test", "/").await.status, 421);
    assert_eq!(client.get("a.test", "/").await.text(), "a.test");
}

#[tokio::test]
async fn a_host_that_wants_certificates_is_421_over_the_connection_of_one_that_does_not() {
    let ca = Ca::new();
    for required in [false, true] {
        let gate = gate(&["a.test", "b.test"]);
        let both = ca.issue(&["a.test", "b.test"]);
        gate.certificate("a.test", &both);
        gate.host("b.test", &[&both], &ca.clients(required));
        let client = http2::secure(&gate, &tls(&ca), "a.test").await;
        assert_eq!(client.get("b.test", "/").await.status, 421);
        // nor the other way round: what one may send in whose name is not the same
        let client = http2::secure(&gate, &tls(&ca).shows(&ca.issue(&["me"])), "b.test").await;
        assert_eq!(client.get("a.test", "/").await.status, 421);
        // a broken authority lets nobody in
        gate.host("b.test", &[&both], &Clients::Nobody);
        assert_eq!(http2::secure(&gate, &tls(&ca), "a.test").await.get("b.test", "/").await.status, 421);
    }
}

#[test]
fn hosts_with_the_same_authority_share_a_connection_and_those_with_another_do_not() {
    let (ca, other) = (Ca::new(), Ca::new());
    let gate = gate(&["a.test", "b.test", "c.test"]);
    let all = ca.issue(&["a.test", "b.test", "c.test"]);
    gate.host("a.test", &[&all], &ca.clients(true));
    gate.host("b.test", &[&all], &ca.clients(true));
    gate.host("c.test", &[&all], &other.clients(true));
    let mut client = tls(&ca).shows(&ca.issue(&["me"])).connect(&gate, "a.test");
    for (host, status) in [("a.test", 200), ("b.test", 200), ("c.test", 421)] {
        assert_eq!(client.get(host, "/").status(), status, "{host}");
    }
}

#[test]
fn a_host_that_begins_to_want_certificates_is_421_on_connections_that_are_open() {
    let ca = Ca::new();
    let gate = gate(&["a.test"]);
    let identity = ca.issue(&["a.test"]);
    gate.certificate("a.test", &identity);
    let mut client = tls(&ca).connect(&gate, "a.test");
    assert_eq!(client.get("a.test", "/").status(), 200);
    for clients in [ca.clients(true), ca.clients(false), Clients::Nobody] {
        gate.host("a.test", &[&identity], &clients);
        assert_eq!(client.get("a.test", "/").status(), 421);
    }
    gate.certificate("a.test", &identity);
    assert_eq!(client.get("a.test", "/").status(), 200);
}

#[test]
fn an_authority_that_changes_ends_what_its_connections_are_good_for() {
    let (ca, other) = (Ca::new(), Ca::new());
    let gate = gate(&["a.test"]);
    let identity = ca.issue(&["a.test"]);
    gate.host("a.test", &[&identity], &ca.clients(true));
    let mut client = tls(&ca).shows(&ca.issue(&["me"])).connect(&gate, "a.test");
    assert_eq!(client.get("a.test", "/").status(), 200);
    gate.host("a.test", &[&identity], &ca.clients(true));
    assert_eq!(client.get("a.test", "/").status(), 200);
    gate.host("a.test", &[&identity], &other.clients(true));
    assert_eq!(client.get("a.test", "/").status(), 421);
}

#[test]
fn a_renewal_is_shown_to_newcomers_and_closes_nothing() {
    let ca = Ca::new();
    let gate = gate(&["a.test"]);
    let (old, new) = (ca.issue(&["a.test"]), ca.issue(&["a.test"]));
    gate.certificate("a.test", &old);
    let mut open = tls(&ca).connect(&gate, "a.test");
    // its hello is sent before, the rest after the renewal
    let mut midway = tls(&ca).begin(&gate, "a.test");
    let StreamOwned { conn, sock } = midway.io();
    conn.write_tls(sock).unwrap();
    // the answer is there: the certificate has been chosen
    assert_eq!(sock.peek(&mut [0]).unwrap(), 1);
    gate.certificate("a.test", &new);
    assert_eq!(open.get("a.test", "/").text(), "a.test");
    midway.shake().unwrap();
    assert_eq!(midway.get("a.test", "/").text(), "a.test");
    assert!((midway.shown(), open.shown()) == (old.der(), old.der()));
    assert!(tls(&ca).connect(&gate, "a.test").shown() == new.der());
}

#[tokio::test]
async fn a_renewal_under_load_fails_no_request() {
    let ca = Ca::new();
    let gate = gate(&["a.test"]);
    gate.certificate("a.test", &ca.issue(&["a.test"]));
    let open = http2::secure(&gate, &tls(&ca), "a.test").await;
    for _ in 0..20 {
        let (renewed, asked) = (ca.issue(&["a.test"]), open.get("a.test", "/"));
        gate.certificate("a.test", &renewed);
        let newcomer = async { http2::secure(&gate, &tls(&ca), "a.test").await.get("a.test", "/").await.status };
        assert_eq!(futures_util::future::join(asked, newcomer).await.1, 200);
        assert_eq!(open.get("a.test", "/").await.status, 200);
    }
}

#[test]
fn a_name_that_got_the_default_certificate_is_421_before_and_after_a_renewal() {
    let ca = Ca::new();
    let gate = gate(&["a.test", "b.test"]);
    let identity = ca.issue(&["a.test"]);
    gate.certificate("a.test", &identity);
    gate.default_host("a.test");
    let mut client = tls(&ca).careless().connect(&gate, "b.test");
    for _ in 0..2 {
        assert_eq!(client.get("b.test", "/").status(), 421);
        assert_eq!(client.get("a.test", "/").status(), 200);
        gate.certificate("c.test", &identity);
    }
}
