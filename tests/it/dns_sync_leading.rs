//! The DNS sync writes only while this process leads, and a dry run never.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatepost::lifecycle::Leadership;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::support::cloudflare::{Direct, world};
use crate::support::sync::{Setup, Syncing, sync};

fn three() -> Setup {
    (1..=3).fold(sync(), |setup, n| setup.node(&format!("n{n}"), &format!("203.0.113.{n}")))
}

/// A sync that loses its leadership while the call that `loses` is on its way.
fn losing(setup: Setup, loses: impl Fn(&http::Request<bytes::Bytes>) -> bool + Send + Sync + 'static) -> Syncing {
    let leads: Arc<Mutex<Option<watch::Sender<Leadership>>>> = Arc::default();
    let taken = Arc::clone(&leads);
    let cloud = Direct::new(world()).on_send(move |request| {
        if loses(request)
            && let Some(leads) = &*taken.lock().unwrap()
        {
            leads.send_replace(Leadership::Follower);
        }
        None
    });
    let sync = setup.cloud(cloud).start();
    *leads.lock().unwrap() = Some(sync.leadership());
    sync
}

#[tokio::test(start_paused = true)]
async fn who_does_not_lead_asks_nothing() {
    let mut sync = three().follow();
    sync.after(1000).await;
    assert_eq!((sync.calls(), sync.cluster.looks(), sync.reasons()), (Vec::new(), 0, Vec::new()));
    sync.leads(1);
    sync.settle().await;
    assert_eq!(sync.records("k.example.com").len(), 3);
    sync.follows();
    sync.settle().await;
    sync.calls();
    sync.node("n4", "203.0.113.4");
    sync.after(1000).await;
    assert_eq!((sync.calls(), sync.records("k.example.com").len()), (Vec::new(), 3));
}

#[tokio::test(start_paused = true)]
async fn a_leadership_that_nobody_renews_ends_with_its_time() {
    let sync = three().follow();
    let until = Instant::now() + Duration::from_secs(10);
    sync.leadership().send_replace(Leadership::Leader { term: 1, until });
    sync.after(9).await;
    assert_eq!((sync.records("k.example.com").len(), sync.metric("gatepost_dns_held")), (3, Some(0)));
    sync.calls();
    sync.after(1).await;
    sync.node("n4", "203.0.113.4");
    sync.after(1000).await;
    assert_eq!((sync.calls(), sync.metric("gatepost_dns_last_success_seconds")), (Vec::new(), None));
}

#[tokio::test(start_paused = true)]
async fn leadership_that_is_lost_between_look_and_write_writes_nothing() {
    let sync = losing(three(), |request| request.uri().path().ends_with("/dns_records"));
    sync.after(1000).await;
    assert_eq!(sync.calls(), ["zones", "usage", "records"]);
    let sync = losing(three().names(&["k.example.com", "l.example.org"]), {
        let last = format!("/zones/{:032x}/dns_records", 2);
        move |request| request.uri().path().ends_with(&last)
    });
    sync.after(1000).await;
    assert_eq!(sync.calls(), ["zones", "usage", "records", "usage", "records"]);
}

#[tokio::test(start_paused = true)]
async fn leadership_that_is_lost_while_it_writes_ends_with_the_call_that_is_on_its_way() {
    let sync = losing(three().names(&["k.example.com", "l.example.org"]), |request| request.method() == "POST");
    sync.after(1000).await;
    assert_eq!(sync.writes(), ["+3 ~0 -0"]);
    assert_eq!((sync.records("k.example.com").len(), sync.records("l.example.org").len()), (3, 0));
    sync.leads(2);
    sync.settle().await;
    assert_eq!((sync.writes(), sync.records("l.example.org").len()), (vec!["+3 ~0 -0".to_owned()], 3));
}

#[tokio::test(start_paused = true)]
async fn a_new_term_begins_with_nothing_but_what_it_sees() {
    let sync = three().start();
    sync.after(100).await;
    sync.gone(&["n2", "n3"]);
    sync.after(25).await;
    sync.calls();
    sync.leads(2);
    sync.after(29).await;
    // zones are looked for, a new connection is made, and what was held is held anew
    assert_eq!(sync.calls(), ["zones", "usage", "records", "records"]);
    assert_eq!((sync.cloud.connected(), sync.records("k.example.com").len()), (2, 3));
    sync.after(2).await;
    assert_eq!(sync.records("k.example.com"), ["A 203.0.113.1"]);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_logs_what_would_be_done_once_and_writes_nothing() {
    let mut sync = three().dry_run().start();
    sync.after(3600).await;
    assert_eq!((sync.writes(), sync.reasons()), (Vec::new(), Vec::new()));
    let log = sync.log();
    assert_eq!((log.lines().count(), log.contains("A dry run") && log.contains("adds=3")), (1, true), "{log}");
    sync.node("n4", "203.0.113.4");
    sync.settle().await;
    assert!(sync.log().contains("adds=4"));
    assert_eq!((sync.records("k.example.com").len(), sync.metric("gatepost_dns_last_success_seconds")), (0, None));
}

#[tokio::test(start_paused = true)]
async fn metrics_tell_of_the_records_while_this_process_leads_and_of_nothing_after() {
    let sync = three().names(&["k.example.com", "l.example.com", "example.org"]).start();
    sync.settle().await;
    let records = |sync: &Syncing, zone: &str| sync.metric(&format!("gatepost_dns_records{{zone=\"{zone}\"}}"));
    assert_eq!((records(&sync, "example.com"), records(&sync, "example.org")), (Some(6), Some(3)));
    assert!(sync.metric("gatepost_dns_last_success_seconds") > Some(1_700_000_000));
    assert_eq!(sync.metric("gatepost_dns_writes_total{kind=\"added\"}"), Some(9));
    sync.gone(&["n2", "n3"]);
    sync.settle().await;
    assert_eq!(sync.metric("gatepost_dns_held"), Some(6));
    sync.follows();
    sync.settle().await;
    assert_eq!((records(&sync, "example.com"), sync.metric("gatepost_dns_last_success_seconds")), (None, None));
    assert_eq!(sync.metric("gatepost_dns_held"), Some(0));
}
