//! Where routes and certificates come from and how a change of them arrives. The only room that knows Kubernetes.
//!
//! Doors: [`Applier`] is the one pipeline from text to a published table. Two sources feed it: [`run_file`] watches a
//! file, [`run_config_map`] a ConfigMap through the API. [`Certificates`] is the same for certificates;
//! [`run_certificates`] feeds it, from files or from Secrets. Whatever goes wrong with any, what serves goes on serving.
//!
//! ```text
//! run_file | run_config_map ─► Applier::apply ─► config::parse ─► settle ─► RouteTable::build ─► Writer::publish
//!                                     │ └ Outcome: the log line and the metrics are made here, the Event by the source
//!                                     └ the `tls` section ─► run_certificates ─┐
//! Files | Secrets | SecretDir ─► News ─────────────────────────────────────────┴► Certificates::settle ─► Writer::publish
//! gatepost-status ─► Others: which names every node has ───────────────────────┘      └ Settled: Events, SecretDir
//! gatepost-tickets ─► certs::Tickets
//! Lease gatepost ─► leader::elect ─► lifecycle::Leadership: who writes outside
//! ```
//!
//! For DNS records [`Observing`] looks at the nodes, and [`cluster_uid`] tells this cluster from others. [`Caretaker`] is
//! the leader's hand in `gatepost-status`.

mod applier;
mod certificate_files;
mod certificates;
mod client;
mod cluster;
mod config_map;
mod events;
mod file;
mod fresh;
mod guard;
mod health;
pub mod leader;
mod look;
mod news;
mod nodes;
mod notices;
mod observe;
mod outcome;
mod pem_file;
mod plain_file;
mod secret_dir;
mod secrets;
mod state;
mod status;
mod supply;
mod tickets;
mod tries;
mod watched;
mod whole_file;

use std::fmt;
use std::path::PathBuf;

pub use applier::Applier;
pub use certificates::{Certificates, Finding, Kind, Material, Pem, Settled, SourceName, Taken};
pub use client::{ConfigMapName, Kubernetes};
pub use cluster::InCluster;
pub use config_map::{read_routes, run_config_map};
pub use file::run_file;
pub use notices::tell_notices;
pub use observe::{Observing, cluster_uid};
pub use outcome::{Outcome, Reason, Verdict};
pub use pem_file::read_pem;
pub use secret_dir::{SecretDir, SecretDirError};
pub use state::StateDir;
pub use status::{Caretaker, Node};
pub use supply::{Place, Section, Sections, run_certificates};

use crate::config::Problem;

/// The key of the ConfigMap that holds the routes.
pub const KEY: &str = "routes.yaml";

/// Whether a source gives up on what will not heal by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Outside a pod: somebody is looking at the terminal, so the first fault that needs a person ends the source.
    UntilFault,
    /// In a pod: it tries for ever, not ready until it has a table.
    Endless,
}

/// Why a source of routes ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Neither in a pod nor a kubeconfig.
    #[error(
        "no Kubernetes cluster: this is no pod with a service account, and there is no kubeconfig ({reason}); name one with --kubeconfig or KUBECONFIG, or take the routes from a file with --routes"
    )]
    NoCluster {
        /// What was tried last.
        reason: String,
    },
    /// There is a kubeconfig or service account, but it can't be used.
    #[error("the Kubernetes client settings of {from} cannot be used: {reason}")]
    Settings {
        /// The file, or the pod's service account.
        from: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The API server knows us and says no.
    #[error("{0}")]
    Forbidden(Forbidden),
    /// The API server does not know us.
    #[error("the Kubernetes API does not accept our credentials: {reason}")]
    Unauthorized {
        /// What it said.
        reason: String,
    },
    /// The API server does not say something that has to be known.
    #[error("the Kubernetes API does not tell {what}: {reason}")]
    Untold {
        /// What was asked.
        what: &'static str,
        /// What it said instead.
        reason: String,
    },
    /// The routes file cannot be read.
    #[error("the routes file {} cannot be read: {reason}", path.display())]
    File {
        /// As given.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
    /// Nothing of the routes file can be used, and nothing serves yet.
    #[error("no route can be taken from {}:\n{}", path.display(), outcome::lines(problems))]
    Refused {
        /// As given.
        path: PathBuf,
        /// Every one of them.
        problems: Vec<Problem>,
    },
}

/// What RBAC does not let us do, and what would.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("RBAC does not permit to {verb} {resource}{}{}: {manifest} grants it ({reason})", Named(.name), Within(.namespace))]
pub struct Forbidden {
    /// `list`, `watch`, `get`, `create` or `patch`.
    pub verb: &'static str,
    /// `configmaps`, `secrets`, `nodes` and the like.
    pub resource: &'static str,
    /// Of the object; empty for all of them.
    pub name: String,
    /// Of the object; empty for one of the whole cluster.
    pub namespace: String,
    /// What would permit it.
    pub manifest: &'static str,
    /// What the API server said.
    pub reason: String,
}

struct Named<'n>(&'n str);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " {:?}", self.0) }
    }
}

struct Within<'n>(&'n str);

impl fmt::Display for Within<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " in namespace {:?}", self.0) }
    }
}
