//! The counters of one route on one worker. The door is [`RouteShard::record`], once a request.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Adds without a read-modify-write: each counter has one writer, its worker's thread. A lost race would cost a count,
/// never memory safety.
#[inline]
pub(super) fn add(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
}

/// What one worker has counted for one route.
#[derive(Debug, Default)]
pub struct RouteShard {
    answers: Answers,
    whole: Histogram,
    upstream: Histogram,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

impl RouteShard {
    /// Counts one finished request: its answer's status, its method as a label, how long it took as a whole and until
    /// the app's answer began, and the body bytes that came from and went to the client.
    #[inline]
    pub fn record(
        &self,
        status: u16,
        method: &'static str,
        nanos: u64,
        upstream_nanos: Option<u64>,
        bytes_in: u64,
        bytes_out: u64,
    ) {
        self.answers.add(status, method_index(method));
        self.whole.record(nanos);
        if let Some(nanos) = upstream_nanos {
            self.upstream.record(nanos);
        }
        add(&self.bytes_in, bytes_in);
        add(&self.bytes_out, bytes_out);
    }

    /// Adds what is here to a sum over workers.
    pub(super) fn add_to(&self, sum: &mut RouteSum) {
        self.answers.add_to(&mut sum.answers);
        self.whole.add_to(&mut sum.whole);
        self.upstream.add_to(&mut sum.upstream);
        sum.bytes_in = sum.bytes_in.wrapping_add(self.bytes_in.load(Ordering::Relaxed));
        sum.bytes_out = sum.bytes_out.wrapping_add(self.bytes_out.load(Ordering::Relaxed));
    }
}

/// The sum of the shards of one route.
#[derive(Debug, Default)]
pub(super) struct RouteSum {
    /// (status, method, count); status 0 = all that had no place of their own.
    pub(super) answers: std::collections::BTreeMap<(u16, &'static str), u64>,
    pub(super) whole: HistogramSum,
    pub(super) upstream: HistogramSum,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
}

/// The methods that have a label of their own; all others share the last.
const METHODS: [&str; 10] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "CONNECT", "TRACE", "OTHER"];

/// Written out, the compiler compares whole words; a search in [`METHODS`] calls `memcmp` each time.
#[inline]
fn method_index(method: &str) -> usize {
    match method.as_bytes() {
        b"GET" => 0,
        b"HEAD" => 1,
        b"POST" => 2,
        b"PUT" => 3,
        b"DELETE" => 4,
        b"OPTIONS" => 5,
        b"PATCH" => 6,
        b"CONNECT" => 7,
        b"TRACE" => 8,
        _ => 9,
    }
}

/// Kinds of answers (status and method) that one route can count apart: 64 is three times what a busy app shows, and
/// what strangers can reach with odd methods stays small.
const SLOTS: usize = 64;
/// How far a kind is looked for from its first slot; behind that it counts as `other`.
const PROBES: usize = 8;

/// A table of counters with open addressing. A key is never removed and is written after its count.
#[derive(Debug)]
struct Answers {
    keys: [AtomicU32; SLOTS],
    counts: [AtomicU64; SLOTS],
    other: [AtomicU64; METHODS.len()],
}

impl Default for Answers {
    fn default() -> Self {
        Answers {
            keys: [const { AtomicU32::new(0) }; SLOTS],
            counts: [const { AtomicU64::new(0) }; SLOTS],
            other: Default::default(),
        }
    }
}

impl Answers {
    #[inline]
    fn add(&self, status: u16, method: usize) {
        // never 0, the empty key
        let key = (u32::from(status) << 4) + method as u32 + 1;
        // Fibonacci hashing: the upper 6 bits of the product are well mixed, and 2^6 is SLOTS
        let first = (key.wrapping_mul(0x9e37_79b9) >> 26) as usize;
        for step in 0..PROBES {
            let slot = (first + step) % SLOTS;
            match self.keys[slot].load(Ordering::Relaxed) {
                found if found == key => return add(&self.counts[slot], 1),
                0 => {
                    self.counts[slot].store(1, Ordering::Relaxed);
                    return self.keys[slot].store(key, Ordering::Release);
                }
                _ => {}
            }
        }
        add(&self.other[method], 1);
    }

    fn add_to(&self, sum: &mut std::collections::BTreeMap<(u16, &'static str), u64>) {
        for (key, count) in self.keys.iter().zip(&self.counts) {
            if let Some(key) = key.load(Ordering::Acquire).checked_sub(1) {
                let method = METHODS[(key & 15) as usize];
                *sum.entry(((key >> 4) as u16, method)).or_default() += count.load(Ordering::Relaxed);
            }
        }
        for (method, count) in METHODS.iter().zip(&self.other) {
            match count.load(Ordering::Relaxed) {
                0 => {}
                count => *sum.entry((0, method)).or_default() += count,
            }
        }
    }
}

/// Upper bound of the first bucket, 250 µs; each further one is twice as wide.
const FIRST_NANOS: u64 = 250_000;
/// 250 µs * 2^18 = 65.5 s is the last bound; what took longer is in one bucket more.
pub(super) const BOUNDS: usize = 19;

#[derive(Debug, Default)]
struct Histogram {
    buckets: [AtomicU64; BOUNDS + 1],
    nanos: AtomicU64,
}

impl Histogram {
    #[inline]
    fn record(&self, nanos: u64) {
        add(&self.buckets[bucket(nanos)], 1);
        add(&self.nanos, nanos);
    }

    fn add_to(&self, sum: &mut HistogramSum) {
        for (sum, count) in sum.buckets.iter_mut().zip(&self.buckets) {
            *sum += count.load(Ordering::Relaxed);
        }
        sum.nanos = sum.nanos.wrapping_add(self.nanos.load(Ordering::Relaxed));
    }
}

/// Bounds are inclusive, as Prometheus has them.
#[inline]
fn bucket(nanos: u64) -> usize {
    let units = nanos.saturating_sub(1) / FIRST_NANOS;
    ((u64::BITS - units.leading_zeros()) as usize).min(BOUNDS)
}

/// The sum of the histograms of one route.
#[derive(Debug, Default)]
pub(super) struct HistogramSum {
    pub(super) buckets: [u64; BOUNDS + 1],
    pub(super) nanos: u64,
}

impl HistogramSum {
    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Upper bounds in seconds with the counts between them.
    pub(super) fn bounds(&self) -> Vec<(f64, u64)> {
        let bound = |at: usize| match at {
            BOUNDS => f64::INFINITY,
            _ => (FIRST_NANOS << at) as f64 / 1e9,
        };
        self.buckets.iter().enumerate().map(|(at, &count)| (bound(at), count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive_and_double() {
        let table = [
            (0, 0),
            (1, 0),
            (250_000, 0),
            (250_001, 1),
            (500_000, 1),
            (500_001, 2),
            (1_000_000, 2),
            (1_000_001, 3),
            (65_536_000_000, 18),
            (65_536_000_001, 19),
            (u64::MAX, 19),
        ];
        for (nanos, expected) in table {
            assert_eq!(bucket(nanos), expected, "{nanos}");
        }
    }

    #[test]
    fn every_method_has_its_own_label_and_strangers_share_one() {
        for (at, method) in METHODS.iter().enumerate() {
            assert_eq!(method_index(method), at);
        }
        for method in ["", "GOT", "get", "PROPFIND", "PUSH", "LINK"] {
            assert_eq!(METHODS[method_index(method)], "OTHER", "{method}");
        }
    }

    #[test]
    fn more_kinds_of_answers_than_slots_fold_into_other_and_none_is_lost() {
        let shard = RouteShard::default();
        for status in 100..600 {
            shard.record(status, "GET", 1, None, 0, 0);
            shard.record(status, "POST", 1, None, 0, 0);
        }
        let mut sum = RouteSum::default();
        shard.add_to(&mut sum);
        assert_eq!(sum.answers.values().sum::<u64>(), 1000);
        assert!(sum.answers.len() <= SLOTS + 2, "{}", sum.answers.len());
        assert!(sum.answers.contains_key(&(0, "GET")) && sum.answers.contains_key(&(0, "POST")));
    }
}
