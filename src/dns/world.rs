//! What the cluster is like: [`World`], and who looks at it, [`Observer`].

use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;

/// The nodes, and what is wanted beside them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct World {
    /// Every node of the cluster.
    pub nodes: Vec<Node>,
}

/// One node as Kubernetes and its gatepost tell of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Node {
    /// By which it is told of.
    pub name: String,
    /// For the selector.
    pub labels: BTreeMap<String, String>,
    /// Addresses of type `ExternalIP`, of both families.
    pub external: Vec<IpAddr>,
    /// Addresses of type `InternalIP`, of both families.
    pub internal: Vec<IpAddr>,
    /// Its condition `Ready` is true.
    pub is_ready: bool,
    /// It is cordoned: nothing new is scheduled there.
    pub is_cordoned: bool,
    /// It is being deleted, preempted, scaled away or out of service.
    pub is_leaving: bool,
    /// A gatepost there is ready, and has not been told to stop without a successor.
    pub serves: bool,
}

/// A host of the routes that gets a name of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// `www.example.com` or `*.example.com`.
    pub name: String,
    /// What its route says; `None`: as the section.
    pub proxied: Option<bool>,
    /// Nobody could read what its route says: a record that is there stays, and none is made.
    pub is_doubtful: bool,
}

/// The cluster could not be looked at, so nothing is known of it and nothing changes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the cluster cannot be looked at: {0}")]
pub struct Unobserved(pub String);

/// Looks at the cluster.
pub trait Observer: Send {
    /// Everything, from lists that were made after the call.
    ///
    /// # Errors
    /// A list failed, or did not come to its end in time. There is no half of a world.
    fn observe(&mut self) -> impl Future<Output = Result<World, Unobserved>> + Send;

    /// Waits until the cluster may look different from what was observed last. May be dropped and called again; news that
    /// came meanwhile are not lost.
    fn changed(&mut self) -> impl Future<Output = ()> + Send;
}
