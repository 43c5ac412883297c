//! What a node tells and when, and what of it is read.

use super::agreement::RENEW;
use super::*;

const NOW: i64 = 1_750_000_000;

fn entry(pod: &str, draining: bool) -> Entry {
    Entry { pod: pod.to_owned(), generation: 7, certificates: "00000000000000ff".to_owned(), draining, at: NOW }
}

fn told(entry: &Entry) -> Nodes {
    Nodes::Told(BTreeMap::from([("here".to_owned(), serde_json::to_string(entry).unwrap())]))
}

#[test]
fn a_node_tells_these_keys_and_scripts_read_them() {
    let text = serde_json::to_string(&entry("gatepost-x", false)).unwrap();
    let wanted =
        r#"{"pod":"gatepost-x","generation":7,"certificates":"00000000000000ff","draining":false,"at":1750000000}"#;
    assert_eq!(text, wanted);
}

#[tokio::test]
async fn a_process_tells_nothing_of_itself_before_it_has_been_ready_or_goes() {
    let (stage, readiness) = (watch::Sender::new(Stage::Serving), Readiness::new());
    let (routes, certificates) = (readiness.condition("routes"), readiness.condition("certificates"));
    let waits = || tokio::spawn(begins(stage.subscribe(), readiness.clone()));
    let until_ready = waits();
    routes.set(true);
    stage.send_replace(Stage::HandingOver);
    tokio::task::yield_now().await;
    assert!(!until_ready.is_finished());
    certificates.set(true);
    until_ready.await.unwrap();
    certificates.set(false);
    let until_it_goes = waits();
    tokio::task::yield_now().await;
    assert!(!until_it_goes.is_finished());
    stage.send_replace(Stage::LameDuck);
    until_it_goes.await.unwrap();
}

#[test]
fn a_node_drains_when_its_proxy_goes_and_nobody_takes_its_place() {
    let now = std::time::Instant::now();
    let draining = |has_successor| Stage::Draining { requests_until: now, tunnels_until: now, has_successor };
    let of = |stages: &[Stage]| {
        stages.iter().fold(entry("gatepost-x", false), |before, stage| {
            let draining = is_leaving(*stage, Some(&before));
            Entry { draining, ..before }
        })
    };
    for (stages, drains) in [
        (&[Stage::Serving, Stage::HandingOver][..], false),
        (&[Stage::HandingOver, draining(true), Stage::Stopped], false),
        (&[Stage::HandingOver, Stage::LameDuck], true),
        (&[Stage::Serving, draining(false), Stage::Stopped], true),
    ] {
        assert_eq!(of(stages).draining, drains, "{stages:?}");
    }
}

#[test]
fn the_networks_of_cloudflare_are_no_node_and_are_told_as_they_stand_until_they_are_taken_out() {
    let (nodes, networks) = (watch::Sender::new(Nodes::Unknown), watch::Sender::new(None));
    let mut reading = Reading { tell: Tell { nodes, networks }, listed: None };
    let word = serde_json::to_string(&entry("gatepost-x", true)).unwrap();
    let (here, there) = (("here".to_owned(), word.clone()), (NETWORKS.to_owned(), word.clone()));
    let config_map = |data: [(String, String); 2]| ConfigMap { data: Some(data.into()), ..ConfigMap::default() };
    reading.applied(config_map([here.clone(), there.clone()]));
    assert_eq!(*reading.tell.nodes.borrow(), told(&entry("gatepost-x", true)));
    assert_eq!(reading.tell.networks.borrow().as_ref(), Some(&word));
    let drains = BTreeMap::from([("here".to_owned(), "gatepost-x".to_owned())]);
    assert_eq!(draining(&BTreeMap::from([here.clone(), there])), drains);
    // a node that cannot see the others any more goes on with them
    reading.apart("it may not be read");
    assert_eq!(reading.tell.networks.borrow().as_ref(), Some(&word));
    reading.applied(config_map([here.clone(), here]));
    assert_eq!(*reading.tell.networks.borrow(), None);
}

#[test]
fn of_two_pods_of_a_node_the_one_that_stays_has_the_last_word_and_they_never_write_in_turns() {
    let (new, old) = (entry("new", false), entry("old", false));
    let (new_drains, old_drains) = (entry("new", true), entry("old", true));
    for (there, written, now, due) in [
        (&old, None, &new, true),
        (&new, Some(&new), &new, false),
        // the other pod has written after us, and will go
        (&old, Some(&new), &new, false),
        (&old_drains, Some(&new), &new, true),
        (&new, Some(&old_drains), &old_drains, false),
        (&new_drains, Some(&old_drains), &old_drains, false),
        // a change here is always told
        (&new, Some(&old), &old_drains, true),
    ] {
        assert_eq!(is_due(&told(there), "here", written, now, true), due, "{there:?} {written:?} {now:?}");
    }
    // who goes and has left the listeners to the other one says nothing in its place
    for (there, written, due) in
        [(&new_drains, &old, false), (&new, &old_drains, false), (&old_drains, &old_drains, true)]
    {
        assert_eq!(is_due(&told(there), "here", Some(written), &old, false), due, "{there:?} {written:?}");
    }
    // the same is renewed, by whichever pod is first, and not by one that will go
    for (there, later, is_draining, due) in [
        (&new, RENEW - 1, false, false),
        (&new, RENEW, false, true),
        (&old, RENEW, false, true),
        (&old, RENEW, true, false),
        (&new, -RENEW, false, false),
        (&new, -RENEW - 1, false, true),
    ] {
        let written = entry("new", is_draining);
        let now = Entry { at: NOW + later, ..written.clone() };
        assert_eq!(is_due(&told(there), "here", Some(&written), &now, true), due, "{there:?} {later} {is_draining}");
    }
    // somebody has taken the key away
    assert!(is_due(&Nodes::Told(BTreeMap::new()), "here", Some(&new), &new, true));
    for nodes in [Nodes::Unknown, Nodes::Apart] {
        assert!(!is_due(&nodes, "here", None, &new, true), "{nodes:?}");
    }
}
