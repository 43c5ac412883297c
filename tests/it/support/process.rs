//! The built binary as a child: what it says on stderr, and how it ends. Doors: [`Process::start`], and [`run`] for a
//! command that ends by itself.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use serde_json::Value;

use super::{Client, PATIENCE};

/// The binary with these words, an empty environment, and no way to outlive the test's thread.
pub fn command(words: &[&str], environment: &[(&str, &str)]) -> Command {
    wrapped(&[], words, environment)
}

/// The same, started by `setpriv` with these flags.
pub fn wrapped(setpriv: &[&str], words: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).args(setpriv).arg(env!("CARGO_BIN_EXE_gatepost")).args(words);
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path))).envs(environment.iter().copied());
    command.stdin(Stdio::null());
    command
}

/// Runs it to its end: exit code, stdout, stderr.
pub fn run(mut command: Command) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = command.output().expect("the binary starts");
    (status.code(), String::from_utf8(stdout).expect("text"), String::from_utf8(stderr).expect("text"))
}

pub struct Process {
    child: Child,
    log: Arc<Log>,
}

/// The lines of stderr, and who waits for one.
#[derive(Default)]
struct Log {
    /// And whether there will be no more.
    lines: Mutex<(Vec<Value>, bool)>,
    news: Condvar,
}

impl Process {
    /// `serve` with an admin surface and these flags.
    pub fn start(flags: &[&str], environment: &[(&str, &str)]) -> Process {
        Process::wrapped(&[], flags, environment)
    }

    /// The same, started by `setpriv` with these flags.
    pub fn wrapped(setpriv: &[&str], flags: &[&str], environment: &[(&str, &str)]) -> Process {
        let words = ["serve", "--admin", "127.0.0.1:0", "--log", "json"];
        let mut command = wrapped(setpriv, &[&words, flags].concat(), environment);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let log = Arc::new(Log::default());
        let theirs = Arc::clone(&log);
        std::thread::spawn(move || theirs.read(stderr));
        Process { child, log }
    }

    /// Waits for a line that says this, or begins so. Lines that came before count.
    pub fn line(&self, message: &str) -> Value {
        self.find(message, |_| true)
    }

    fn find(&self, message: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        let mut lines = self.log.lines.lock().unwrap();
        loop {
            if let Some(line) = lines.0.iter().find(|line| is_message(line, message) && wanted(line)) {
                return line.clone();
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !lines.1, "no line {message:?} in:\n{:#?}", lines.0);
            lines = self.log.news.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// How many lines so far say this.
    pub fn count(&self, message: &str) -> usize {
        self.log.lines.lock().unwrap().0.iter().filter(|line| is_message(line, message)).count()
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
    pub fn ended(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Sends it a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Stops it, and waits until each of its threads has noticed: one that runs goes on until then.
    pub fn stop(&self) {
        self.signal("STOP");
        let tasks = format!("/proc/{}/task", self.child.id());
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

impl Drop for Process {
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
            self.lines.lock().unwrap().0.push(line);
            self.news.notify_all();
        }
        self.lines.lock().unwrap().1 = true;
        self.news.notify_all();
    }
}

/// A message may go on after what is looked for.
fn is_message(line: &Value, message: &str) -> bool {
    line["message"].as_str().is_some_and(|text| text.starts_with(message))
}
