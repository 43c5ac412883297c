//! Deaths in a rolling update, on one node.

use std::time::{Duration, Instant};

use crate::bed::{Bed, NODES, Pod, until};
use crate::load::{Load, Mark};

/// Of the load on one node: what a process has in hand when it is killed is one of each at most.
const IN_HAND: u64 = 10;
/// A pod that has been ready for so long counts as available (`minReadySeconds`, and a second for clocks).
const AVAILABLE: Duration = Duration::from_secs(3);

/// Killed as soon as the new process is there, which is before it is ready.
pub(crate) fn old_pod_killed(bed: &Bed, load: &Load) -> String {
    let mark = load.mark();
    let (old, new) = meet(bed);
    load.spare(known(&old.node));
    old.signal("KILL");
    bed.rolled_out();
    ended(bed, load, &mark, &new.node)
}

/// It is started again at once. The DaemonSet controller has then noted to look for an available pod by the first time it
/// was ready, and a later note of the same does not count: what stood before is seen to by whoever runs the cluster.
pub(crate) fn new_pod_killed(bed: &Bed, load: &Load) -> String {
    let mark = load.mark();
    let (_, new) = meet(bed);
    until("the new pod ready", || bed.pods().into_iter().find(|pod| pod.name == new.name && pod.is_ready));
    load.spare(known(&new.node));
    let killed = new.process();
    new.signal("KILL");
    let mut since = None;
    until("the new pod available", || {
        let is_back = bed.pods().iter().any(|pod| pod.name == new.name && pod.is_ready) && new.process() != killed;
        since = since.filter(|_| is_back).or_else(|| is_back.then(Instant::now));
        since.filter(|since| since.elapsed() > AVAILABLE)
    });
    bed.nudge();
    bed.rolled_out();
    ended(bed, load, &mark, &new.node)
}

/// The first old pod of a rolling update beside which a new process runs, and that one.
fn meet(bed: &Bed) -> (Pod, Pod) {
    let before: Vec<Pod> = NODES.iter().map(|node| bed.pod_on(node)).collect();
    bed.begin_renewal();
    until("the process of a new pod", || {
        let pods = bed.pods();
        let new = pods
            .into_iter()
            .find(|pod| !pod.is_deleted && !before.iter().any(|old| old.name == pod.name) && pod.process().is_some())?;
        let old = before.iter().find(|old| old.node == new.node)?;
        Some((old.clone(), new))
    })
}

fn ended(bed: &Bed, load: &Load, mark: &Mark, node: &str) -> String {
    // whoever is on the node serves there: nothing more is spared
    load.forgive_nobody();
    bed.pod_on(node);
    let lost = load.counts_since(mark).spared;
    assert!(lost <= IN_HAND, "{lost} were lost, and {IN_HAND} at most were in hand");
    format!("{lost} that were in hand were lost with it")
}

fn known(node: &str) -> &'static str {
    NODES.iter().find(|known| **known == node).unwrap()
}
