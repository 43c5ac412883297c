//! How a process ends that has a successor, or had a predecessor.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;

use crate::support::Client;
use crate::support::load::Load;
use crate::support::peer::{Host, Peer, name};
use crate::support::process::Process;
use crate::support::serving::{Starting, ask, place, process, process_without_routes};

const HELLO: &str = "drain: {lameDuck: 60s}\nroutes: [{host: a.test, respond: {status: 200, body: hello}}]";

/// In a pod the kubelet ends a process, and would start one again that ends by itself.
fn pod(addr: SocketAddr) -> Starting {
    process(HELLO).http(addr).in_pod()
}

#[test]
fn in_a_pod_a_process_stands_by_until_it_is_told_to_end_and_then_drains_without_lame_duck() {
    let addr = place();
    let first = pod(addr).serving();
    let load = Load::on(addr);
    let second = pod(addr).succeeding();
    // before its successor has shown that it does well: it waits for that
    first.signal("TERM");
    first.says("Shutting down once the successor has shown");
    load.goes_on(50);
    let (status, log) = first.ended();
    assert!(status.success(), "{log}");
    assert!(log.contains("The successor has the listeners") && !log.contains("serving on so that"), "{log}");
    second.says("The predecessor does not stand by any more");
    load.goes_on(50);
    load.all_answered();
}

#[test]
fn a_successor_that_dies_while_the_old_one_waits_to_end_leaves_it_its_lame_duck_time() {
    let addr = place();
    let first = pod(addr).serving();
    let second = pod(addr).succeeding();
    first.signal("TERM");
    first.says("Shutting down once the successor has shown");
    second.signal("KILL");
    first.says("The successor is gone");
    first.says("Shutting down, serving on");
    assert!(ask(addr).unwrap().ends_with("hello"));
    // a new one that comes meanwhile ends the wait
    let load = Load::on(addr);
    let third = pod(addr).succeeding();
    let (status, log) = first.ended();
    assert!(status.success(), "{log}");
    assert!(log.contains("The successor has the listeners"), "{log}");
    load.goes_on(50);
    load.all_answered();
    drop(third);
}

#[test]
fn a_new_process_that_is_told_to_end_gives_the_listeners_back() {
    let addr = place();
    let first = pod(addr).workers(1).serving();
    let load = Load::on(addr);
    let second = pod(addr).workers(3).succeeding();
    load.goes_on(50);
    let (status, log) = second.terminated();
    assert!(status.success(), "{log}");
    assert!(log.contains("The predecessor serves again") && !log.contains("serving on so that"), "{log}");
    first.says("The successor is gone, this process accepts");
    load.goes_on(50);
    load.all_answered();
}

#[test]
fn a_second_signal_ends_one_that_waits_for_its_successor() {
    let addr = place();
    let first = pod(addr).serving();
    let _second = pod(addr).succeeding();
    first.signal("TERM");
    first.says("Shutting down once the successor has shown");
    first.signal("INT");
    assert_eq!(first.ended().0.code(), Some(130));
    assert!(ask(addr).unwrap().ends_with("hello"));
}

#[test]
fn a_new_process_that_dies_is_replaced_by_the_old_one_at_once() {
    let addr = place();
    let first = pod(addr).serving();
    for round in 1..=3 {
        let second = pod(addr).succeeding();
        first.says_again("The successor accepts connections", round);
        second.signal("KILL");
        first.says_again("The successor is gone", round);
        assert!(ask(addr).unwrap().ends_with("hello"));
    }
}

#[test]
fn a_new_process_that_hangs_is_replaced_by_the_old_one_which_stands_by_again_when_it_wakes() {
    let addr = place();
    let first = pod(addr).serving();
    let second = pod(addr).succeeding();
    first.says("The successor accepts connections");
    second.signal("STOP");
    first.says("The successor is gone");
    // the process that hangs has the sockets too: nobody is lost whoever accepts
    for _ in 0..20 {
        assert!(ask(addr).unwrap().ends_with("hello"));
    }
    second.signal("CONT");
    first.says_again("The successor accepts connections", 2);
    let load = Load::on(addr);
    // it knows that somebody follows
    let (status, log) = first.terminated();
    assert!(status.success(), "{log}");
    assert!(log.contains("The successor has the listeners") && !log.contains("serving on so that"), "{log}");
    load.goes_on(50);
    load.all_answered();
}

#[test]
fn an_old_process_that_dies_in_the_middle_leaves_a_new_one_that_serves() {
    let addr = place();
    let first = pod(addr).serving();
    let second = pod(addr).succeeding();
    // until then it accepts too, and whom it has let in is lost with it
    first.says("The successor accepts connections");
    let load = Load::on(addr);
    first.signal("KILL");
    second.says("The predecessor does not stand by any more");
    load.goes_on(50);
    load.all_answered();
}

#[test]
fn a_successor_that_died_just_before_the_goodbye_is_noticed() {
    let addr = place();
    let first = pod(addr).serving();
    let (peer, _offer, fds) = Peer::asks(addr);
    peer.says(json!({"type": "accepting"}));
    while !first.has_said("The successor does well") {
        peer.says(json!({"type": "alive", "ready": true}));
        // between two beats
        std::thread::sleep(Duration::from_millis(500));
    }
    // it hears of both at once
    first.signal("STOP");
    first.signal("TERM");
    drop((peer, fds));
    first.signal("CONT");
    first.says("The successor is gone, this process accepts connections again");
    first.says("Shutting down, serving on");
    assert!(ask(addr).unwrap().ends_with("hello"));
}

#[test]
fn clients_that_wait_where_a_process_dies_are_those_of_the_one_that_starts_up() {
    let addr = place();
    let first = pod(addr).serving();
    let starting = process_without_routes().http(addr).in_pod();
    let second = starting.start();
    second.says("Took over the listeners");
    // nobody accepts this one any more
    first.signal("STOP");
    let mut waiting = Client::connect(addr);
    waiting.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    first.signal("KILL");
    second.says("The predecessor has ended the hand-over");
    starting.write_routes(HELLO);
    assert_eq!(waiting.answer().text(), "hello");
}

#[test]
fn clients_of_a_process_that_was_given_nothing_wait_for_its_routes() {
    let addr = place();
    let host = Host::listens(&name(addr));
    let starting = process_without_routes().http(addr).in_pod().take_over();
    let process = starting.start();
    host.asked().0.says(json!({"type": "refuse", "why": "not today"}));
    process.says("Listens beside the process that serves");
    assert_eq!(process.says("Listening")["listener"], "admin");
    // in a queue of its own, which whoever serves does not see
    let mut waiting = Client::connect(addr);
    waiting.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    starting.write_routes(HELLO);
    assert_eq!(waiting.answer().text(), "hello");
}

#[test]
fn a_process_that_is_left_alone_while_it_starts_up_does_not_let_clients_wait_for_ever() {
    let addr = place();
    let first = process(HELLO).http(addr).serving();
    let second = process_without_routes().http(addr).in_pod().start();
    second.says("Took over the listeners");
    assert!(first.terminated().0.success());
    // there are no routes, and there never will be
    let answer = ask(addr).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}

#[test]
fn a_pod_without_a_service_account_does_not_let_clients_wait_for_ever() {
    let addr = place();
    let environment = [("KUBERNETES_SERVICE_HOST", "127.0.0.1"), ("POD_NAMESPACE", "edge")];
    let process = Process::start(&["--http", &addr.to_string()], &environment);
    process.line("Cannot speak to Kubernetes yet, trying again");
    let answer = ask(addr).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    assert_eq!(process.line("Goes on without settings for Kubernetes")["namespace"], "edge");
}
