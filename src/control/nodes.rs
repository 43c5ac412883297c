//! What Kubernetes tells of nodes, and of the gatepost on each, as the DNS sync wants it. Doors: [`node`] and [`own_pod`]
//! read an object, [`join`] makes a [`World`] of all. Pure.
//!
//! The object of a node has 20 KB and more, images and managed fields for the most part, and a pod of gatepost has 64 MB
//! for everything: so a [`Part`] is read of it, and the rest is skipped in the text.

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::marker::PhantomData;
use std::net::IpAddr;

use k8s_openapi::api::core::v1;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{OwnerReference, Time};
use kube::Resource;
use kube::core::ObjectMeta;
use serde::{Deserialize, Deserializer};

use crate::dns::{Node, World};

/// The label that every object of ours has, and its value for pods. `deploy/base/daemonset.yaml` has both.
pub(super) const OWN: &str = "app.kubernetes.io/name=gatepost";

/// The DaemonSet that owns our pods.
const DAEMON_SET: &str = "gatepost";

/// A node with one of these has been told to go, or is gone but for its object. Such taints are set minutes or seconds
/// before the end, while the node is still ready; `DeletionCandidateOfClusterAutoscaler` is not one: it is a mere thought.
///
/// Of Kubernetes itself and its clouds: <https://kubernetes.io/docs/reference/labels-annotations-taints/>. The cluster
/// autoscaler and GKE's handler of preemptions: `cluster-autoscaler/utils/taints/taints.go` of kubernetes/autoscaler.
/// Karpenter: `pkg/apis/v1/taints.go` of kubernetes-sigs/karpenter, and `karpenter.sh/disruption` before its version 1.
/// AKS, for spot nodes and repairs: <https://learn.microsoft.com/azure/aks/node-auto-drain>.
const LEAVING: [&str; 7] = [
    "ToBeDeletedByClusterAutoscaler",
    "node.kubernetes.io/out-of-service",
    "node.cloudprovider.kubernetes.io/shutdown",
    "cloud.google.com/impending-node-termination",
    "karpenter.sh/disrupted",
    "karpenter.sh/disruption",
    "remediator.kubernetes.azure.com/unschedulable",
];

/// Taints of the AWS node termination handler: `pkg/node/node.go` of aws/aws-node-termination-handler. Each of its four
/// comes with a drain.
const LEAVING_AWS: &str = "aws-node-termination-handler/";

/// What `kubectl cordon` leads to: <https://kubernetes.io/docs/concepts/architecture/nodes/#manual-node-administration>.
const CORDONED: &str = "node.kubernetes.io/unschedulable";

/// An object of kind `K`, of which only this is read.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Part<K, Spec, Status> {
    #[serde(deserialize_with = "metadata")]
    metadata: ObjectMeta,
    spec: Option<Spec>,
    status: Option<Status>,
    #[serde(skip)]
    kind: PhantomData<fn() -> K>,
}

pub(super) type NodePart = Part<v1::Node, NodeSpec, NodeStatus>;
pub(super) type PodPart = Part<v1::Pod, PodSpec, PodStatus>;

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct NodeSpec {
    unschedulable: Option<bool>,
    taints: Option<Vec<Taint>>,
}

#[derive(Debug, Clone, Deserialize)]
struct Taint {
    key: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct NodeStatus {
    conditions: Option<Vec<Condition>>,
    addresses: Option<Vec<Address>>,
}

#[derive(Debug, Clone, Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    name: String,
    status: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Address {
    #[serde(rename = "type")]
    kind: String,
    address: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct PodSpec {
    #[serde(rename = "nodeName")]
    node_name: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct PodStatus {
    conditions: Option<Vec<Condition>>,
}

/// A pod of the DaemonSet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OwnPod {
    pub(super) name: String,
    node: String,
    /// Ready, and not being deleted.
    is_ready: bool,
}

/// What a node is like; whether its gatepost serves is not in it.
pub(super) fn node(node: NodePart) -> Node {
    let Part { metadata, spec, status, kind: _ } = node;
    let NodeSpec { unschedulable, taints } = spec.unwrap_or_default();
    let NodeStatus { conditions, addresses } = status.unwrap_or_default();
    let taints = taints.unwrap_or_default();
    let name = metadata.name.unwrap_or_default();
    let addresses = addresses.unwrap_or_default();
    let of_kind = |kind| addresses.iter().filter(move |address| address.kind == kind);
    let read = |address| ip(&name, address);
    let external = of_kind("ExternalIP").filter_map(read).collect();
    let internal = of_kind("InternalIP").filter_map(read).collect();
    Node {
        labels: metadata.labels.unwrap_or_default(),
        external,
        internal,
        is_ready: is_ready(conditions.as_deref()),
        is_cordoned: unschedulable == Some(true) || taints.iter().any(|taint| taint.key == CORDONED),
        is_leaving: metadata.deletion_timestamp.is_some() || taints.iter().any(|taint| is_leaving(&taint.key)),
        serves: false,
        name,
    }
}

/// `None`: it is somebody else's, with our label.
pub(super) fn own_pod(pod: PodPart) -> Option<OwnPod> {
    let Part { metadata, spec, status, kind: _ } = pod;
    let is_ours = |owner: &OwnerReference| {
        owner.controller == Some(true) && owner.kind == "DaemonSet" && owner.name == DAEMON_SET
    };
    if !metadata.owner_references.unwrap_or_default().iter().any(is_ours) {
        return None;
    }
    let is_ready = is_ready(status.unwrap_or_default().conditions.as_deref()) && metadata.deletion_timestamp.is_none();
    Some(OwnPod { name: metadata.name?, node: spec?.node_name?, is_ready })
}

/// `draining`: of each node the pod that has been told to stop and says so.
pub(super) fn join(mut nodes: Vec<Node>, pods: &[OwnPod], draining: &BTreeMap<String, String>) -> World {
    let drains = |pod: &OwnPod| draining.get(&pod.node).is_some_and(|draining| *draining == pod.name);
    let serving = pods.iter().filter(|pod| pod.is_ready && !drains(pod));
    let serving: HashSet<&str> = serving.map(|pod| pod.node.as_str()).collect();
    for node in &mut nodes {
        node.serves = serving.contains(node.name.as_str());
    }
    World { nodes }
}

fn is_ready(conditions: Option<&[Condition]>) -> bool {
    conditions.unwrap_or_default().iter().any(|condition| condition.name == "Ready" && condition.status == "True")
}

fn is_leaving(taint: &str) -> bool {
    LEAVING.contains(&taint) || taint.starts_with(LEAVING_AWS)
}

fn ip(node: &str, address: &Address) -> Option<IpAddr> {
    let read = address.address.parse().ok();
    if read.is_none() {
        tracing::debug!(node, address = address.address, "An address of a node is none");
    }
    read
}

// === impl Part ===

impl<K, Spec, Status> Part<K, Spec, Status> {
    pub(super) fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }
}

impl<K: Resource<DynamicType = ()>, Spec, Status> Resource for Part<K, Spec, Status> {
    type DynamicType = ();
    type Scope = K::Scope;

    fn kind((): &()) -> Cow<'_, str> {
        K::kind(&())
    }

    fn group((): &()) -> Cow<'_, str> {
        K::group(&())
    }

    fn version((): &()) -> Cow<'_, str> {
        K::version(&())
    }

    fn plural((): &()) -> Cow<'_, str> {
        K::plural(&())
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// All but annotations and managed fields.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    namespace: Option<String>,
    uid: Option<String>,
    resource_version: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    deletion_timestamp: Option<Time>,
    owner_references: Option<Vec<OwnerReference>>,
}

fn metadata<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ObjectMeta, D::Error> {
    let Metadata { name, namespace, uid, resource_version, labels, deletion_timestamp, owner_references } =
        Metadata::deserialize(deserializer)?;
    Ok(ObjectMeta {
        name,
        namespace,
        uid,
        resource_version,
        labels,
        deletion_timestamp,
        owner_references,
        ..ObjectMeta::default()
    })
}
