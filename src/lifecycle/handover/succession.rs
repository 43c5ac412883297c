//! What those who end this process need to know of the process after it and the one before. One door: [`Succession`].

use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tracing::debug;

use super::predecessor::Predecessor;
use super::sockets::Stock;

/// What the desk gets for its last words.
const LEAVE: Duration = Duration::from_secs(2);

/// Who accepts connections in place of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Successor {
    /// Nobody.
    #[default]
    None,
    /// A process that has to show that it does well.
    Probation,
    /// One that does well.
    Confirmed,
}

/// What those who end this process need to know and to say.
#[derive(Debug)]
pub struct Succession {
    pub(super) successor: watch::Receiver<Successor>,
    pub(super) orders: Option<mpsc::Sender<oneshot::Sender<()>>>,
    pub(super) predecessor: Option<Predecessor>,
    pub(super) stock: Stock,
}

impl Succession {
    /// Of a process that nobody can ask.
    pub fn none() -> Succession {
        let (_, successor) = watch::channel(Successor::None);
        Succession { successor, orders: None, predecessor: None, stock: Stock::default() }
    }

    /// Of a process with successors that come and go as a test says.
    #[cfg(test)]
    pub(in crate::lifecycle) fn of(successor: watch::Receiver<Successor>) -> Succession {
        Succession { successor, ..Succession::none() }
    }

    /// Who accepts in place of this process.
    pub fn successor(&self) -> Successor {
        *self.successor.borrow()
    }

    /// Waits until that is somebody else than `known`.
    pub async fn changed_from(&mut self, known: Successor) {
        if self.successor.wait_for(|now| *now != known).await.is_err() {
            std::future::pending().await
        }
    }

    /// Waits until there is a successor that does well.
    pub async fn confirmed(&mut self) {
        if self.successor.wait_for(|now| *now == Successor::Confirmed).await.is_err() {
            std::future::pending().await
        }
    }

    /// Whether this process accepts, and the one that it took the place of would do so again.
    pub fn is_stood_by(&self) -> bool {
        self.successor() == Successor::None && self.predecessor.as_ref().is_some_and(Predecessor::stands_by)
    }

    /// Whether the process that this one took the place of serves again.
    pub async fn take_back(&mut self) -> bool {
        match &mut self.predecessor {
            Some(predecessor) => predecessor.take_back().await,
            None => false,
        }
    }

    /// This process ends: nobody can ask it any more, and of what it offered only the workers' own sockets are left.
    pub async fn leave(&mut self) {
        if let Some(orders) = self.orders.take() {
            let (done, is_done) = oneshot::channel();
            let said = async {
                if orders.send(done).await.is_ok() {
                    // an error means that it is gone, and with it all it had
                    let _ = is_done.await;
                }
            };
            if timeout(LEAVE, said).await.is_err() {
                debug!("The hand-over takes long to end");
            }
        }
        self.stock.close();
    }
}
