//! A write through the API that is tried until it succeeds: [`Tries`]. Whoever may not write hears of it once.

use std::time::Duration;

use tokio::time::timeout;

use super::client::{Asked, refusal, with_causes};
use crate::backoff::Backoff;

/// A write that takes longer is given up.
const WRITE: Duration = Duration::from_secs(5);

/// No wait between tries is longer.
const LONGEST: Duration = Duration::from_secs(60);

/// How one kind of write has gone so far.
pub(super) struct Tries {
    asked: Asked,
    /// What a refusal means, for the log.
    refused: &'static str,
    backoff: Backoff,
    is_refused: bool,
}

impl Tries {
    pub(super) fn new(asked: Asked, refused: &'static str, first_wait: Duration) -> Tries {
        Tries { asked, refused, backoff: Backoff::new(first_wait, LONGEST), is_refused: false }
    }

    /// Waits for what a patch comes to; `None`: the next try is after [`next_wait`](Tries::next_wait).
    pub(super) async fn patch<K>(&mut self, call: impl Future<Output = Result<K, kube::Error>>) -> Option<K> {
        let resource = &self.asked.name;
        match timeout(WRITE, call).await {
            Ok(Ok(written)) => {
                self.backoff.reset();
                self.is_refused = false;
                return Some(written);
            }
            Ok(Err(error)) => match refusal(&error, "patch", &self.asked) {
                Some(error) if !std::mem::replace(&mut self.is_refused, true) => {
                    tracing::info!(%error, "{}", self.refused);
                }
                // a 409 among them: another node was faster
                _ => tracing::debug!(resource, error = with_causes(&error), "A write has failed"),
            },
            Err(_) => tracing::debug!(resource, "A write has failed: no answer within 5 s"),
        }
        None
    }

    pub(super) fn next_wait(&mut self) -> Duration {
        self.backoff.next_wait()
    }

    /// We may not, as the API server said when it last spoke of it.
    pub(super) fn is_refused(&self) -> bool {
        self.is_refused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_refusal_holds_until_a_write_succeeds_and_silence_is_given_up() {
        let refused = || {
            let status = kube::core::Status { code: 403, ..Default::default() };
            std::future::ready(Err::<(), _>(kube::Error::Api(Box::new(status))))
        };
        let asked = Asked::new("secrets", "gatepost-tickets", "edge");
        let mut tries = Tries::new(asked, "It cannot be written", Duration::from_millis(200));
        assert_eq!((tries.patch(refused()).await, tries.is_refused()), (None, true));
        assert_eq!((tries.patch(std::future::pending::<Result<(), _>>()).await, tries.is_refused()), (None, true));
        let waits: Vec<Duration> = (0..12).map(|_| tries.next_wait()).collect();
        assert!(waits[0] <= Duration::from_millis(200) && waits[11] >= LONGEST / 2, "{waits:?}");
        assert_eq!((tries.patch(std::future::ready(Ok(()))).await, tries.is_refused()), (Some(()), false));
        assert!(tries.next_wait() <= Duration::from_millis(200));
    }
}
