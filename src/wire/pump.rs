//! One body on its way from one side to the other.
//!
//! One door: [`Pump::poll`]. The source is read only when the sink took the piece before; the sink is flushed whenever
//! the source has nothing at hand, so that an event stream's frames never wait.

use std::task::{Context, Poll, ready};

use super::side::{Fault, Piece, Side};

/// Where a body stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Ending,
    Flushing,
    Done,
}

/// The state of one direction.
#[derive(Debug)]
pub struct Pump {
    stage: Stage,
    bytes: u64,
    limit: u64,
    /// A tunnel's end is passed on as FIN.
    tunnel: bool,
    abandoned: bool,
    /// Something moved since [`Pump::take_progress`].
    progress: bool,
    lost_trailers: bool,
    /// The last poll ended because the sink took no more.
    held_up: bool,
}

/// Which side broke the body.
#[derive(Debug)]
pub enum Broken {
    /// The one that sends it.
    Source(Fault),
    /// The one that receives it.
    Sink(Fault),
    /// It is larger than allowed.
    TooLarge,
}

impl Pump {
    /// A body of at most `limit` bytes.
    pub fn new(limit: Option<u64>) -> Self {
        let limit = limit.unwrap_or(u64::MAX);
        Pump {
            stage: Stage::Open,
            bytes: 0,
            limit,
            tunnel: false,
            abandoned: false,
            progress: false,
            lost_trailers: false,
            held_up: false,
        }
    }

    /// One direction of a tunnel.
    pub fn tunnel() -> Self {
        Pump { tunnel: true, ..Pump::new(None) }
    }

    /// Payload bytes that the sink has taken.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether the body is through, its end included.
    pub fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// Whether there were fields behind the body and no place for them.
    pub fn has_lost_trailers(&self) -> bool {
        self.lost_trailers
    }

    /// Whether it is the sink that is waited for, and not the source.
    pub fn is_held_up(&self) -> bool {
        self.held_up && !self.is_done()
    }

    /// Whether the body is through as it was sent, and not given up.
    pub fn is_whole(&self) -> bool {
        self.is_done() && !self.abandoned
    }

    /// The rest of the body is given up.
    pub fn abandon(&mut self) {
        self.stage = Stage::Done;
        self.abandoned = true;
    }

    /// Whether something moved since this was last asked.
    pub fn take_progress(&mut self) -> bool {
        std::mem::take(&mut self.progress)
    }

    /// Moves what can be moved. Ready when the body is through.
    ///
    /// # Errors
    /// See [`Broken`].
    pub fn poll(&mut self, from: &mut Side, to: &mut Side, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        self.held_up = true;
        while self.stage == Stage::Open {
            match from.poll_piece(cx).map_err(Broken::Source)? {
                Poll::Pending => {
                    ready!(to.poll_flush(cx)).map_err(Broken::Sink)?;
                    self.held_up = false;
                    return Poll::Pending;
                }
                Poll::Ready(Piece::End) => self.stage = Stage::Ending,
                Poll::Ready(Piece::Data) => {
                    if from.data().len() as u64 > self.limit - self.bytes {
                        return Poll::Ready(Err(Broken::TooLarge));
                    }
                    let n = ready!(to.poll_data(cx, from.data())).map_err(Broken::Sink)?;
                    from.consume(n);
                    self.bytes += n as u64;
                    self.progress = true;
                }
            }
        }
        if self.stage == Stage::Ending {
            if !self.tunnel {
                ready!(to.poll_end(cx, from.trailers())).map_err(Broken::Sink)?;
                self.lost_trailers = from.trailers().is_some_and(|fields| !fields.is_empty()) && !to.takes_trailers();
            }
            self.stage = Stage::Flushing;
        }
        if self.stage == Stage::Flushing {
            if self.tunnel {
                ready!(to.poll_shutdown(cx)).map_err(Broken::Sink)?;
            } else {
                ready!(to.poll_flush(cx)).map_err(Broken::Sink)?;
            }
            self.stage = Stage::Done;
            self.progress = true;
        }
        Poll::Ready(Ok(()))
    }
}
