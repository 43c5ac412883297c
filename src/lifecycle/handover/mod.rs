//! How one process takes the listening sockets of another that serves on the same machine, so that no client notices.
//!
//! ```text
//!   new                                       old
//!    │── ask {protocol, version, pid} ────────►│  serves
//!    │◄─ offer {listeners}, descriptors ───────│  (or wait {why}, or refuse {why})
//!    │── alive {ready} every second ──────────►│  5 s without: as if nobody had asked
//!    │   loads routes and certificates         │
//!    │── accepting ───────────────────────────►│  stops accepting, keeps its copies
//!    │◄─ yielded ──────────────────────────────│  standby: 3 s without a beat, the end of the
//!    │── alive {ready: true} every second ────►│  session or `take back`: accepts again, and says so;
//!    │                                         │  who only hung answers that with `accepting`
//!    │◄─ confirmed ────────────────────────────│  after 10 s of them
//!    │◄─ goodbye ──────────────────────────────│  ends, and drains with a successor
//! ```
//!
//! The sockets on which processes ask are handed over with the others, so there is always somebody to ask.
//!
//! Doors: [`ask`] for a process that begins, [`Desk`] for one that serves, [`Succession`] for one that ends. `offering`
//! and `taking` hold what each side does when; they are values and know no clock.

mod channel;
mod doors;
mod message;
mod offering;
mod predecessor;
mod sockets;
mod succession;
mod successor;
mod taking;

use tokio::sync::watch;

pub use doors::{name, reserve};
pub use message::Kind;
pub use predecessor::{Asked, Predecessor, Session, ask};
pub use sockets::{Sockets, Stock};
pub use succession::{Succession, Successor};
pub use successor::Desk;
pub use taking::Standing;

pub use offering::WELL;

/// Whether this process accepts connections, on all its listeners alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// It does.
    Active,
    /// A successor does, and this one may have to again.
    Standby,
    /// A successor does, for good.
    Relieved,
}

impl Duty {
    /// Waits until it is another one; for ever when it can be none.
    pub async fn changed(duty: &mut watch::Receiver<Duty>) {
        if duty.changed().await.is_err() {
            std::future::pending().await
        }
    }
}
