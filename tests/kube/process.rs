//! The real binary as a child: what it says, where it listens, how it ends. One door: [`Gatepost::start`].

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::client::Client;
use crate::testbed::{Namespace, PATIENCE};

pub(crate) struct Gatepost {
    child: Child,
    log: Arc<Log>,
}

/// The lines of stderr, and who waits for one.
#[derive(Default)]
struct Log {
    lines: Mutex<Lines>,
    news: Condvar,
}

#[derive(Default)]
struct Lines {
    all: Vec<Value>,
    ended: bool,
}

impl Gatepost {
    /// `serve` with the routes of the namespace's ConfigMap `gatepost`. Apps are on loopback, so they are allowed to be.
    pub(crate) fn start(namespace: &Namespace) -> Gatepost {
        Gatepost::start_with(namespace, &["--allow-local-backends"], &[])
    }

    pub(crate) fn start_with(namespace: &Namespace, flags: &[&str], environment: &[(&str, &str)]) -> Gatepost {
        Gatepost::spawn(&namespace.kubeconfig, &namespace.name, flags, environment)
    }

    fn spawn(kubeconfig: &Path, namespace: &str, flags: &[&str], environment: &[(&str, &str)]) -> Gatepost {
        let mut command = Command::new("setpriv");
        // it ends with the test's thread, also when the test panics
        command.args(["--pdeathsig", "KILL", env!("CARGO_BIN_EXE_gatepost"), "serve", "--kubeconfig"]).arg(kubeconfig);
        command.args(["--namespace", namespace, "--http", "127.0.0.1:0", "--https", "127.0.0.1:0"]);
        command.args(["--admin", "127.0.0.1:0", "--log", "json"]);
        command.args(flags).env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs(environment.iter().copied());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("gatepost starts");
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let log = Arc::new(Log::default());
        let theirs = Arc::clone(&log);
        std::thread::spawn(move || theirs.read(stderr));
        Gatepost { child, log }
    }

    /// Waits for a line and gives it. Lines that came before count.
    pub(crate) fn line(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        let mut lines = self.log.lines.lock().unwrap();
        loop {
            if let Some(line) = lines.all.iter().find(|line| wanted(line)) {
                return line.clone();
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !lines.ended, "no line {what} in:\n{}", lines.text());
            lines = self.log.news.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// Waits for the line that tells this of this generation.
    pub(crate) fn told(&self, message: &str, generation: u64) -> Value {
        let wanted = |line: &Value| is_message(line, message) && line["generation"] == generation;
        self.line(&format!("{message:?} of generation {generation}"), wanted)
    }

    /// Waits until a text is live whole.
    pub(crate) fn applied(&self, generation: u64) -> Value {
        self.told("Routes applied", generation)
    }

    /// How many lines so far say this.
    pub(crate) fn count(&self, message: &str) -> usize {
        self.log.lines.lock().unwrap().all.iter().filter(|line| is_message(line, message)).count()
    }

    /// What the API server has refused it so far, as it tells of that.
    pub(crate) fn refusals(&self) -> Vec<String> {
        let lines = self.log.lines.lock().unwrap();
        lines.all.iter().map(Value::to_string).filter(|line| line.to_lowercase().contains("forbidden")).collect()
    }

    /// A client of it.
    pub(crate) fn client(&self) -> Client {
        Client::new(self.http())
    }

    pub(crate) fn http(&self) -> SocketAddr {
        self.listener("http")
    }

    pub(crate) fn https(&self) -> SocketAddr {
        self.listener("https")
    }

    /// What `/readyz` of the admin surface answers.
    pub(crate) fn is_ready(&self) -> bool {
        self.admin("/readyz").0 == 200
    }

    /// Waits until it says that it is ready, as the kubelet would: by asking again.
    pub(crate) fn ready(&self) {
        let end = Instant::now() + PATIENCE;
        while !self.is_ready() {
            assert!(Instant::now() < end, "never ready: {}", self.admin("/readyz").1);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn metrics(&self) -> String {
        self.admin("/metrics").1
    }

    /// Waits until a metric without labels, or a series with all of them, has this value.
    pub(crate) fn metric(&self, name: &str, value: &str) {
        let wanted = format!("{name} {value}");
        let end = Instant::now() + PATIENCE;
        while !self.metrics().lines().any(|line| line == wanted) {
            assert!(Instant::now() < end, "never {wanted}:\n{}", self.metrics());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn admin(&self, path: &str) -> (u16, String) {
        let answer = Client::new(self.listener("admin")).get("127.0.0.1", path).expect("the admin surface answers");
        (answer.status, answer.text())
    }

    fn listener(&self, name: &str) -> SocketAddr {
        let line = self.line(&format!("\"Listening\" of {name}"), |line| {
            is_message(line, "Listening") && line["listener"] == name
        });
        line["addr"].as_str().and_then(|addr| addr.parse().ok()).expect("an address")
    }

    /// Waits for its end and gives everything it said.
    pub(crate) fn ended(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        let end = Instant::now() + PATIENCE;
        let mut lines = self.log.lines.lock().unwrap();
        while !lines.ended {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "stderr stays open");
            lines = self.log.news.wait_timeout(lines, left).unwrap().0;
        }
        let text = lines.text();
        drop(lines);
        (status, text)
    }

    /// Ends it as Kubernetes does, and waits.
    pub(crate) fn terminate(self) -> (ExitStatus, String) {
        self.signal("TERM");
        self.ended()
    }

    /// Sends it a signal, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }
}

impl Drop for Gatepost {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Log {
    fn read(&self, stderr: impl BufRead) {
        for line in stderr.lines().map_while(Result::ok) {
            // what is no JSON is a panic's message, and is shown as it is
            let line = serde_json::from_str(&line).unwrap_or(Value::String(line));
            self.lines.lock().unwrap().all.push(line);
            self.news.notify_all();
        }
        self.lines.lock().unwrap().ended = true;
        self.news.notify_all();
    }
}

impl Lines {
    fn text(&self) -> String {
        self.all.iter().map(Value::to_string).collect::<Vec<_>>().join("\n")
    }
}

/// A message may go on after what is looked for.
fn is_message(line: &Value, message: &str) -> bool {
    line["message"].as_str().is_some_and(|text| text.starts_with(message))
}
