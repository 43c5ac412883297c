//! What the DaemonSet must have for a rollout to lose nothing and for a pod to have no more rights than it needs.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{Container, PodSpec, Probe};

use crate::testbed::manifests;

/// The volume with the Secret `cloudflare`.
const CREDENTIALS: &str = "cloudflare";

fn shipped() -> DaemonSet {
    let [object] = manifests("deploy/base/daemonset.yaml").try_into().unwrap();
    serde_json::from_value(object).unwrap()
}

fn pod() -> PodSpec {
    shipped().spec.template.spec.unwrap()
}

/// The init container and the one that stays.
fn containers(pod: &PodSpec) -> [&Container; 2] {
    let [prepare] = pod.init_containers.as_deref().unwrap() else { panic!("one init container") };
    let [serve] = &*pod.containers else { panic!("one container") };
    [prepare, serve]
}

#[test]
fn the_old_pod_of_a_node_stays_until_the_new_one_is_ready() {
    let spec = shipped().spec;
    let update = spec.update_strategy.unwrap().rolling_update.unwrap();
    assert_eq!(serde_json::to_value(update).unwrap(), serde_json::json!({"maxSurge": 1, "maxUnavailable": 0}));
    let pod = pod();
    assert_eq!((pod.host_network, pod.dns_policy.as_deref()), (Some(true), Some("ClusterFirstWithHostNet")));
    // drain.tunnels is 300 s unless said otherwise, and the process ends 30 s after
    assert_eq!(pod.termination_grace_period_seconds, Some(330));
    for container in containers(&pod) {
        assert!(container.ports.is_none(), "a declared port is a hostPort here, and a rolling update would hang");
    }
}

#[test]
fn it_runs_on_every_node_and_is_not_the_first_to_go() {
    let pod = pod();
    let [all] = pod.tolerations.as_deref().unwrap() else { panic!("one toleration") };
    assert!(all.operator.as_deref() == Some("Exists") && all.key.is_none() && all.effect.is_none());
    let [class] = manifests("deploy/base/priorityclass.yaml").try_into().unwrap();
    assert_eq!(pod.priority_class_name.as_deref(), class["metadata"]["name"].as_str());
    // above 1,000,000,000 the API server takes it for one of the system's
    assert!(class["value"].as_i64().unwrap() <= 1_000_000_000 && class["globalDefault"] == false);
}

#[test]
fn probes_ask_the_process_of_the_own_pod_and_leave_it_the_time_it_takes() {
    let pod = pod();
    let [_, serve] = containers(&pod);
    for (probe, question) in [(&serve.readiness_probe, "ready"), (&serve.liveness_probe, "live")] {
        let Probe { exec, timeout_seconds, http_get: None, tcp_socket: None, .. } = probe.as_ref().unwrap() else {
            panic!("{question}: a port may be answered by the other pod of the node")
        };
        let command = exec.as_ref().unwrap().command.as_deref().unwrap();
        assert_eq!(command, ["/gatepost", "probe", question]);
        // a second for the answer, the rest for starting it on a busy node
        assert!(timeout_seconds.unwrap() >= 2, "{question}");
    }
    let names: BTreeSet<&str> = serve.env.iter().flatten().map(|variable| &*variable.name).collect();
    for name in ["POD_NAME", "POD_UID", "POD_NAMESPACE", "NODE_NAME", "HOST_IP"] {
        assert!(names.contains(name), "{name}");
    }
}

#[test]
fn every_folder_of_the_node_is_mounted_where_both_containers_look_for_it() {
    let pod = pod();
    let mut places = BTreeMap::new();
    for volume in pod.volumes.iter().flatten().filter(|volume| volume.name != CREDENTIALS) {
        let host = volume.host_path.as_ref().unwrap_or_else(|| panic!("{}: a folder of the node", volume.name));
        assert_eq!(host.type_.as_deref(), Some("DirectoryOrCreate"), "{}", volume.name);
        places.insert(volume.name.as_str(), host.path.as_str());
    }
    assert_eq!(places.values().copied().collect::<Vec<_>>(), ["/run/gatepost", "/var/lib/gatepost"]);
    let [prepare, serve] = containers(&pod);
    for container in [prepare, serve] {
        let mounts = container.volume_mounts.iter().flatten().filter(|mount| mount.name != CREDENTIALS);
        let mounted: BTreeMap<_, _> = mounts.map(|mount| (&*mount.name, &*mount.mount_path)).collect();
        assert_eq!(mounted, places, "{}", container.name);
    }
    assert_eq!(
        serve.args.as_deref().unwrap(),
        ["serve", "--state-dir=/var/lib/gatepost", "--secret-dir=/run/gatepost"]
    );
}

#[test]
fn a_container_starts_without_the_api_server_being_asked_and_finds_the_credentials_where_it_looks() {
    let pod = pod();
    for container in containers(&pod) {
        let from = container.env.iter().flatten().filter_map(|variable| variable.value_from.as_ref());
        assert!(from.clone().all(|from| from.secret_key_ref.is_none() && from.config_map_key_ref.is_none()));
        assert!(container.env_from.is_none());
    }
    let mut volumes = pod.volumes.iter().flatten();
    let secret = volumes.find(|volume| volume.name == CREDENTIALS).unwrap().secret.as_ref().unwrap();
    assert_eq!((secret.secret_name.as_deref(), secret.optional), (Some("cloudflare"), Some(true)));
    let [_, serve] = containers(&pod);
    let mut variables = serve.env.iter().flatten();
    let folder = variables.find(|variable| variable.name == "CF_SECRET_DIR").unwrap().value.as_deref();
    let mut mounts = serve.volume_mounts.iter().flatten();
    let mount = mounts.find(|mount| mount.name == CREDENTIALS).unwrap();
    assert_eq!((folder, mount.read_only), (Some(&*mount.mount_path), Some(true)));
}

#[test]
fn prepare_node_makes_those_folders_for_that_user_without_being_told() {
    let pod = pod();
    let [prepare, serve] = containers(&pod);
    assert_eq!(
        (prepare.args.as_deref().unwrap(), &prepare.image),
        (&["prepare-node", "--best-effort"].map(str::to_owned)[..], &serve.image)
    );
    let help = Command::new(env!("CARGO_BIN_EXE_gatepost")).args(["prepare-node", "--help"]).output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let user = pod.security_context.unwrap();
    let (uid, gid) = (user.run_as_user.unwrap().to_string(), user.run_as_group.unwrap().to_string());
    for (flag, value) in
        [("--state-dir", "/var/lib/gatepost"), ("--secret-dir", "/run/gatepost"), ("--uid", &uid), ("--gid", &gid)]
    {
        let from = help.find(flag).unwrap_or_else(|| panic!("{flag} in {help}"));
        let default = help[from..].split_once("[default: ").unwrap().1.split_once(']').unwrap().0;
        assert_eq!(default, value, "{flag}");
    }
}

#[test]
fn no_container_has_a_right_or_a_share_that_it_does_not_need() {
    let pod = pod();
    assert_eq!(pod.security_context.as_ref().unwrap().run_as_non_root, Some(true));
    assert_eq!(pod.security_context.as_ref().unwrap().seccomp_profile.as_ref().unwrap().type_, "RuntimeDefault");
    assert!(pod.host_pid.is_none() && pod.host_ipc.is_none());
    let [prepare, serve] = containers(&pod);
    for (container, user, added) in
        [(prepare, Some(0), &["CHOWN", "NET_BIND_SERVICE"][..]), (serve, None, &["NET_BIND_SERVICE"])]
    {
        let security = container.security_context.as_ref().unwrap();
        let capabilities = security.capabilities.as_ref().unwrap();
        assert_eq!(capabilities.drop.as_deref().unwrap(), ["ALL"], "{}", container.name);
        assert_eq!(capabilities.add.as_deref().unwrap(), added, "{}", container.name);
        assert_eq!(security.run_as_user, user, "{}", container.name);
        assert_eq!(security.allow_privilege_escalation, Some(false), "{}", container.name);
        assert_eq!(security.read_only_root_filesystem, Some(true), "{}", container.name);
        assert!(security.privileged.is_none(), "{}", container.name);
        let resources = container.resources.as_ref().unwrap();
        let quantities = |of: &Option<BTreeMap<String, _>>| serde_json::to_value(of).unwrap();
        assert_eq!(quantities(&resources.requests), serde_json::json!({"cpu": "10m", "memory": "20Mi"}));
        assert_eq!(quantities(&resources.limits), serde_json::json!({"memory": "64Mi"}), "no CPU limit");
    }
}
