//! The operator wants it no more.

use std::process::Command;

use crate::bed::{Bed, fed, until};
use crate::cloudflare::{Cloudflare, FOREIGN, TOKEN};
use crate::load::Load;

/// Objects of no namespace. The namespace itself stays for half the grace period of its pods, empty, before Kubernetes looks
/// again and takes it away.
const EVERYWHERE: &str = "clusterrole,clusterrolebinding,priorityclass";
const INSIDE: &str = "daemonset,pod,configmap,secret,lease,role,rolebinding,serviceaccount";
/// What Kubernetes puts into every namespace, for as long as there is one.
const GIVEN: [&str; 2] = ["configmap/kube-root-ca.crt", "serviceaccount/default"];

pub(crate) fn leaves_nothing(bed: &Bed, load: &Load) -> String {
    bed.release_dns();
    let mut release = Command::new(env!("CARGO_BIN_EXE_gatepost"));
    release.args(["dns", "release", "--yes", "--namespace", "gatepost", "--kubeconfig"]).arg(bed.kubeconfig());
    release.env("CF_API_TOKEN", TOKEN).env("CF_API_URL", Cloudflare::url());
    fed(release, "").unwrap_or_else(|error| panic!("gatepost dns release: {error}"));
    assert_eq!(bed.cloudflare.names(), [FOREIGN.0], "records that are left");
    for node in crate::bed::NODES {
        load.spare(node);
    }
    let folder = bed.overlay("gatepost");
    bed.kubectl(&["delete", "-k", folder.to_str().unwrap(), "--wait=false"]);
    until("the end of everything", || {
        let left = bed.kubectl(&["get", EVERYWHERE, "-l", "app.kubernetes.io/name=gatepost", "-o", "name"]);
        let inside = bed.kubectl(&["-n", "gatepost", "get", INSIDE, "-o", "name"]);
        let own = inside.lines().filter(|object| !GIVEN.contains(object));
        (left.is_empty() && own.count() == 0).then_some(())
    });
    assert_eq!(bed.cloudflare.names(), [FOREIGN.0], "records that have come back");
    "no record of ours, the foreign one untouched, no object left".to_owned()
}
