//! Deaths in a rolling update, on one node.

use crate::bed::{Bed, NODES, Pod, until};
use crate::load::{Load, Mark};

/// Of the load on one node: what a process has in hand when it is killed is one of each at most.
const IN_HAND: u64 = 10;

/// Killed as soon as the new process is there, which is before it is ready. For a node whose pod is not ready the controller
/// goes on with the next at once, so that two new pods are ready within a moment.
pub(crate) fn old_pod_killed(bed: &Bed, load: &Load) -> String {
    let mark = load.mark();
    let (old, new) = meet(bed);
    load.spare(known(&old.node));
    old.signal("KILL");
    let nudges = bed.seen_through();
    ended(bed, load, &mark, &new.node, nudges)
}

/// Started again at once, it is ready twice within a moment.
pub(crate) fn new_pod_killed(bed: &Bed, load: &Load) -> String {
    let mark = load.mark();
    let (_, new) = meet(bed);
    until("the new pod ready", || bed.pods().into_iter().find(|pod| pod.name == new.name && pod.is_ready));
    load.spare(known(&new.node));
    new.signal("KILL");
    let nudges = bed.seen_through();
    ended(bed, load, &mark, &new.node, nudges)
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

fn ended(bed: &Bed, load: &Load, mark: &Mark, node: &str, nudges: usize) -> String {
    // whoever is on the node serves there: nothing more is spared
    load.forgive_nobody();
    bed.pod_on(node);
    let lost = load.counts_since(mark).spared;
    assert!(lost <= IN_HAND, "{lost} were lost, and {IN_HAND} at most were in hand");
    format!("{lost} that were in hand were lost with it; the controller was told to look again {nudges} times")
}

fn known(node: &str) -> &'static str {
    NODES.iter().find(|known| **known == node).unwrap()
}
