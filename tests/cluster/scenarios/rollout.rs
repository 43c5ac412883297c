//! Rolling updates of gatepost itself.

use std::time::Instant;

use crate::bed::{Bed, NODES};
use crate::load::Load;

pub(crate) fn loses_nothing(bed: &Bed, load: &Load) -> String {
    let (mark, mut rollouts, mut longest) = (load.mark(), 0, 0.0);
    while rollouts < bed.bounds.rollouts || load.counts_since(&mark).requests < bed.bounds.requests {
        let (began, opened) = (Instant::now(), load.mark());
        bed.renew();
        rollouts += 1;
        longest = f64::max(longest, began.elapsed().as_secs_f64());
        // their ends are spread over the last quarter of `drain.tunnels`
        if rollouts == 1 && began.elapsed() < bed.bounds.tunnels * 3 / 4 {
            let lives = load.counts_since(&opened).lives;
            assert!(lives.is_empty(), "WebSockets were closed before their time, after lives of {lives:?}");
        }
    }
    let lives = load.counts_since(&mark).lives;
    // of the last rollout too nobody stays behind
    bed.drained();
    let shortest = lives.iter().min().map_or("none".to_owned(), |life| format!("{life:.0?}"));
    format!(
        "{rollouts} rolling updates of {} nodes, the longest {longest:.0} s; {} WebSockets closed at the end of `drain.tunnels`, the \
         shortest life {shortest}",
        NODES.len(),
        lives.len()
    )
}
