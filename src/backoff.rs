//! How long to wait before the next try: longer with each failure, never the same for two nodes. The one door is
//! [`Backoff`]. Pure but for the seed: it tells a time, the caller waits.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Doubling waits with jitter between a floor and a ceiling.
#[derive(Debug, Clone)]
pub struct Backoff {
    floor: Duration,
    ceiling: Duration,
    failures: u32,
    /// State of a xorshift generator, never 0.
    random: u64,
}

impl Backoff {
    /// The first wait is about `floor`, none is longer than `ceiling`.
    pub fn new(floor: Duration, ceiling: Duration) -> Backoff {
        // the standard library's hasher keys are the one source of randomness it has
        Backoff::with_seed(floor, ceiling, RandomState::new().hash_one(0u8))
    }

    /// Like [`new`](Backoff::new), with the jitter of this seed.
    pub fn with_seed(floor: Duration, ceiling: Duration, seed: u64) -> Backoff {
        Backoff { floor, ceiling: ceiling.max(floor), failures: 0, random: seed | 1 }
    }

    /// The wait after one more failure: between half and the whole of the doubled time, so that nodes that failed
    /// together don't come back together.
    pub fn next_wait(&mut self) -> Duration {
        // 2^16 floors are beyond any ceiling that makes sense, and the shift stays in range
        let whole = self.floor.saturating_mul(1 << self.failures.min(16)).min(self.ceiling);
        self.failures = self.failures.saturating_add(1);
        let half = whole / 2;
        half + half.mul_f64(self.fraction())
    }

    /// Something went well: the next wait is short again.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// How often [`next_wait`](Backoff::next_wait) was called since the last [`reset`](Backoff::reset).
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// From 0 to 1.
    fn fraction(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FLOOR: Duration = Duration::from_millis(100);
    const CEILING: Duration = Duration::from_secs(5);

    #[test]
    fn every_wait_is_between_half_and_the_whole_of_the_doubled_floor() {
        for seed in 0..200 {
            let mut backoff = Backoff::with_seed(FLOOR, CEILING, seed);
            for whole in [100, 200, 400, 800, 1600, 3200, 5000, 5000] {
                let (wait, whole) = (backoff.next_wait(), Duration::from_millis(whole));
                assert!(wait >= whole / 2 && wait <= whole, "{wait:?} of {whole:?}");
            }
        }
    }

    #[test]
    fn a_thousand_failures_wait_no_longer_than_the_ceiling() {
        let mut backoff = Backoff::with_seed(FLOOR, CEILING, 7);
        assert!((0..1000).all(|_| backoff.next_wait() <= CEILING));
        assert_eq!(backoff.failures(), 1000);
    }

    #[test]
    fn after_a_success_the_wait_is_short_again() {
        let mut backoff = Backoff::with_seed(FLOOR, CEILING, 7);
        for _ in 0..10 {
            backoff.next_wait();
        }
        backoff.reset();
        assert!(backoff.next_wait() <= FLOOR);
    }

    #[test]
    fn two_nodes_that_fail_together_come_back_apart() {
        let mut waits: Vec<Duration> = (0..50).map(|_| Backoff::new(CEILING, CEILING).next_wait()).collect();
        waits.sort();
        waits.dedup();
        assert!(waits.len() > 40, "only {} different waits of 50", waits.len());
    }
}
