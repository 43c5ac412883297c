//! The manifests as shipped, before the real API server.

mod daemonset;
mod overlays;

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{self, ConfigMap, Node, Pod, Secret};
use k8s_openapi::api::events::v1::Event;
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use serde_json::{Value, json};

use crate::process::Gatepost;
use crate::testbed::{Namespace, admin, alone, apply, client, manifests, shared, source};
use crate::tls::{Certificate, shows};

#[tokio::test]
async fn everything_shipped_is_accepted_and_its_pods_are_admitted() {
    let _shared = shared();
    let admin = admin().await;
    let [kustomization] = manifests("deploy/base/kustomization.yaml").try_into().unwrap();
    let files: Vec<&str> = kustomization["resources"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let shipped: BTreeSet<String> = std::fs::read_dir(source("deploy/base"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml") && name != "kustomization.yaml")
        .collect();
    assert_eq!(shipped, files.iter().map(|name| (*name).to_owned()).collect(), "the kustomization names every file");

    let mut pod = Value::Null;
    for object in files.iter().flat_map(|file| manifests(&format!("deploy/base/{file}"))) {
        if object["kind"] == "DaemonSet" {
            pod = object["spec"]["template"].clone();
        }
        apply(&admin, object).await;
    }
    for object in
        ["routes", "app", "secret-elsewhere"].iter().flat_map(|file| manifests(&format!("deploy/example/{file}.yaml")))
    {
        apply(&admin, object).await;
    }
    // the DaemonSet is taken as it is; whether its pods would be is asked when they are made
    pod["metadata"]["name"] = json!("as-the-daemonset-makes-it");
    let pod: Pod = serde_json::from_value(pod).unwrap();
    let pods: Api<Pod> = Api::namespaced(admin.clone(), "gatepost");
    pods.create(&PostParams::default(), &pod).await.unwrap();
}

#[tokio::test]
async fn the_example_routes_are_served_under_the_shipped_role() {
    let _shared = shared();
    let namespace = Namespace::new("example").await;
    let [mut example] = manifests("deploy/example/routes.yaml").try_into().unwrap();
    example["metadata"]["namespace"] = json!(namespace.name);
    apply(&namespace.admin, example).await;
    let gatepost = Gatepost::start_with(&namespace, &[], &[]);
    let line = gatepost.applied(1);
    assert_eq!((&line["routes"], &line["warnings"]), (&json!(1), &json!("")), "{line}");
}

/// What the DaemonSet runs, with the folders of the node in this one.
fn shipped_args(node: &str) -> Vec<String> {
    let [daemon_set] = manifests("deploy/base/daemonset.yaml").try_into().unwrap();
    let args = daemon_set["spec"]["template"]["spec"]["containers"][0]["args"].clone();
    let args: Vec<String> = serde_json::from_value(args).unwrap();
    args.iter().map(|arg| arg.replace("=/", &format!("={node}/"))).collect()
}

#[tokio::test]
async fn a_process_with_the_shipped_arguments_serves_after_a_restart_with_the_api_server_gone() {
    let alone = alone();
    let namespace = Namespace::new("shipped-restart").await;
    let host = "www.example.com";
    let certificate = Certificate::of(host);
    namespace.certificate("web", &certificate).await;
    let route = format!("{{host: {host}, respond: {{status: 200}}, https: allow}}");
    let tls = format!("{{certificates: [{{host: {host}, secret: web}}]}}");
    namespace.write(&format!("routes: [{route}]\ntls: {tls}\n")).await;
    let node = tempfile::tempdir_in("/dev/shm").unwrap();
    for parent in ["var/lib", "run"] {
        std::fs::create_dir_all(node.path().join(parent)).unwrap();
    }
    let args = shipped_args(node.path().to_str().unwrap());
    let (command, flags) = args.split_first().unwrap();
    assert_eq!(command, "serve");
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let before = Gatepost::start_with(&namespace, &flags, &[]);
    shows(before.https(), host, &certificate);
    let (status, said) = before.terminate();
    assert!(status.success(), "{said}");

    alone.kill();
    let after = Gatepost::start_with(&namespace, &flags, &[]);
    after.ready();
    assert_eq!(after.client().get(host, "/").unwrap().status, 200);
    shows(after.https(), host, &certificate);
}

#[tokio::test]
async fn the_shipped_roles_grant_no_more_than_what_is_watched_and_written() {
    let _shared = shared();
    let namespace = Namespace::new("rights").await;
    namespace.write("routes: []").await;
    let ours = client(&namespace.kubeconfig).await;
    let config_maps: Api<ConfigMap> = Api::namespaced(ours.clone(), &namespace.name);
    let only = ListParams::default().fields("metadata.name=gatepost");
    let [found] = config_maps.list(&only).await.unwrap().items.try_into().unwrap();

    let forbidden = |error: kube::Error| matches!(error, kube::Error::Api(status) if status.code == 403);
    assert!(forbidden(config_maps.get("gatepost").await.unwrap_err()));
    assert!(forbidden(config_maps.list(&ListParams::default()).await.unwrap_err()));
    assert!(forbidden(config_maps.get("other").await.unwrap_err()));
    assert!(forbidden(config_maps.replace("gatepost", &PostParams::default(), &found).await.unwrap_err()));
    let secrets: Api<Secret> = Api::namespaced(ours.clone(), &namespace.name);
    let tickets = secrets.list(&ListParams::default()).await.unwrap().items;
    assert!(forbidden(secrets.get("gatepost-tickets").await.unwrap_err()));
    assert!(forbidden(secrets.create(&PostParams::default(), &Secret::default()).await.unwrap_err()));
    assert!(forbidden(secrets.replace("gatepost-tickets", &PostParams::default(), &tickets[0]).await.unwrap_err()));
    let patch = Patch::Merge(json!({"data": {}}));
    secrets.patch("gatepost-tickets", &PatchParams::default(), &patch).await.unwrap();
    assert!(forbidden(secrets.patch("other", &PatchParams::default(), &patch).await.unwrap_err()));
    config_maps.patch("gatepost-status", &PatchParams::default(), &patch).await.unwrap();
    assert!(forbidden(config_maps.patch("gatepost", &PatchParams::default(), &patch).await.unwrap_err()));
    let events: Api<Event> = Api::namespaced(ours.clone(), &namespace.name);
    assert!(forbidden(events.list(&ListParams::default()).await.unwrap_err()));
    let elsewhere: Api<ConfigMap> = Api::namespaced(ours.clone(), "default");
    assert!(forbidden(elsewhere.get("gatepost").await.unwrap_err()));
    let elsewhere: Api<Secret> = Api::namespaced(ours.clone(), "kube-system");
    assert!(forbidden(elsewhere.list(&ListParams::default()).await.unwrap_err()));

    let pods: Api<Pod> = Api::namespaced(ours.clone(), &namespace.name);
    pods.list(&ListParams::default()).await.unwrap();
    assert!(forbidden(pods.delete("other", &DeleteParams::default()).await.unwrap_err()));
    let elsewhere: Api<Pod> = Api::namespaced(ours.clone(), "kube-system");
    assert!(forbidden(elsewhere.list(&ListParams::default()).await.unwrap_err()));
    let nodes: Api<Node> = Api::all(ours.clone());
    nodes.list(&ListParams::default()).await.unwrap();
    assert!(forbidden(nodes.patch("other", &PatchParams::default(), &patch).await.unwrap_err()));
    let namespaces: Api<v1::Namespace> = Api::all(ours);
    namespaces.get("kube-system").await.unwrap();
    assert!(forbidden(namespaces.get(&namespace.name).await.unwrap_err()));
    assert!(forbidden(namespaces.list(&ListParams::default()).await.unwrap_err()));
}
