//! The data plane: listeners, connections, and each request in one straight line (`service`, the file to read first).
//!
//! One door: [`Bound::bind`] takes the sockets, [`start`] runs a worker thread for each set of them. Nothing on the
//! request path is shared between workers but immutable snapshots and counters.

mod answer;
mod client;
mod clients;
mod connection;
mod error;
mod exchange;
mod forwarded;
mod headers;
mod http1;
mod http2;
mod https;
mod listener;
mod proxy_protocol;
mod relay;
mod service;
mod table;
mod tls;
mod worker;

pub use listener::{BindError, Bound, Endpoint, Inherited};
pub use worker::{Running, Setup, WorkerError, start};
