//! What a process is in the election at this moment, and who is told. The right ends on time, and with the process's stage,
//! whatever is being waited for: so all waiting is done here. The door is [`Standing`].

use std::future::Future;
use std::pin::pin;

use tokio::sync::watch;
use tokio::time::{Duration, Instant, sleep, sleep_until};

use super::record::{Change, Record};
use super::{RELEASE, RIGHT};
use crate::lifecycle::{Leadership, Stage};

pub(super) struct Standing<F> {
    stage: watch::Receiver<Stage>,
    leadership: watch::Sender<Leadership>,
    on_change: F,
    /// It takes part no more; the release has this long.
    end: Option<Instant>,
}

impl<F: FnMut(Change<'_>) + Send> Standing<F> {
    pub(super) fn new(
        stage: watch::Receiver<Stage>,
        leadership: watch::Sender<Leadership>,
        on_change: F,
    ) -> Standing<F> {
        let mut standing = Standing { stage, leadership, on_change, end: None };
        if *standing.stage.borrow() != Stage::Serving {
            standing.leave();
        }
        standing
    }

    /// The term in which it leads.
    pub(super) fn term(&self) -> Option<i64> {
        match *self.leadership.borrow() {
            Leadership::Leader { term, until } if Instant::now() < until => Some(term),
            _ => None,
        }
    }

    /// Whether it is known to lead or to follow.
    pub(super) fn is_known(&self) -> bool {
        *self.leadership.borrow() != Leadership::Unknown
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.end.is_some()
    }

    /// Until when it may say goodbye, if it leaves.
    pub(super) fn end(&self) -> Option<Instant> {
        self.end
    }

    /// It leads, or goes on leading, until then.
    pub(super) fn lead(&mut self, term: i64, until: Instant, record: &Record) {
        let before = self.leadership.send_replace(Leadership::Leader { term, until });
        if !matches!(before, Leadership::Leader { term: known, .. } if known == term) {
            tracing::info!(term, "This process leads");
            (self.on_change)(Change::Leads(record));
        }
    }

    /// It does not lead.
    pub(super) fn follow(&mut self, why: &str) {
        match self.leadership.send_replace(Leadership::Follower) {
            Leadership::Follower => return,
            Leadership::Unknown => tracing::info!(why, "This process follows"),
            Leadership::Leader { term, .. } => tracing::info!(term, why, "This process leads no more"),
        }
        (self.on_change)(Change::Follows);
    }

    /// Waits for a call, no longer than `limit`, and no longer than there is time to say goodbye.
    pub(super) async fn during<T>(&mut self, limit: Duration, call: impl Future<Output = T>) -> Option<T> {
        let limit = Instant::now() + limit;
        let mut call = pin!(call);
        loop {
            let end = self.end.map_or(limit, |end| end.min(limit));
            tokio::select! {
                biased;
                () = self.left() => {}
                answer = &mut call => return Some(answer),
                () = sleep_until(end) => return None,
            }
        }
    }

    /// Waits, unless it leaves.
    pub(super) async fn pause(&mut self, wait: Duration) {
        if self.is_leaving() {
            return;
        }
        tokio::select! {
            biased;
            () = self.left() => {}
            () = sleep(wait) => {}
        }
    }

    /// Waits until it leaves, and takes a right away that ends meanwhile. It may be dropped and called again.
    async fn left(&mut self) {
        if self.is_leaving() {
            return std::future::pending().await;
        }
        loop {
            let until = match *self.leadership.borrow() {
                Leadership::Leader { until, .. } => Some(until),
                _ => None,
            };
            let over = async {
                match until {
                    Some(until) => sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            let ends = async {
                // whose sender is gone ends too
                let _ = self.stage.wait_for(|stage| *stage != Stage::Serving).await;
            };
            tokio::select! {
                biased;
                () = ends => return self.leave(),
                () = over => self.follow(&format!("it could not renew the lease for {} s", RIGHT.as_secs())),
            }
        }
    }

    /// The right first, and then whatever else.
    fn leave(&mut self) {
        self.follow("the process ends");
        self.end = Some(Instant::now() + RELEASE);
    }
}
