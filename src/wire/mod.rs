//! One side of a request: bytes and bodies moving, whichever HTTP version carries them.
//!
//! The client's connection (`proxy`) and the app's (`upstream`) need the same things: read a piece of a body, write a
//! piece, its end, its trailers. [`Side`] is that, over [`Http1`] (our codec on a socket) or [`Http2`] (one stream of
//! hyper's); [`Pump`] moves one body across, [`Deadline`] bounds every wait. Nothing here spawns or locks; every call is
//! a poll, so that one task can drive both directions of a request at once.

mod buffer;
mod deadline;
mod frames;
mod http1;
mod http2;
mod io;
mod pump;
mod side;
mod slot;
mod stream;
mod turn;

pub use buffer::{LARGE, SMALL};
pub use deadline::{Clock, Deadline, Deadlines, Phase};
pub use frames::Frugal;
pub use http1::{Closed, Http1};
pub use http2::{Http2, LocalExecutor};
pub use pump::{Broken, Pump};
pub use side::{Fault, Piece, Side};
pub use slot::{SlotBody, SlotSender, slot};
pub use stream::Stream;
pub use turn::others_first;
