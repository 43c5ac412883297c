//! Upgrades: only to WebSocket, only after the app's 101, and then bytes as they are.

use std::time::Duration;

use crate::support::{App, Client, Gate, Signal, gatepost, upstream};

const ASK: &str = "GET /ws HTTP/1.1\r\nHost: a.test\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
const AGREED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                      Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzhZRbK+xOo=\r\n\r\n";

fn tunnel(app: &App) -> (Gate, Client) {
    let gate = gatepost().route("host: a.test", app).start();
    let mut client = gate.client();
    let head = client.send(ASK).head();
    assert_eq!((head.status(), head.field("upgrade")), (101, Some("websocket")));
    assert_eq!(head.field("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzhZRbK+xOo="));
    (gate, client)
}

#[test]
fn bytes_flow_both_ways_after_the_app_s_101() {
    let app = upstream().script(|conn| {
        let head = conn.head().unwrap();
        assert_eq!((head.field("upgrade"), head.field("connection")), (Some("websocket"), Some("upgrade")));
        assert_eq!(head.field("sec-websocket-version"), Some("13"));
        conn.send(AGREED);
        assert_eq!(conn.exactly(4), b"\0ab\xff");
        conn.send(b"\x81\0");
        conn.until_closed();
    });
    let (_gate, mut client) = tunnel(&app);
    client.send(b"\0ab\xff");
    assert_eq!(client.exactly(2), b"\x81\0");
}

#[test]
fn bytes_right_behind_either_handshake_are_not_lost() {
    let app = upstream().script(|conn| {
        conn.head().unwrap();
        conn.send(format!("{AGREED}first from the app"));
        assert_eq!(conn.exactly(21), b"first from the client");
        conn.until_closed();
    });
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    client.send(format!("{ASK}first from the client"));
    assert_eq!(client.head().status(), 101);
    assert_eq!(client.exactly(18), b"first from the app");
}

#[test]
fn each_direction_of_a_tunnel_ends_by_itself() {
    let app = upstream().script(|conn| {
        conn.head().unwrap();
        conn.send(AGREED);
        assert_eq!(conn.rest(), b"the client is done");
        conn.send("the app is not");
        conn.finish();
        conn.until_closed();
    });
    let (_gate, mut client) = tunnel(&app);
    client.send("the client is done").finish();
    assert_eq!(client.rest(), b"the app is not");
}

#[test]
fn a_lot_flows_through_a_tunnel_in_both_directions_at_once() {
    const N: usize = 1 << 20;
    let app = upstream().small(|conn| {
        conn.head().unwrap();
        conn.send(AGREED);
        for _ in 0..N / 4096 {
            let part = conn.exactly(4096);
            conn.send(part);
        }
        conn.finish();
        conn.until_closed();
    });
    let (_gate, mut client) = tunnel(&app);
    let mut up = client.socket().try_clone().unwrap();
    let sender = std::thread::spawn(move || std::io::Write::write_all(&mut up, &[7; N]).unwrap());
    assert!(client.rest() == [7; N], "all of it came back");
    sender.join().unwrap();
}

#[test]
fn an_app_that_does_not_agree_is_heard_and_the_connection_stays() {
    let app = upstream().raw("HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno");
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    for _ in 0..2 {
        assert_eq!(client.send(ASK).answer().status(), 426);
    }
}

#[test]
fn an_upgrade_to_anything_else_is_not_passed() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    for ask in [
        ASK.replace("websocket\r\n", "h2c\r\n"),
        ASK.replace("keep-alive, Upgrade", "keep-alive"),
        ASK.replace("GET /ws", "POST /ws").replace("\r\n\r\n", "\r\nContent-Length: 0\r\n\r\n"),
    ] {
        assert_eq!(client.send(&ask).answer().text(), "hello");
        assert_eq!(app.request().field("upgrade"), None, "{ask}");
    }
}

#[test]
fn a_101_that_nobody_asked_for_is_502() {
    let app = upstream().raw(AGREED);
    let gate = gatepost().route("host: a.test", &app).start();
    assert_eq!(gate.client().get("a.test", "/").status(), 502);
}

#[test]
fn a_101_to_something_else_is_502() {
    let app = upstream().raw(AGREED.replace("Upgrade: websocket", "Upgrade: h2c"));
    let gate = gatepost().route("host: a.test", &app).start();
    assert_eq!(gate.client().send(ASK).answer().status(), 502);
}

#[test]
fn a_tunnel_whose_client_leaves_ends_at_the_app() {
    let closed = Signal::default();
    let close = closed.clone();
    let app = upstream().script(move |conn| {
        conn.head().unwrap();
        conn.send(AGREED);
        conn.until_closed();
        close.give();
    });
    let (mut gate, client) = tunnel(&app);
    client.reset();
    closed.wait();
    let log = gate.log();
    assert_eq!((log.len(), &log[0]["status"]), (1, &101.into()));
}

#[test]
fn a_tunnel_that_is_silent_in_both_directions_ends_by_its_timeout() {
    let app = upstream().script(|conn| {
        conn.head().unwrap();
        conn.send(AGREED);
        conn.until_closed();
    });
    let gate = gatepost().route("host: a.test, timeouts: {tunnel: 300ms}", &app).start();
    let mut client = gate.client();
    assert_eq!(client.send(ASK).head().status(), 101);
    client.is_closed();
}

#[test]
fn a_tunnel_outlives_an_edit_but_not_its_route() {
    let app = upstream().script(|conn| {
        conn.head().unwrap();
        conn.send(AGREED);
        while conn.try_exactly(1).is_some() {
            conn.send("x");
        }
    });
    let (mut gate, mut client) = tunnel(&app);
    gate.reload(gatepost().route("host: a.test, maxBody: 1Mi", &app));
    client.send("a");
    assert_eq!(client.exactly(1), b"x");
    gate.reload(gatepost().route("host: b.test", &app).section("drain: {tunnels: 1s}"));
    client.is_closed();
}

#[test]
fn a_drain_ends_tunnels_by_their_bound() {
    let app = upstream().script(|conn| {
        conn.head().unwrap();
        conn.send(AGREED);
        conn.until_closed();
    });
    let (mut gate, mut client) = tunnel(&app);
    gate.drain(Duration::from_secs(3600), Duration::from_millis(200));
    client.is_closed();
    gate.join().unwrap();
}
