//! Which process of many may write to what all of them share outside, and until when. Doors: [`Leadership`] is what the
//! election tells, [`Right`] is what a writer asks, with a [`Permit`] for one piece of work.
//!
//! Time here is this machine's monotonic clock; no clock of another machine is ever compared with it.

use tokio::sync::watch;
use tokio::time::Instant;

/// What this process is among its like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Leadership {
    /// Nobody has answered yet.
    #[default]
    Unknown,
    /// Another one leads, or nobody does.
    Follower,
    /// This one leads.
    Leader {
        /// Which change of leaders brought it here: another number is another time, and what was planned in one is not
        /// done in another.
        term: i64,
        /// From then on it may not write any more. It moves on with every renewal.
        until: Instant,
    },
}

/// The right to write outside, asked for at any time.
#[derive(Debug, Clone)]
pub struct Right(Source);

#[derive(Debug, Clone)]
enum Source {
    Elected(watch::Receiver<Leadership>),
    Own,
}

/// The right as it was when a piece of work began. It ends with the term.
#[derive(Debug, Clone)]
pub struct Permit {
    right: Right,
    term: i64,
}

/// The right has ended; what was not begun must not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this process does not lead any more")]
pub struct Lost;

impl Right {
    /// What an election gives and takes.
    pub fn elected(leadership: watch::Receiver<Leadership>) -> Right {
        Right(Source::Elected(leadership))
    }

    /// Of somebody who writes by his own hand, and answers for nobody else writing.
    pub fn own() -> Right {
        Right(Source::Own)
    }

    /// A permit for what begins now.
    ///
    /// # Errors
    /// Another one leads.
    pub fn permit(&self) -> Result<Permit, Lost> {
        let term = self.term().ok_or(Lost)?;
        Ok(Permit { right: self.clone(), term })
    }

    fn term(&self) -> Option<i64> {
        match &self.0 {
            Source::Own => Some(0),
            Source::Elected(leadership) => match *leadership.borrow() {
                Leadership::Leader { term, until } if Instant::now() < until => Some(term),
                _ => None,
            },
        }
    }

    /// Waits until this process leads, for ever if it never does. May be dropped and called again.
    pub async fn gained(&mut self) -> Permit {
        loop {
            if let Ok(permit) = self.permit() {
                return permit;
            }
            self.changed().await;
        }
    }

    async fn changed(&mut self) {
        match &mut self.0 {
            Source::Own => std::future::pending().await,
            // without an election there is no change any more
            Source::Elected(leadership) => {
                if leadership.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        }
    }
}

impl Permit {
    /// Whether what is about to be written may be written.
    ///
    /// # Errors
    /// The term has ended.
    pub fn check(&self) -> Result<(), Lost> {
        if self.right.term() == Some(self.term) { Ok(()) } else { Err(Lost) }
    }

    /// Which term it is for.
    pub fn term(&self) -> i64 {
        self.term
    }

    /// Waits until the term has ended. May be dropped and called again.
    pub async fn lost(&self) {
        let mut right = self.right.clone();
        loop {
            let until = match &right.0 {
                Source::Own => return std::future::pending().await,
                Source::Elected(leadership) => match *leadership.borrow() {
                    Leadership::Leader { term, until } if term == self.term && Instant::now() < until => until,
                    _ => return,
                },
            };
            tokio::select! {
                biased;
                () = right.changed() => {}
                () = tokio::time::sleep_until(until) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn leader(term: i64, seconds: u64) -> Leadership {
        Leadership::Leader { term, until: Instant::now() + Duration::from_secs(seconds) }
    }

    #[tokio::test(start_paused = true)]
    async fn a_permit_ends_with_its_time_unless_that_moves_on() {
        let (tell, told) = watch::channel(Leadership::Unknown);
        let mut right = Right::elected(told);
        assert!(right.permit().is_err());
        tell.send_replace(leader(3, 10));
        let permit = right.gained().await;
        tokio::time::advance(Duration::from_secs(9)).await;
        tell.send_replace(leader(3, 10));
        tokio::time::advance(Duration::from_secs(9)).await;
        assert_eq!((permit.check(), permit.term()), (Ok(()), 3));
        permit.lost().await;
        assert_eq!(permit.check(), Err(Lost));
    }

    #[tokio::test(start_paused = true)]
    async fn a_permit_of_one_term_is_none_in_the_next() {
        let (tell, told) = watch::channel(leader(3, 10));
        let permit = Right::elected(told).permit().unwrap();
        tell.send_replace(Leadership::Follower);
        assert_eq!(permit.check(), Err(Lost));
        tell.send_replace(leader(5, 10));
        permit.lost().await;
        assert_eq!(permit.check(), Err(Lost));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_writes_by_his_own_hand_always_may() {
        let permit = Right::own().gained().await;
        tokio::time::advance(Duration::from_secs(1_000_000)).await;
        assert_eq!(permit.check(), Ok(()));
    }
}
