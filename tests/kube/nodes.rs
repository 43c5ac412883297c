//! Nodes of a test, and pods of gatepost on them, as controllers and kubelets would write them: there are none here. One
//! door: [`Nodes`].
//!
//! Nodes are in no namespace, so all tests see all of them: each test's have a name and a label of their own, and a test
//! judges its own only.

use std::fmt::Debug;

use futures_util::future::join_all;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::testbed::{Namespace, apply};

/// With the namespace of the test for its value.
const LABEL: &str = "gatepost.test/of";

/// The nodes of one test.
pub(crate) struct Nodes<'n> {
    namespace: &'n Namespace,
    nodes: Api<Node>,
    pods: Api<Pod>,
}

impl Nodes<'_> {
    pub(crate) fn new(namespace: &Namespace) -> Nodes<'_> {
        let (admin, own) = (&namespace.admin, &namespace.name);
        Nodes { namespace, nodes: Api::all(admin.clone()), pods: Api::namespaced(admin.clone(), own) }
    }

    /// The name under which a node of this test is known to the cluster.
    pub(crate) fn name(&self, node: &str) -> String {
        format!("{}-{node}", self.namespace.name)
    }

    /// A selector by labels that has this test's nodes and no others.
    pub(crate) fn selector(&self) -> String {
        format!("{LABEL}={}", self.namespace.name)
    }

    /// A node that is there and ready, with these addresses.
    pub(crate) async fn ready(&self, node: &str, external: &[&str], internal: &[&str]) {
        let metadata = json!({"name": self.name(node), "labels": {LABEL: self.namespace.name}});
        apply(&self.namespace.admin, json!({"apiVersion": "v1", "kind": "Node", "metadata": metadata})).await;
        let of_type = |kind: &'static str, ips: &[&str]| -> Vec<Value> {
            ips.iter().map(|ip| json!({"type": kind, "address": ip})).collect()
        };
        let addresses = [of_type("ExternalIP", external), of_type("InternalIP", internal)].concat();
        self.node_status(node, json!({"addresses": addresses, "conditions": [condition("True", 0)]})).await;
    }

    /// The kubelet has said nothing for too long.
    pub(crate) async fn not_ready(&self, node: &str) {
        self.node_status(node, json!({"conditions": [condition("Unknown", 0)]})).await;
    }

    /// The kubelet says the same as before, at this second.
    pub(crate) async fn heartbeat(&self, node: &str, second: u32) {
        self.node_status(node, json!({"conditions": [condition("True", second)]})).await;
    }

    pub(crate) async fn cordon(&self, node: &str) {
        patch(&self.nodes, &self.name(node), json!({"spec": {"unschedulable": true}})).await;
    }

    /// Its one taint is this.
    pub(crate) async fn taint(&self, node: &str, key: &str) {
        patch(&self.nodes, &self.name(node), json!({"spec": {"taints": [{"key": key, "effect": "NoSchedule"}]}})).await;
    }

    /// There is no such node any more.
    pub(crate) async fn gone(&self, node: &str) {
        self.nodes.delete(&self.name(node), &DeleteParams::default()).await.unwrap();
    }

    /// None of them is there any more: for the end of a test.
    pub(crate) async fn all_gone(&self) {
        let own = ListParams::default().labels(&self.selector());
        let found = self.nodes.list(&own).await.unwrap();
        let names: Vec<String> = found.items.into_iter().filter_map(|node| node.metadata.name).collect();
        let now = DeleteParams::default();
        for deleted in join_all(names.iter().map(|name| self.nodes.delete(name, &now))).await {
            deleted.unwrap();
        }
    }

    /// A pod of the DaemonSet on this node, ready.
    pub(crate) async fn pod_ready(&self, node: &str, pod: &str) {
        let owner = json!({
            "apiVersion": "apps/v1", "kind": "DaemonSet", "name": "gatepost", "controller": true,
            "uid": "00000000-0000-0000-0000-000000000001",
        });
        let labels = json!({"app.kubernetes.io/name": "gatepost"});
        let containers = json!([{"name": "gatepost", "image": "gatepost"}]);
        let object = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": pod, "labels": labels, "ownerReferences": [owner]},
            "spec": {"nodeName": self.name(node), "serviceAccountName": "gatepost", "containers": containers},
        });
        self.namespace.apply(object).await;
        self.pod_status(pod, "True").await;
    }

    pub(crate) async fn pod_not_ready(&self, pod: &str) {
        self.pod_status(pod, "False").await;
    }

    /// It is told to stop, and has minutes for that.
    pub(crate) async fn pod_deleted(&self, pod: &str) {
        self.pods.delete(pod, &DeleteParams::default().grace_period(300)).await.unwrap();
    }

    /// There is no such pod any more.
    pub(crate) async fn pod_gone(&self, pod: &str) {
        self.pods.delete(pod, &DeleteParams::default().grace_period(0)).await.unwrap();
    }

    async fn node_status(&self, node: &str, status: Value) {
        patch_status(&self.nodes, &self.name(node), status).await;
    }

    async fn pod_status(&self, pod: &str, ready: &str) {
        let conditions = json!([{"type": "Ready", "status": ready}]);
        patch_status(&self.pods, pod, json!({"phase": "Running", "conditions": conditions})).await;
    }
}

fn condition(status: &str, second: u32) -> Value {
    let at = format!("2026-01-01T00:00:{second:02}Z");
    json!({"type": "Ready", "status": status, "lastHeartbeatTime": at})
}

async fn patch<K: Resource + Clone + DeserializeOwned + Debug>(api: &Api<K>, name: &str, patch: Value) {
    let done = api.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await;
    done.unwrap_or_else(|error| panic!("{name}: {error}"));
}

async fn patch_status<K: Resource + Clone + DeserializeOwned + Debug>(api: &Api<K>, name: &str, status: Value) {
    let patch = json!({ "status": status });
    let done = api.patch_status(name, &PatchParams::default(), &Patch::Merge(&patch)).await;
    done.unwrap_or_else(|error| panic!("{name}: {error}"));
}
