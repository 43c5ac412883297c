//! What is said of an election that cannot be held, and how long the next try waits. The door is [`Trouble`].

use std::time::Duration;

use tokio::time::Instant;

use super::record::Fault;
use crate::backoff::Backoff;
use crate::control::health::{Health, Refusal};

/// Waits between tries where only a person can help.
const TRIES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(60));

pub(super) struct Trouble {
    backoff: Backoff,
    health: Health,
    /// The last that only a person can mend. The first is not spoken of: it may be mended by another manifest of the same
    /// command, and a process that may do nothing at all ends before the second.
    last: Option<Fault>,
    /// The last that was said.
    said: Option<Fault>,
}

impl Trouble {
    pub(super) fn new(seed: u64) -> Trouble {
        Trouble { backoff: Backoff::with_seed(TRIES.0, TRIES.1, seed), health: Health::new(), last: None, said: None }
    }

    /// A round has gone well.
    pub(super) fn over(&mut self) {
        self.backoff.reset();
        self.health.answered();
        self.last = None;
        if self.said.take().is_some() {
            tracing::info!("The election of a leader goes on");
        }
    }

    /// Says what there is to say. How long to wait, if longer than usual.
    pub(super) fn wait(&mut self, fault: &Fault) -> Option<Duration> {
        let now = Instant::now().into_std();
        let is_meant = match fault {
            Fault::Conflict => {
                tracing::debug!(%fault, "The lease is looked at again");
                return None;
            }
            // that the API server is away is said by who reads the routes
            Fault::Unavailable(_) => {
                self.health.fault(now);
                tracing::debug!(%fault, "The lease cannot be reached");
                return None;
            }
            Fault::Missing(_) => true,
            // an API server that has just started refuses everybody
            Fault::Refused(_) => matches!(self.health.refusal(now), Refusal::Meant { .. }),
        };
        let is_first = self.last.replace(fault.clone()).as_ref() != Some(fault);
        if is_meant && !is_first && self.said.as_ref() != Some(fault) {
            tracing::warn!(%fault, "No leader can be elected here, so none of its work is done; everything else is");
            self.said = Some(fault.clone());
        }
        Some(self.backoff.next_wait())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_fault_for_a_person_is_told_the_second_time_and_once_and_so_is_another_one() {
        let [missing, refused] = [Fault::Missing, Fault::Refused].map(|fault| fault("it needs a person".to_owned()));
        let away = Fault::Unavailable("no answer".to_owned());
        let mut trouble = Trouble::new(1);
        let mut told = |fault: &Fault| {
            let before = trouble.said.clone();
            trouble.wait(fault);
            trouble.said != before
        };
        let faults = [&missing, &missing, &missing, &away, &refused, &missing];
        assert_eq!(faults.map(&mut told), [false, true, false, false, false, false]);
        let doubtful = [&refused, &refused].map(&mut told);
        assert_eq!(doubtful, [false, false], "an API server that was away a moment ago may not know us yet");
        tokio::time::advance(Duration::from_secs(6)).await;
        assert!(told(&refused));
    }
}
