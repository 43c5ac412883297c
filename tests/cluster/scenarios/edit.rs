//! An edit of the routes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::bed::{Bed, NODES, until};
use crate::load::Load;

/// Odd, so that there is one in the middle.
const EDITS: usize = 5;

pub(crate) fn is_live_everywhere(bed: &Bed, _: &Load) -> String {
    let mut took: Vec<Duration> = (0..EDITS).map(|edit| live_after(bed, &format!("edit {edit}"))).collect();
    bed.route("");
    took.sort_unstable();
    let (median, longest) = (took[EDITS / 2], took[EDITS - 1]);
    assert!(median < Duration::from_secs(1), "{took:?}");
    format!("live on both nodes {median:.0?} after `kubectl apply` began, of {EDITS} at most {longest:.0?}")
}

/// From the start of `kubectl apply` until the last node answers so.
fn live_after(bed: &Bed, text: &str) -> Duration {
    let began = Instant::now();
    bed.route(&format!("- {{host: edit.example.com, respond: {{status: 200, body: {text}}}}}"));
    for node in NODES {
        until(&format!("{text} on {node}"), || answer(node).is_some_and(|answer| answer.ends_with(text)).then_some(()));
    }
    began.elapsed()
}

fn answer(node: &str) -> Option<String> {
    let mut stream = TcpStream::connect((Bed::address(node), 80)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: edit.example.com\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}
