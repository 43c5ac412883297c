//! Each rule of reading and joining is a row.

use serde_json::{Value, json};

use super::*;

/// As the API server sends it: ready, with an address.
fn object(change: impl FnOnce(&mut Value)) -> Value {
    let mut node = json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": "n1", "uid": "u", "resourceVersion": "7", "creationTimestamp": "2026-01-01T00:00:00Z",
            "labels": {"role": "edge"}, "annotations": {"a": "b"},
            "managedFields": [{"manager": "kubelet", "fieldsV1": {"f:status": {}}}],
        },
        "spec": {"podCIDR": "10.0.0.0/24"},
        "status": {
            "addresses": [{"type": "ExternalIP", "address": "192.0.2.1"}],
            "conditions": [
                {"type": "MemoryPressure", "status": "False", "lastHeartbeatTime": "2026-01-01T00:00:00Z"},
                {"type": "Ready", "status": "True", "lastHeartbeatTime": "2026-01-01T00:00:00Z"},
            ],
            "images": [{"names": ["a"], "sizeBytes": 5}],
        },
    });
    change(&mut node);
    node
}

fn read(object: Value) -> Node {
    node(serde_json::from_value(object).unwrap())
}

fn plain() -> Node {
    Node {
        name: "n1".to_owned(),
        labels: BTreeMap::from([("role".to_owned(), "edge".to_owned())]),
        external: vec!["192.0.2.1".parse().unwrap()],
        is_ready: true,
        ..Node::default()
    }
}

#[test]
fn a_node_is_ready_only_while_its_condition_says_so() {
    assert_eq!(read(object(|_| {})), plain());
    for status in ["False", "Unknown", ""] {
        let changed = object(|node| node["status"]["conditions"][1]["status"] = json!(status));
        assert_eq!(read(changed), Node { is_ready: false, ..plain() }, "{status}");
    }
    for (what, gone) in [("conditions", json!([])), ("conditions", json!(null))] {
        let changed = object(|node| node["status"][what] = gone.clone());
        assert_eq!(read(changed), Node { is_ready: false, ..plain() }, "{gone}");
    }
    let bare = json!({"metadata": {"name": "n1"}});
    assert_eq!(read(bare), Node { name: "n1".to_owned(), ..Node::default() });
}

#[test]
fn a_node_is_cordoned_by_its_spec_or_the_taint_and_leaves_when_it_is_told_to() {
    let cordoned = Node { is_cordoned: true, ..plain() };
    let leaving = Node { is_leaving: true, ..plain() };
    assert_eq!(read(object(|node| node["spec"]["unschedulable"] = json!(true))), cordoned);
    assert_eq!(read(object(|node| node["spec"]["unschedulable"] = json!(false))), plain());
    let deleted = object(|node| node["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"));
    assert_eq!(read(deleted), leaving);
    for (taint, wanted) in [
        ("node.kubernetes.io/unschedulable", &cordoned),
        ("ToBeDeletedByClusterAutoscaler", &leaving),
        ("node.kubernetes.io/out-of-service", &leaving),
        ("node.cloudprovider.kubernetes.io/shutdown", &leaving),
        ("cloud.google.com/impending-node-termination", &leaving),
        ("karpenter.sh/disrupted", &leaving),
        ("karpenter.sh/disruption", &leaving),
        ("remediator.kubernetes.azure.com/unschedulable", &leaving),
        ("aws-node-termination-handler/spot-itn", &leaving),
        ("aws-node-termination-handler/asg-lifecycle-termination", &leaving),
        // what a node may have for life
        ("DeletionCandidateOfClusterAutoscaler", &plain()),
        ("node-role.kubernetes.io/control-plane", &plain()),
        ("kubernetes.azure.com/scalesetpriority", &plain()),
        ("karpenter.sh/unregistered", &plain()),
        // what its condition says better
        ("node.kubernetes.io/not-ready", &plain()),
    ] {
        let others =
            json!([{"key": "other", "effect": "NoSchedule"}, {"key": taint, "effect": "NoSchedule", "value": "1"}]);
        assert_eq!(read(object(|node| node["spec"]["taints"] = others)), *wanted, "{taint}");
    }
}

#[test]
fn addresses_of_both_families_are_taken_by_their_type_and_what_is_none_is_left_out() {
    let addresses = json!([
        {"type": "InternalIP", "address": "10.0.0.1"},
        {"type": "InternalIP", "address": "fd00::1"},
        {"type": "ExternalIP", "address": "2001:db8::1"},
        {"type": "ExternalIP", "address": "192.0.2.1"},
        {"type": "ExternalIP", "address": "n1.example.com"},
        {"type": "ExternalIP", "address": ""},
        {"type": "Hostname", "address": "192.0.2.9"},
        {"type": "ExternalDNS", "address": "192.0.2.9"},
    ]);
    let ips = |texts: [&str; 2]| texts.map(|text| text.parse().unwrap()).to_vec();
    let wanted =
        Node { external: ips(["2001:db8::1", "192.0.2.1"]), internal: ips(["10.0.0.1", "fd00::1"]), ..plain() };
    assert_eq!(read(object(|node| node["status"]["addresses"] = addresses)), wanted);
}

fn pod(change: impl FnOnce(&mut Value)) -> Option<OwnPod> {
    let mut pod = json!({
        "metadata": {
            "name": "gatepost-x", "namespace": "gatepost",
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "gatepost", "uid": "u", "controller": true}],
        },
        "spec": {"nodeName": "n1", "containers": []},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    });
    change(&mut pod);
    own_pod(serde_json::from_value(pod).unwrap())
}

#[test]
fn a_node_serves_while_a_pod_of_the_daemon_set_there_is_ready_and_does_not_drain() {
    let ready = || pod(|_| {});
    let not_ready = || pod(|pod| pod["status"]["conditions"][0]["status"] = json!("False"));
    let drains = |pod: &str| BTreeMap::from([("n1".to_owned(), pod.to_owned())]);
    let nobody = BTreeMap::new;
    let owner = |key: &'static str, value: Value| pod(move |pod| pod["metadata"]["ownerReferences"][0][key] = value);
    let named = |name: &'static str| pod(move |pod| pod["metadata"]["name"] = json!(name));
    for (number, (pods, draining, serves)) in [
        (vec![ready()], nobody(), true),
        (vec![], nobody(), false),
        (vec![not_ready()], nobody(), false),
        (vec![pod(|pod| pod["status"] = json!({}))], nobody(), false),
        (vec![pod(|pod| pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"))], nobody(), false),
        (vec![pod(|pod| pod["spec"]["nodeName"] = json!("n2"))], nobody(), false),
        (vec![pod(|pod| pod["spec"] = json!({}))], nobody(), false),
        // somebody else's, with our label
        (vec![owner("kind", json!("ReplicaSet"))], nobody(), false),
        (vec![owner("name", json!("gatepost-canary"))], nobody(), false),
        (vec![owner("controller", json!(false))], nobody(), false),
        (vec![pod(|pod| pod["metadata"]["ownerReferences"] = json!([]))], nobody(), false),
        // told to stop without a successor, and what is left of an earlier one
        (vec![ready()], drains("gatepost-x"), false),
        (vec![ready()], drains("gatepost-a"), true),
        // of two pods the new one serves
        (vec![ready(), named("gatepost-y")], drains("gatepost-x"), true),
        (vec![not_ready(), named("gatepost-y")], nobody(), true),
    ]
    .into_iter()
    .enumerate()
    {
        let pods: Vec<OwnPod> = pods.into_iter().flatten().collect();
        let world = join(vec![plain(), Node { name: "n3".to_owned(), ..plain() }], &pods, &draining);
        let got: Vec<bool> = world.nodes.iter().map(|node| node.serves).collect();
        assert_eq!(got, [serves, false], "row {number}");
    }
}

#[test]
fn of_an_object_that_is_watched_the_kind_is_that_of_the_whole_one() {
    use kube::core::ClusterResourceScope;
    fn path<K: Resource<DynamicType = (), Scope = ClusterResourceScope>>() -> String {
        K::url_path(&(), None)
    }
    assert_eq!(path::<NodePart>(), path::<v1::Node>());
    assert_eq!(PodPart::url_path(&(), Some("edge")), v1::Pod::url_path(&(), Some("edge")));
}
