//! A pod that starts while the API server is away, as the kubelet starts it: what its node has kept is served, and what is
//! wrong with that is one line.

use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::process::{Process, command, run};
use crate::support::{Ca, Client, Identity, black_hole, nobody, tls};

const AWAY: &str = "The Kubernetes API is not there";
const RESTORED: &str = "Serves the routes that an earlier process kept";
const USELESS: &str = "What an earlier process kept of the routes cannot be read";
const WITHOUT: &str = "Nothing is kept there for a restart";

const ROUTES: &str = "routes:\n- {host: a.test, respond: {status: 200, body: kept}}\n";

/// A node: its two folders, and a kubeconfig.
struct Node {
    _memory: tempfile::TempDir,
    state: PathBuf,
    secrets: PathBuf,
    kubeconfig: PathBuf,
}

/// One whose API server should be at this address.
fn node(api: SocketAddr) -> Node {
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    fs::set_permissions(memory.path(), Permissions::from_mode(0o755)).unwrap();
    let at = |name: &str| memory.path().join(name);
    let config = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [{"name": "u", "user": {}}],
        "clusters": [{"name": "c", "cluster": {"server": format!("http://{api}")}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    });
    fs::write(at("kubeconfig"), config.to_string()).unwrap();
    fs::create_dir(at("state")).unwrap();
    Node { state: at("state"), secrets: at("secrets"), kubeconfig: at("kubeconfig"), _memory: memory }
}

impl Node {
    fn file(&self) -> PathBuf {
        self.state.join("routes.json")
    }

    fn keep(&self, text: &str) {
        let kept = json!({"version": 1, "generation": 7, "source": "ConfigMap edge/gatepost", "texts": [text]});
        fs::write(self.file(), kept.to_string()).unwrap();
    }

    fn flags<'n>(&'n self, state: &'n Path, secrets: &'n Path) -> Vec<&'n str> {
        let text = |path: &'n Path| path.to_str().unwrap();
        let mut flags = vec!["--kubeconfig", text(&self.kubeconfig), "--namespace", "edge"];
        flags.extend(["--http", "127.0.0.1:0", "--https", "127.0.0.1:0"]);
        flags.extend(["--state-dir", text(state), "--secret-dir", text(secrets)]);
        flags
    }

    /// A pod on it.
    fn pod(&self) -> Process {
        self.pod_with(&self.state, &self.secrets)
    }

    fn pod_with(&self, state: &Path, secrets: &Path) -> Process {
        Process::start(&self.flags(state, secrets), &[("KUBERNETES_SERVICE_HOST", "192.0.2.1")])
    }
}

fn status(pod: &Process) -> Value {
    serde_json::from_str(&pod.admin("/status").1).unwrap()
}

/// It serves what was kept, is ready, and says so everywhere.
fn serves_what_was_kept(pod: &Process) {
    pod.ready();
    let answer = Client::connect(pod.listener("http")).get("a.test", "/");
    assert_eq!((answer.status(), answer.text()), (200, "kept"));
    assert_eq!(pod.line(RESTORED)["generation"], 7);
    let status = status(pod);
    assert_eq!((&status["lastKnownGood"], &status["generation"]), (&json!(true), &json!(7)), "{status}");
    let metrics = pod.admin("/metrics").1;
    assert!(metrics.lines().any(|line| line == "gatepost_config_last_known_good 1"), "{metrics}");
}

#[test]
fn what_the_node_has_is_served_before_the_api_server_is_waited_for() {
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let silent = TcpListener::bind(any).unwrap();
    let dropped = black_hole(any);
    for (api, what) in
        [(silent.local_addr().unwrap(), "takes connections and says nothing"), (dropped.addr, "cannot be reached")]
    {
        let node = node(api);
        node.keep(ROUTES);
        let pod = node.pod();
        serves_what_was_kept(&pod);
        // no call has had its time yet
        assert_eq!(pod.count(AWAY), 0, "{what}");
    }
}

#[test]
fn what_the_node_has_is_served_while_the_api_server_refuses_connections() {
    let node = node(nobody());
    node.keep(ROUTES);
    let pod = node.pod();
    serves_what_was_kept(&pod);
    pod.line(AWAY);
    serves_what_was_kept(&pod);
}

#[test]
fn certificates_that_the_node_has_are_served_too() {
    let node = node(nobody());
    let ca = Ca::new();
    let Identity { certificate, key } = ca.issue(&["a.test"]);
    node.keep(&format!("{ROUTES}tls: {{certificates: [{{host: a.test, secret: web}}]}}\n"));
    let folder = node.secrets.join("certificates/tls/edge");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("web"), format!("{}\n{certificate}{key}", certificate.len())).unwrap();
    let pod = node.pod();
    pod.ready();
    assert_eq!(pod.line("Certificates that an earlier process kept")["count"], 1);
    Client::connect(pod.listener("https")).securing(&tls(&ca), "a.test").shake().expect("a handshake");
}

#[test]
fn what_was_kept_and_is_damaged_foreign_huge_or_no_file_is_ignored_with_one_line() {
    let elsewhere = tempfile::tempdir().unwrap();
    let good = elsewhere.path().join("routes.json");
    let text = json!({"version": 1, "generation": 7, "source": "ConfigMap edge/gatepost", "texts": [ROUTES]});
    fs::write(&good, text.to_string()).unwrap();
    for (put, told) in [
        (&(|file: &Path| fs::write(file, &text.to_string()[..60]).unwrap()) as &dyn Fn(&Path), "EOF"),
        (&|file| fs::write(file, text.to_string().replace("\"version\":1", "\"version\":2")).unwrap(), "version 2"),
        (&|file| fs::File::create(file).unwrap().set_len(1 << 30).unwrap(), "it has more than 8388608 bytes"),
        (&|file| fs::create_dir(file).unwrap(), "it is no file"),
        (&|file| symlink(&good, file).unwrap(), "symbolic link"),
    ] {
        let node = node(nobody());
        put(&node.file());
        let pod = node.pod();
        let line = pod.line(USELESS);
        assert!(line["error"].as_str().unwrap().contains(told), "{told}: {line}");
        pod.line(AWAY);
        assert_eq!((pod.count(USELESS), pod.count("Routes rejected")), (1, 0), "{told}");
        assert_eq!(pod.admin("/readyz"), (503, "missing: routes\nmissing: certificates\n".to_owned()), "{told}");
        assert_eq!(status(&pod)["lastKnownGood"], false);
    }
}

#[test]
fn a_pod_serves_on_without_a_folder_that_cannot_be_used_and_says_so() {
    let node = node(nobody());
    node.keep(ROUTES);
    // a file is in the place of one; and of no tmpfs is /proc on any machine
    let (file, disk) = (node.kubeconfig.as_path(), Path::new("/proc"));
    for (secrets, told) in [(file, "cannot be used"), (disk, "is not on a tmpfs")] {
        let pod = node.pod_with(&node.state, secrets);
        let line = pod.line(WITHOUT);
        assert!(line["error"].as_str().unwrap().contains(told), "{line}");
        serves_what_was_kept(&pod);
    }
    let pod = node.pod_with(file, &node.secrets);
    let line = pod.line(WITHOUT);
    assert!(line["error"].as_str().unwrap().starts_with("--state-dir: "), "{line}");
    pod.line(AWAY);
    assert_eq!(pod.admin("/livez").0, 200);
}

#[test]
fn outside_a_pod_a_folder_that_cannot_be_used_ends_the_process() {
    let node = node(nobody());
    let file = node.kubeconfig.as_path();
    for (state, secrets, told) in
        [(file, &*node.secrets, "--state-dir: "), (&*node.state, Path::new("/proc"), "not on a tmpfs")]
    {
        let words = [&["serve", "--admin", "127.0.0.1:0", "--log", "text"], &*node.flags(state, secrets)].concat();
        let (code, _, said) = run(command(&words, &[]));
        assert!(code == Some(1) && said.contains(told), "{said}");
    }
}

#[test]
fn a_folder_that_takes_no_file_is_still_read_and_that_it_takes_none_is_told() {
    let node = node(nobody());
    node.keep(ROUTES);
    // of root, with nothing for others but to read
    let stranger = ["--reuid", "65533", "--regid", "65533", "--clear-groups"];
    let flags = node.flags(&node.state, &node.secrets);
    let pod = Process::wrapped(&stranger, &flags, &[("KUBERNETES_SERVICE_HOST", "192.0.2.1")]);
    let line = pod.line("The routes could not be kept on disk");
    assert!(line["error"].as_str().unwrap().starts_with("Permission denied"), "{line}");
    pod.line(WITHOUT);
    serves_what_was_kept(&pod);
}

#[test]
fn what_is_served_from_a_node_is_kept_there_whole_and_for_nobody_else_to_read() {
    let node = node(nobody());
    node.keep(ROUTES);
    fs::set_permissions(node.file(), Permissions::from_mode(0o644)).unwrap();
    // no pod, so that it ends at once
    let process = Process::start(&node.flags(&node.state, &node.secrets), &[]);
    serves_what_was_kept(&process);
    process.signal("TERM");
    assert_eq!(process.ended(), Some(0));
    let kept: Value = serde_json::from_slice(&fs::read(node.file()).unwrap()).unwrap();
    assert_eq!((&kept["version"], &kept["generation"], &kept["texts"]), (&json!(1), &json!(7), &json!([ROUTES])));
    assert_eq!(fs::metadata(node.file()).unwrap().permissions().mode() & 0o777, 0o600);
    let left: Vec<_> = fs::read_dir(&node.state).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["routes.json"]);
}
