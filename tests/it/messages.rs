//! How messages of HTTP/1 are framed on their way: what the other side gets is one message that says the same.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use crate::support::{gatepost, upstream};

#[test]
fn a_connection_serves_one_request_after_the_other() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    for _ in 0..3 {
        assert_eq!(client.get("a.test", "/").text(), "hello");
    }
    assert_eq!((app.connections(), app.requests().len()), (1, 3));
    assert_eq!(gate.metric("gatepost_upstream_connections_total{result=\"reused\"}"), 2.0);
}

#[test]
fn connection_close_is_done_and_said() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    let answer = client.send("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n").answer();
    assert_eq!((answer.text(), answer.field("connection")), ("hello", Some("close")));
    client.is_closed();
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let app = upstream().each(|request| {
        let path = request.target();
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}", path.len()).into_bytes()
    });
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    let all: String = (0..10).map(|n| format!("GET /{n} HTTP/1.1\r\nHost: a.test\r\n\r\n")).collect();
    client.send(all);
    for n in 0..10 {
        assert_eq!(client.answer().text(), format!("/{n}"));
    }
}

#[test]
fn pipelined_requests_with_bodies_keep_their_own_bodies() {
    let app = upstream().echo();
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    client.send(
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\none\
         POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ntw\r\n1\r\no\r\n0\r\n\r\n\
         GET / HTTP/1.1\r\nHost: a.test\r\n\r\n\
         POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nthree",
    );
    for body in ["one", "two", "", "three"] {
        assert_eq!(client.answer().text(), body);
    }
}

#[test]
fn a_request_may_arrive_byte_by_byte() {
    let app = upstream().echo();
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    let request = "POST /x HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    for byte in request.bytes() {
        client.send([byte]);
    }
    assert_eq!(client.answer().text(), "hello");
}

#[test]
fn http_1_0_ends_its_connection_unless_it_asks_to_keep_it() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    let answer = client.send("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n").answer();
    assert_eq!((answer.text(), answer.field("connection")), ("hello", Some("close")));
    client.is_closed();

    let mut client = gate.client();
    for _ in 0..2 {
        let answer = client.send("GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n").answer();
        assert_eq!((answer.text(), answer.field("connection")), ("hello", Some("keep-alive")));
    }
}

/// The kernel answers what comes to a closed socket with a reset, and an answer that is still on its way may be lost by it.
#[test]
fn only_after_a_client_that_has_said_all_the_socket_is_closed_at_once() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).start();
    for (request, at_once) in [
        ("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n", true),
        ("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n", true),
        ("GET / HTTP/1.1\r\nHost: b.test\r\nConnection: close\r\n\r\n", true),
        ("POST / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", false),
        ("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\nGET /", false),
        ("GET / HTTP/1.1\r\nConnection: close\r\nHost: a.test\r\nHost: b.test\r\n\r\n", false),
    ] {
        let mut client = gate.client();
        client.send(request).answer();
        client.is_closed();
        client.send("\r\n");
        if at_once {
            client.until_reset();
        }
        let taken = client.try_send("\r\n").map_err(|error| error.kind());
        assert_eq!(taken, if at_once { Err(ErrorKind::BrokenPipe) } else { Ok(()) }, "{request}");
    }
}

#[test]
fn the_last_answer_of_a_connection_comes_in_one_packet_with_its_end() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).start();
    for version in ["1.1", "1.0"].repeat(25) {
        let mut client = TcpStream::connect(gate.addr).unwrap();
        write!(client, "GET / HTTP/{version}\r\nHost: a.test\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"hello") {
            let mut buffer = [0; 4096];
            let n = client.read(&mut buffer).unwrap();
            answer.extend_from_slice(&buffer[..n]);
        }
        // had it a packet of its own, it would not be there yet, sooner or later in fifty times
        client.set_nonblocking(true).unwrap();
        assert_eq!(client.read(&mut [0]).unwrap(), 0);
    }
}

#[test]
fn http_1_0_gets_no_chunks_but_the_end_of_the_connection() {
    let app = upstream().raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    let answer = client.send("GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n").answer();
    assert_eq!((answer.text(), answer.field("transfer-encoding")), ("hello", None));
    assert_eq!(answer.field("connection"), Some("close"));
    client.is_closed();
}

#[test]
fn a_request_of_http_1_0_is_one_of_http_1_1_at_the_app() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).start();
    gate.client().send("POST / HTTP/1.0\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi").answer();
    let seen = app.request();
    assert_eq!((seen.start.as_str(), seen.text()), ("POST / HTTP/1.1", "hi"));
}

#[test]
fn an_answer_to_head_keeps_its_length_and_has_no_body() {
    let app = upstream().raw("HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n");
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    for _ in 0..2 {
        let answer = client.send("HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n").answer_to_head();
        assert_eq!((answer.field("content-length"), answer.field("transfer-encoding")), (Some("1234"), None));
    }
}

#[test]
fn statuses_without_a_body_have_none() {
    for (status, kept) in [("204 No Content", None), ("304 Not Modified", Some("77"))] {
        let length = if kept.is_some() { "Content-Length: 77\r\n" } else { "" };
        let app = upstream().raw(format!("HTTP/1.1 {status}\r\n{length}ETag: \"x\"\r\n\r\n"));
        let gate = gatepost().route("host: a.test", &app).start();
        let mut client = gate.client();
        for _ in 0..2 {
            let answer = client.get("a.test", "/");
            assert_eq!((answer.field("content-length"), answer.field("etag")), (kept, Some("\"x\"")), "{status}");
            assert_eq!(answer.field("transfer-encoding"), None);
        }
    }
}

#[test]
fn chunks_are_read_and_written_anew_in_both_directions() {
    let app = upstream().each(|request| {
        assert!(request.chunked);
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;a=b\r\n<\r\n{:X}\r\n{}\r\n000\r\n\r\n",
            request.body.len(),
            request.text()
        )
        .into_bytes()
    });
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    let request = "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: Chunked\r\n\r\n\
                   00A;x=\"y;\"\r\n0123456789\r\n3\r\nabc\r\n0;last\r\n\r\n";
    for _ in 0..2 {
        let answer = client.send(request).answer();
        assert!(answer.chunked);
        assert_eq!(answer.text(), "<0123456789abc");
    }
}

#[test]
fn a_body_that_ends_with_the_app_s_connection_becomes_chunks() {
    let app = upstream().raw_and_close("HTTP/1.1 200 OK\r\n\r\nuntil the end");
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    for _ in 0..2 {
        let answer = client.get("a.test", "/");
        assert!(answer.chunked);
        assert_eq!((answer.text(), answer.field("connection")), ("until the end", None));
    }
}

#[test]
fn an_answer_of_http_1_0_is_one_of_http_1_1_for_the_client() {
    let app = upstream().raw_and_close("HTTP/1.0 200 Fine\r\nContent-Length: 2\r\n\r\nhi");
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    for _ in 0..2 {
        let answer = client.get("a.test", "/");
        assert_eq!((answer.start.as_str(), answer.text()), ("HTTP/1.1 200 Fine", "hi"));
    }
    assert_eq!(app.connections(), 2);
}

#[test]
fn trailers_pass_in_both_directions_but_for_those_that_decide_something() {
    let app = upstream().raw(
        "HTTP/1.1 200 OK\r\nTrailer: X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n\
         2\r\nhi\r\n0\r\nX-Sum: 7\r\nContent-Length: 9\r\nSet-Cookie: a=b\r\n\r\n",
    );
    let gate = gatepost().route("host: a.test", &app).start();
    let answer = gate
        .client()
        .send(
            "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n\
             2\r\nhi\r\n0\r\nX-Check: 1\r\nAuthorization: x\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n",
        )
        .answer();
    let seen = app.request();
    assert_eq!(seen.trailers, [("X-Check".to_owned(), "1".to_owned())]);
    assert_eq!(answer.trailers, [("X-Sum".to_owned(), "7".to_owned())]);
    assert_eq!(answer.field("trailer"), Some("X-Sum"));
}

#[test]
fn trailers_that_find_no_chunks_are_dropped_and_counted() {
    let app = upstream().raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n");
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    assert_eq!(client.send("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n").answer().text(), "hi");
    client.is_closed();
    assert_eq!(gate.metric("gatepost_trailers_dropped_total"), 1.0);
}

#[test]
fn an_empty_line_before_a_request_is_nothing() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    assert_eq!(client.send("\r\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n").answer().text(), "hello");
    assert_eq!(client.send("\r\nGET / HTTP/1.1\r\nHost: a.test\r\n\r\n").answer().text(), "hello");
}
