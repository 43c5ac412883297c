//! Interim answers: 103 and the like pass to those who know them, `Expect: 100-continue` is the app's to answer.

use crate::support::{gatepost, upstream};

const WAITING: &str = "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n";

#[test]
fn interim_answers_pass_to_a_client_of_http_1_1() {
    let app = upstream().raw(
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n\
         HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
    );
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    for _ in 0..2 {
        let hints = client.get("a.test", "/");
        assert_eq!((hints.status(), hints.field("link")), (103, Some("</a.css>")));
        assert_eq!(client.answer().status(), 102);
        assert_eq!(client.answer().text(), "ok");
    }
}

/// What a final answer never shows, an interim one does not either: it would be read as framing, or as meant for us.
#[test]
fn fields_that_end_here_end_here_in_interim_answers_too() {
    let fields = [
        "Connection: close, X-Hop",
        "X-Hop: 1",
        "Keep-Alive: timeout=5",
        "Proxy-Connection: keep-alive",
        "TE: trailers",
        "Transfer-Encoding: chunked",
        "Content-Length: 5",
        "Upgrade: websocket",
        "HTTP2-Settings: AAMAAABk",
    ];
    for interim in ["100 Continue", "102 Processing", "103 Early Hints"] {
        let app = upstream().raw(format!(
            "HTTP/1.1 {interim}\r\n{}\r\nLink: </a.css>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            fields.join("\r\n")
        ));
        let gate = gatepost().route("host: a.test", &app).start();
        let mut client = gate.client();
        for _ in 0..2 {
            let hints = client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").head();
            assert_eq!(hints.fields, [("Link".to_owned(), "</a.css>".to_owned())], "{interim}");
            assert_eq!(client.answer().text(), "ok");
        }
        assert_eq!(app.connections(), 1, "what an interim answer says of the connection is not heard");
    }
}

#[test]
fn interim_answers_never_pass_to_a_client_of_http_1_0() {
    let app = upstream().raw("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let gate = gatepost().route("host: a.test", &app).start();
    assert_eq!(gate.client().send("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n").answer().text(), "ok");
}

#[test]
fn an_app_that_sends_interim_answers_without_end_is_502() {
    let app = upstream().raw("HTTP/1.1 103 Early Hints\r\n\r\n".repeat(100));
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    let mut answer = client.get("a.test", "/");
    while answer.status() == 103 {
        answer = client.answer();
    }
    assert_eq!(answer.status(), 502);
}

#[test]
fn the_app_says_whether_a_body_may_come() {
    let app = upstream().script(|conn| {
        let mut head = conn.head().unwrap();
        assert_eq!(head.field("expect"), Some("100-continue"));
        conn.send("HTTP/1.1 100 Continue\r\n\r\n");
        conn.body(&mut head);
        conn.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{}", head.text()));
        conn.until_closed();
    });
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    assert_eq!(client.send(WAITING).answer().status(), 100);
    assert_eq!(client.send("hello").answer().text(), "hello");
}

#[test]
fn an_app_that_refuses_is_heard_before_the_body() {
    let app = upstream().script(|conn| {
        conn.head().unwrap();
        conn.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
        conn.until_closed();
    });
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    let answer = client.send(WAITING).answer();
    assert_eq!((answer.status(), answer.field("connection")), (401, Some("close")));
}

#[test]
fn a_silent_app_gets_the_body_after_a_second() {
    let app = upstream().echo();
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    assert_eq!(client.send(WAITING).answer().status(), 100);
    assert_eq!(client.send("hello").answer().text(), "hello");
}

#[test]
fn a_client_that_does_not_wait_is_not_asked() {
    let app = upstream().echo();
    let gate = gatepost().route("host: a.test", &app).start();
    assert_eq!(gate.client().send(format!("{WAITING}hello")).answer().text(), "hello");
}

#[test]
fn a_body_that_is_too_large_is_refused_before_it_is_sent() {
    let app = upstream().echo();
    let gate = gatepost().route("host: a.test, maxBody: 4", &app).start();
    let mut client = gate.client();
    let answer = client.send(WAITING).answer();
    assert_eq!((answer.status(), answer.field("connection")), (413, Some("close")));
    client.is_closed();
    assert_eq!(app.connections(), 0);
}

#[test]
fn without_a_body_nothing_is_waited_for() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).start();
    let answer = gate.client().send("GET / HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\n\r\n").answer();
    assert_eq!(answer.text(), "hello");
    assert_eq!(app.request().field("expect"), None);
}
