//! How a process ends, and how an edit does not end anything.

use std::time::Duration;

use crate::support::{Client, Signal, gatepost, http2, upstream};

const LONG: Duration = Duration::from_secs(3600);

#[test]
fn idle_connections_close_and_the_worker_ends() {
    let app = upstream().ok("hello");
    let mut gate = gatepost().route("host: a.test", &app).workers(2).start();
    let mut clients: Vec<Client> = (0..8).map(|_| gate.client()).collect();
    for client in &mut clients {
        client.get("a.test", "/");
    }
    gate.drain(LONG, LONG);
    for client in &mut clients {
        client.is_closed();
    }
    gate.join().unwrap();
}

#[test]
fn a_request_under_way_is_finished_and_its_answer_says_close() {
    let (asked, go) = (Signal::default(), Signal::default());
    let (ask, wait) = (asked.clone(), go.clone());
    let app = upstream().script(move |conn| {
        conn.request();
        ask.give();
        wait.wait();
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        conn.until_closed();
    });
    let mut gate = gatepost().route("host: a.test", &app).start();
    let (mut client, mut idle) = (gate.client(), gate.client());
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    asked.wait();
    gate.drain(LONG, LONG);
    // the drain has begun: those who are idle are told
    idle.is_closed();
    go.give();
    let answer = client.answer();
    assert_eq!((answer.text(), answer.field("connection")), ("hello", Some("close")));
    client.is_closed();
    gate.join().unwrap();
}

#[test]
fn with_a_successor_a_client_is_told_in_its_answer_and_only_the_silent_are_closed() {
    let app = upstream().ok("hello");
    let mut gate = gatepost().route("host: a.test", &app).start();
    let (mut busy, mut idle, mut fresh) = (gate.client(), gate.client(), gate.client());
    busy.get("a.test", "/");
    idle.get("a.test", "/");
    gate.drain_with_successor(LONG);
    let mut told = false;
    while !told {
        let answer = busy.get("a.test", "/");
        assert_eq!(answer.text(), "hello");
        told = answer.field("connection") == Some("close");
    }
    // who has connected and not asked yet is answered too
    assert_eq!(fresh.get("a.test", "/").text(), "hello");
    idle.is_closed();
    gate.join().unwrap();
}

#[test]
fn with_a_successor_requests_may_take_as_long_as_tunnels() {
    let (asked, go) = (Signal::default(), Signal::default());
    let (ask, wait) = (asked.clone(), go.clone());
    let app = upstream().script(move |conn| {
        conn.request();
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello");
        ask.give();
        wait.wait();
        conn.send("hello");
        conn.until_closed();
    });
    let mut gate = gatepost().route("host: a.test", &app).start();
    let (mut client, mut idle) = (gate.client(), gate.client());
    idle.get("nobody.test", "/");
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    asked.wait();
    gate.drain_with_successor(LONG);
    idle.is_closed();
    go.give();
    // its head had promised to keep the connection: that ends a moment later
    assert_eq!(client.answer().text(), "hellohello");
    client.is_closed();
    gate.join().unwrap();
}

#[test]
fn nobody_is_let_in_after_the_drain() {
    let mut gate = gatepost().start();
    gate.drain(LONG, LONG);
    gate.join().unwrap();
    assert!(std::net::TcpStream::connect(gate.addr).is_err());
}

#[test]
fn a_drain_that_comes_at_once_ends_at_once() {
    for _ in 0..20 {
        let mut gate = gatepost().workers(2).start();
        gate.drain(LONG, LONG);
        gate.join().unwrap();
    }
}

#[test]
fn requests_that_were_sent_before_the_drain_are_answered() {
    let app = upstream().ok("hello");
    for _ in 0..10 {
        let mut gate = gatepost().route("host: a.test", &app).start();
        let mut clients: Vec<Client> = (0..20).map(|_| gate.client()).collect();
        for client in &mut clients {
            client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        }
        gate.drain(LONG, LONG);
        for client in &mut clients {
            assert_eq!(client.answer().text(), "hello");
            client.is_closed();
        }
        // a client that stays is waited for, for a second
        drop(clients);
        gate.join().unwrap();
    }
}

#[test]
fn requests_that_take_too_long_are_cut_by_the_drain_s_bound() {
    let app = upstream().script(|conn| {
        conn.request();
        conn.until_closed();
    });
    let mut gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
    app.request();
    gate.drain(Duration::from_millis(200), LONG);
    assert_eq!(client.answer().status(), 503);
    client.is_closed();
    gate.join().unwrap();
}

#[tokio::test]
async fn streams_of_http_2_are_finished_too() {
    let (asked, go) = (Signal::default(), Signal::default());
    let (ask, wait) = (asked.clone(), go.clone());
    let app = upstream().script(move |conn| {
        conn.request();
        ask.give();
        wait.wait();
        conn.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
        conn.until_closed();
    });
    let mut gate = gatepost().route("host: a.test", &app).start();
    let client = http2::connect(&gate).await;
    let answer = tokio::spawn(async move { client.get("a.test", "/").await });
    tokio::task::spawn_blocking(move || asked.wait()).await.unwrap();
    gate.drain(LONG, LONG);
    go.give();
    assert_eq!(answer.await.unwrap().text(), "hello");
    tokio::task::spawn_blocking(move || gate.join().unwrap()).await.unwrap();
}

#[test]
fn an_edit_closes_no_connection_and_decides_the_next_request() {
    let (asked, go) = (Signal::default(), Signal::default());
    let (ask, wait) = (asked.clone(), go.clone());
    let old = upstream().script(move |conn| {
        while conn.request().is_some() {
            ask.give();
            wait.wait();
            conn.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nold");
        }
    });
    let new = upstream().ok("new");
    let mut gate = gatepost().route("host: a.test", &old).start();
    let (mut busy, mut idle) = (gate.client(), gate.client());
    assert_eq!(idle.get("b.test", "/").status(), 404);
    busy.send("GET /1 HTTP/1.1\r\nHost: a.test\r\n\r\n");
    asked.wait();
    gate.reload(gatepost().route("host: a.test", &new).route("host: b.test", &new));
    assert_eq!(idle.get("b.test", "/").text(), "new");
    go.give();
    assert_eq!(busy.answer().text(), "old");
    assert_eq!(busy.get("a.test", "/2").text(), "new");
}

#[test]
fn the_connections_of_a_burst_are_those_of_the_next_one() {
    const BURST: usize = 100;
    let (asked, go) = (Signal::default(), Signal::default());
    let (told, gone) = (asked.clone(), go.clone());
    let app = upstream().script(move |conn| {
        // each waits until all are there
        for round in 1.. {
            let Some(_) = conn.request() else { return };
            told.give();
            gone.wait_for(round);
            conn.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let gate = gatepost().route("host: a.test", &app).start();
    let mut clients: Vec<Client> = (0..BURST).map(|_| gate.client()).collect();
    for round in 1..=3 {
        for client in &mut clients {
            client.send("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        }
        asked.wait_for(round * BURST);
        go.give();
        assert!(clients.iter_mut().all(|client| client.answer().status() == 200));
    }
    assert_eq!(app.connections(), BURST);
}

#[test]
fn pooled_connections_survive_an_edit() {
    let app = upstream().ok("hello");
    let mut gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    for n in 0..5 {
        client.get("a.test", "/");
        gate.reload(gatepost().route(&format!("host: a.test, maxBody: {}Mi", n + 1), &app));
    }
    assert_eq!(app.connections(), 1);
}
