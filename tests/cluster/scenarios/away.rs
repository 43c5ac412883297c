//! What gatepost asks is not there.

use crate::bed::{Bed, NODES, until};
use crate::load::Load;

pub(crate) fn api_server(bed: &Bed, load: &Load) -> String {
    // a pod that was killed before is started again only after a while
    bed.renew();
    let pod = bed.pod_on(NODES[0]);
    let mark = load.mark();
    bed.kill_api_server();
    load.spare(NODES[0]);
    let process = pod.process();
    pod.signal("KILL");
    // without a successor there is a moment without anybody
    until("the pod's next process", || pod.process().filter(|next| Some(*next) != process));
    until("an answer of the node's own table", || crate::load::answers(NODES[0]).then_some(()));
    load.forgive_nobody();
    let lost = load.counts_since(&mark).spared;
    std::thread::sleep(bed.bounds.away);
    bed.start_api_server();
    bed.pod_on(NODES[0]);
    // a leader of before is of no use until it has renewed
    until("somebody who leads", || bed.leader());
    bed.cloudflare.holds(&NODES);
    let asked = bed.kubectl(&["-n", "gatepost", "get", "daemonset", "gatepost", "-o", "jsonpath={..env[*].valueFrom}"]);
    let is_asked = |what: &str| asked.contains(what);
    // a kubelet that has not looked at one for five minutes asks for it again before it starts a container
    assert!(!is_asked("secretKeyRef") && !is_asked("configMapKeyRef"), "needs the API server to start: {asked}");
    let away = bed.bounds.away.as_secs();
    format!("{away} s; the killed pod's next process served the stored table; {lost} lost between the two")
}

pub(crate) fn core_dns(bed: &Bed, load: &Load) -> String {
    let scale = |n: &str| bed.kubectl(&["-n", "kube-system", "scale", "deployment/coredns", n]);
    scale("--replicas=0");
    until("no CoreDNS", || {
        bed.kubectl(&["-n", "kube-system", "get", "pods", "-l", "app=coredns", "-o", "name"]).is_empty().then_some(())
    });
    let mark = load.mark();
    // 20 s of load, and four lives of an answer of CoreDNS
    load.until_requests(&mark, 5_000);
    scale("--replicas=1");
    bed.kubectl(&["-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=120s"]);
    "5,000 requests without it".to_owned()
}
