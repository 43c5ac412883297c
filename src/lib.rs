//! gatepost: an edge proxy for small Kubernetes clusters.

/// The process about itself, over HTTP.
pub mod admin;
pub mod config;
/// How the process starts, is ready and ends.
pub mod lifecycle;
/// Log, access log and metrics.
pub mod telemetry;
/// HTTP messages: heads, fields, bodies; strict HTTP/1 and the way to and from HTTP/2.
pub mod message;
/// Which route a request takes; pure.
pub mod routing;
pub mod backoff;
pub mod config;
pub mod control;
/// How the process starts, is ready and ends.
pub mod lifecycle;
/// HTTP messages: heads, fields, bodies; strict HTTP/1 and the way to and from HTTP/2.
pub mod message;
pub mod routing;
/// Log, access log and metrics.
pub mod telemetry;
