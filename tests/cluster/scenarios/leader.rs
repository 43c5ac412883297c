//! The pod that leads goes without letting the lease go.

use std::time::{Duration, Instant};

use crate::bed::{Bed, NODES, Pod, until};
use crate::cloudflare::FOREIGN;
use crate::load::Load;

/// Until somebody leads again.
const LATEST: Duration = Duration::from_secs(20);

pub(crate) fn killed(bed: &Bed, load: &Load) -> String {
    let leader = until("a leader", || bed.leader());
    let turn = turn(bed);
    load.spare(known(&leader));
    leader.signal("KILL");
    let began = Instant::now();
    until("somebody who leads", || (self::turn(bed) > turn && bed.leader().is_some()).then_some(()));
    let took = began.elapsed();
    bed.pod_on(&leader.node);
    bed.cloudflare.holds(&NODES);
    told(bed, took)
}

pub(crate) fn stopped(bed: &Bed, load: &Load) -> String {
    let leader = until("a leader", || bed.leader());
    load.spare(known(&leader));
    let changes = changes(bed, &leader);
    leader.signal("STOP");
    let took = another_leads(bed, &leader);
    // the new one has work at once, of which the old one knows nothing: the stopped pod is not ready
    bed.cloudflare.holds(&[other(&leader)]);
    leader.signal("CONT");
    until("the old leader knows that it leads no more", || bed.log(&leader).contains("leads no more").then_some(()));
    bed.pod_on(&leader.node);
    bed.cloudflare.holds(&NODES);
    assert_eq!(self::changes(bed, &leader), changes, "the old leader has written");
    told(bed, took)
}

/// How often this process has written.
fn changes(bed: &Bed, pod: &Pod) -> usize {
    bed.log(pod).matches("DNS records changed").count()
}

pub(crate) fn partitioned(bed: &Bed, load: &Load) -> String {
    let leader = until("a leader", || bed.leader());
    // what a Service does with the pods of a lost node is not gatepost's
    bed.place_app(other(&leader));
    load.spare(known(&leader));
    bed.cut_off(&leader.node);
    let took = another_leads(bed, &leader);
    bed.connect(&leader.node);
    bed.until_ready(&leader.node, "True");
    bed.pod_on(&leader.node);
    bed.cloudflare.holds(&NODES);
    bed.free_app();
    told(bed, took)
}

fn another_leads(bed: &Bed, old: &Pod) -> Duration {
    let began = Instant::now();
    until("another leader", || bed.leader().filter(|leader| leader.name != old.name));
    began.elapsed()
}

/// How often the lease has changed hands.
fn turn(bed: &Bed) -> u64 {
    let turn = bed.kubectl(&["-n", "gatepost", "get", "lease", "gatepost", "-o", "jsonpath={.spec.leaseTransitions}"]);
    turn.parse().unwrap_or(0)
}

fn told(bed: &Bed, took: Duration) -> String {
    assert!(took < LATEST, "another leads only after {took:?}");
    assert_eq!(bed.cloudflare.held_by(FOREIGN.0), [FOREIGN.1], "a record of somebody else");
    format!("another leads after {took:.0?}; all records are there")
}

fn known(pod: &Pod) -> &'static str {
    NODES.iter().find(|node| **node == pod.node).unwrap()
}

fn other(pod: &Pod) -> &'static str {
    NODES.iter().find(|node| **node != pod.node).unwrap()
}
