//! gatepost: an edge proxy for small Kubernetes clusters.

pub mod config;
/// How the process starts, is ready and ends.
pub mod lifecycle;
/// Log, access log and metrics.
pub mod telemetry;
pub mod routing;
