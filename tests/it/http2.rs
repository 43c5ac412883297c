//! HTTP/2 with prior knowledge, from clients and to apps.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use crate::support::http2::{
    self, ACK, Body, Frames, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS, full, request, streamed, trailed, whole,
    within,
};
use crate::support::{Signal, gatepost, upstream};

#[tokio::test]
async fn a_get_is_answered_by_an_app_of_http_1_1() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).start();
    let answer = http2::connect(&gate).await.get("a.test", "/x?y").await;
    assert_eq!((answer.status, answer.text()), (200, "hello"));
    let seen = app.request();
    assert_eq!((seen.start.as_str(), seen.field("host")), ("GET /x?y HTTP/1.1", Some("a.test")));
    assert_eq!((seen.field("content-length"), seen.field("transfer-encoding")), (None, None));
}

#[tokio::test]
async fn a_body_and_its_trailers_go_through_in_both_directions() {
    let app = upstream().each(|request| {
        let sum = request.trailer("x-sum").unwrap_or("none");
        let body = request.text();
        format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\nX-Sum: {sum}\r\n\r\n",
            body.len()
        )
        .into_bytes()
    });
    let gate = gatepost().route("host: a.test", &app).start();
    let answer = http2::connect(&gate).await.post("a.test", "/", trailed("hello", &[("x-sum", "42")])).await;
    assert_eq!((answer.text(), answer.trailer("x-sum")), ("hello", Some("42")));
}

#[tokio::test]
async fn trailers_behind_a_body_of_a_known_length_are_dropped_and_counted() {
    let app = upstream().echo();
    let mut gate = gatepost().route("host: a.test", &app).start();
    let trailed = trailed("hello", &[("x-sum", "42")]);
    let ask = request("POST", "a.test", "/").header("content-length", "5").body(trailed).unwrap();
    assert_eq!(http2::connect(&gate).await.send(ask).await.text(), "hello");
    assert_eq!(app.request().field("content-length"), Some("5"));
    // the answer is out before its request is counted: the record comes after both
    gate.log();
    assert_eq!(gate.metric("gatepost_trailers_dropped_total"), 1.0);
}

#[tokio::test]
async fn a_large_body_goes_through_every_window() {
    let app = upstream().echo();
    let gate = gatepost().route("host: a.test", &app).start();
    let body: Bytes = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect::<Vec<_>>().into();
    let answer = http2::connect(&gate).await.post("a.test", "/", full(body.clone())).await;
    assert!(answer.body == body, "the body came back as it was");
}

#[tokio::test]
async fn a_hundred_streams_run_at_once() {
    let all = Signal::default();
    let count = all.clone();
    let app = upstream().script(move |conn| {
        while let Some(request) = conn.request() {
            count.give();
            // nobody is answered before everybody has asked
            count.wait_for(100);
            let path = request.target();
            conn.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{path}", path.len()));
        }
    });
    let gate = gatepost().route("host: a.test", &app).start();
    let client = http2::connect(&gate).await;
    let streams = (0..100).map(|n| {
        let path = format!("/{n}");
        let client = &client;
        async move { assert_eq!(client.get("a.test", &path).await.text(), path) }
    });
    futures_util::future::join_all(streams).await;
}

#[tokio::test]
async fn a_stream_that_is_reset_frees_the_app_s_connection() {
    let closed = Signal::default();
    let close = closed.clone();
    let app = upstream().script(move |conn| {
        conn.request();
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nfirst");
        conn.until_closed();
        close.give();
    });
    let gate = gatepost().route("host: a.test", &app).start();
    let client = http2::connect(&gate).await;
    let ask = request("GET", "a.test", "/").body(full("")).unwrap();
    let mut answer = within(client.0.clone().send_request(ask)).await.unwrap();
    assert_eq!(within(answer.body_mut().frame()).await.unwrap().unwrap().into_data().unwrap(), "first");
    drop(answer);
    tokio::task::spawn_blocking(move || closed.wait()).await.unwrap();
}

#[tokio::test]
async fn a_stream_that_is_reset_before_its_answer_frees_the_app_s_connection() {
    let (asked, closed) = (Signal::default(), Signal::default());
    let (ask, close) = (asked.clone(), closed.clone());
    let app = upstream().script(move |conn| {
        conn.request();
        ask.give();
        conn.until_closed();
        close.give();
    });
    let gate = gatepost().route("host: a.test", &app).start();
    let client = http2::connect(&gate).await;
    let mut sender = client.0.clone();
    let pending =
        tokio::spawn(async move { sender.send_request(request("GET", "a.test", "/").body(full("")).unwrap()).await });
    tokio::task::spawn_blocking(move || asked.wait()).await.unwrap();
    pending.abort();
    tokio::task::spawn_blocking(move || closed.wait()).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_is_cut_is_a_reset_and_never_a_whole_one() {
    for answer in ["Content-Length: 10\r\n\r\nfirst", "Transfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n"] {
        let app = upstream().raw_and_close(format!("HTTP/1.1 200 OK\r\n{answer}"));
        let gate = gatepost().route("host: a.test", &app).start();
        let client = http2::connect(&gate).await;
        let ask = request("GET", "a.test", "/").body(full("")).unwrap();
        let came = within(client.0.clone().send_request(ask)).await;
        assert!(match came {
            Ok(answer) => whole(answer).await.is_err(),
            Err(_) => true,
        });
    }
}

#[test]
fn an_answer_that_a_client_of_http_2_does_not_take_is_given_up() {
    // more than hyper takes without asking
    let app = upstream().ok(&"x".repeat(40_000));
    let gate = gatepost().route("host: a.test, timeouts: {idle: 200ms}", &app);
    let gate = gate.section("limits: {keepAlive: 200ms}").start();
    let mut frames = Frames::connect(&gate);
    // SETTINGS_INITIAL_WINDOW_SIZE: no byte of a body may come
    frames.send(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    frames.request(1, &[(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/")]);
    assert_eq!(frames.next(HEADERS).stream, 1);
    // nothing is under way any more, so the connection may go
    assert_eq!(frames.next(GOAWAY).payload[4..], [0, 0, 0, 0]);
}

#[test]
fn an_idle_connection_of_http_2_is_told_to_go_and_closed() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).section("limits: {keepAlive: 200ms}").start();
    let mut frames = Frames::connect(&gate);
    frames.request(1, &[(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/")]);
    assert_eq!(frames.next(HEADERS).stream, 1);
    // a warning first, so that no request that is under way is lost (RFC 9113 6.8); both say NO_ERROR
    assert_eq!(frames.next(GOAWAY).payload, [0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0]);
    let ping = frames.next(PING);
    frames.send(PING, ACK, 0, &ping.payload);
    assert_eq!(frames.next(GOAWAY).payload, [0, 0, 0, 1, 0, 0, 0, 0]);
    frames.is_closed();
}

#[tokio::test]
async fn a_request_of_http_2_that_takes_too_long_is_504_or_a_reset_once_its_answer_began() {
    let app = upstream().script(|conn| {
        let request = conn.request().unwrap();
        if request.target() == "/begins" {
            conn.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst");
        }
        conn.until_closed();
    });
    let mut gate = gatepost().route("host: a.test, timeouts: {request: 300ms}", &app).start();
    let client = http2::connect(&gate).await;
    let answer = client.get("a.test", "/").await;
    assert_eq!((answer.status, answer.field("proxy-status")), (504, Some("gatepost; error=http_response_timeout")));
    let ask = request("GET", "a.test", "/begins").body(full("")).unwrap();
    let answer = within(client.0.clone().send_request(ask)).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert!(whole(answer).await.is_err());
    let log = gate.log();
    assert_eq!((&log[1]["status"], &log[1]["error"]), (&200.into(), &"http_response_timeout".into()));
}

#[test]
fn a_connection_field_in_http_2_is_a_broken_stream() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).start();
    let mut frames = Frames::connect(&gate);
    let fields = [(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/")];
    for (stream, extra) in [(1, ("connection", "close")), (3, ("transfer-encoding", "chunked")), (5, ("te", "gzip"))] {
        frames.request(stream, &[&fields[..], &[extra]].concat());
        let reset = frames.next(RST_STREAM);
        assert_eq!((reset.stream, reset.payload.as_slice()), (stream, &[0, 0, 0, 1][..]), "{extra:?}");
    }
    frames.request(7, &fields);
    assert_eq!(frames.next(HEADERS).stream, 7);
    assert_eq!(app.requests().len(), 1);
}

#[tokio::test]
async fn both_versions_are_refused_alike() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test, maxBody: 4", &app).start();
    let client = http2::connect(&gate).await;
    assert_eq!(client.get("b.test", "/").await.status, 404);
    assert_eq!(client.get("a.test", "/a/..%2fb").await.status, 400);
    assert_eq!(client.post("a.test", "/", full("hello")).await.status, 413);
    assert_eq!(client.post("a.test", "/", trailed("hello", &[])).await.status, 413);
    let looped = request("GET", "a.test", "/").header("cdn-loop", "gatepost-under-test").body(full("")).unwrap();
    assert_eq!(client.send(looped).await.status, 508);
    let trace = request("TRACE", "a.test", "/").body(full("")).unwrap();
    assert_eq!(client.send(trace).await.status, 405);
    // a head of 70 KB is more than the client is told it may send, so it is refused by number of fields
    let many = (0..101).fold(request("GET", "a.test", "/"), |head, n| head.header(format!("x-{n}"), "y"));
    assert_eq!(client.send(many.body(full("")).unwrap()).await.status, 431);
    assert_eq!(app.requests().len(), 0);
    assert_eq!(client.get("a.test", "/").await.text(), "hello");
}

/// What came, told in the answer's fields; the body and its trailers come back.
async fn echo(request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let te = parts.headers.get("te").cloned();
    let authority = parts.uri.authority().map(|authority| authority.to_string()).unwrap_or_default();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().cloned();
    let mut answer = Response::builder()
        .header("x-seen", format!("{:?} {} {}", parts.version, parts.method, parts.uri.path()))
        .header("x-authority", authority);
    if let Some(te) = te {
        answer = answer.header("x-te", te);
    }
    answer.body(streamed(body.to_bytes(), trailers)).unwrap()
}

#[tokio::test]
async fn an_app_of_http_2_serves_clients_of_both_versions() {
    let addr = http2::app(echo);
    let gate = gatepost().line(&format!("host: a.test, backend: \"h2c://{addr}\"")).start();
    let client = http2::connect(&gate).await;
    let grpc =
        request("POST", "a.test", "/svc/Call").header("te", "trailers").body(trailed("hi", &[("grpc-status", "0")]));
    let answer = client.send(grpc.unwrap()).await;
    assert_eq!((answer.text(), answer.trailer("grpc-status")), ("hi", Some("0")));
    assert_eq!((answer.field("x-seen"), answer.field("x-te")), (Some("HTTP/2.0 POST /svc/Call"), Some("trailers")));

    let from_http1 = tokio::task::spawn_blocking(move || {
        let mut client = gate.client();
        let asked = "POST /x HTTP/1.1\r\nHost: a.test:80\r\nTE: trailers, gzip\r\nConnection: TE\r\n\
                     Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX-Sum: 7\r\n\r\n";
        (client.send(asked).answer(), client.get("a.test", "/"), client.post("a.test", "/", "length"))
    });
    let (answer, empty, length) = from_http1.await.unwrap();
    assert_eq!((answer.text(), answer.trailer("x-sum")), ("hi", Some("7")));
    assert_eq!((answer.field("x-te"), answer.field("x-authority")), (Some("trailers"), Some("a.test:80")));
    assert_eq!((empty.text(), length.text()), ("", "length"));
}

#[tokio::test]
async fn an_app_of_http_2_that_is_away_is_502() {
    let gate = gatepost().line(&format!("host: a.test, backend: \"h2c://{}\"", crate::support::nobody())).start();
    assert_eq!(http2::connect(&gate).await.get("a.test", "/").await.status, 502);
}

#[tokio::test]
async fn many_streams_to_an_app_of_http_2_run_at_once() {
    let addr = http2::app(echo);
    let gate = gatepost().line(&format!("host: a.test, backend: \"h2c://{addr}\"")).start();
    let client = http2::connect(&gate).await;
    let streams = (0..100).map(|n| {
        let client = &client;
        async move { assert_eq!(client.post("a.test", "/", full(format!("{n}"))).await.text(), format!("{n}")) }
    });
    futures_util::future::join_all(streams).await;
}

/// 32 streams a connection and 16 connections: the rest of a burst is told that the app is busy.
#[tokio::test]
async fn a_burst_opens_no_more_connections_to_an_app_of_http_2_than_it_fills() {
    const ROOM: usize = 16 * 32;
    for (burst, served, connections) in [(100, 100, 4), (ROOM + 88, ROOM, 16)] {
        // nobody is answered before everybody who finds room has asked
        let all = Arc::new(tokio::sync::Barrier::new(served));
        let (addr, accepted) = http2::counted(move |request| {
            let all = Arc::clone(&all);
            async move {
                all.wait().await;
                echo(request).await
            }
        });
        let gate = gatepost().line(&format!("host: a.test, backend: \"h2c://{addr}\"")).start();
        let clients = futures_util::future::join_all((0..burst / 100 + 1).map(|_| http2::connect(&gate))).await;
        let streams = (0..burst).map(|n| clients[n / 100].get("a.test", "/"));
        let answers = futures_util::future::join_all(streams).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), served);
        let busy =
            answers.iter().filter(|answer| answer.field("proxy-status").is_some_and(|told| told.contains("limit")));
        assert_eq!(busy.count(), burst - served);
        assert_eq!(accepted.load(Ordering::SeqCst), connections);
    }
}

#[test]
fn a_web_socket_to_an_app_of_http_2_is_501() {
    let gate = gatepost().line("host: a.test, backend: \"h2c://127.0.0.1:9\"").start();
    let ask = "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert_eq!(gate.client().send(ask).answer().status(), 501);
}

#[test]
fn expect_before_an_app_of_http_2_is_answered_at_once() {
    let addr = http2::app(echo);
    let gate = gatepost().line(&format!("host: a.test, backend: \"h2c://{addr}\"")).start();
    let mut client = gate.client();
    client.send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(client.answer().status(), 100);
    assert_eq!(client.send("hello").answer().text(), "hello");
}

#[test]
fn a_ping_that_acknowledges_none_is_nothing_to_tell() {
    const PING: u8 = 6;
    let gate = gatepost().line("host: a.test, respond: {status: 204}").start();
    let mut client = Frames::connect(&gate);
    client.send(PING, 1, 0, &[7; 8]);
    client.request(1, &[(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/")]);
    // the proxy's end finds nothing above debug in the log
    assert_eq!(client.next(HEADERS).stream, 1);
}

#[test]
fn who_sends_control_frames_and_nothing_else_is_cut_off_and_nobody_else() {
    const WINDOW_UPDATE: u8 = 8;
    let gate = gatepost().line("host: a.test, respond: {status: 204}").start();
    let ask = |client: &mut Frames| {
        client.request(1, &[(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/")]);
        client.next(HEADERS).stream
    };
    let mut other = Frames::connect(&gate);
    let mut client = Frames::connect(&gate);
    assert_eq!(ask(&mut client), 1);
    // an octet at a time, so that the window never overflows: 2 MiB of frames, or the end of the connection before
    let ended = (0..160_000).any(|_| client.try_send(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]).is_err());
    assert!(ended);
    assert_eq!(ask(&mut other), 1);
    assert!(gate.metric("gatepost_client_errors_total{kind=\"http2\"}") >= 1.0);
}
