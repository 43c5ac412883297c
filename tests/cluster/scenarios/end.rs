//! The operator wants it no more.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::bed::{Bed, PATIENCE, fed, until, within};
use crate::cloudflare::{Cloudflare, FOREIGN, TOKEN};
use crate::load::Load;

/// Objects of no namespace.
const EVERYWHERE: &str = "clusterrole,clusterrolebinding,priorityclass";
/// The namespace goes last. Kubernetes takes its pods out of it first, looks again after half of their grace period (330 s),
/// and only then deletes the rest, be the pods gone long before.
const NAMESPACE: Duration = Duration::from_secs(165);

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
    bed.drained();
    let (folder, began) = (bed.overlay("gatepost"), Instant::now());
    bed.kubectl(&["delete", "-k", folder.to_str().unwrap(), "--wait=false"]);
    until("the end of everything that serves", || {
        let left = bed.kubectl(&["get", EVERYWHERE, "-l", "app.kubernetes.io/name=gatepost", "-o", "name"]);
        (left.is_empty() && bed.pods().is_empty()).then_some(())
    });
    let gone = began.elapsed().as_secs();
    within(NAMESPACE + PATIENCE, "the end of the namespace", || {
        bed.kubectl(&["get", "namespace", "gatepost", "--ignore-not-found", "-o", "name"]).is_empty().then_some(())
    });
    assert_eq!(bed.cloudflare.names(), [FOREIGN.0], "records that have come back");
    format!(
        "no record of ours, the foreign one untouched, no pod after {gone} s and no object after {} s",
        began.elapsed().as_secs()
    )
}
