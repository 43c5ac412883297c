//! What came of the requests: latencies, and errors by kind.
//!
//! One door: [`Tally::record`].

use std::time::Duration;

use hdrhistogram::Histogram;

/// Why an answer was not as asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    /// Nobody listens.
    Refused,
    /// No connection for another reason.
    Connect,
    /// No TLS.
    Handshake,
    /// The handshake did not agree on HTTP/2.
    Version,
    /// The connection was reset, or the stream.
    Reset,
    /// The connection ended before the answer's first byte.
    Closed,
    /// It ended within the answer.
    Short,
    /// The answer is not as HTTP or WebSocket has it.
    Malformed,
    /// Another status.
    Status,
    /// Another body.
    Body,
    /// It took longer than was waited for.
    Slow,
}

impl Failure {
    /// Every kind with its name in the report.
    pub(crate) const ALL: [(Failure, &str); 11] = [
        (Failure::Refused, "refused"),
        (Failure::Connect, "connect"),
        (Failure::Handshake, "handshake"),
        (Failure::Version, "version"),
        (Failure::Reset, "reset"),
        (Failure::Closed, "closed"),
        (Failure::Short, "short"),
        (Failure::Malformed, "malformed"),
        (Failure::Status, "status"),
        (Failure::Body, "body"),
        (Failure::Slow, "slow"),
    ];
}

/// Counts and latencies of a run so far.
pub(crate) struct Tally {
    pub(crate) sent: u64,
    pub(crate) good: u64,
    pub(crate) body_bytes: u64,
    /// Connections that were opened.
    pub(crate) opened: u64,
    /// Of every request that got an answer, right or wrong, in microseconds.
    pub(crate) latency: Histogram<u64>,
    failures: [u64; Failure::ALL.len()],
}

impl Tally {
    pub(crate) fn new() -> anyhow::Result<Tally> {
        // 1 µs to 10 minutes, three digits: a stalled open loop has latencies far above what is waited for one answer
        let latency = Histogram::new_with_bounds(1, 600_000_000, 3)?;
        Ok(Tally { sent: 0, good: 0, body_bytes: 0, opened: 0, latency, failures: [0; Failure::ALL.len()] })
    }

    /// A request has come to its end, `since` after it was due.
    pub(crate) fn record(&mut self, result: Result<u64, Failure>, since: Duration) {
        match result {
            Ok(bytes) => {
                self.good += 1;
                self.body_bytes += bytes;
            }
            Err(failure) => self.failures[failure as usize] += 1,
        }
        self.latency.saturating_record(since.as_micros() as u64);
    }

    /// How often each kind of error happened.
    pub(crate) fn failures(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        Failure::ALL.iter().map(|&(failure, name)| (name, self.failures[failure as usize]))
    }

    /// How many requests failed.
    pub(crate) fn failed(&self) -> u64 {
        self.failures.iter().sum()
    }
}
