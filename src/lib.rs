//! gatepost: an edge proxy for small Kubernetes clusters.

pub mod admin;
pub mod config;
pub mod lifecycle;
pub mod message;
pub mod routing;
pub mod telemetry;
