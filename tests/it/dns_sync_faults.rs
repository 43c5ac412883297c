//! The DNS sync when Cloudflare or the cluster fail: nothing is lost, nothing is there twice, and it ends well.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use gatepost::demo::cloudflare::{Access, Answer, Fault, On};
use gatepost::dns::{Error, Notice, Permission};

use crate::support::cloudflare::{Direct, TOKEN, world};
use crate::support::sync::{Setup, sync};

fn three() -> Setup {
    (1..=3).fold(sync(), |setup, n| setup.node(&format!("n{n}"), &format!("203.0.113.{n}")))
}

const ALL: [On; 3] = [On::Any, On::Read, On::Write];

/// After a fault, and after as many of them as there are rounds that fail, all is as if nothing had been.
async fn converges(on: On, faults: &[Fault], lag: Duration) {
    let mut sync = three().names(&["k.example.com", "*.k.example.com"]).node("n4", "203.0.113.4").start();
    sync.after(100).await;
    sync.forget();
    sync.cloud.server.tell(|server| {
        server.set_lag(lag);
        faults.iter().for_each(|fault| server.fail(on, fault.clone()));
    });
    sync.gone(&["n3", "n4"]);
    sync.node("n5", "203.0.113.5");
    sync.node("n6", "2001:db8::6");
    sync.after(400).await;
    let what = format!("{on:?} {faults:?} {lag:?}");
    // what was done all the same needs no further write, so that not every fault of several is met
    let met = faults.len() - sync.cloud.server.tell(|server| server.faults_left());
    assert!(met > 0, "{what}");
    for name in ["k.example.com", "*.k.example.com"] {
        let expected = ["A 203.0.113.1", "A 203.0.113.2", "A 203.0.113.5", "AAAA 2001:db8::6"];
        assert_eq!(sync.records(name), expected, "{what}");
    }
    let (calls, looks) = (sync.calls(), sync.cluster.looks());
    assert!(looks <= met + 3, "{what}: {looks} rounds");
    let rounds = calls.iter().filter(|call| *call == "zones" || *call == "records").count();
    assert!(rounds <= 4 * (met + 3), "{what}: {calls:?}");
    assert_eq!(sync.metric("gatepost_dns_held"), Some(0), "{what}");
}

#[tokio::test(start_paused = true)]
async fn whatever_fails_once_everything_is_as_it_should_be_soon_after() {
    let minute = Duration::from_secs(60);
    let faults = [
        Fault::SilentBefore,
        Fault::SilentAfter,
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::FailBefore(500),
        Fault::FailBefore(503),
        Fault::FailAfter,
        Fault::FailMidway,
        Fault::Truncated,
        Fault::ShortPage,
        Fault::Empty,
        Fault::Html,
        Fault::Redirect,
        Fault::TooMany(None),
        Fault::TooMany(Some(minute)),
    ];
    for fault in faults {
        for on in ALL {
            converges(on, std::slice::from_ref(&fault), Duration::ZERO).await;
            converges(on, std::slice::from_ref(&fault), Duration::from_secs(3)).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_fails_again_and_again_is_mended_when_it_ends() {
    for on in ALL {
        let mixed = [Fault::SilentAfter, Fault::FailMidway, Fault::Truncated, Fault::Empty, Fault::CutAfter];
        converges(on, &mixed, Duration::ZERO).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_cloudflare_asks_for_is_kept_whatever_the_news() {
    let sync = three().start();
    sync.after(100).await;
    sync.calls();
    sync.cloud.server.tell(|server| server.fail(On::Write, Fault::TooMany(Some(Duration::from_secs(50)))));
    sync.node("n4", "203.0.113.4");
    for n in 5..14 {
        sync.after(5).await;
        sync.node(&format!("n{n}"), &format!("203.0.113.{n}"));
    }
    assert_eq!(sync.calls(), ["records", "+1 ~0 -0 nothing"]);
    sync.after(8).await;
    assert_eq!(sync.writes(), ["+10 ~0 -0"]);
    assert_eq!(sync.metric("gatepost_dns_errors_total{kind=\"rate_limited\"}"), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_cannot_be_looked_at_changes_nothing() {
    let mut sync = three().start();
    sync.after(100).await;
    sync.forget();
    sync.cluster.fails(true);
    sync.gone(&["n2", "n3"]);
    sync.node("n4", "203.0.113.4");
    sync.after(3600).await;
    assert_eq!((sync.writes(), sync.records("k.example.com").len()), (Vec::new(), 3));
    assert!(sync.metric("gatepost_dns_errors_total{kind=\"cluster\"}") > Some(60));
    assert_eq!(sync.log().matches("cannot be looked at").count(), 1);
    sync.cluster.fails(false);
    sync.after(2).await;
    assert_eq!(sync.writes()[0], "+1 ~0 -0");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_refused_is_told_of_once_and_tried_again_with_patience() {
    let mut sync = three().at(|server| server.revoke(TOKEN)).start();
    sync.after(3600).await;
    let heard = sync.heard();
    assert!(matches!(&heard[..], [Notice::Failed(Error::Denied(Permission::Invalid(_)))]), "{heard:?}");
    assert_eq!(heard[0].reason(), "DnsDenied");
    let log = sync.log();
    assert_eq!((log.lines().count(), log.contains("Zone:Read and DNS:Edit")), (1, true), "{log}");
    // up to five minutes apart
    let calls = sync.calls().len();
    assert!((13..=30).contains(&calls), "{calls}");
    assert_eq!(sync.metric("gatepost_dns_errors_total{kind=\"denied\"}"), Some(calls as u64));
    sync.cloud.server.tell(|server| server.grant(TOKEN, Access::Edit));
    sync.after(300).await;
    assert_eq!((sync.records("k.example.com").len(), sync.reasons()), (3, vec!["DnsApplied"]));
}

#[tokio::test(start_paused = true)]
async fn a_token_that_may_only_read_or_sees_no_zone_is_told_what_it_lacks() {
    for (access, permission) in [(Access::Read, "DNS:Edit"), (Access::NoZones, "Zone:Read")] {
        let mut sync = three().at(|server| server.grant(TOKEN, access)).start();
        sync.after(3600).await;
        let (heard, log) = (sync.heard(), sync.log());
        assert!(matches!(&heard[..], [Notice::Failed(Error::Denied(_))]), "{access:?} {heard:?}");
        assert!(heard[0].to_string().contains(permission), "{access:?} {heard:?}");
        assert_eq!((log.lines().count(), log.contains(permission)), (1, true), "{access:?} {log}");
        assert_eq!(sync.metric("gatepost_dns_last_success_seconds"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn two_hundred_records_of_which_nobody_heard_and_no_list_tells_are_not_made_twice() {
    let sync = sync().nodes(200).at(|server| {
        server.set_quota("example.com", 500);
        server.set_lag(Duration::from_secs(10));
        server.fail(On::Write, Fault::SilentAfter);
    });
    let sync = sync.start();
    sync.after(100).await;
    assert_eq!(sync.records("k.example.com").len(), 200);
    let writes = sync.writes();
    // at most three rounds, until the lists tell
    assert!((66..=1 + 3 * 65).contains(&writes.len()), "{writes:?}");
    assert!(sync.metric("gatepost_dns_last_success_seconds").is_some());
}

/// What is asked by these methods is refused to the token in the first zone.
fn closed(to: &'static [&'static str]) -> Direct {
    let body = r#"{"success":false,"errors":[{"code":10000,"message":"Authentication error"}],"result":null}"#;
    failing(to, 403, body)
}

/// What is asked by these methods in the first zone is answered like this.
fn failing(to: &'static [&'static str], status: u16, body: &'static str) -> Direct {
    let first = format!("/zones/{:032x}/", 1);
    Direct::new(world()).on_send(move |request| {
        let is_closed = request.uri().path().contains(&first) && to.contains(&request.method().as_str());
        is_closed.then(|| Answer::Reply(http::Response::builder().status(status).body(Bytes::from(body)).unwrap()))
    })
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_the_token_may_not_read_or_change_does_not_hold_up_the_others() {
    for to in [&["GET", "POST"][..], &["GET"], &["POST"]] {
        let sync = three().cloud(closed(to)).names(&["k.example.com", "l.example.org"]);
        let mut sync = sync.dns("routeHosts: cname").route("host: www.example.org").start();
        sync.settle().await;
        assert_eq!((sync.records("l.example.org").len(), sync.records("www.example.org").len()), (3, 1));
        sync.after(100).await;
        sync.node("n4", "203.0.113.4");
        sync.after(2).await;
        assert_eq!(sync.records("l.example.org").len(), 4);
        // nothing is written where nothing can be seen
        assert_eq!(sync.records("k.example.com"), [""; 0], "{to:?}");
        let heard = sync.heard();
        let is_told = |notice: &&Notice| match notice {
            Notice::Failed(Error::Denied(Permission::DnsEdit { zone, .. })) => zone == "example.com",
            _ => false,
        };
        assert_eq!((heard.iter().filter(is_told).count(), heard.len()), (1, 3), "{to:?} {heard:?}");
        assert_eq!(sync.metric("gatepost_dns_last_success_seconds"), None, "{to:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_zone_in_which_nothing_is_wanted_need_not_be_open() {
    let mut sync = three().cloud(closed(&["GET", "POST"])).names(&["l.example.org"]).start();
    sync.after(3600).await;
    assert_eq!((sync.records("l.example.org").len(), sync.reasons()), (3, vec!["DnsApplied"]));
    assert!(sync.metric("gatepost_dns_last_success_seconds").is_some());
}

/// No such zone; or its part of Cloudflare is down.
const FAILURES: [(u16, &str); 3] = [
    (404, r#"{"success":false,"errors":[{"code":7003,"message":"Could not route"}],"result":null}"#),
    (500, r#"{"success":false,"errors":[{"code":10001,"message":"Internal"}],"result":null}"#),
    (503, "<html>"),
];

#[tokio::test(start_paused = true)]
async fn a_zone_that_fails_does_not_hold_up_the_others() {
    for (status, body) in FAILURES {
        let sync = three().cloud(failing(&["GET"], status, body)).names(&["k.example.com", "l.example.org"]).start();
        sync.after(100).await;
        sync.node("n4", "203.0.113.4");
        sync.after(2).await;
        assert_eq!(sync.records("l.example.org").len(), 4, "{status}");
        assert_eq!(sync.records("k.example.com"), [""; 0], "{status}");
        // what is wanted there is not given up, and not forgotten
        assert_eq!(sync.metric("gatepost_dns_last_success_seconds"), None, "{status}");
        // and the zones are looked for again: it may be gone
        sync.calls();
        sync.after(600).await;
        assert!(sync.calls().iter().filter(|call| *call == "zones").count() > 5, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_zone_that_fails_and_in_which_nothing_is_wanted_is_passed_over() {
    for (status, body) in FAILURES {
        let mut sync = three().cloud(failing(&["GET"], status, body)).names(&["l.example.org"]).start();
        sync.after(3600).await;
        assert_eq!((sync.records("l.example.org").len(), sync.reasons()), (3, vec!["DnsApplied"]), "{status}");
        assert!(sync.metric("gatepost_dns_last_success_seconds").is_some(), "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn how_full_a_zone_is_is_asked_once_and_not_needed() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let cloud = Direct::new(world()).on_send(move |request| {
        request.uri().path().ends_with("/usage").then(|| {
            counted.fetch_add(1, Ordering::Relaxed);
            Answer::Reply(http::Response::builder().status(500).body(Bytes::from_static(b"{}")).unwrap())
        })
    });
    let sync = three().cloud(cloud).start();
    sync.after(300).await;
    sync.node("n4", "203.0.113.4");
    sync.after(2).await;
    assert_eq!(sync.records("k.example.com").len(), 4);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}
