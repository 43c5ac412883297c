//! What strangers send: each ambiguity is 400 and the end of the connection, and nothing of it reaches an app.

use crate::support::{Client, gatepost, upstream};

/// Requests that no reader may take, with the status that refuses them.
#[rustfmt::skip]
const REFUSED: &[(u16, &str)] = &[
    // two lengths, and lengths that are none
    (400, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
    (400, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
    (400, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3, 3\r\n\r\nabc"),
    (400, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: +3\r\n\r\nabc"),
    (400, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: -1\r\n\r\n"),
    (400, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0x3\r\n\r\nabc"),
    (400, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3 3\r\n\r\nabc"),
    (400, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length:\r\n\r\n"),
    (400, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 99999999999999999999\r\n\r\n"),
    // length and chunks, and codings other than one chunked
    (400, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (400, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
    (400, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    (400, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
    (400, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    (400, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: identity\r\n\r\n"),
    (400, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    (400, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
    (400, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked;x\r\n\r\n0\r\n\r\n"),
    (400, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n"),
    (400, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding:\r\n\r\n"),
    (400, "POST / HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    // line ends
    (400, "GET / HTTP/1.1\nHost: a.test\n\n"),
    (400, "GET / HTTP/1.1\r\nHost: a.test\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\rb\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\r\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a.test\r\n\n"),
    (400, "GET / HTTP/1.1\rHost: a.test\r\n\r\n"),
    (400, "\n\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    // fields
    (400, "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\r\n b\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\r\n\tb\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\n Host: a.test\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost : a.test\r\n\r\n"),
    (400, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length : 3\r\n\r\nabc"),
    (400, "GET / HTTP/1.1\r\nHost: a.test\r\nX\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a.test\r\n: x\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a.test\r\nX Y: x\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\0b\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\x7fb\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a.test\r\nX: a\x08b\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a.test\r\nX\u{e9}: a\r\n\r\n"),
    // hosts
    (400, "GET / HTTP/1.1\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a.test\r\nHost: a.test\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a.test, b.test\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a.test/x\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: u@a.test\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a.test:x\r\n\r\n"),
    (400, "GET / HTTP/1.1\r\nHost: a.test:99999\r\n\r\n"),
    (400, "GET http://b.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    (400, "GET http://u@a.test/ HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    // request lines
    (400, "GET  / HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    (400, " GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    (400, "GET / x HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    (400, "GET /\r\n\r\n"),
    (400, "GET / HTTP/1.1 \r\nHost: a.test\r\n\r\n"),
    (400, "GET\t/ HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    (400, "GET x HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    (400, "GET * HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    (400, "GET /#x HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    (400, "GET /\u{e9} HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    (400, "G(T / HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    (400, "GET / http/1.1\r\nHost: a.test\r\n\r\n"),
    (400, "GET / HTTP/1.2x\r\nHost: a.test\r\n\r\n"),
    (505, "GET / HTTP/2.0\r\nHost: a.test\r\n\r\n"),
    (505, "GET / HTTP/3.0\r\nHost: a.test\r\n\r\n"),
    // paths that are not the same to everybody
    (400, "GET /a/..%2fb HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    (400, "GET /a/..%5cb HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    (400, "GET /a/..;/b HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    (400, "GET /a\\b HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    (400, "GET /%00 HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    (400, "GET /%zz HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    (400, "GET /% HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    // methods that proxies like this do not serve
    (405, "TRACE / HTTP/1.1\r\nHost: a.test\r\n\r\n"),
    (405, "CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n"),
];

#[test]
fn an_ambiguous_request_is_refused_and_never_reaches_an_app() {
    let app = upstream().ok("hello");
    let mut gate = gatepost().route("host: \"*\"", &app).start();
    for (status, request) in REFUSED {
        let mut client = gate.client();
        // whoever smuggles puts the second request right behind the first
        let _ = client.try_send(format!("{request}GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n"));
        let answer = client.answer();
        assert_eq!(
            (answer.status(), answer.field("connection")),
            (*status, Some("close")),
            "{}",
            request.escape_debug()
        );
        client.is_closed();
    }
    gate.client().get("a.test", "/good");
    let seen: Vec<String> = app.requests().iter().map(|request| request.target().to_owned()).collect();
    assert_eq!((seen, app.connections()), (vec!["/good".to_owned()], 1));
    let log = gate.log();
    assert_eq!(log.len(), REFUSED.len() + 1, "one line for each");
    for (line, (status, request)) in log.iter().zip(REFUSED) {
        assert_eq!(line["status"], *status, "{request}");
        assert!(line["error"].as_str().is_some_and(|error| error.starts_with("http_request_")), "{line}");
        assert_eq!(line["client"], "127.0.0.1");
    }
}

/// Chunked bodies that no reader may take.
const BAD_CHUNKS: &[&str] = &[
    "x\r\nabc\r\n0\r\n\r\n",
    "0x3\r\nabc\r\n0\r\n\r\n",
    "+3\r\nabc\r\n0\r\n\r\n",
    "-3\r\nabc\r\n0\r\n\r\n",
    " 3\r\nabc\r\n0\r\n\r\n",
    "3 \r\nabc\r\n0\r\n\r\n",
    "3\nabc\r\n0\r\n\r\n",
    "3\r\nabcd\r\n0\r\n\r\n",
    "3\r\nabc\n0\r\n\r\n",
    "3\r\nabc0\r\n\r\n",
    "\r\nabc\r\n0\r\n\r\n",
    "fffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    "10000000000000003\r\nabc\r\n0\r\n\r\n",
    "3;a\nb\r\nabc\r\n0\r\n\r\n",
    "3;a\rb\r\nabc\r\n0\r\n\r\n",
    "0\r\nX : y\r\n\r\n",
    "0\r\nX\r\n\r\n",
    "0\r\nX: y\n\r\n",
    "0\r\n X: y\r\n\r\n",
    "0\r\nX: a\0b\r\n\r\n",
];

#[test]
fn a_bad_chunk_is_400_and_the_app_never_sees_a_whole_request() {
    for chunks in BAD_CHUNKS {
        let app = upstream().script(|conn| while conn.request().is_some() {});
        let gate = gatepost().route("host: a.test", &app).start();
        let mut client = gate.client();
        let head = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n";
        let _ = client.try_send(format!("{head}{chunks}GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n"));
        let answer = client.answer();
        let name = chunks.escape_debug();
        assert_eq!((answer.status(), answer.field("connection")), (400, Some("close")), "{name}");
        client.is_closed();
        drop(gate);
        assert!(app.requests().is_empty(), "{name}");
    }
}

#[test]
fn a_body_that_is_cut_is_never_a_whole_one_at_the_app() {
    for request in [
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nhello",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
    ] {
        let app = upstream().script(|conn| while conn.request().is_some() {});
        let gate = gatepost().route("host: a.test", &app).start();
        gate.client().send(request).finish().is_closed();
        drop(gate);
        assert!(app.requests().is_empty(), "{request}");
    }
}

#[test]
fn a_tls_hello_on_the_plain_port_is_refused_at_once() {
    let gate = gatepost().start();
    let mut client = gate.client();
    let answer = client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").answer();
    assert_eq!(answer.status(), 400);
    client.is_closed();
}

#[test]
fn a_head_that_is_too_large_is_431_and_too_long_a_target_414() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).start();
    let start = "GET / HTTP/1.1\r\nHost: a.test\r\n";
    let long = "x".repeat(70_000);
    let many: String = (0..100).map(|n| format!("X-{n}: y\r\n")).collect();
    for (status, request) in [
        (431, format!("{start}X: {long}\r\n\r\n")),
        (431, format!("{start}{}\r\n", "X: 0123456789012345678901234567890123456789\r\n".repeat(2000))),
        (431, format!("{start}{many}\r\n")),
        (414, format!("GET /{long} HTTP/1.1\r\nHost: a.test\r\n\r\n")),
    ] {
        let mut client = gate.client();
        let _ = client.try_send(request);
        let answer = client.answer();
        assert_eq!((answer.status(), answer.field("connection")), (status, Some("close")));
        client.is_closed();
    }
    let fits: String = (0..99).map(|n| format!("X-{n}: {}\r\n", "y".repeat(600))).collect();
    assert_eq!(gate.client().send(format!("{start}{fits}\r\n")).answer().text(), "hello");
    assert_eq!(app.requests().len(), 1);
}

#[test]
fn the_limits_section_makes_heads_smaller() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).section("limits: {headerBytes: 1Ki, headerCount: 10}").start();
    let start = "GET / HTTP/1.1\r\nHost: a.test\r\n";
    assert_eq!(gate.client().send(format!("{start}X: {}\r\n\r\n", "y".repeat(1024))).answer().status(), 431);
    assert_eq!(gate.client().send(format!("{start}{}\r\n", "X: y\r\n".repeat(10))).answer().status(), 431);
    assert_eq!(gate.client().send(format!("{start}{}\r\n", "X: y\r\n".repeat(9))).answer().status(), 200);
}

#[test]
fn a_head_that_does_not_come_to_its_end_is_408() {
    let gate = gatepost().start();
    let mut client = gate.client();
    let answer = client.send("GET / HTTP/1.1\r\nHost: a.te").answer();
    assert_eq!((answer.status(), answer.field("connection")), (408, Some("close")));
    client.is_closed();
}

#[test]
fn a_client_that_says_nothing_is_let_go_without_a_word() {
    let gate = gatepost().start();
    gate.client().is_closed();
}

#[test]
fn a_refused_request_s_record_has_nothing_of_the_one_before() {
    let app = upstream().ok("hello");
    let mut gate = gatepost().route("host: a.test", &app).start();
    gate.client().get("a.test", "/secret");
    gate.client().send("garbage\r\n\r\n").answer();
    gate.client().send("POST /b HTTP/1.1\r\nHost: b.test\r\nContent-Length: x\r\n\r\n").answer();
    let log = gate.log();
    assert_eq!((&log[1]["status"], log[1].get("path"), log[1].get("host")), (&400.into(), None, None), "{}", log[1]);
    assert!(!log[2].to_string().contains("secret"), "{}", log[2]);
}

#[test]
fn a_body_over_the_route_s_limit_is_413_however_it_is_framed() {
    let app = upstream().script(|conn| while conn.request().is_some() {});
    let gate = gatepost().route("host: a.test, maxBody: 10", &app).start();
    let big = "0123456789x";
    let chunked =
        format!("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n{big}\r\n0\r\n\r\n");
    let refused = |mut client: Client| {
        let answer = client.answer();
        assert_eq!((answer.status(), answer.field("connection")), (413, Some("close")));
        client.is_closed();
    };
    let mut client = gate.client();
    client.send(format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 11\r\n\r\n{big}"));
    refused(client);
    let mut client = gate.client();
    client.send(chunked);
    refused(client);
    let mut client = gate.client();
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    client.send("6\r\nworld!\r\n0\r\n\r\n");
    refused(client);
    drop(gate);
    assert!(app.requests().is_empty());
}

#[test]
fn a_body_of_exactly_the_limit_passes() {
    let app = upstream().echo();
    let gate = gatepost().route("host: a.test, maxBody: 10", &app).start();
    let chunked =
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n";
    assert_eq!(gate.client().send(chunked).answer().text(), "helloworld");
    assert_eq!(gate.client().post("a.test", "/", "0123456789").text(), "0123456789");
}
