//! gatepost: an edge proxy for small Kubernetes clusters.

pub mod config;
pub mod routing;
