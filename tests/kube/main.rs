//! Ring 3: gatepost against a real kube-apiserver and etcd, under the RBAC that users get. Run it with
//! `tests/run kube`, which builds the API server once.

#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing has failed, and says where")]

mod app;
#[path = "../it/support/child.rs"]
#[allow(dead_code, unreachable_pub, reason = "ring 2 looks at more of it")]
mod child;
mod client;
mod cloudflare;
mod config_map;
mod dns;
mod faults;
mod leader;
mod manifests;
mod nodes;
mod observe;
mod process;
mod reload;
mod routes;
mod secrets;
mod testbed;
mod tls;
