//! What goes wrong with nodes and the control plane, and how it ends.

use std::process::Command;

use super::{Bed, NODES, fed, until};

impl Bed {
    /// A node is gone from one moment to the next.
    pub(crate) fn kill_node(&self, node: &str) {
        self.script("end.sh", &[node]);
    }

    /// It is back, with what was on its disk.
    pub(crate) fn start_node(&self, node: &str) {
        self.script("node.sh", &[node]);
    }

    /// Nothing reaches a node, and nothing comes from it.
    pub(crate) fn cut_off(&self, node: &str) {
        link(node, "down");
    }

    pub(crate) fn connect(&self, node: &str) {
        link(node, "up");
    }

    pub(crate) fn kill_api_server(&self) {
        self.script("end.sh", &["kube-apiserver"]);
    }

    pub(crate) fn start_api_server(&self) {
        self.script("apiserver.sh", &[]);
    }

    /// Until Kubernetes thinks so of a node: `True` or `Unknown`.
    pub(crate) fn until_ready(&self, node: &str, wanted: &str) {
        let path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}";
        until(&format!("{node} with Ready={wanted}"), || {
            (self.try_kubectl(&["get", "node", node, "-o", path], "").ok()? == wanted).then_some(())
        });
    }

    /// After a scenario that failed: everything is there again, and as it was shipped.
    pub(crate) fn repair(&self) {
        if self.try_kubectl(&["get", "--raw", "/readyz"], "").is_err() {
            self.script("end.sh", &["kube-apiserver"]);
            self.start_api_server();
        }
        for node in NODES {
            self.connect(node);
            if !self.runs(node) {
                self.start_node(node);
            }
            self.kubectl(&["uncordon", node]);
        }
        for pod in self.pods() {
            if pod.process().is_some() {
                pod.signal("CONT");
            }
        }
        self.install();
    }

    fn runs(&self, node: &str) -> bool {
        let mut ctr = Command::new(self.state.join("bin/ctr"));
        ctr.arg("-a").arg(self.state.join(node).join("containerd.sock")).arg("version");
        fed(ctr, "").is_ok()
    }
}

fn link(node: &str, state: &str) {
    let mut ip = Command::new("ip");
    ip.args(["link", "set", &format!("gatepost-{node}"), state]);
    fed(ip, "").unwrap_or_else(|error| panic!("{node} {state}: {error}"));
}
