//! One line a request in the access log, one count in the metrics, and neither can hold up a request.

use std::io::{self, Write};

use crate::support::{Signal, gatepost, http2, nobody, upstream};

#[test]
fn one_line_tells_what_a_request_was() {
    let app = upstream().ok("hello");
    let mut gate = gatepost().route("host: a.test, path: /api", &app).start();
    let request = "POST /api/x?token=secret HTTP/1.1\r\nHost: A.test:80\r\nUser-Agent: probe/1 \"q\"\r\nReferer: http://r/\r\n\
                   X-Request-Id: id-1\r\nContent-Length: 3\r\n\r\nabc";
    gate.client().send(request).answer();
    let log = gate.log();
    assert_eq!(log.len(), 1);
    let line = &log[0];
    for (name, value) in [
        ("id", "id-1".into()),
        ("client", "127.0.0.1".into()),
        ("method", "POST".into()),
        ("scheme", "http".into()),
        ("host", "a.test".into()),
        ("path", "/api/x".into()),
        ("http", "1.1".into()),
        ("status", 200.into()),
        ("bytesIn", 3.into()),
        ("bytesOut", 5.into()),
        ("route", "a.test/api".into()),
        ("backend", app.addr.to_string().into()),
        ("upstream", serde_json::Value::from(app.addr.to_string())),
        ("retries", 0.into()),
        ("ua", "probe/1 \"q\"".into()),
        ("referer", "http://r/".into()),
    ] {
        assert_eq!(line[name], value, "{name}: {line}");
    }
    assert!(line["ms"].as_f64().unwrap() >= line["upstreamMs"].as_f64().unwrap(), "{line}");
    assert!(line["ts"].as_str().is_some_and(|ts| ts.ends_with('Z')), "{line}");
    // queries hold secrets
    assert!(!line.to_string().contains("secret"), "{line}");
}

#[test]
fn what_a_client_writes_cannot_make_a_second_line() {
    let app = upstream().ok("hello");
    let mut gate = gatepost().route("host: a.test", &app).start();
    let request = b"GET /%0a%0d HTTP/1.1\r\nHost: a.test\r\nUser-Agent: \"},{\\\xff\t\r\n\r\n";
    gate.client().send(request).answer();
    let log = gate.log();
    assert_eq!((log.len(), &log[0]["path"]), (1, &"/%0a%0d".into()));
    assert_eq!(log[0]["ua"], "\"},{\\\u{fffd}");
}

#[test]
fn a_route_can_be_left_out() {
    let app = upstream().ok("hello");
    let mut gate = gatepost().route("host: a.test, log: false", &app).route("host: b.test", &app).start();
    let mut client = gate.client();
    client.get("a.test", "/");
    client.get("b.test", "/");
    let log = gate.log();
    assert_eq!((log.len(), &log[0]["host"]), (1, &"b.test".into()));
}

#[test]
fn the_section_chooses_fields_and_form() {
    let app = upstream().ok("hello");
    let file = |section: &str| gatepost().route("host: a.test", &app).section(section).start();
    let mut gate = file("accessLog: {fields: [status, query, client], anonymise: true}");
    gate.client().get("a.test", "/?q=1");
    assert_eq!(gate.text_log(), "{\"status\":200,\"query\":\"q=1\",\"client\":\"127.0.0.0\"}\n");
    let mut gate = file("accessLog: {format: common}");
    gate.client().get("a.test", "/x");
    let line = gate.text_log();
    assert!(line.starts_with("127.0.0.1 - - [") && line.contains("\"GET /x HTTP/1.1\" 200 5"), "{line}");
}

/// Takes nothing until the test is over.
struct Stalled(Signal, Signal);

impl Write for Stalled {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.give();
        self.1.wait();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_stalled_log_holds_up_nobody_and_what_is_lost_is_counted() {
    let gate_line = "host: a.test, respond: {status: 204}";
    let (reached, over) = (Signal::default(), Signal::default());
    let gate = gatepost().line(gate_line).log_to(Stalled(reached.clone(), over.clone())).start();
    let mut client = gate.client();
    let agent = "x".repeat(8000);
    // 8 buffers of 64 KiB hold some 70 of these lines
    for _ in 0..400 {
        let request = format!("GET / HTTP/1.1\r\nHost: a.test\r\nUser-Agent: {agent}\r\n\r\n");
        assert_eq!(client.send(request).answer().status(), 204);
    }
    reached.wait();
    assert!(gate.metric("gatepost_access_log_dropped_total") > 100.0);
    over.give();
}

#[test]
fn requests_are_counted_by_route_code_and_method() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).to("host: b.test", nobody()).start();
    let mut client = gate.client();
    client.get("a.test", "/");
    client.get("a.test", "/");
    client.post("a.test", "/", "abc");
    client.get("b.test", "/");
    client.get("random.test", "/");
    // the last answer is out before its count is: a further one comes after
    client.get("other.test", "/");
    let count = |labels: &str| gate.metric(&format!("gatepost_requests_total{{{labels}}}"));
    assert_eq!(count("route=\"a.test/\",code=\"200\",method=\"GET\""), 2.0);
    assert_eq!(count("route=\"a.test/\",code=\"200\",method=\"POST\""), 1.0);
    assert_eq!(count("route=\"b.test/\",code=\"502\",method=\"GET\""), 1.0);
    assert!(count("route=\"\",code=\"404\",method=\"GET\"") >= 1.0);
    assert_eq!(gate.metric("gatepost_request_bytes_total{route=\"a.test/\"}"), 3.0);
    assert_eq!(gate.metric("gatepost_response_bytes_total{route=\"a.test/\"}"), 15.0);
    assert_eq!(gate.metric("gatepost_request_seconds_count{route=\"a.test/\"}"), 3.0);
    assert!(!gate.metrics.encode().contains("random.test"), "strangers make no series");
}

#[tokio::test]
async fn a_stream_of_http_2_has_a_line_too() {
    let app = upstream().ok("hello");
    let mut gate = gatepost().route("host: a.test", &app).start();
    let client = http2::connect(&gate).await;
    client.get("a.test", "/x").await;
    client.get("b.test", "/y").await;
    let log = gate.log();
    assert_eq!(log.len(), 2, "{log:?}");
    assert_eq!((&log[0]["http"], &log[0]["status"], &log[0]["path"]), (&"2".into(), &200.into(), &"/x".into()));
    assert_eq!((&log[1]["status"], &log[1]["host"]), (&404.into(), &"b.test".into()));
}
