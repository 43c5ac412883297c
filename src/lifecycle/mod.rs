//! From start to end: what readiness waits for, and the stages in which the process ends.
//!
//! Doors: [`Readiness`] for whoever is ready or not, [`Lifecycle`] for the one that runs the process, and the
//! `watch::Receiver<Stage>` that it hands out for whoever must act when the end comes; [`Right`] for whoever writes to what
//! all processes share; [`handover`] for taking the listeners of a process that serves; [`is_trusted`]
//! for whoever has another process or a folder before it.

pub mod handover;
mod leadership;
mod readiness;
mod signals;
mod stages;
mod user;

pub use leadership::{Leadership, Lost, Permit, Right};
pub use readiness::{Condition, Readiness};
pub use signals::{Signal, Signals};
pub use stages::{Ended, Farewell, Lifecycle, Open, REQUESTS, Stage, TUNNELS, Times};
pub use user::{is_trusted, own_uid};
