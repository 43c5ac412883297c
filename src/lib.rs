//! gatepost: an edge proxy for small Kubernetes clusters.

pub mod config;
/// HTTP messages: heads, fields, bodies; strict HTTP/1 and the way to and from HTTP/2.
pub mod message;
/// Which route a request takes; pure.
pub mod routing;
