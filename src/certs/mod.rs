//! Certificates: from PEM to what a handshake needs, and which one a name gets. Pure: no clock, no I/O; the time is a
//! parameter.
//!
//! Doors: [`Certificate::read`] judges PEM; [`Maker::host`] joins the certificates of a host with the clients it lets in;
//! [`Store::find`] gives the host of a name. A store is a value: [`Store::with`] makes the next one, which shares all but
//! one part in 256 with it.
//!
//! [`expiry`] is for certificates of clients whose session resumes: rustls does not look at them again.
//!
//! [`Tickets`] are the keys by which sessions resume. They are the one thing here that changes in place, so that a new key
//! does not remake every host.

mod certificate;
mod clients;
mod concern;
mod host;
mod store;
#[cfg(test)]
mod tests;
mod tickets;

pub use certificate::{Certificate, Fault, KeyType, expiry};
pub use clients::{ClientCa, Policy};
pub use concern::{Concern, EXPIRY_NOTICE};
pub use host::{ALPN_H2, Clients, Host, Maker};
pub use store::Store;
pub use tickets::{GENERATIONS, TicketKey, Tickets};

/// Why PEM texts are no certificate that can be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Bad {
    /// Not even PEM, or of no length.
    #[error("there is no certificate in it (`-----BEGIN CERTIFICATE-----`)")]
    NoCertificate,
    /// No PKCS#8, SEC1 or PKCS#1 key.
    #[error("there is no private key in it (`-----BEGIN PRIVATE KEY-----`)")]
    NoKey,
    /// PEM, and what it holds is no certificate.
    #[error("the certificate cannot be read: {0}")]
    Certificate(String),
    /// A kind of key that is not spoken, or a broken one.
    #[error("the private key cannot be used: {0}")]
    Key(String),
    /// The key is another one's.
    #[error("the private key does not fit the certificate")]
    KeyDoesNotFit,
    /// More PEM than anybody needs.
    #[error("it is longer than {} KiB", MAX_PEM / 1024)]
    TooLong,
}

/// Longest PEM text of a chain, a key or a CA set. A Secret holds 1 MiB; a chain has some 6 KiB.
pub const MAX_PEM: usize = 256 * 1024;
