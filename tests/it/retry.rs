//! The one safe retry: a pooled connection that dies before an answer byte, and a request that may be sent again.

use crate::support::{App, Signal, gatepost, upstream};

/// Answers the first request of its first connection, then closes when the second has been read; later connections
/// answer everything.
fn closes_on_its_second_request() -> App {
    upstream().script(|conn| {
        let mut answered = 0;
        while let Some(request) = conn.request() {
            if conn.index == 0 && answered == 1 {
                return;
            }
            let text = format!("{}{}", request.method(), conn.index);
            conn.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len()));
            answered += 1;
        }
    })
}

#[test]
fn a_get_is_sent_again_on_a_fresh_connection() {
    let app = closes_on_its_second_request();
    let mut gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    assert_eq!(client.get("a.test", "/1").text(), "GET0");
    assert_eq!(client.get("a.test", "/2").text(), "GET1");
    let seen: Vec<String> = app.requests().iter().map(|request| request.target().to_owned()).collect();
    assert_eq!((seen, app.connections()), (vec!["/1".into(), "/2".into(), "/2".into()], 2));
    assert_eq!(gate.metric("gatepost_upstream_retries_total"), 1.0);
    let retries: Vec<_> = gate.log().iter().map(|line| line["retries"].clone()).collect();
    assert_eq!(retries, [0, 1]);
}

#[test]
fn a_post_that_may_have_been_done_is_not_sent_again() {
    let app = closes_on_its_second_request();
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    assert_eq!(client.get("a.test", "/1").text(), "GET0");
    let answer = client.post("a.test", "/2", "order");
    assert_eq!((answer.status(), answer.field("proxy-status")), (502, Some("gatepost; error=connection_terminated")));
    assert_eq!((app.requests().len(), app.connections()), (2, 1));
}

#[test]
fn a_post_without_a_body_is_not_sent_again_either() {
    let app = closes_on_its_second_request();
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    client.get("a.test", "/1");
    assert_eq!(client.post("a.test", "/2", "").status(), 502);
    assert_eq!(app.requests().len(), 2);
}

#[test]
fn a_put_with_a_body_is_not_sent_again_for_its_body_is_gone() {
    let app = closes_on_its_second_request();
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    client.get("a.test", "/1");
    let put = "PUT /2 HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(client.send(put).answer().status(), 502);
    assert_eq!(app.requests().len(), 2);
}

#[test]
fn a_request_is_sent_again_only_once() {
    let app = upstream().script(|conn| {
        while let Some(request) = conn.request() {
            if request.target() == "/die" {
                return;
            }
            conn.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    client.get("a.test", "/");
    assert_eq!(client.get("a.test", "/die").status(), 502);
    assert_eq!(app.requests().len(), 3);
}

#[test]
fn a_fresh_connection_that_dies_is_not_tried_again() {
    let app = upstream().script(|conn| {
        conn.request();
    });
    let gate = gatepost().route("host: a.test", &app).start();
    assert_eq!(gate.client().get("a.test", "/").status(), 502);
    assert_eq!(app.requests().len(), 1);
}

#[test]
fn an_answer_that_began_is_not_asked_for_again() {
    let app = upstream().script(|conn| {
        conn.request();
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        if conn.request().is_some() {
            conn.send("HTTP/1.1 2");
        }
    });
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    client.get("a.test", "/");
    let answer = client.get("a.test", "/");
    assert_eq!((answer.status(), answer.field("proxy-status")), (502, Some("gatepost; error=http_protocol_error")));
    assert_eq!(app.requests().len(), 2);
}

#[test]
fn a_connection_that_the_app_closed_while_idle_is_not_used() {
    let closed = Signal::default();
    let close = closed.clone();
    let app = upstream().script(move |conn| {
        conn.request();
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        if conn.index == 0 {
            conn.finish();
            // the proxy notices by itself and closes its end
            conn.until_closed();
            close.give();
        }
    });
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    client.get("a.test", "/");
    closed.wait();
    assert_eq!(client.post("a.test", "/", "order").status(), 200);
    assert_eq!(gate.metric("gatepost_upstream_retries_total"), 0.0);
    assert_eq!(app.requests().len(), 2);
}

#[test]
fn an_app_that_asks_to_close_is_not_asked_again_there() {
    let app = upstream().raw("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi");
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    for _ in 0..3 {
        let answer = client.get("a.test", "/");
        assert_eq!((answer.text(), answer.field("connection")), ("hi", None));
    }
    assert_eq!(app.connections(), 3);
}

#[test]
fn an_app_that_says_more_than_its_answer_is_not_asked_again_there() {
    let app = upstream()
        .raw("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    for _ in 0..3 {
        assert_eq!(client.get("a.test", "/").text(), "hi");
    }
}

/// A careless app sends a body behind such an answer; on a connection that is used again it would be taken for the
/// answer to somebody else's request.
#[test]
fn an_app_s_connection_is_not_used_again_after_an_answer_that_has_no_body() {
    for (request, head) in [
        ("HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"),
        ("GET /none HTTP/1.1\r\nHost: a.test\r\n\r\n", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET /same HTTP/1.1\r\nHost: a.test\r\n\r\n", "HTTP/1.1 304 Not Modified\r\n\r\n"),
    ] {
        let app = upstream().script(move |conn| {
            while let Some(request) = conn.request() {
                let own = request.target() == "/own";
                conn.send(if own { "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nown" } else { head });
            }
        });
        let gate = gatepost().route("host: a.test", &app).start();
        let mut client = gate.client();
        client.send(request).answer_to_head();
        assert_eq!(client.get("a.test", "/own").text(), "own");
        assert_eq!(app.connections(), 2, "{request}");
    }
}
