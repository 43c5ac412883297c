//! How many connections there may be, and how long an idle one stays.

use crate::support::process::Process;
use crate::support::{gatepost, upstream};

#[test]
fn more_connections_than_allowed_are_turned_away_and_counted() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).section("limits: {connections: 2}").start();
    let (mut one, mut two) = (gate.client(), gate.client());
    assert_eq!((one.get("a.test", "/").text(), two.get("a.test", "/").text()), ("hello", "hello"));
    gate.client().is_closed();
    assert_eq!(gate.metric("gatepost_connections_refused_total{reason=\"connections\"}"), 1.0);
    drop(one);
    // the place is free once the worker has seen the close, which the next request on the other comes after
    two.get("a.test", "/");
    assert_eq!(gate.client().get("a.test", "/").text(), "hello");
}

#[test]
fn one_client_has_its_share_over_all_workers() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).section("limits: {connectionsPerClient: 3}").workers(2).start();
    let mut clients: Vec<_> = (0..3).map(|_| gate.client()).collect();
    for client in &mut clients {
        assert_eq!(client.get("a.test", "/").text(), "hello");
    }
    gate.client().is_closed();
    assert_eq!(gate.metric("gatepost_connections_refused_total{reason=\"connectionsPerClient\"}"), 1.0);
}

#[test]
fn an_idle_connection_is_closed_after_its_time() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).section("limits: {keepAlive: 200ms}").start();
    let mut client = gate.client();
    client.get("a.test", "/");
    client.is_closed();
}

#[test]
fn the_allocator_is_told_to_give_back_what_has_been_free_for_a_second() {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gatepost"));
    let output = command.arg("--version").env("_RJEM_MALLOC_CONF", "stats_print:true").output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    for setting in ["opt.narenas: 2\n", "opt.dirty_decay_ms: 1000 ", "opt.muzzy_decay_ms: 0 "] {
        assert!(told.contains(setting), "{setting:?} in {told}");
    }
}

#[test]
fn the_process_may_open_as_many_files_as_the_system_lets_it() {
    let minimal = concat!(env!("CARGO_MANIFEST_DIR"), "/config/minimal.yaml");
    let process = Process::wrapped(&["prlimit", "--nofile=100:"], &["--routes", minimal, "--http", "127.0.0.1:0"], &[]);
    process.listener("http");
    let [soft, hard] = process.most_files();
    assert_eq!(soft, hard);
    assert_ne!(soft, 100);
}
