//! Apps that fail: each way has its status, its error type, and leaves nothing behind.

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};

use crate::support::{Client, Signal, black_hole, gatepost, upstream};

/// Answers that no reader may take.
#[rustfmt::skip]
const MALFORMED: &[&str] = &[
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nhi",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
    "HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nhi",
    "HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nhi",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
    "HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 2OO OK\r\nContent-Length: 0\r\n\r\n",
    "HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n",
    "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
    "hello",
    "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
];

#[test]
fn a_malformed_answer_is_502_and_nothing_of_it_reaches_the_client() {
    for answer in MALFORMED {
        let app = upstream().raw_and_close(*answer);
        let gate = gatepost().route("host: a.test", &app).start();
        let mut client = gate.client();
        let told = client.get("a.test", "/");
        let name = answer.escape_debug();
        assert_eq!(
            (told.status(), told.field("proxy-status")),
            (502, Some("gatepost; error=http_protocol_error")),
            "{name}"
        );
        assert!(told.text().contains("could not be understood"), "{name}");
        // it is the app's fault: the client's connection stays
        assert_eq!(client.get("a.test", "/").status(), 502, "{name}");
    }
}

#[test]
fn a_head_of_an_answer_that_is_too_large_is_502() {
    let app = upstream().raw_and_close(format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(70_000)));
    let gate = gatepost().route("host: a.test", &app).start();
    assert_eq!(gate.client().get("a.test", "/").status(), 502);
    let app = upstream().raw_and_close(format!("HTTP/1.1 200 OK\r\n{}\r\n", "X: y\r\n".repeat(101)));
    let gate = gatepost().route("host: a.test", &app).start();
    assert_eq!(gate.client().get("a.test", "/").status(), 502);
}

#[test]
fn a_bad_chunk_in_an_answer_cuts_it() {
    for chunks in ["5\r\nfirst\r\nx\r\n", "5\r\nfirst\r\n 5\r\n", "5\r\nfirstX\r\n", "5\r\nfirst\r\n5\nhello"] {
        let app = upstream().raw(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"));
        let mut gate = gatepost().route("host: a.test", &app).start();
        let mut client = gate.client();
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").head();
        let rest = client.rest();
        assert!(rest.starts_with(b"5\r\nfirst") && !rest.ends_with(b"0\r\n\r\n"), "{}", rest.escape_ascii());
        assert_eq!(gate.log()[0]["error"], "http_protocol_error");
    }
}

/// The end of the connection is the end of such an answer, so that a cut one must end otherwise.
#[test]
fn a_cut_answer_to_a_client_of_http_1_0_ends_with_a_reset_and_a_whole_one_does_not() {
    for (end, whole) in [("0\r\n\r\n", true), ("5\r\nsec", false)] {
        let answer = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n{end}");
        let app = upstream().raw_and_close(answer);
        let gate = gatepost().route("host: a.test", &app).start();
        let mut client = gate.client();
        client.send("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n").head();
        assert_eq!(client.exactly(5), b"first");
        assert_eq!(client.is_reset(), !whole, "{end}");
    }
}

#[test]
fn an_app_that_closes_before_it_answers_is_502() {
    let app = upstream().script(|conn| {
        conn.request();
    });
    let gate = gatepost().route("host: a.test", &app).start();
    let answer = gate.client().get("a.test", "/");
    assert_eq!((answer.status(), answer.field("proxy-status")), (502, Some("gatepost; error=connection_terminated")));
}

#[test]
fn an_app_that_resets_before_it_answers_is_502() {
    let app = upstream().script(|conn| {
        conn.request();
        conn.reset();
    });
    let gate = gatepost().route("host: a.test", &app).start();
    assert_eq!(gate.client().get("a.test", "/").status(), 502);
}

#[test]
fn an_app_that_no_connection_gets_through_to_is_504() {
    let app = black_hole(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
    for scheme in ["http", "h2c"] {
        let backend = format!("backend: \"{scheme}://{}\"", app.addr);
        let mut gate = gatepost().line(&format!("host: a.test, timeouts: {{connect: 200ms}}, {backend}")).start();
        let mut client = gate.client();
        for _ in 0..2 {
            let answer = client.get("a.test", "/");
            let told = (answer.status(), answer.field("proxy-status"));
            assert_eq!(told, (504, Some("gatepost; error=connection_timeout")), "{scheme}");
        }
        assert_eq!(gate.log()[0]["error"], "connection_timeout");
    }
}

#[test]
fn an_app_that_does_not_answer_in_time_is_504_and_is_hung_up_on() {
    let closed = Signal::default();
    let close = closed.clone();
    let app = upstream().script(move |conn| {
        conn.request();
        conn.until_closed();
        close.give();
    });
    let mut gate = gatepost().route("host: a.test, timeouts: {firstByte: 200ms}", &app).start();
    let mut client = gate.client();
    let answer = client.get("a.test", "/");
    assert_eq!((answer.status(), answer.field("proxy-status")), (504, Some("gatepost; error=http_response_timeout")));
    closed.wait();
    assert_eq!(client.get("a.test", "/").status(), 504);
    assert_eq!(gate.log()[0]["error"], "http_response_timeout");
}

#[test]
fn the_limit_of_a_whole_request_is_504_too() {
    let app = upstream().script(|conn| {
        conn.request();
        conn.until_closed();
    });
    let gate = gatepost().route("host: a.test, timeouts: {request: 200ms}", &app).start();
    assert_eq!(gate.client().get("a.test", "/").status(), 504);
}

#[test]
fn an_answer_that_stops_within_its_body_is_cut() {
    let app = upstream().script(|conn| {
        conn.request();
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst");
        conn.until_closed();
    });
    let mut gate = gatepost().route("host: a.test, timeouts: {idle: 200ms}", &app).start();
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").head();
    assert_eq!(client.rest(), b"first");
    assert_eq!(gate.log()[0]["error"], "http_response_timeout");
}

#[test]
fn an_app_that_does_not_take_the_body_is_504() {
    let over = Signal::default();
    let wait = over.clone();
    let app = upstream().small(move |conn| {
        conn.head();
        wait.wait();
    });
    let mut gate = gatepost().route("host: a.test, timeouts: {idle: 200ms}", &app).start();
    let mut client = gate.client();
    let mut writer = client.socket().try_clone().unwrap();
    // more than any socket on the way holds: the end of it is that the proxy closes
    let upload = std::thread::spawn(move || {
        let _ = writer.write_all(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000000\r\n\r\n");
        while writer.write_all(&[b'x'; 1 << 16]).is_ok() {}
    });
    let answer = client.answer();
    let told = (answer.status(), answer.field("proxy-status"), answer.field("connection"));
    assert_eq!(told, (504, Some("gatepost; error=connection_write_timeout"), Some("close")));
    upload.join().unwrap();
    over.give();
    assert_eq!(gate.log()[0]["error"], "connection_write_timeout");
}

#[test]
fn a_client_that_does_not_take_the_answer_is_not_the_app_s_fault() {
    let app = upstream().script(|conn| {
        conn.request();
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
        while conn.try_send([b'x'; 1 << 16]).is_ok() {}
    });
    let mut gate = gatepost().route("host: a.test, timeouts: {idle: 200ms}", &app).start();
    let mut client = Client::connect_small(gate.addr);
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").head();
    drop(app);
    assert_eq!(gate.log()[0]["error"], "http_request_error");
}

#[test]
fn a_client_that_stops_within_its_body_is_408() {
    let app = upstream().script(|conn| {
        conn.head();
        conn.until_closed();
    });
    let gate = gatepost().route("host: a.test, timeouts: {idle: 200ms}", &app).start();
    let mut client = gate.client();
    let answer = client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nfirst").answer();
    assert_eq!((answer.status(), answer.field("connection")), (408, Some("close")));
    client.is_closed();
}

#[test]
fn the_node_itself_is_no_backend_unless_that_is_allowed() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).strict_about_addresses().start();
    let answer = gate.client().get("a.test", "/");
    assert_eq!(
        (answer.status(), answer.field("proxy-status")),
        (502, Some("gatepost; error=destination_ip_prohibited"))
    );
    assert_eq!(app.connections(), 0);
}

#[test]
fn a_person_who_sees_a_refusal_finds_the_request_s_id_in_it() {
    let gate = gatepost().start();
    let answer = gate.client().send("GET / HTTP/1.1\r\nHost: a.test\r\nX-Request-Id: q7\r\n\r\n").answer();
    assert!(answer.text().contains("q7"), "{}", answer.text());
    assert_eq!((answer.field("cache-control"), answer.field("x-request-id")), (Some("no-store"), Some("q7")));
    assert!(answer.field("date").is_some());
}
