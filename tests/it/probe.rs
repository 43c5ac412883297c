//! `gatepost probe` beside a running process, as a kubelet starts it.

use crate::support::process::{Process, command, run, wrapped};

/// A pod on this machine that no other test has.
fn pod(name: &str) -> String {
    format!("{name}-{}", std::process::id())
}

/// Exit code and stdout of a probe.
fn probe(pod: &str, question: &str) -> (Option<i32>, String) {
    let (code, stdout, _) = run(command(&["probe", question], &[("POD_UID", pod)]));
    (code, stdout)
}

fn serving(pod: &str) -> Process {
    let process = Process::start(
        &["--routes", concat!(env!("CARGO_MANIFEST_DIR"), "/config/minimal.yaml"), "--http", "127.0.0.1:0"],
        &[("POD_UID", pod)],
    );
    process.ready();
    process
}

#[test]
fn a_process_that_serves_is_alive_and_ready() {
    let pod = pod("serves");
    let _process = serving(&pod);
    for question in ["live", "ready"] {
        assert_eq!(probe(&pod, question), (Some(0), "ok\n".to_owned()), "{question}");
    }
}

#[test]
fn a_process_without_routes_is_alive_and_what_it_lacks_is_on_stdout() {
    let pod = pod("lacks");
    let process = Process::start(
        &["--http", "127.0.0.1:0", "--https", "127.0.0.1:0", "--kubeconfig", "/nowhere"],
        // in a pod it is waited for, and the process stays
        &[("POD_UID", &pod), ("KUBERNETES_SERVICE_HOST", "192.0.2.1")],
    );
    process.line("Cannot speak to Kubernetes yet");
    // probes are answered by whoever answers this
    let of_admin = process.admin("/readyz");
    assert_eq!(probe(&pod, "live"), (Some(0), "ok\n".to_owned()));
    let (code, told) = probe(&pod, "ready");
    assert_eq!(code, Some(1));
    assert!(told.contains("missing: routes\n"), "{told}");
    assert_eq!(of_admin, (503, told), "both say the same");
}

#[test]
fn a_process_that_hangs_is_neither_alive_nor_ready() {
    let pod = pod("hangs");
    let process = serving(&pod);
    process.stop();
    for question in ["live", "ready"] {
        let (code, told) = probe(&pod, question);
        assert_eq!((code, told), (Some(1), format!("gatepost does not answer within 1 s (pod {pod})\n")));
    }
}

#[test]
fn where_nobody_is_nobody_is_alive() {
    let pod = pod("nobody");
    let (code, told) = probe(&pod, "live");
    assert_eq!(code, Some(1));
    assert!(told.starts_with("no gatepost of this pod can be asked: ") && told.contains(&pod), "{told}");
}

#[test]
fn another_user_of_the_node_is_told_nothing() {
    let pod = pod("stranger");
    let _process = serving(&pod);
    let stranger = ["--reuid", "65533", "--regid", "65533", "--clear-groups"];
    let (code, told, _) = run(wrapped(&stranger, &["probe", "live"], &[("POD_UID", &pod)]));
    assert_eq!(code, Some(1));
    assert!(told.starts_with("gatepost has ended while it answered"), "{told}");
}

#[test]
fn without_the_uid_of_a_pod_it_is_wrong_usage() {
    for environment in [&[][..], &[("POD_UID", "")], &[("POD_UID", "a b")]] {
        let (code, stdout, stderr) = run(command(&["probe", "ready"], environment));
        assert_eq!((code, &*stdout), (Some(2), ""), "{environment:?}");
        assert!(stderr.contains("POD_UID"), "{stderr}");
    }
    assert_eq!(run(command(&["probe", "dead"], &[("POD_UID", "a")])).0, Some(2));
}
