//! The Lease, in memory: [`Book`], what one replica sees of it. Calls take as long and go as wrong as the weather is.

use std::time::Duration;

use gatepost::control::leader::{Claim, Fault, Leases, Record};
use tokio::time::sleep;

use crate::hub::{Hub, Inside};

pub struct Book(pub Hub);

/// What becomes of a call.
struct Fate {
    there: Duration,
    back: Duration,
    end: End,
}

#[derive(PartialEq)]
enum End {
    Good,
    Fails,
    Refused,
    RequestLost,
    AnswerLost,
}

impl Book {
    fn fate(hub: &mut Inside) -> Fate {
        let mut fate = Fate { there: Duration::ZERO, back: Duration::ZERO, end: End::Good };
        if hub.random.in_a_thousand(hub.weather.lease) {
            let (what, end) = match hub.random.below(7) {
                0 => ("fault: the lease's store fails", End::Fails),
                1 => ("fault: the lease's store refuses", End::Refused),
                2 => ("fault: a request to the lease's store is lost", End::RequestLost),
                3 | 4 => ("fault: an answer of the lease's store is lost", End::AnswerLost),
                _ => ("fault: the lease's store is slow", End::Good),
            };
            hub.tally.add(what);
            fate.end = end;
            fate.there = hub.random.millis(0, 4_000);
            fate.back = hub.random.millis(0, 2_000);
        } else if hub.random.one_in(8) {
            fate.there = hub.random.millis(0, 60);
            fate.back = hub.random.millis(0, 60);
        }
        fate
    }

    /// A call goes on when nobody waits for it any more.
    async fn call(
        &self,
        act: impl FnOnce(&mut Inside) -> Result<Record, Fault> + Send + 'static,
    ) -> Result<Record, Fault> {
        let fate = self.0.with(Book::fate);
        let hub = self.0.clone();
        if fate.end == End::Good && fate.there.is_zero() && fate.back.is_zero() {
            return hub.with(act);
        }
        let call = tokio::spawn(async move {
            sleep(fate.there).await;
            match fate.end {
                End::Fails => return Err(Fault::Unavailable("it fails".to_owned())),
                End::Refused => return Err(Fault::Refused("it is refused".to_owned())),
                End::RequestLost => return std::future::pending().await,
                End::Good | End::AnswerLost => {}
            }
            let answer = hub.with(act);
            sleep(fate.back).await;
            if fate.end == End::AnswerLost { std::future::pending().await } else { answer }
        });
        call.await.unwrap_or_else(|_| Err(Fault::Unavailable("the world ends".to_owned())))
    }
}

impl Leases for Book {
    async fn get(&self) -> Result<Record, Fault> {
        self.call(|hub| Ok(hub.lease.clone())).await
    }

    async fn replace(&self, old: &Record, new: &Claim) -> Result<Record, Fault> {
        let (version, claim) = (old.version.clone(), new.clone());
        self.call(move |hub| {
            if hub.lease.version != version {
                hub.tally.add("fault: a write of the lease conflicts");
                return Err(Fault::Conflict);
            }
            let Claim { holder, process, seconds, transitions, is_new: _ } = claim;
            hub.lease = Record { holder, process, seconds: Some(seconds), transitions, ..hub.lease.clone() };
            hub.touch_lease();
            Ok(hub.lease.clone())
        })
        .await
    }
}
