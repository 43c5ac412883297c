//! Cloudflare's client when things go wrong: broken answers, time, bounds, and the right to ask.

use std::future::Future;
use std::time::Duration;

use gatepost::demo::cloudflare::{Fault as Fails, On};
use gatepost::dns::{Batch, Draft, Error, Fault, Kind, Post, RecordType, Which, Zone};
use gatepost::lifecycle::{Leadership, Right};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::support::cloudflare::{Direct, cloudflare, permit, world};

fn made() -> Batch {
    let (name, content) = ("a.example.com".to_owned(), "192.0.2.1".to_owned());
    let record = Draft { name, kind: RecordType::A, content, ttl: 120, proxied: false };
    Batch { posts: vec![Post { record, comment: String::new() }], ..Batch::default() }
}

/// The first zone, without having asked for it.
fn zone() -> Zone {
    Zone { id: format!("{:032x}", 1).into(), name: "example.com".to_owned(), is_active: true, usage: None }
}

fn count(direct: &Direct) -> usize {
    direct.server.asked().len()
}

fn records(direct: &Direct) -> usize {
    direct.server.tell(|server| server.all("example.com").len())
}

/// How long something takes by the clock of the test.
async fn timed<R>(what: impl Future<Output = R>) -> (R, Duration) {
    let began = Instant::now();
    let done = what.await;
    (done, began.elapsed())
}

fn failed<R: std::fmt::Debug>(result: Result<R, Error>) -> (Kind, Option<Fault>) {
    match result.unwrap_err() {
        Error::Unavailable { what, fault } => (Error::Unavailable { what, fault: fault.clone() }.kind(), Some(fault)),
        other => (other.kind(), None),
    }
}

#[tokio::test(start_paused = true)]
async fn pages_that_do_not_fit_together_are_read_again_and_at_most_twice() {
    let direct = Direct::new(world());
    direct.server.tell(|server| server.add_by_hand(Duration::ZERO, "a.example.com", "A", "192.0.2.1", None));
    let mut client = direct.client();
    direct.server.tell(|server| (0..2).for_each(|_| server.fail(On::Read, Fails::ShortPage)));
    assert_eq!(client.records(&permit(), &zone(), Which::All).await.map(|all| all.len()), Ok(1));
    assert_eq!(count(&direct), 3);
    direct.server.tell(|server| (0..4).for_each(|_| server.fail(On::Read, Fails::ShortPage)));
    let (kind, _) = failed(client.records(&permit(), &zone(), Which::All).await);
    assert_eq!((kind, count(&direct), direct.server.tell(|server| server.faults_left())), (Kind::Malformed, 6, 1));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_none_is_malformed_and_a_failure_keeps_its_status() {
    let direct = Direct::new(world());
    let mut client = direct.client();
    for (fault, kind) in [
        (Fails::Truncated, Kind::Malformed),
        (Fails::Empty, Kind::Malformed),
        (Fails::Html, Kind::Malformed),
        (Fails::Redirect, Kind::Malformed),
        (Fails::FailBefore(500), Kind::Unavailable),
        (Fails::FailBefore(503), Kind::Unavailable),
        (Fails::CutBefore, Kind::Unavailable),
    ] {
        direct.server.tell(|server| server.fail(On::Write, fault.clone()));
        assert_eq!(failed(client.batch(&permit(), &zone(), &made()).await).0, kind, "{fault:?}");
        direct.server.tell(|server| server.fail(On::Read, fault.clone()));
        // a kept connection that breaks under a read is given another try
        client.close();
        assert_eq!(failed(client.records(&permit(), &zone(), Which::All).await).0, kind, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_takes_four_seconds_at_most_and_what_was_written_may_have_been_done() {
    let direct = Direct::new(world());
    let mut client = direct.client();
    direct.server.tell(|server| server.fail(On::Write, Fails::SilentAfter));
    let (answer, took) = timed(client.batch(&permit(), &zone(), &made())).await;
    assert_eq!((failed(answer), took), ((Kind::Timeout, Some(Fault::Timeout)), Duration::from_secs(4)));
    assert_eq!((records(&direct), count(&direct)), (1, 1));
    // the connection that failed is not used again
    client.usage(&permit(), &zone()).await.unwrap();
    assert_eq!(direct.connected(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_read_over_a_kept_connection_that_breaks_is_tried_once_more_and_a_write_never() {
    let direct = Direct::new(world());
    let mut client = direct.client();
    // a new connection: no second try
    direct.server.tell(|server| server.fail(On::Read, Fails::CutBefore));
    assert_eq!(failed(client.usage(&permit(), &zone()).await).0, Kind::Unavailable);
    client.usage(&permit(), &zone()).await.unwrap();
    direct.server.tell(|server| server.fail(On::Read, Fails::CutBefore));
    assert!(client.usage(&permit(), &zone()).await.is_ok());
    assert_eq!((count(&direct), direct.connected()), (4, 3));
    direct.server.tell(|server| server.fail(On::Write, Fails::CutAfter));
    assert_eq!(failed(client.batch(&permit(), &zone(), &made()).await).0, Kind::Unavailable);
    assert_eq!((count(&direct), records(&direct)), (5, 1));
}

#[tokio::test(start_paused = true)]
async fn no_call_is_made_before_cloudflare_wants_one() {
    let direct = Direct::new(world());
    let mut client = direct.client();
    for (asked, waited) in [(Some(7), 7), (Some(100_000), 300), (None, 60)] {
        direct.server.tell(|server| server.fail(On::Any, Fails::TooMany(asked.map(Duration::from_secs))));
        let limited = |seconds| Err(Error::RateLimited { after: Duration::from_secs(seconds) });
        assert_eq!(client.usage(&permit(), &zone()).await, limited(waited));
        let before = count(&direct);
        tokio::time::advance(Duration::from_secs(waited - 1)).await;
        assert_eq!(client.usage(&permit(), &zone()).await, limited(1));
        assert_eq!(count(&direct), before);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(client.usage(&permit(), &zone()).await.is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_calls_in_five_minutes_and_the_next_when_the_first_is_that_old() {
    let direct = Direct::new(world());
    let mut client = direct.client();
    for _ in 0..1000 {
        client.networks(&permit()).await.unwrap();
    }
    let limited = client.networks(&permit()).await.unwrap_err();
    assert_eq!(limited, Error::RateLimited { after: Duration::from_secs(300) });
    assert_eq!((count(&direct), direct.connected()), (1000, 1));
    tokio::time::advance(Duration::from_secs(300)).await;
    client.networks(&permit()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_the_right_nobody_connects_and_nothing_is_sent() {
    let (tell, told) = watch::channel(Leadership::Leader { term: 1, until: Instant::now() + Duration::from_secs(10) });
    let permit = Right::elected(told.clone()).permit().unwrap();
    tell.send_replace(Leadership::Follower);
    let direct = Direct::new(world());
    assert_eq!(direct.client().batch(&permit, &zone(), &made()).await, Err(Error::NotLeader));
    assert_eq!((direct.connected(), count(&direct)), (0, 0));
    // lost while it connects: between that and the head
    tell.send_replace(Leadership::Leader { term: 2, until: Instant::now() + Duration::from_secs(10) });
    let permit = Right::elected(told).permit().unwrap();
    let direct = Direct::new(world()).on_connect(move || {
        tell.send_replace(Leadership::Follower);
    });
    assert_eq!(direct.client().batch(&permit, &zone(), &made()).await, Err(Error::NotLeader));
    assert_eq!((direct.connected(), count(&direct)), (1, 0));
}

#[tokio::test]
async fn a_kept_connection_that_ended_meanwhile_costs_a_write_nothing() {
    let cloud = cloudflare(world()).await;
    let mut client = cloud.client();
    client.usage(&permit(), &zone()).await.unwrap();
    let again = cloud.restarted().await;
    client.batch(&permit(), &zone(), &made()).await.unwrap();
    assert_eq!(again.server.tell(|server| server.all("example.com").len()), 1);
}

#[tokio::test]
async fn nobody_there_is_no_connection_and_a_cut_is_a_broken_one() {
    let cloud = cloudflare(world()).await;
    let mut client = cloud.client();
    cloud.server.tell(|server| server.fail(On::Write, Fails::CutBefore));
    let (_, fault) = failed(client.batch(&permit(), &zone(), &made()).await);
    assert!(matches!(fault, Some(Fault::Broken(_))), "{fault:?}");
    cloud.stop().await;
    let (_, fault) = failed(client.batch(&permit(), &zone(), &made()).await);
    assert!(matches!(fault, Some(Fault::Connect(_))), "{fault:?}");
}
