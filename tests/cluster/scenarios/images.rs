//! New pods that cannot do their work.

use crate::bed::{Bed, NODES, Pod, until};
use crate::load::Load;

pub(crate) fn crashes(bed: &Bed, _: &Load) -> String {
    set_image(bed, "crash");
    stopped(bed, &["CrashLoopBackOff", "this image crashes at its start"])
}

pub(crate) fn hangs(bed: &Bed, _: &Load) -> String {
    set_image(bed, "hang");
    stopped(bed, &["Readiness probe failed"])
}

pub(crate) fn is_refused(bed: &Bed, _: &Load) -> String {
    patch(bed, r#"[{"op": "add", "path": "/spec/template/spec/containers/0/args/-", "value": "--workers=many"}]"#);
    stopped(bed, &["CrashLoopBackOff", "invalid value 'many'"])
}

pub(crate) fn lacks_permission(bed: &Bed, _: &Load) -> String {
    patch(bed, r#"[{"op": "remove", "path": "/spec/template/spec/containers/0/securityContext/capabilities/add"}]"#);
    stopped(bed, &["operation not permitted"])
}

fn set_image(bed: &Bed, image: &str) {
    bed.kubectl(&[
        "-n",
        "gatepost",
        "set",
        "image",
        "daemonset/gatepost",
        &format!("gatepost=gatepost.test/{image}:1"),
    ]);
}

fn patch(bed: &Bed, patch: &str) {
    bed.kubectl(&["-n", "gatepost", "patch", "daemonset", "gatepost", "--type=json", "-p", patch]);
}

/// The new pod says why it does not serve, there is one of it alone, and those of before are as they were. Afterwards the
/// DaemonSet is again what is shipped.
fn stopped(bed: &Bed, reasons: &[&str]) -> String {
    let before: Vec<Pod> = NODES.iter().map(|node| bed.pod_on(node)).collect();
    let new = until("the pod of the new image", || bed.pods().into_iter().find(|pod| !before.contains(pod)));
    let describe = || bed.kubectl(&["-n", "gatepost", "describe", "pod", &new.name]);
    for reason in reasons {
        until(&format!("{reason:?} in kubectl describe"), || describe().contains(reason).then_some(()));
    }
    let now = bed.pods();
    assert!(before.iter().all(|pod| now.contains(pod)), "before {before:?}, now {now:?}");
    assert_eq!(now.len(), before.len() + 1, "{now:?}");
    bed.kubectl(&["-n", "gatepost", "rollout", "undo", "daemonset/gatepost"]);
    until("the end of the new pod", || (!bed.pods().iter().any(|pod| pod.name == new.name)).then_some(()));
    bed.rolled_out();
    format!("the rollout stopped at one pod; kubectl describe says {}", reasons.join(", "))
}
