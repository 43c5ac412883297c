//! What an app is told about the client, and which fields end at the proxy.

use crate::support::{gatepost, upstream};

const CLAIMS: &str = "X-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil.test\r\n\
                      X-Forwarded-Port: 1\r\nX-Real-IP: 192.0.2.1\r\nForwarded: for=192.0.2.1\r\nX-Forwarded-Prefix: /x\r\n\
                      X-Forwarded-Ssl: on\r\nX-Forwarded-Server: evil\r\nTrue-Client-IP: 192.0.2.1\r\nX-Original-URL: /x\r\n\
                      X-Rewrite-URL: /x\r\nCF-Connecting-IP: 192.0.2.1\r\nCF-Visitor: {\"scheme\":\"https\"}\r\n\
                      X-Forwarded-Scheme: https\r\nClient-IP: 192.0.2.1\r\nX_Forwarded_For: 192.0.2.1\r\n";

#[test]
fn a_stranger_s_claims_are_replaced_by_what_is_known() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).start();
    gate.client().send(format!("GET / HTTP/1.1\r\nHost: a.test:8080\r\n{CLAIMS}\r\n")).answer();
    let seen = app.request();
    for (name, value) in [
        ("x-forwarded-for", Some("127.0.0.1")),
        ("x-real-ip", Some("127.0.0.1")),
        ("x-forwarded-proto", Some("http")),
        ("x-forwarded-host", Some("a.test:8080")),
        ("x-forwarded-port", Some("8080")),
        ("x-forwarded-prefix", None),
        ("forwarded", None),
        ("x-forwarded-ssl", None),
        ("x-forwarded-server", None),
        ("true-client-ip", None),
        ("x-original-url", None),
        ("x-rewrite-url", None),
        ("cf-connecting-ip", None),
        ("cf-visitor", None),
        ("x-forwarded-scheme", None),
        ("client-ip", None),
        ("x_forwarded_for", None),
    ] {
        assert_eq!(seen.field(name), value, "{name}");
    }
}

#[test]
fn a_trusted_proxy_s_word_is_kept_and_added_to() {
    let app = upstream().ok("hello");
    let mut gate =
        gatepost().route("host: a.test", &app).section("trust: {proxies: [127.0.0.0/8, 10.0.0.0/8]}").start();
    gate.client()
        .send(
            "GET / HTTP/1.1\r\nHost: a.test\r\nX-Forwarded-For: 198.51.100.7, 192.0.2.1\r\nX-Forwarded-For: 10.1.1.1\r\n\
             X-Forwarded-Proto: https\r\nX-Forwarded-Host: outer.test\r\nX-Forwarded-Scheme: https\r\n\
             Forwarded: for=192.0.2.1\r\nTrue-Client-IP: 192.0.2.9\r\nCF-Connecting-IP: 192.0.2.9\r\n\r\n",
        )
        .answer();
    let seen = app.request();
    assert_eq!(seen.field("x-forwarded-for"), Some("198.51.100.7, 192.0.2.1, 10.1.1.1, 127.0.0.1"));
    assert_eq!((seen.field("x-real-ip"), seen.field("x-forwarded-proto")), (Some("192.0.2.1"), Some("https")));
    assert_eq!((seen.field("x-forwarded-host"), seen.field("x-forwarded-port")), (Some("outer.test"), Some("443")));
    assert_eq!(seen.field("x-forwarded-scheme"), Some("https"));
    for name in ["forwarded", "true-client-ip", "cf-connecting-ip"] {
        assert_eq!(seen.field(name), None, "{name}");
    }
    let log = gate.log();
    assert_eq!((&log[0]["client"], &log[0]["scheme"]), (&"192.0.2.1".into(), &"https".into()));
}

#[test]
fn hop_by_hop_fields_end_here_and_so_does_what_connection_names() {
    let app = upstream().raw(
        "HTTP/1.1 200 OK\r\nConnection: X-Secret, keep-alive\r\nKeep-Alive: timeout=5\r\nX-Secret: 1\r\n\
         Proxy-Connection: x\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n",
    );
    let gate = gatepost().route("host: a.test", &app).start();
    let answer = gate
        .client()
        .send(
            "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: X-Hop , keep-alive,X-Forwarded-For\r\nX-Hop: 1\r\n\
             Keep-Alive: 1\r\nProxy-Connection: keep-alive\r\nTE: trailers\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\
             X-End: 1\r\n\r\n",
        )
        .answer();
    let seen = app.request();
    for name in ["connection", "x-hop", "keep-alive", "proxy-connection", "te", "upgrade", "http2-settings"] {
        assert_eq!(seen.field(name), None, "{name}");
    }
    assert_eq!((seen.field("x-end"), seen.field("x-forwarded-for")), (Some("1"), Some("127.0.0.1")));
    for name in ["connection", "x-secret", "keep-alive", "proxy-connection", "upgrade"] {
        assert_eq!(answer.field(name), None, "{name}");
    }
}

#[test]
fn a_connection_option_cannot_take_out_what_decides_something() {
    let app = upstream().echo();
    let gate = gatepost().route("host: a.test", &app).start();
    let answer = gate
        .client()
        .send(
            "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\nCDN-Loop: other\r\n\
             Connection: Host, Content-Length, CDN-Loop, close\r\n\r\nhi",
        )
        .answer();
    let seen = app.request();
    assert_eq!((answer.text(), seen.field("host")), ("hi", Some("a.test")));
    assert_eq!(seen.all("cdn-loop"), ["other", "gatepost-under-test"]);
}

#[test]
fn an_id_is_kept_or_made_and_told_to_both_sides() {
    let app = upstream().ok("hello");
    let mut gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    let with = |id: &str| format!("GET / HTTP/1.1\r\nHost: a.test\r\nX-Request-Id: {id}\r\n\r\n");
    let kept = client.send(with("abc-123")).answer();
    assert_eq!((kept.field("x-request-id"), app.request().field("x-request-id")), (Some("abc-123"), Some("abc-123")));
    let mut ids = vec!["abc-123".to_owned()];
    for odd in ["".to_owned(), "a b".to_owned(), "<x>".to_owned(), "y".repeat(129)] {
        let made = client.send(with(&odd)).answer().field("x-request-id").unwrap().to_owned();
        assert_eq!(app.request().field("x-request-id"), Some(made.as_str()));
        assert!(made.len() == 32 && made.bytes().all(|byte| byte.is_ascii_hexdigit()), "{odd}: {made}");
        ids.push(made);
    }
    let logged: Vec<String> = gate.log().iter().map(|line| line["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(logged, ids);
}

#[test]
fn a_request_that_comes_back_is_508() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    client.get("a.test", "/");
    let ours = app.request().field("cdn-loop").unwrap().to_owned();
    let again = format!("GET / HTTP/1.1\r\nHost: a.test\r\nCDN-Loop: other; x=1, {ours}; v=2\r\n\r\n");
    let answer = client.send(again).answer();
    assert_eq!((answer.status(), answer.field("proxy-status")), (508, Some("gatepost; error=proxy_loop_detected")));
    assert!(app.requests().is_empty());
}

#[test]
fn no_refusal_tells_the_name_or_address_of_an_app() {
    let gate = gatepost().line("host: a.test, backend: \"secret-app.team:8080\"").start();
    let answer = gate.client().get("a.test", "/");
    assert!(answer.status() >= 502, "{answer:?}");
    assert!(!format!("{answer:?}").contains("secret-app"), "{answer:?}");
}

/// RFC 9110 6.6.1: who forwards an answer without a Date tells when it came.
#[test]
fn an_answer_without_a_date_gets_one_and_another_keeps_its_own() {
    let app = upstream().each(|request| {
        let date = if request.target() == "/dated" { "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n" } else { "" };
        format!("HTTP/1.1 200 OK\r\n{date}Content-Length: 0\r\n\r\n").into_bytes()
    });
    let gate = gatepost()
        .route("host: a.test", &app)
        .route("host: b.test, headers: {response: {remove: [date]}}", &app)
        .start();
    let mut client = gate.client();
    let dated = client.get("a.test", "/dated");
    assert_eq!(dated.field("date"), Some("Sun, 06 Nov 1994 08:49:37 GMT"));
    let undated = client.get("a.test", "/");
    assert!(undated.field("date").is_some_and(|date| date.ends_with(" GMT")), "{undated:?}");
    assert_eq!(client.get("b.test", "/").field("date"), None);
}
