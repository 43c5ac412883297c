//! The cluster as the DNS sync sees it, and what the leader does to `gatepost-status`.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use futures_util::future::join_all;
use gatepost::control::{Caretaker, Kubernetes, Observing, cluster_uid};
use gatepost::dns::{Node, Observer, World};
use gatepost::lifecycle::{Leadership, Lost, Right};
use k8s_openapi::api::core::v1::{self, ConfigMap};
use kube::Api;
use kube::runtime::wait::await_condition;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::nodes::Nodes;
use crate::testbed::{Namespace, PATIENCE, alone, manifests, shared};

/// Whatever is told without need has been told within this time, most likely: one that comes later is not noticed.
const QUIET: Duration = Duration::from_secs(1);

async fn kubernetes(namespace: &Namespace) -> Kubernetes {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    Kubernetes::connect(Some(&namespace.kubeconfig), Some(&namespace.name)).await.unwrap()
}

async fn in_time<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("{what} within 60 s"))
}

/// Of this world the nodes of one test, by the names that it gave them.
fn own<'w>(nodes: &Nodes<'_>, world: &'w World) -> BTreeMap<&'w str, &'w Node> {
    let prefix = nodes.name("");
    world.nodes.iter().filter_map(|node| Some((node.name.strip_prefix(&prefix)?, node))).collect()
}

/// Looks as often as something may have changed, until it is so.
async fn until(observing: &mut Observing, what: &str, mut is_so: impl FnMut(&World) -> bool) {
    in_time(what, async {
        loop {
            observing.changed().await;
            if is_so(&observing.observe().await.unwrap()) {
                return;
            }
        }
    })
    .await;
}

/// As a pod tells of itself.
fn word(pod: &str, draining: bool, at: u32) -> String {
    json!({"pod": pod, "generation": 1, "certificates": "00", "draining": draining, "at": at}).to_string()
}

impl Namespace {
    pub(crate) async fn tells(&self, data: Value) {
        let metadata = json!({"name": "gatepost-status"});
        self.apply(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})).await;
    }

    pub(crate) fn config_maps(&self) -> Api<ConfigMap> {
        Api::namespaced(self.admin.clone(), &self.name)
    }
}

#[tokio::test]
async fn what_nodes_pods_and_the_status_say_is_one_world() {
    let _shared = shared();
    let namespace = Namespace::new("observe-world").await;
    let nodes = Nodes::new(&namespace);
    for (node, number) in [("serves", 1), ("cordoned", 2), ("silent", 3), ("leaves", 4), ("drains", 5), ("empty", 6)] {
        let (v4, v6) = (format!("192.0.2.{number}"), format!("2001:db8::{number}"));
        nodes.ready(node, &[&v4, &v6], &["10.0.0.1"]).await;
        if node != "empty" {
            nodes.pod_ready(node, &format!("gatepost-{node}")).await;
        }
    }
    nodes.cordon("cordoned").await;
    nodes.not_ready("silent").await;
    nodes.taint("leaves", "ToBeDeletedByClusterAutoscaler").await;
    namespace
        .tells(json!({
            nodes.name("drains"): word("gatepost-drains", true, 1),
            // of a pod before this one
            nodes.name("serves"): word("gatepost-before", true, 1),
            "cloudflare-ips": word("gatepost-serves", true, 1),
        }))
        .await;

    let world = Observing::new(kubernetes(&namespace).await).observe().await.unwrap();
    let own = own(&nodes, &world);
    let serves = own["serves"];
    let ips = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<std::net::IpAddr>>();
    assert_eq!((&serves.external, &serves.internal), (&ips(&["192.0.2.1", "2001:db8::1"]), &ips(&["10.0.0.1"])));
    let (label, value) =
        nodes.selector().split_once('=').map(|(key, value)| (key.to_owned(), value.to_owned())).unwrap();
    assert_eq!(serves.labels.get(&label), Some(&value));
    let seen: Vec<_> =
        own.iter().map(|(name, node)| (*name, node.is_ready, node.is_cordoned, node.is_leaving, node.serves)).collect();
    assert_eq!(
        seen,
        [
            ("cordoned", true, true, false, true),
            ("drains", true, false, false, false),
            ("empty", true, false, false, false),
            ("leaves", true, false, true, true),
            ("serves", true, false, false, true),
            ("silent", false, false, false, true),
        ]
    );
    nodes.all_gone().await;
}

#[tokio::test]
async fn a_list_of_several_pages_is_whole() {
    let _shared = shared();
    let namespace = Namespace::new("observe-pages").await;
    let nodes = Nodes::new(&namespace);
    let names: Vec<String> = (0..120).map(|number| format!("n{number:03}")).collect();
    join_all(names.iter().map(|name| nodes.ready(name, &[], &[]))).await;
    let world = Observing::new(kubernetes(&namespace).await).observe().await.unwrap();
    assert_eq!(own(&nodes, &world).into_keys().collect::<Vec<_>>(), names);
    nodes.all_gone().await;
}

#[tokio::test]
async fn what_matters_wakes_and_a_heartbeat_does_not() {
    // nodes of other tests would wake too
    let _alone = alone();
    let namespace = Namespace::new("observe-wakes").await;
    let nodes = Nodes::new(&namespace);
    nodes.ready("n1", &["192.0.2.1"], &[]).await;
    nodes.ready("n2", &["192.0.2.2"], &[]).await;
    let told = |draining, at| json!({nodes.name("n1"): word("gatepost-a", draining, at)});
    namespace.tells(told(false, 1)).await;
    let mut observing = Observing::new(kubernetes(&namespace).await);
    observing.observe().await.unwrap();
    // each watch wakes once, when it has begun
    while timeout(QUIET, observing.changed()).await.is_ok() {}

    for second in 1..5 {
        nodes.heartbeat("n1", second).await;
        namespace.tells(told(false, second + 1)).await;
    }
    assert!(timeout(QUIET, observing.changed()).await.is_err(), "the kubelet and the pod said the same as before");

    let serves = |world: &World| own(&nodes, world)["n1"].serves;
    nodes.pod_ready("n1", "gatepost-a").await;
    until(&mut observing, "a pod is ready", serves).await;
    namespace.tells(told(true, 9)).await;
    until(&mut observing, "it drains", |world| !serves(world)).await;
    nodes.pod_ready("n1", "gatepost-b").await;
    until(&mut observing, "it has a successor", serves).await;
    nodes.pod_not_ready("gatepost-b").await;
    until(&mut observing, "that one is not ready", |world| !serves(world)).await;
    nodes.pod_ready("n1", "gatepost-b").await;
    until(&mut observing, "it is ready again", serves).await;
    nodes.pod_deleted("gatepost-b").await;
    until(&mut observing, "it is deleted", |world| !serves(world)).await;
    nodes.pod_gone("gatepost-b").await;
    nodes.pod_ready("n1", "gatepost-c").await;
    until(&mut observing, "there is another", serves).await;
    nodes.cordon("n1").await;
    until(&mut observing, "the node is cordoned", |world| own(&nodes, world)["n1"].is_cordoned).await;
    nodes.gone("n1").await;
    until(&mut observing, "the node is gone", |world| !own(&nodes, world).contains_key("n1")).await;
    nodes.all_gone().await;
}

#[tokio::test]
async fn a_refusal_names_the_verb_and_the_resource_and_whoever_is_granted_them_need_not_start_again() {
    let _shared = shared();
    let namespace = Namespace::without_role("observe-refused").await;
    for object in manifests("deploy/base/rbac.yaml").into_iter().chain(manifests("deploy/base/state.yaml")) {
        if !object["kind"].as_str().unwrap().starts_with("Cluster") {
            namespace.apply(object).await;
        }
    }
    let kubernetes = kubernetes(&namespace).await;
    let mut observing = Observing::new(kubernetes.clone());
    let refused = observing.observe().await.unwrap_err().to_string();
    assert!(refused.contains("RBAC does not permit to list nodes: deploy/base/rbac.yaml grants it"), "{refused}");
    let refused = cluster_uid(&kubernetes).await.unwrap_err().to_string();
    let wanted = "RBAC does not permit to get namespaces \"kube-system\": deploy/base/rbac.yaml grants it";
    assert!(refused.contains(wanted), "{refused}");

    namespace.grant().await;
    in_time("the cluster is observed", async {
        while observing.observe().await.is_err() {
            observing.changed().await;
        }
    })
    .await;
    let namespaces: Api<v1::Namespace> = Api::all(namespace.admin.clone());
    let uid = namespaces.get("kube-system").await.unwrap().metadata.uid;
    assert_eq!(Some(cluster_uid(&kubernetes).await.unwrap()), uid);
}

#[tokio::test]
async fn an_api_server_that_says_nothing_shows_no_world_at_all() {
    let alone = alone();
    let namespace = Namespace::new("observe-frozen").await;
    let mut observing = Observing::new(kubernetes(&namespace).await);
    observing.observe().await.unwrap();
    alone.freeze();
    let unobserved = in_time("an end", observing.observe()).await.unwrap_err().to_string();
    assert!(unobserved.ends_with("the lists did not come to their end within 10 s"), "{unobserved}");
    alone.thaw();
    in_time("the cluster is observed", async { while observing.observe().await.is_err() {} }).await;
}

#[tokio::test]
async fn the_leader_takes_out_the_keys_of_nodes_that_are_gone_and_nothing_else() {
    let _shared = shared();
    let namespace = Namespace::new("observe-caretaker").await;
    let nodes = Nodes::new(&namespace);
    nodes.ready("here", &[], &[]).await;
    let (here, gone) = (nodes.name("here"), nodes.name("gone"));
    let word = word("gatepost-x", false, 1);
    namespace.tells(json!({&here: word, &gone: word, "cloudflare-ips": "mine", "note": "of somebody"})).await;
    let caretaker = Caretaker::new(kubernetes(&namespace).await);
    let without = |config_map: Option<&ConfigMap>| {
        config_map.and_then(|config_map| config_map.data.as_ref()).is_some_and(|data| !data.contains_key(&gone))
    };
    let taken = await_condition(namespace.config_maps(), "gatepost-status", without);
    tokio::select! {
        () = caretaker.run(Right::own()) => unreachable!("it has no end"),
        found = in_time("the key is gone", taken) => {
            let data = found.unwrap().unwrap().data.unwrap();
            assert_eq!(data.into_keys().collect::<Vec<_>>(), ["cloudflare-ips", "note", &here]);
        }
    }
    nodes.all_gone().await;
}

#[tokio::test]
async fn the_networks_are_put_beside_the_keys_of_nodes_by_the_leader_alone() {
    let _shared = shared();
    let namespace = Namespace::new("observe-networks").await;
    namespace.tells(json!({"n1": word("gatepost-x", false, 1)})).await;
    let caretaker = Caretaker::new(kubernetes(&namespace).await);
    let (tell, told) = watch::channel(Leadership::Leader { term: 1, until: Instant::now() + PATIENCE });
    let permit = Right::elected(told).permit().unwrap();
    in_time("a write", caretaker.write_networks("[\"192.0.2.0/24\"]", &permit)).await.unwrap();
    tell.send_replace(Leadership::Follower);
    assert_eq!(in_time("an end", caretaker.write_networks("[]", &permit)).await, Err(Lost));
    let data = namespace.config_maps().get("gatepost-status").await.unwrap().data.unwrap();
    assert_eq!(data["cloudflare-ips"], "[\"192.0.2.0/24\"]");
    assert!(data.contains_key("n1"));
}
