//! The built binary as a child: what it says on stderr, and how it ends. Doors: [`Process::start`], and [`run`] for a
//! command that ends by itself.

use std::net::SocketAddr;
use std::process::{Command, Output};
use std::time::Instant;

use serde_json::Value;

use super::child::{self, Child, is_message};
use super::{Client, PATIENCE};

/// The binary with these words and this environment.
pub fn command(words: &[&str], environment: &[(&str, &str)]) -> Command {
    wrapped(&[], words, environment)
}

/// The same, started by `setpriv` with these flags.
pub fn wrapped(setpriv: &[&str], words: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = child::command(setpriv, words);
    command.envs(environment.iter().copied());
    command
}

/// Runs it to its end: exit code, stdout, stderr.
pub fn run(mut command: Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("the binary starts");
    (status.code(), String::from_utf8(stdout).expect("text"), String::from_utf8(stderr).expect("text"))
}

pub struct Process(Child);

impl Process {
    /// `serve` with an admin surface and these flags.
    pub fn start(flags: &[&str], environment: &[(&str, &str)]) -> Process {
        Process::wrapped(&[], flags, environment)
    }

    /// The same, started by `setpriv` with these flags.
    pub fn wrapped(setpriv: &[&str], flags: &[&str], environment: &[(&str, &str)]) -> Process {
        let words = ["serve", "--admin", "127.0.0.1:0", "--log", "json"];
        Process(Child::spawn(&mut wrapped(setpriv, &[&words, flags].concat(), environment)))
    }

    /// Waits for a line that says this, or begins so. Lines that came before count.
    pub fn line(&self, message: &str) -> Value {
        self.find(message, |_| true)
    }

    fn find(&self, message: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.0.line(&format!("{message:?}"), 1, PATIENCE, |line| is_message(line, message) && wanted(line))
    }

    /// How many lines so far say this.
    pub fn count(&self, message: &str) -> usize {
        self.0.count(message)
    }

    /// Where it listens: `http`, `https` or `admin`.
    pub fn listener(&self, name: &str) -> SocketAddr {
        let line = self.find("Listening", |line| line["listener"] == name);
        line["addr"].as_str().and_then(|addr| addr.parse().ok()).expect("an address")
    }

    /// Status and body of an answer of the admin surface.
    pub fn admin(&self, path: &str) -> (u16, String) {
        let answer = Client::connect(self.listener("admin")).get("127.0.0.1", path);
        (answer.status(), answer.text().to_owned())
    }

    /// Waits until it says that it is ready, as a kubelet would: by asking again.
    pub fn ready(&self) {
        let end = Instant::now() + PATIENCE;
        while self.admin("/readyz").0 != 200 {
            assert!(Instant::now() < end, "never ready: {}", self.admin("/readyz").1);
            std::thread::yield_now();
        }
    }

    /// Waits for its end and gives the exit code.
    pub fn ended(self) -> Option<i32> {
        self.0.ended(PATIENCE).0.code()
    }

    /// Sends it a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        self.0.signal(name);
    }

    /// How many files it may open: what the system keeps to, and what it could ask for.
    pub fn most_files(&self) -> [u64; 2] {
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", self.0.id())).expect("it runs");
        let files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).expect("a limit");
        let numbers: Vec<u64> = files.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        numbers.try_into().expect("two numbers")
    }

    /// Stops it, and waits until each of its threads has noticed: one that runs goes on until then.
    pub fn stop(&self) {
        self.signal("STOP");
        let tasks = format!("/proc/{}/task", self.0.id());
        let end = Instant::now() + PATIENCE;
        let is_stopped = |task: std::io::Result<std::fs::DirEntry>| {
            let stat = std::fs::read_to_string(task?.path().join("stat"))?;
            // after the name, which is in brackets
            std::io::Result::Ok(stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T')))
        };
        while !std::fs::read_dir(&tasks).unwrap().all(|task| is_stopped(task).unwrap_or(true)) {
            assert!(Instant::now() < end, "not stopped");
            std::thread::yield_now();
        }
    }
}
