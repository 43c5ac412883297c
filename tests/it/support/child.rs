//! The built binary as a child: the lines of its stderr, and how it ends. Doors: [`command`], and [`Child::spawn`].
//!
//! Ring 3 uses it too.

use std::io::{BufRead, BufReader};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

/// The binary with these words, an empty environment, and no way to outlive the test's thread, also when the test panics;
/// started by `setpriv` with these flags besides.
pub fn command(setpriv: &[&str], words: &[&str]) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]).args(setpriv).arg(env!("CARGO_BIN_EXE_gatepost")).args(words);
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path))).stdin(Stdio::null());
    command
}

/// It is killed when this is dropped.
pub struct Child {
    process: std::process::Child,
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

impl Child {
    pub fn spawn(command: &mut Command) -> Child {
        let mut process = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let stderr = BufReader::new(process.stderr.take().expect("a pipe"));
        let log = Arc::new(Log::default());
        let theirs = Arc::clone(&log);
        std::thread::spawn(move || theirs.read(stderr));
        Child { process, log }
    }

    /// Waits for the `times`-th line like this and gives it. Lines that came before count.
    pub fn line(&self, what: &str, times: usize, patience: Duration, wanted: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + patience;
        let mut lines = self.log.lines.lock().unwrap();
        loop {
            if let Some(line) = lines.all.iter().filter(|line| wanted(line)).nth(times - 1) {
                return line.clone();
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !lines.ended, "no line {what} in:\n{}", lines.text());
            lines = self.log.news.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// The lines so far.
    pub fn text(&self) -> String {
        self.log.lines.lock().unwrap().text()
    }

    /// How many lines so far say this.
    pub fn count(&self, message: &str) -> usize {
        self.log.lines.lock().unwrap().all.iter().filter(|line| is_message(line, message)).count()
    }

    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Sends it a signal, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let pid = self.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for its end and gives everything it said.
    pub fn ended(mut self, patience: Duration) -> (ExitStatus, String) {
        let status = self.process.wait().unwrap();
        let end = Instant::now() + patience;
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
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
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
pub fn is_message(line: &Value, message: &str) -> bool {
    line["message"].as_str().is_some_and(|text| text.starts_with(message))
}
