//! A node goes and comes back; it is the one that does not lead.

use std::time::{Duration, Instant};

use crate::bed::{Bed, NODES, until};
use crate::load::Load;

/// Until the record of a node is gone: after `kubectl cordon`, and after Kubernetes has given the node up.
const AFTER_CORDON: Duration = Duration::from_secs(2);
const AFTER_LOSS: Duration = Duration::from_secs(15);

pub(crate) fn cordoned(bed: &Bed, _: &Load) -> String {
    let (leaves, stays) = followers_node(bed);
    let began = Instant::now();
    bed.kubectl(&["cordon", leaves]);
    bed.cloudflare.holds(&[stays]);
    let out = began.elapsed();
    assert!(out < AFTER_CORDON, "out only after {out:?}");
    // those who have the old answer still come here
    bed.kubectl(&["drain", leaves, "--ignore-daemonsets", "--delete-emptydir-data", "--timeout=60s"]);
    let began = Instant::now();
    bed.kubectl(&["uncordon", leaves]);
    bed.cloudflare.holds(&NODES);
    bed.free_app();
    told(out, "the cordon", began.elapsed(), "the end of it")
}

pub(crate) fn killed(bed: &Bed, load: &Load) -> String {
    goes(bed, load, Bed::kill_node, Bed::start_node)
}

pub(crate) fn partitioned(bed: &Bed, load: &Load) -> String {
    goes(bed, load, Bed::cut_off, Bed::connect)
}

/// The app has its pods on the other node: what a Service does with those of a dead node is not gatepost's.
fn goes(bed: &Bed, load: &Load, leave: fn(&Bed, &str), come_back: fn(&Bed, &str)) -> String {
    let (leaves, stays) = followers_node(bed);
    bed.place_app(stays);
    load.spare(leaves);
    leave(bed, leaves);
    bed.until_ready(leaves, "Unknown");
    let began = Instant::now();
    bed.cloudflare.holds(&[stays]);
    let out = began.elapsed();
    assert!(out < AFTER_LOSS, "out only after {out:?}");
    come_back(bed, leaves);
    bed.until_ready(leaves, "True");
    bed.pod_on(leaves);
    let began = Instant::now();
    bed.cloudflare.holds(&NODES);
    let back = began.elapsed();
    bed.free_app();
    told(out, "NotReady", back, "Ready, with its pod ready too")
}

fn told(out: Duration, of: &str, back: Duration, then: &str) -> String {
    format!("record out {out:.1?} after {of}, back {back:.1?} after {then}")
}

/// The node of a pod that does not lead, and the other.
fn followers_node(bed: &Bed) -> (&'static str, &'static str) {
    let leader = until("a leader", || bed.leader());
    let at = NODES.iter().position(|node| *node != leader.node).unwrap();
    (NODES[at], NODES[1 - at])
}
