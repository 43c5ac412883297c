//! The cluster that `tests/cluster/up.sh` has brought up, by the tools of its operator. One door: [`Bed::find`].

mod faults;
mod install;
mod pods;

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) use install::{APP, DNS_NAME, HOST, LOAD_HOST};
pub(crate) use pods::Pod;

use crate::cloudflare::Cloudflare;

/// Whatever is waited for is there within this time, or the scenario has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(120);

/// The nodes that it has.
pub(crate) const NODES: [&str; 2] = ["n1", "n2"];

/// Bounds that are short in every run and full in a long one.
pub(crate) struct Bounds {
    /// `drain.tunnels`.
    pub(crate) tunnels: Duration,
    /// How long the API server is away.
    pub(crate) away: Duration,
    /// Rolling updates, at least, and requests in them, at least.
    pub(crate) rollouts: usize,
    pub(crate) requests: u64,
}

const SHORT: Bounds =
    Bounds { tunnels: Duration::from_secs(20), away: Duration::from_secs(60), rollouts: 3, requests: 20_000 };
const LONG: Bounds =
    Bounds { tunnels: Duration::from_secs(300), away: Duration::from_secs(300), rollouts: 10, requests: 100_000 };

pub(crate) struct Bed {
    /// Of the scripts.
    state: PathBuf,
    pub(crate) bounds: Bounds,
    pub(crate) cloudflare: Cloudflare,
}

impl Bed {
    /// None, when no cluster is up.
    pub(crate) fn find() -> Option<Bed> {
        let state = PathBuf::from(std::env::var_os("GATEPOST_CLUSTER")?);
        let bounds = if std::env::var_os("LONG").is_some() { LONG } else { SHORT };
        Some(Bed { state, bounds, cloudflare: Cloudflare::start() })
    }

    /// The address of a node.
    pub(crate) fn address(node: &str) -> String {
        format!("10.77.0.1{}", node.strip_prefix('n').unwrap())
    }

    /// Of an administrator.
    pub(crate) fn kubeconfig(&self) -> PathBuf {
        self.state.join("admin.kubeconfig")
    }

    /// The authority that has signed all certificates here.
    pub(crate) fn authority(&self) -> PathBuf {
        self.state.join("pki/ca.crt")
    }

    /// What kubectl answers.
    pub(crate) fn try_kubectl(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let mut command = Command::new(self.state.join("bin/kubectl"));
        command.env("KUBECONFIG", self.kubeconfig()).args(arguments);
        fed(command, input)
    }

    /// What kubectl answers; it must not fail.
    pub(crate) fn kubectl(&self, arguments: &[&str]) -> String {
        self.try_kubectl(arguments, "").unwrap_or_else(|error| panic!("kubectl {arguments:?}: {error}"))
    }

    /// Applies this text.
    pub(crate) fn apply(&self, objects: &str) {
        let applied = self.try_kubectl(&["apply", "-f", "-"], objects);
        applied.unwrap_or_else(|error| panic!("{objects}: {error}"));
    }

    /// One of the scripts beside this file.
    pub(crate) fn script(&self, name: &str, arguments: &[&str]) {
        let mut command = Command::new(source(&format!("tests/cluster/{name}")));
        command.args(arguments);
        fed(command, "").unwrap_or_else(|error| panic!("{name} {arguments:?}: {error}"));
    }

    /// How the cluster is, for somebody who asks why a scenario failed.
    pub(crate) fn state(&self) -> String {
        let shown = |arguments: &[&str]| self.try_kubectl(arguments, "").unwrap_or_else(|error| error);
        [
            shown(&["get", "nodes", "-o", "wide"]),
            shown(&["get", "pods", "-A", "-o", "wide"]),
            shown(&["-n", "gatepost", "get", "events", "--sort-by=.metadata.creationTimestamp"]),
            shown(&["-n", "gatepost", "logs", "-l", "app.kubernetes.io/name=gatepost", "--prefix", "--tail=20"]),
        ]
        .join("\n")
    }
}

/// A file of this repository.
pub(crate) fn source(path: &str) -> PathBuf {
    std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Runs a command to its end. The error is what it said.
pub(crate) fn fed(mut command: Command, input: &str) -> Result<String, String> {
    use std::io::Write;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
    let mut pipe = child.stdin.take().unwrap();
    // one that ends before it has read everything says why
    let _ = pipe.write_all(input.as_bytes());
    drop(pipe);
    let out = child.wait_with_output().map_err(|error| error.to_string())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if out.status.success() { Ok(text(&out.stdout)) } else { Err(text(&out.stderr)) }
}

/// Looks until there is something to see.
pub(crate) fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    within(PATIENCE, what, look)
}

/// Looks for so long until there is something to see.
pub(crate) fn within<T>(patience: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + patience;
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(Instant::now() < end, "{what}: not within {patience:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}
