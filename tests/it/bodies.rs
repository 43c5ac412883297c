//! Bodies are streams: both directions at once, as fast as the slower side, and a cut one never looks whole.

use std::io::Write;

use crate::support::{Client, Signal, gatepost, upstream};

/// More than every buffer on the way holds together.
const LARGE: usize = 4 * 1024 * 1024;

fn pattern(n: usize) -> Vec<u8> {
    (0..n).map(|at| (at % 251) as u8).collect()
}

#[test]
fn both_directions_stream_at_once_through_small_sockets() {
    let app = upstream().small(|conn| {
        let head = conn.head().unwrap();
        conn.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", head.field("content-length").unwrap()));
        for _ in 0..LARGE / 4096 {
            let part = conn.exactly(4096);
            conn.send(part);
        }
    });
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = Client::connect_small(gate.addr);
    let body = pattern(LARGE);
    client.send(format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {LARGE}\r\n\r\n"));
    let mut up = client.socket().try_clone().unwrap();
    let sent = body.clone();
    let sender = std::thread::spawn(move || up.write_all(&sent).unwrap());
    assert!(client.answer().body == body, "the body came back as it was");
    sender.join().unwrap();
}

#[test]
fn a_large_chunked_body_arrives_whole_in_both_directions() {
    let app = upstream().each(|request| {
        let mut answer =
            format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n", request.body.len()).into_bytes();
        answer.extend_from_slice(&request.body);
        answer.extend_from_slice(b"\r\n0\r\n\r\n");
        answer
    });
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    let body = pattern(LARGE);
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n");
    for part in body.chunks(70_001) {
        client.send(format!("{:x}\r\n", part.len())).send(part).send("\r\n");
    }
    client.send("0\r\n\r\n");
    assert!(client.answer().body == body, "the body came back as it was");
    assert_eq!(client.get("a.test", "/").body, b"");
}

#[test]
fn every_event_of_a_stream_is_passed_at_once() {
    let next = Signal::default();
    let wait = next.clone();
    let app = upstream().script(move |conn| {
        conn.request().unwrap();
        conn.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
        for n in 0..3 {
            conn.send(format!("data: {n}\n\n"));
            wait.wait_for(n + 1);
        }
    });
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let head = client.head();
    assert_eq!(head.field("transfer-encoding"), Some("chunked"));
    for n in 0..3 {
        // a chunk of nine bytes, and the app goes on only once it is here
        assert_eq!(client.exactly(14), format!("9\r\ndata: {n}\n\n\r\n").into_bytes());
        next.give();
    }
    assert_eq!(client.exactly(5), b"0\r\n\r\n");
}

#[test]
fn a_request_s_body_is_passed_while_it_arrives() {
    let app = upstream().script(|conn| {
        let head = conn.head().unwrap();
        assert_eq!(conn.exactly(7), b"2\r\nhi\r\n");
        conn.saw(&head);
        conn.exactly(5);
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    });
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n");
    app.request();
    assert_eq!(client.send("0\r\n\r\n").answer().status(), 200);
}

#[test]
fn an_answer_that_comes_before_the_body_s_end_is_passed_at_once() {
    let app = upstream().script(|conn| {
        conn.head().unwrap();
        conn.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
        conn.until_closed();
    });
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\nfirst");
    let answer = client.answer();
    assert_eq!((answer.status(), answer.text()), (403, "no"));
}

#[test]
fn after_an_early_answer_a_short_rest_leaves_the_connection_usable() {
    let app = upstream().script(|conn| {
        conn.head().unwrap();
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        conn.until_closed();
    });
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 10\r\n\r\nfirst");
    assert_eq!(client.answer().status(), 200);
    client.send("-last");
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(client.answer().status(), 200);
    // a connection on which a request was not finished is not used again
    assert_eq!(app.connections(), 2);
}

#[test]
fn an_app_that_answers_and_resets_within_the_upload_is_heard() {
    let app = upstream().script(|conn| {
        conn.head().unwrap();
        conn.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
        conn.finish();
        conn.until_closed();
    });
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    client.send(format!("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: {LARGE}\r\n\r\n"));
    let _ = client.try_send(pattern(256 * 1024));
    assert_eq!(client.answer().status(), 413);
}

#[test]
fn a_client_that_leaves_ends_the_app_s_work_and_is_logged_as_499() {
    let (asked, closed) = (Signal::default(), Signal::default());
    let (ask, close) = (asked.clone(), closed.clone());
    let app = upstream().script(move |conn| {
        conn.request().unwrap();
        ask.give();
        conn.until_closed();
        close.give();
    });
    let mut gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    client.send("GET /slow HTTP/1.1\r\nHost: a.test\r\n\r\n");
    asked.wait();
    drop(client);
    closed.wait();
    let log = gate.log();
    assert_eq!((log.len(), &log[0]["status"], &log[0]["path"]), (1, &499.into(), &"/slow".into()));
}

#[test]
fn a_client_that_resets_within_its_body_ends_the_app_s_request() {
    let closed = Signal::default();
    let close = closed.clone();
    let app = upstream().script(move |conn| {
        let head = conn.head().unwrap();
        conn.saw(&head);
        conn.until_closed();
        close.give();
    });
    let mut gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100\r\n\r\nfirst");
    app.request();
    client.reset();
    closed.wait();
    let log = gate.log();
    assert_eq!((&log[0]["status"], &log[0]["bytesIn"]), (&499.into(), &5.into()));
}

#[test]
fn a_client_that_leaves_within_the_answer_closes_the_app_s_connection() {
    let closed = Signal::default();
    let close = closed.clone();
    let app = upstream().script(move |conn| {
        conn.request().unwrap();
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nfirst");
        conn.until_closed();
        close.give();
    });
    let mut gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").head();
    assert_eq!(client.exactly(5), b"first");
    drop(client);
    closed.wait();
    assert_eq!(gate.log()[0]["bytesOut"], 5);
}

#[test]
fn a_cut_answer_ends_as_a_close_without_a_last_chunk() {
    for (framing, sent) in [("Transfer-Encoding: chunked", "5\r\nfirst\r\n"), ("Content-Length: 10", "first")] {
        let read = Signal::default();
        let go = read.clone();
        let app = upstream().script(move |conn| {
            conn.request().unwrap();
            conn.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n{sent}"));
            go.wait();
        });
        let mut gate = gatepost().route("host: a.test", &app).start();
        let mut client = gate.client();
        client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").head();
        assert_eq!(client.exactly(sent.len()), sent.as_bytes());
        read.give();
        client.is_closed();
        let log = gate.log();
        assert_eq!((&log[0]["status"], &log[0]["error"]), (&200.into(), &"http_protocol_error".into()));
    }
}

#[test]
fn what_came_before_a_cut_is_passed() {
    let app = upstream().raw_and_close("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst");
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    let head = client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").head();
    assert_eq!(head.field("content-length"), Some("10"));
    assert_eq!(client.rest(), b"first");
}
