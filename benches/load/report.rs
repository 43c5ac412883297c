//! What a run came to, for people and for scripts.
//!
//! One door: [`Report::new`].

use std::fs;
use std::io::Write;
use std::time::Duration;

use serde_json::json;

use crate::plan::{Plan, Work};
use crate::tally::Tally;

/// A share of one CPU above which this program, not the server, may be what is measured: it runs on one thread.
const SATURATED: f64 = 0.9;
/// The quantiles that are told.
const QUANTILES: [(&str, f64); 7] =
    [("p50", 0.5), ("p75", 0.75), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];
/// Points of the curve while the share of slower requests halves; and where the curve ends.
const POINTS: i32 = 7;
const LAST: f64 = 0.9999;

/// The result of a run.
pub(crate) struct Report {
    url: String,
    target: String,
    work: &'static str,
    size: Option<u64>,
    connections: usize,
    streams: Option<usize>,
    new_connection: bool,
    warm: bool,
    rate: Option<u64>,
    tally: Tally,
    took: Duration,
    cpu: Duration,
    late: u64,
}

impl Report {
    pub(crate) fn new(plan: &Plan, tally: Tally, took: Duration, cpu: Duration, late: u64) -> Report {
        let (work, size) = match &plan.work {
            Work::Get => ("get", None),
            Work::Upload { size, .. } => ("upload", Some(*size)),
            Work::Message(message) => ("websocket", Some(message.len() as u64)),
        };
        Report {
            url: plan.url.clone(),
            target: plan.target.to_string(),
            work,
            size,
            connections: plan.connections,
            streams: plan.streams,
            new_connection: plan.new_connection,
            warm: plan.warm,
            rate: plan.rate,
            tally,
            took,
            cpu,
            late,
        }
    }

    /// Every answer was as asked, and every request was sent when it was due.
    pub(crate) fn is_clean(&self) -> bool {
        self.tally.failed() == 0 && !self.is_saturated()
    }

    /// The figures of an open loop are worth nothing when the clock was not kept. A closed loop is meant to be busy.
    fn is_saturated(&self) -> bool {
        self.rate.is_some() && (self.late > self.tally.sent / 1000 || self.own_share() > SATURATED)
    }

    fn own_share(&self) -> f64 {
        self.cpu.as_secs_f64() / self.took.as_secs_f64().max(1e-9)
    }

    fn per_second(&self) -> f64 {
        self.tally.good as f64 / self.took.as_secs_f64().max(1e-9)
    }

    pub(crate) fn print(&self, json: bool) {
        let text = if json { self.to_json().to_string() } else { self.to_text() };
        // a reader that has seen enough (`| head`) is no failure
        let _ = writeln!(std::io::stdout(), "{text}");
    }

    fn version(&self) -> &'static str {
        if self.streams.is_some() { "2" } else { "1.1" }
    }

    fn to_json(&self) -> serde_json::Value {
        let tally = &self.tally;
        let errors: serde_json::Map<_, _> = tally.failures().map(|(name, n)| (name.to_owned(), n.into())).collect();
        let latency: serde_json::Map<_, _> = QUANTILES
            .iter()
            .map(|&(name, quantile)| (name.to_owned(), tally.latency.value_at_quantile(quantile).into()))
            .collect();
        let curve: Vec<(f64, u64)> =
            curve().map(|quantile| (quantile * 100.0, tally.latency.value_at_quantile(quantile))).collect();
        json!({
            "url": self.url,
            "target": self.target,
            "loop": if self.rate.is_some() { "open" } else { "closed" },
            "rate": self.rate,
            "work": self.work,
            "size": self.size,
            "httpVersion": self.version(),
            "connections": self.connections,
            "streams": self.streams.unwrap_or(1),
            "newConnection": self.new_connection,
            "warm": self.warm,
            "connectionsOpened": tally.opened,
            "seconds": self.took.as_secs_f64(),
            "sent": tally.sent,
            "good": tally.good,
            "failed": tally.failed(),
            "goodPerSecond": self.per_second(),
            "bodyBytes": tally.body_bytes,
            "errors": errors,
            "latencyMicros": latency,
            "curve": curve,
            "own": { "cpuSeconds": self.cpu.as_secs_f64(), "late": self.late, "saturated": self.is_saturated() },
        })
    }

    fn to_text(&self) -> String {
        let tally = &self.tally;
        let mut lines = vec![format!("{} at {}", self.url, self.target)];
        let wanted = self.rate.map_or("closed loop".to_owned(), |rate| format!("{rate} requests/s by the clock"));
        let streams = self.streams.map_or(String::new(), |streams| format!(" of {streams} streams"));
        let what = self.size.map_or(String::new(), |size| format!(" of {size} bytes"));
        lines.push(format!(
            "{wanted}: {}{what} over HTTP/{}, {} connections{streams}, {} opened",
            self.work,
            self.version(),
            self.connections,
            tally.opened
        ));
        lines.push(format!(
            "{} sent, {} good, {} failed in {:.1} s: {:.0} good/s, {} body bytes",
            tally.sent,
            tally.good,
            tally.failed(),
            self.took.as_secs_f64(),
            self.per_second(),
            tally.body_bytes
        ));
        for (name, n) in tally.failures().filter(|&(_, n)| n > 0) {
            lines.push(format!("  {name:<10} {n}"));
        }
        let since = if self.rate.is_some() { "due" } else { "sent (a closed loop hides stalls)" };
        lines.push(format!("latency from the moment a request was {since}, ms"));
        for (name, quantile) in QUANTILES {
            lines.push(format!("  {name:<6} {:>10.3}", tally.latency.value_at_quantile(quantile) as f64 / 1000.0));
        }
        lines.push(format!("own CPU {:.1} s, {:.0} % of one", self.cpu.as_secs_f64(), self.own_share() * 100.0));
        if self.is_saturated() {
            lines.push(format!(
                "SATURATED: this program could not keep its schedule ({} requests were sent late): the figures are not \
                 the server's",
                self.late
            ));
        }
        lines.join("\n")
    }
}

/// The quantiles of the curve, the same for every run, so that runs can be laid over one another.
fn curve() -> impl Iterator<Item = f64> {
    let dense = (0..).map(|point| 1.0 - 0.5_f64.powf(f64::from(point) / f64::from(POINTS)));
    dense.take_while(|&quantile| quantile < LAST).chain([LAST])
}

/// CPU time that this process has used; zero where the system does not tell.
pub(crate) fn own_cpu() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanos = tasks
        .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok());
    Duration::from_nanos(nanos.sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_has_at_most_a_hundred_points_and_goes_to_four_nines() {
        let points: Vec<f64> = curve().collect();
        assert!(points.len() <= 100 && points.is_sorted(), "{points:?}");
        assert_eq!((points[0], points.last()), (0.0, Some(&LAST)));
    }
}
