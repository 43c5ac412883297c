//! The accept loops of one worker. They end only when they were told to: else connections would wait in a queue for ever.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::task::JoinHandle;

use super::WorkerError;
use crate::proxy::connection::Left;

/// The loops that run.
#[derive(Debug, Default)]
pub(in crate::proxy) struct Accepts(Vec<JoinHandle<io::Result<Left>>>);

impl Accepts {
    pub(super) fn push(&mut self, accept: JoinHandle<io::Result<Left>>) {
        self.0.push(accept);
    }

    /// Waits for a loop that ends although nobody told it to.
    pub(super) async fn lost(&mut self) -> WorkerError {
        poll_fn(|cx| self.poll_lost(cx)).await
    }

    fn poll_lost(&mut self, cx: &mut Context<'_>) -> Poll<WorkerError> {
        let mut at = 0;
        while let Some(accept) = self.0.get_mut(at) {
            match Pin::new(accept).poll(cx) {
                Poll::Pending => at += 1,
                Poll::Ready(Ok(Ok(Left::Relieved))) => drop(self.0.swap_remove(at)),
                Poll::Ready(Ok(_)) => return Poll::Ready(WorkerError::Deaf),
                Poll::Ready(Err(_)) => return Poll::Ready(WorkerError::Panicked),
            }
        }
        Poll::Pending
    }

    /// Waits for the loops, which have been told to end. A panic in one is the worker's.
    pub(super) async fn ended(&mut self) -> Result<(), WorkerError> {
        for accept in self.0.drain(..) {
            accept.await.map_err(|_| WorkerError::Panicked)?.map_err(|_| WorkerError::Deaf)?;
        }
        Ok(())
    }
}
