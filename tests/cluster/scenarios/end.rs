//! The operator wants it no more.

use std::process::Command;

use crate::bed::{Bed, fed, until};
use crate::cloudflare::{Cloudflare, FOREIGN, TOKEN};
use crate::load::Load;

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
    bed.kubectl(&["delete", "-k", folder.to_str().unwrap(), "--timeout=120s"]);
    until("the end of everything", || {
        let left = bed.kubectl(&[
            "get",
            "namespace,clusterrole,clusterrolebinding,priorityclass",
            "-l",
            "app.kubernetes.io/name=gatepost",
            "-o",
            "name",
        ]);
        left.is_empty().then_some(())
    });
    assert_eq!(bed.cloudflare.names(), [FOREIGN.0], "records that have come back");
    "no record of ours, the foreign one untouched, no object left".to_owned()
}
