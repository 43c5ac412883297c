//! How the API server has been lately: when to try again, and when to speak. The one door is [`Health`]. It has no clock:
//! the caller says what time it is.

use std::time::{Duration, Instant};

use crate::backoff::Backoff;

/// Waits between tries.
const TRIES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// Without a fault for this long the next one is the first of its own.
const CALM: Duration = Duration::from_secs(60);

/// An API server that has just started refuses everybody until it has read its roles: a refusal after a fault is
/// believed when it has lasted for this long.
const WARM: Duration = Duration::from_secs(5);

/// What has happened since all was well.
#[derive(Debug)]
pub(super) struct Health {
    backoff: Backoff,
    last_fault: Option<Instant>,
    /// Since when it refuses us.
    refused: Option<Instant>,
    said: Option<Trouble>,
}

/// What there is to speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Away,
    Refusal,
}

/// Whether a refusal is to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It may be an API server that has just started.
    Doubtful,
    /// It is meant. `is_news`: that has not been said.
    Meant { is_news: bool },
}

impl Health {
    pub(super) fn new() -> Health {
        Health { backoff: Backoff::new(TRIES.0, TRIES.1), last_fault: None, refused: None, said: None }
    }

    /// It did not answer, or not in a way that makes sense. Whether to speak of it: not of the first in a row, which
    /// heals by itself within half a second when a connection ends for its own reasons.
    pub(super) fn fault(&mut self, now: Instant) -> bool {
        let is_first = !self.is_troubled(now);
        if is_first && self.refused.is_none() {
            self.backoff.reset();
        }
        self.last_fault = Some(now);
        self.refused = None;
        !is_first && self.said.replace(Trouble::Away) != Some(Trouble::Away)
    }

    /// It answered that we may not.
    pub(super) fn refusal(&mut self, now: Instant) -> Refusal {
        if self.refused.is_none() && !self.is_troubled(now) {
            self.backoff.reset();
        }
        let since = *self.refused.get_or_insert(now);
        if self.is_troubled(now) && now - since < WARM {
            return Refusal::Doubtful;
        }
        Refusal::Meant { is_news: self.said.replace(Trouble::Refusal) != Some(Trouble::Refusal) }
    }

    /// How long to wait before the next try.
    pub(super) fn wait(&mut self) -> Duration {
        self.backoff.next_wait()
    }

    /// Something was said that is over when this watch succeeds.
    pub(super) fn is_said(&self) -> bool {
        self.said.is_some()
    }

    /// Something was said that is over when any call succeeds. Another one that is permitted says nothing of a refusal.
    pub(super) fn is_said_away(&self) -> bool {
        self.said == Some(Trouble::Away)
    }

    /// A call has succeeded. The waits stay long for a while: it may be the one that works in between.
    pub(super) fn answered(&mut self) {
        (self.refused, self.said) = (None, None);
    }

    fn is_troubled(&self, now: Instant) -> bool {
        self.last_fault.is_some_and(|last| now - last < CALM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn the_first_fault_is_not_spoken_of_the_second_is_and_no_other_until_it_answers() {
        let (mut health, start) = (Health::new(), Instant::now());
        let spoken: Vec<bool> = (0..5).map(|second| health.fault(start + seconds(second))).collect();
        assert_eq!(spoken, [false, true, false, false, false]);
        assert!(health.is_said());
        health.answered();
        assert!(!health.is_said());
        assert!(health.fault(start + seconds(6)), "it answered for a moment only");
    }

    #[test]
    fn faults_far_apart_are_each_the_first() {
        let (mut health, start) = (Health::new(), Instant::now());
        for number in 0..20 {
            assert!(!health.fault(start + CALM * number));
            assert!(health.wait() <= TRIES.0);
        }
    }

    #[test]
    fn a_refusal_out_of_the_blue_is_believed_at_once_and_said_once() {
        let (mut health, start) = (Health::new(), Instant::now());
        assert_eq!(health.refusal(start), Refusal::Meant { is_news: true });
        assert_eq!(health.refusal(start + seconds(1)), Refusal::Meant { is_news: false });
    }

    #[test]
    fn a_refusal_after_a_fault_is_believed_when_it_lasts_though_another_trouble_was_said() {
        let (mut health, start) = (Health::new(), Instant::now());
        health.fault(start);
        health.fault(start + seconds(1));
        assert!(health.is_said());
        assert_eq!(health.refusal(start + seconds(2)), Refusal::Doubtful);
        assert_eq!(health.refusal(start + seconds(6)), Refusal::Doubtful);
        assert_eq!(health.refusal(start + seconds(7)), Refusal::Meant { is_news: true });
        assert_eq!(health.refusal(start + seconds(8)), Refusal::Meant { is_news: false });
    }

    #[test]
    fn while_it_refuses_us_the_waits_grow() {
        let (mut health, start) = (Health::new(), Instant::now());
        let waits: Vec<Duration> = (0..12)
            .map(|number| {
                health.refusal(start + seconds(number));
                health.wait()
            })
            .collect();
        assert!(waits[11] >= TRIES.1 / 2, "{waits:?}");
    }

    #[test]
    fn another_call_that_is_permitted_says_nothing_of_a_refusal() {
        let (mut health, start) = (Health::new(), Instant::now());
        assert_eq!(health.refusal(start), Refusal::Meant { is_news: true });
        assert!(health.is_said() && !health.is_said_away());
        assert_eq!(health.refusal(start + seconds(10)), Refusal::Meant { is_news: false });
        health.fault(start + seconds(11));
        health.fault(start + seconds(12));
        assert!(health.is_said_away());
    }
}
