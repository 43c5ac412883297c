//! Why no answer came from an app.

use std::io;
use std::net::IpAddr;

use crate::wire::{Fault, Phase};

/// What went wrong on the way to an app's answer. Who is to blame is told by the variant.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its name has no address.
    #[error("{name}: {reason}")]
    Unresolved {
        /// The name that was asked for.
        name: String,
        /// What the name servers said.
        reason: &'static str,
        /// They said nothing in time.
        timeout: bool,
    },
    /// The routes may not send requests there.
    #[error("{0} is an address of the node itself or of its network's own services")]
    Prohibited(IpAddr),
    /// No connection stands.
    #[error("no connection: {0}")]
    Connect(io::Error),
    /// The app closed before the first byte of its answer.
    #[error("the app closed before it answered")]
    Died,
    /// The app did not keep to its protocol.
    #[error("{0}")]
    Broken(&'static str),
    /// A wait ended.
    #[error("timed out while waiting ({0:?})")]
    Timeout(Phase),
    /// The app took no more of the request's body.
    #[error("the app did not take the request's body in time")]
    Unread,
    /// The app sent no more of its answer's body.
    #[error("the app stopped within its answer")]
    Stalled,
    /// Every connection that this worker may open to it is busy.
    #[error("every connection to the app is busy")]
    Saturated,
    /// The client's side broke first.
    #[error("the client's request broke off: {0}")]
    Client(#[source] Fault),
    /// The client went away.
    #[error("the client went away")]
    ClientGone,
    /// The request's body is larger than the route allows.
    #[error("the request's body is larger than the route allows")]
    TooLarge,
}

impl Error {
    /// The same for another request that waited for the same thing.
    pub(super) fn again(&self) -> Self {
        match self {
            Error::Unresolved { name, reason, timeout } => {
                Error::Unresolved { name: name.clone(), reason, timeout: *timeout }
            }
            Error::Prohibited(ip) => Error::Prohibited(*ip),
            Error::Connect(error) => {
                Error::Connect(error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error))
            }
            Error::Broken(what) => Error::Broken(what),
            Error::Timeout(phase) => Error::Timeout(*phase),
            Error::Died | Error::Unread | Error::Stalled | Error::Client(_) | Error::ClientGone | Error::TooLarge => {
                Error::Died
            }
            Error::Saturated => Error::Saturated,
        }
    }
}
