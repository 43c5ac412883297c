//! The real binary as a child: what it says, where it listens, how it ends. One door: [`Gatepost::start`].

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::child::{Child, command, is_message};
use crate::client::Client;
use crate::testbed::{Namespace, PATIENCE};

pub(crate) struct Gatepost(Child);

impl Gatepost {
    /// `serve` with the routes of the namespace's ConfigMap `gatepost`. Apps are on loopback, so they are allowed to be.
    pub(crate) fn start(namespace: &Namespace) -> Gatepost {
        Gatepost::start_with(namespace, &["--allow-local-backends"], &[])
    }

    pub(crate) fn start_with(namespace: &Namespace, flags: &[&str], environment: &[(&str, &str)]) -> Gatepost {
        Gatepost::spawn(&namespace.kubeconfig, &namespace.name, flags, environment)
    }

    fn spawn(kubeconfig: &Path, namespace: &str, flags: &[&str], environment: &[(&str, &str)]) -> Gatepost {
        let mut command = command(&[], &["serve", "--kubeconfig"]);
        command.arg(kubeconfig);
        command.args(["--namespace", namespace, "--http", "127.0.0.1:0", "--https", "127.0.0.1:0"]);
        command.args(["--admin", "127.0.0.1:0", "--log", "json"]);
        command.args(flags).envs(environment.iter().copied());
        Gatepost(Child::spawn(&mut command))
    }

    /// Waits for a line and gives it. Lines that came before count.
    pub(crate) fn line(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.0.line(what, 1, PATIENCE, wanted)
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
        self.0.count(message)
    }

    /// What the API server has refused it so far, as it tells of that.
    pub(crate) fn refusals(&self) -> Vec<String> {
        self.0.text().lines().filter(|line| line.to_lowercase().contains("forbidden")).map(str::to_owned).collect()
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
    pub(crate) fn ended(self) -> (ExitStatus, String) {
        self.0.ended(PATIENCE)
    }

    /// Ends it as Kubernetes does, and waits.
    pub(crate) fn terminate(self) -> (ExitStatus, String) {
        self.signal("TERM");
        self.ended()
    }

    /// Sends it a signal, such as `STOP`.
    pub(crate) fn signal(&self, name: &str) {
        self.0.signal(name);
    }
}
