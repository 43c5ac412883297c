//! What a run came to, for people and for scripts.
//!
//! One door: [`Report::new`].

use std::fs;
use std::io::Write;
use std::time::Duration;

use serde_json::json;

use crate::options::Plan;
use crate::tally::Tally;

/// A share of one CPU above which this program, not the server, may be what is measured: it runs on one thread.
const SATURATED: f64 = 0.9;
/// The quantiles that are told.
const QUANTILES: [(&str, f64); 6] =
    [("p50", 0.5), ("p75", 0.75), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)];

/// The result of a run.
pub(crate) struct Report {
    url: String,
    target: String,
    connections: usize,
    rate: Option<u64>,
    tally: Tally,
    took: Duration,
    cpu: Duration,
    late: u64,
}

impl Report {
    pub(crate) fn new(plan: &Plan, tally: Tally, took: Duration, cpu: Duration, late: u64) -> Report {
        Report {
            url: plan.url.clone(),
            target: plan.target.to_string(),
            connections: plan.connections,
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

    fn to_json(&self) -> serde_json::Value {
        let tally = &self.tally;
        let errors: serde_json::Map<_, _> = tally.failures().map(|(name, n)| (name.to_owned(), n.into())).collect();
        let latency: serde_json::Map<_, _> = QUANTILES
            .iter()
            .map(|&(name, quantile)| (name.to_owned(), tally.latency.value_at_quantile(quantile).into()))
            .collect();
        json!({
            "url": self.url,
            "target": self.target,
            "loop": if self.rate.is_some() { "open" } else { "closed" },
            "rate": self.rate,
            "connections": self.connections,
            "connectionsOpened": tally.opened,
            "seconds": self.took.as_secs_f64(),
            "sent": tally.sent,
            "good": tally.good,
            "failed": tally.failed(),
            "goodPerSecond": self.per_second(),
            "bodyBytes": tally.body_bytes,
            "errors": errors,
            "latencyMicros": latency,
            "own": { "cpuSeconds": self.cpu.as_secs_f64(), "late": self.late, "saturated": self.is_saturated() },
        })
    }

    fn to_text(&self) -> String {
        let tally = &self.tally;
        let mut lines = vec![format!("{} at {}", self.url, self.target)];
        let wanted = self.rate.map_or("closed loop".to_owned(), |rate| format!("{rate} requests/s by the clock"));
        lines.push(format!("{wanted}, {} connections, {} opened", self.connections, tally.opened));
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

/// CPU time that this process has used; zero where the system does not tell.
pub(crate) fn own_cpu() -> Duration {
    let tasks = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let nanos = tasks
        .filter_map(|task| fs::read_to_string(task.path().join("schedstat")).ok())
        .filter_map(|text| text.split(' ').next()?.parse::<u64>().ok());
    Duration::from_nanos(nanos.sum())
}
