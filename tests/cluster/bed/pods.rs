//! The pods of gatepost, and their processes, which are seen from outside of the nodes too.

use std::fs;

use serde_json::Value;

use super::{Bed, NODES, PATIENCE, until, within};

/// A pod of gatepost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pod {
    pub(crate) name: String,
    pub(crate) uid: String,
    pub(crate) node: String,
    pub(crate) is_ready: bool,
    pub(crate) is_deleted: bool,
    /// The hash of the template that it was made from.
    pub(crate) revision: String,
}

impl Bed {
    /// All of them, those that end too.
    pub(crate) fn pods(&self) -> Vec<Pod> {
        let list =
            self.kubectl(&["-n", "gatepost", "get", "pods", "-l", "app.kubernetes.io/name=gatepost", "-o", "json"]);
        let list: Value = serde_json::from_str(&list).unwrap();
        list["items"].as_array().unwrap().iter().map(pod).collect()
    }

    /// Waits for the one pod of a node that is there to stay and ready.
    pub(crate) fn pod_on(&self, node: &str) -> Pod {
        until(&format!("the pod on {node}"), || {
            self.pods().into_iter().find(|pod| pod.node == node && pod.is_ready && !pod.is_deleted)
        })
    }

    /// Waits for the end of the pods that a rolling update has replaced.
    pub(crate) fn drained(&self) {
        within(self.bounds.tunnels + PATIENCE, "the end of the old pods", || {
            (self.pods().len() == NODES.len()).then_some(())
        });
    }

    /// The name of the pod that leads, as the Lease tells.
    pub(crate) fn leader(&self) -> Option<Pod> {
        let holder =
            self.kubectl(&["-n", "gatepost", "get", "lease", "gatepost", "-o", "jsonpath={.spec.holderIdentity}"]);
        self.pods().into_iter().find(|pod| !holder.is_empty() && holder.contains(&pod.name))
    }

    /// Logs of a pod that are no access log.
    pub(crate) fn log(&self, pod: &Pod) -> String {
        self.try_kubectl(&["-n", "gatepost", "logs", &pod.name], "").unwrap_or_default()
    }
}

fn pod(pod: &Value) -> Pod {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let conditions = pod["status"]["conditions"].as_array().cloned().unwrap_or_default();
    Pod {
        name: text(&pod["metadata"]["name"]),
        uid: text(&pod["metadata"]["uid"]),
        node: text(&pod["spec"]["nodeName"]),
        is_ready: conditions.iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True"),
        revision: text(&pod["metadata"]["labels"]["controller-revision-hash"]),
        is_deleted: !pod["metadata"]["deletionTimestamp"].is_null(),
    }
}

impl Pod {
    /// Its process, as this machine numbers it; none before it has started and after it has ended.
    pub(crate) fn process(&self) -> Option<u32> {
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        pids.find(|pid| {
            let read = |name: &str| fs::read_to_string(format!("/proc/{pid}/{name}")).unwrap_or_default();
            let is_alive = || !read("status").lines().any(|line| line.starts_with("State:") && line.contains('Z'));
            read("cgroup").contains(&self.uid) && read("comm").trim() == "gatepost" && is_alive()
        })
    }

    /// Sends its process a signal.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.process().unwrap_or_else(|| panic!("{self:?} has no process"));
        let mut kill = std::process::Command::new("kill");
        kill.args(["-s", name, &pid.to_string()]);
        super::fed(kill, "").unwrap();
    }
}
