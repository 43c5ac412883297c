//! The overlays, as kustomize would put them together: patches are merged by the API server itself.

use k8s_openapi::api::apps::v1::DaemonSet;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};

use crate::testbed::{admin, apply, manifests, shared, source};

/// The DaemonSet of an overlay.
async fn daemon_set(overlay: &str) -> Value {
    let admin = admin().await;
    let folder = format!("deploy/overlays/{overlay}");
    let [kustomization] = manifests(&format!("{folder}/kustomization.yaml")).try_into().unwrap();
    assert_eq!(kustomization["resources"], json!(["../../base"]), "{overlay}");
    let known = ["apiVersion", "kind", "resources", "images", "patches", "components"];
    assert!(kustomization.as_object().unwrap().keys().all(|key| known.contains(&&**key)), "{overlay}");
    for object in ["namespace", "daemonset"].iter().flat_map(|file| manifests(&format!("deploy/base/{file}.yaml"))) {
        apply(&admin, object).await;
    }
    let daemon_sets: Api<DaemonSet> = Api::namespaced(admin, "gatepost");
    let mut merged = serde_json::to_value(daemon_sets.get("gatepost").await.unwrap()).unwrap();
    for patch in kustomization["patches"].as_array().into_iter().flatten() {
        let [patch] = manifests(&format!("{folder}/{}", patch["path"].as_str().unwrap())).try_into().unwrap();
        // nothing is kept of it
        let params = PatchParams { dry_run: true, ..PatchParams::default() };
        let patched = daemon_sets.patch("gatepost", &params, &Patch::Strategic(&patch)).await.unwrap();
        merged = serde_json::to_value(patched).unwrap();
    }
    for component in kustomization["components"].as_array().into_iter().flatten() {
        let [component] =
            manifests(&format!("{folder}/{}/kustomization.yaml", component.as_str().unwrap())).try_into().unwrap();
        component["patches"].as_array().unwrap().iter().for_each(|patch| add(&mut merged, patch));
    }
    for image in kustomization["images"].as_array().into_iter().flatten() {
        name(&mut merged, image);
    }
    merged
}

/// Appends what a JSON patch adds to the end of lists.
fn add(object: &mut Value, patch: &Value) {
    assert_eq!(patch["target"], json!({"kind": "DaemonSet", "name": "gatepost"}));
    let steps: Vec<Value> = serde_yaml::from_str(patch["patch"].as_str().unwrap()).unwrap();
    for step in steps {
        assert_eq!(step["op"], "add");
        let list = step["path"].as_str().unwrap().strip_suffix("/-").expect("the end of a list");
        object.pointer_mut(list).unwrap().as_array_mut().unwrap().push(step["value"].clone());
    }
}

/// Names an image anew wherever it is used.
fn name(object: &mut Value, image: &Value) {
    let pod = &mut object["spec"]["template"]["spec"];
    for containers in ["initContainers", "containers"] {
        for container in pod[containers].as_array_mut().unwrap() {
            assert_eq!(container["image"], image["name"]);
            let new = format!("{}:{}", image["newName"].as_str().unwrap(), image["newTag"].as_str().unwrap());
            container["image"] = json!(new);
        }
    }
}

/// A field of the init container and of the one that stays.
fn of_both<'o>(object: &'o Value, field: &str) -> [&'o Value; 2] {
    let pod = &object["spec"]["template"]["spec"];
    [&pod["initContainers"][0][field], &pod["containers"][0][field]]
}

#[tokio::test]
async fn every_overlay_stands_on_the_base_and_changes_what_it_says() {
    let _shared = shared();
    let folders = std::fs::read_dir(source("deploy/overlays")).unwrap();
    let mut overlays: Vec<String> = folders.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    overlays.sort();
    assert_eq!(overlays, ["gke", "k3s", "metrics", "single-node"]);

    let gke = daemon_set("gke").await;
    assert!(of_both(&gke, "image").iter().all(|image| image.as_str().unwrap().contains("-docker.pkg.dev/")));

    let k3s = daemon_set("k3s").await;
    let imported = "docker.io/library/gatepost:0.1.0";
    assert_eq!(of_both(&k3s, "image"), [imported, imported]);
    assert_eq!(of_both(&k3s, "imagePullPolicy"), ["Never", "Never"], "nobody else's image of this name is taken");

    let single = daemon_set("single-node").await;
    assert_eq!(single["spec"]["minReadySeconds"].as_i64().unwrap_or_default(), 0);
    let variables = of_both(&single, "env")[1].as_array().unwrap();
    assert!(variables.contains(&json!({"name": "USE_INTERNAL_IP", "value": "true"})));
    assert!(variables.iter().any(|variable| variable["name"] == "POD_UID"), "the others stay");

    let metrics = daemon_set("metrics").await;
    let args = of_both(&metrics, "args")[1].as_array().unwrap();
    assert_eq!(args.first().unwrap(), "serve");
    assert_eq!(args.last().unwrap(), "--admin=127.0.0.1:9180,$(HOST_IP):9180");
    // merged with none of the patches a second time, the base is as it was
    assert!(gke["spec"]["template"]["spec"]["containers"][0]["args"].as_array().unwrap().len() == 3);
}
