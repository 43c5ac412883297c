//! What becomes of a request in clear, and what is promised over https.

use std::sync::Arc;

use gatepost::config::CloudflareNetworks;

use crate::support::strict::Message;
use crate::support::{Ca, Gate, Gatepost, gatepost, http2, tls};

/// A route with these keys, besides a host and an answer.
fn route(gate: Gatepost, keys: &str) -> Gatepost {
    gate.line(&format!("{keys}, respond: {{status: 200, body: hello}}"))
}

fn location(gate: &Gate, answer: &Message) -> Option<String> {
    let port = gate.tls_addr.port();
    answer.field("location").map(|to| to.replace(&format!(":{port}/"), "/"))
}

#[test]
fn a_host_whose_certificate_is_loaded_is_redirected() {
    let ca = Ca::new();
    let gate = route(gatepost(), "host: a.test").start();
    assert_eq!(gate.client().get("a.test", "/").text(), "hello");
    gate.certificate("a.test", &ca.issue(&["a.test"]));
    let mut client = gate.client();
    let answer = client.get("A.test:80", "/x%2fy/?a=b");
    let to = format!("https://a.test:{}/x%2fy/?a=b", gate.tls_addr.port());
    assert_eq!((answer.status(), answer.field("location")), (308, Some(to.as_str())));
    assert_eq!((answer.field("cache-control"), answer.text()), (Some("no-store"), ""));
    // also a body's request, whose connection stays
    assert_eq!(client.post("a.test", "/", "body").status(), 308);
    gate.store(|store| store.with("a.test", None));
    assert_eq!(client.get("a.test", "/").text(), "hello");
}

#[tokio::test]
async fn the_same_in_http_2() {
    let ca = Ca::new();
    let gate = route(gatepost(), "host: a.test").start();
    gate.certificate("a.test", &ca.issue(&["a.test"]));
    let answer = http2::connect(&gate).await.get("a.test", "/x").await;
    let to = format!("https://a.test:{}/x", gate.tls_addr.port());
    assert_eq!((answer.status, answer.field("location")), (308, Some(to.as_str())));
}

#[test]
fn only_a_host_that_every_node_has_is_redirected() {
    let ca = Ca::new();
    let gate = route(gatepost(), "host: \"*\"").start();
    gate.certificate("a.test", &ca.issue(&["a.test"]));
    gate.certificate("*.b.test", &ca.issue(&["*.b.test"]));
    let on = |names: &[&str]| {
        let names = names.iter().map(|&name| Box::from(name)).collect();
        gate.store(|store| store.with_everywhere(Some(Arc::new(names))));
    };
    let asked = |host: &str| gate.client().get(host, "/").status();
    for (names, statuses) in [(&[][..], [200, 200]), (&["a.test"], [308, 200]), (&["*.b.test", "x.b.test"], [200, 308])]
    {
        on(names);
        assert_eq!([asked("a.test"), asked("x.b.test")], statuses, "{names:?}");
    }
    gate.store(|store| store.with_everywhere(None));
    assert_eq!([asked("a.test"), asked("x.b.test")], [308, 308]);
}

#[test]
fn a_deeper_name_than_the_certificate_covers_is_served_in_clear() {
    let ca = Ca::new();
    let gate = route(gatepost(), "host: \"*.test\"").start();
    gate.certificate("*.test", &ca.issue(&["*.test"]));
    for (host, status) in [("a.test", 308), ("a.b.test", 200), ("a.test.", 308)] {
        assert_eq!(gate.client().get(host, "/").status(), status, "{host}");
    }
}

#[test]
fn a_challenge_is_never_redirected() {
    let ca = Ca::new();
    let gate = route(route(gatepost(), "host: a.test"), "host: b.test, https: redirect").start();
    gate.certificate("a.test", &ca.issue(&["a.test"]));
    for host in ["a.test", "b.test"] {
        for (path, status) in [
            ("/.well-known/acme-challenge/x", 200),
            ("/.well-known/acme-challenge/", 200),
            ("/.well-known/acme-challenge", 308),
            ("/.well-known/acme-challengex/", 308),
            ("/x/.well-known/acme-challenge/x", 308),
            ("/.well-known/acme-challenge/../../secret", 308),
        ] {
            assert_eq!(gate.client().get(host, path).status(), status, "{host}{path}");
        }
    }
}

#[test]
fn a_route_may_always_redirect_never_redirect_or_refuse() {
    let ca = Ca::new();
    let routes = ["redirect", "allow", "only"].iter().fold(gatepost(), |gate, policy| {
        route(
            route(gate, &format!("host: {policy}.test, https: {policy}")),
            &format!("host: {policy}.none, https: {policy}"),
        )
    });
    let gate = routes.start();
    for policy in ["redirect", "allow", "only"] {
        let host = format!("{policy}.test");
        gate.certificate(&host, &ca.issue(&[&host]));
        assert_eq!(tls(&ca).connect(&gate, &host).get(&host, "/").text(), "hello");
    }
    for (host, status) in [
        ("redirect.test", 308),
        ("redirect.none", 308),
        ("allow.test", 200),
        ("allow.none", 200),
        ("only.test", 403),
        ("only.none", 403),
    ] {
        assert_eq!(gate.client().get(host, "/").status(), status, "{host}");
    }
    let answer = gate.client().get("redirect.test", "/x");
    assert_eq!(location(&gate, &answer).as_deref(), Some("https://redirect.test/x"));
    assert_eq!(gate.client().get("only.test", "/.well-known/acme-challenge/x").status(), 403);
}

#[test]
fn a_proxy_that_is_believed_and_says_https_is_never_redirected() {
    let ca = Ca::new();
    let routes =
        |gate| route(route(route(gate, "host: a.test"), "host: b.test, https: redirect"), "host: c.test, https: only");
    let believing = routes(gatepost()).section("trust: {proxies: [127.0.0.0/8]}").start();
    let strict = routes(gatepost()).start();
    for (gate, statuses) in [(&believing, [200, 200, 200]), (&strict, [308, 308, 403])] {
        gate.certificate("a.test", &ca.issue(&["a.test"]));
        for (host, status) in ["a.test", "b.test", "c.test"].iter().zip(statuses) {
            for says in ["X-Forwarded-Proto: https", "X-Forwarded-Proto: HTTPS", "CF-Visitor: {\"scheme\":\"https\"}"] {
                let ask = format!("GET / HTTP/1.1\r\nHost: {host}\r\n{says}\r\n\r\n");
                assert_eq!(gate.client().send(ask).answer().status(), status, "{host} {says}");
            }
        }
    }
    let ask = "GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-Proto: http\r\n\r\n";
    assert_eq!(believing.client().send(ask).answer().status(), 308);
}

#[test]
fn cloudflare_s_word_is_believed_also_where_nothing_says_so() {
    let ca = Ca::new();
    let gate =
        route(gatepost(), "host: a.test").section("trust: {proxies: [127.0.0.0/8], proxyProtocol: accept}").start();
    gate.certificate("a.test", &ca.issue(&["a.test"]));
    let status = |client: &str| {
        let ask = format!(
            "PROXY TCP4 {client} 127.0.0.1 1 80\r\nGET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-Proto: https\r\n\r\n"
        );
        gate.client().send(ask).answer().status()
    };
    assert_eq!(["173.245.48.7", "198.51.100.7", "192.0.2.7"].map(status), [200, 308, 308]);
    // and a newer list counts from the next request on
    let list = CloudflareNetworks::parse("[\"198.51.100.0/24\", \"2400:cb00::/32\"]").unwrap();
    gate.cloudflare.publish(list);
    assert_eq!(["173.245.48.7", "198.51.100.7", "192.0.2.7"].map(status), [308, 200, 308]);
}

#[test]
fn strict_transport_security_is_promised_over_https_alone() {
    let ca = Ca::new();
    let app = crate::support::upstream()
        .raw("HTTP/1.1 200 OK\r\nStrict-Transport-Security: max-age=1; includeSubDomains\r\nContent-Length: 0\r\n\r\n");
    let gate = route(gatepost(), "host: a.test, https: allow, hsts: {maxAge: 2h}")
        .route("host: b.test, https: allow, hsts: {maxAge: 2h}", &app)
        .start();
    gate.certificate("a.test", &ca.issue(&["a.test", "b.test"]));
    let mut client = tls(&ca).connect(&gate, "a.test");
    for host in ["a.test", "b.test"] {
        assert_eq!(client.get(host, "/").field("strict-transport-security"), Some("max-age=7200"));
    }
    assert_eq!(gate.client().get("a.test", "/").field("strict-transport-security"), None);
}

#[test]
fn a_request_that_names_nobody_cannot_be_sent_elsewhere() {
    let gate = route(gatepost(), "host: \"*\", https: redirect").start();
    assert_eq!(gate.client().send("GET / HTTP/1.0\r\n\r\n").answer().status(), 403);
}
