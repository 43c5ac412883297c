//! One process takes the place of another, and no client notices.

use std::net::SocketAddr;

use crate::support::load::Load;
use crate::support::serving::{Starting, ask, place, process};
use crate::support::{Client, upstream};

const HELLO: &str = "routes: [{host: a.test, respond: {status: 200, body: hello}}]";

fn hello(addr: SocketAddr) -> Starting {
    process(HELLO).http(addr)
}

#[test]
fn twenty_hand_overs_there_and_back_fail_no_request() {
    let addr = place();
    let first = hello(addr).workers(2).serving();
    let load = Load::on(addr);
    let mut ended = Vec::new();
    for round in 0..10 {
        let second = hello(addr).workers(1 + round % 3).take_over().succeeding();
        load.goes_on(50);
        second.signal("TERM");
        first.says_again("The successor is gone, this process accepts", round + 1);
        load.goes_on(50);
        ended.push(second);
    }
    for second in ended {
        let (status, log) = second.ended();
        assert!(status.success(), "{log}");
    }
    assert!(load.all_answered() >= 1000);
    assert!(first.terminated().0.success());
}

#[test]
fn a_process_that_is_replaced_ends_by_itself_once_its_successor_does_well() {
    let addr = place();
    let first = hello(addr).workers(3).serving();
    let load = Load::on(addr);
    let second = hello(addr).workers(2).take_over().succeeding();
    load.goes_on(50);
    let (status, log) = first.ended();
    assert!(status.success(), "{log}");
    second.says("The predecessor may go");
    // who has shown that it does well is asked in its turn
    let third = hello(addr).workers(2).take_over().succeeding();
    load.goes_on(50);
    assert!(second.ended().0.success());
    load.goes_on(50);
    assert!(load.all_answered() >= 100);
    assert!(third.terminated().0.success());
}

#[test]
fn an_address_more_and_an_address_less_lose_nobody_a_connection() {
    let (kept, gone, added) = (place(), place(), place());
    let first = hello(kept).http(gone).serving();
    let (load, waiting) = (Load::on(kept), Load::on(gone));
    let second = hello(added).http(kept).take_over().succeeding();
    assert!(ask(added).unwrap().ends_with("hello"));
    load.goes_on(50);
    // whoever still comes there is served for as long as the old process has its sockets
    waiting.goes_on(50);
    assert!(waiting.all_answered() >= 50);
    assert!(first.ended().0.success());
    second.says("The predecessor does not stand by any more");
    load.goes_on(50);
    load.all_answered();
    while std::net::TcpStream::connect(gone).is_ok() {}
    assert!(second.terminated().0.success());
}

#[test]
fn a_websocket_lives_on_in_the_process_that_was_replaced() {
    let app = upstream().script(|conn| {
        conn.request();
        conn.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
        while let Some(byte) = conn.try_exactly(1) {
            conn.send(byte);
        }
    });
    let addr = place();
    let routes = format!("drain: {{tunnels: 60s}}\nroutes: [{{host: a.test, backend: \"{}\"}}]", app.addr);
    let starting = process(&routes).http(addr);
    let first = starting.serving();
    let mut client = Client::connect(addr);
    client.send(
        "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    assert_eq!(client.head().status(), 101);
    let second = starting.clone().take_over().succeeding();
    first.says("The successor has the listeners");
    // what is open is told while it lasts
    let line = first.says("Draining, still open");
    assert_eq!((line["tunnels"].as_u64(), line["requests"].as_u64()), (Some(1), Some(0)), "{line}");
    assert_eq!(client.send("x").exactly(1), b"x");
    drop(client);
    assert!(first.ended().0.success());
    assert!(second.terminated().0.success());
}

#[test]
fn the_admin_surface_moves_with_the_listeners() {
    let (addr, admin) = (place(), place());
    let starting = hello(addr).flag(format!("--admin={admin}"));
    let status = || {
        let answer = Client::connect(admin).get("127.0.0.1", "/status");
        serde_json::from_str::<serde_json::Value>(answer.text()).unwrap()
    };
    let first = starting.serving();
    assert_eq!(status()["ready"], true);
    let second = starting.clone().workers(7).take_over().succeeding();
    second.says("Serves with");
    first.says("The successor accepts");
    first.signal("STOP");
    // only the second one is there to answer
    assert_eq!(status()["ready"], true);
    first.signal("KILL");
    second.says("The predecessor does not stand by any more");
    assert_eq!(status()["stage"], "serving");
}

#[test]
fn an_admin_address_that_the_new_process_does_not_want_is_answered_until_the_old_one_has_ended() {
    let (addr, gone, added) = (place(), place(), place());
    let status = |admin| Client::connect(admin).get("127.0.0.1", "/status").status();
    let first = hello(addr).flag(format!("--admin={gone}")).serving();
    let second = hello(addr).flag(format!("--admin={added}")).take_over().succeeding();
    first.says("The successor accepts");
    first.signal("STOP");
    assert_eq!([status(gone), status(added)], [200, 200]);
    first.signal("KILL");
    second.says("The predecessor does not stand by any more");
    while std::net::TcpStream::connect(gone).is_ok() {}
    assert_eq!(status(added), 200);
}

#[test]
fn without_the_flag_a_taken_port_is_told_and_nobody_is_asked() {
    let addr = place();
    let first = hello(addr).serving();
    let (status, log) = hello(addr).start().ended();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("already in use"), "{log}");
    let (status, log) = hello(addr).flag("--take-over=false").start().ended();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(!first.has_said("A process starts up"), "{}", first.log());
}

#[test]
fn with_nobody_to_ask_it_binds() {
    let addr = place();
    let first = hello(addr).take_over().serving();
    assert!(ask(addr).unwrap().ends_with("hello"));
    assert!(first.terminated().0.success());
}
