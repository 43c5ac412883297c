//! gatepost: an edge proxy for small Kubernetes clusters.

pub mod admin;
pub mod app;
pub mod backoff;
pub mod cli;
pub mod config;
pub mod control;
pub mod demo;
pub mod lifecycle;
pub mod message;
pub mod proxy;
pub mod routing;
pub mod telemetry;
pub mod upstream;
pub mod wire;
