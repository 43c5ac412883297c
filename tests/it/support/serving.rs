//! The built binary as a child: what it says, and how it ends. One door: [`process`].

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use serde_json::Value;

use super::PATIENCE;

/// Places on loopback that no other test has, so that whoever begins to listen there is a process of this test.
pub fn place() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let [_, _, high, low] = std::process::id().to_be_bytes();
    let next = NEXT.fetch_add(1, Ordering::SeqCst);
    SocketAddr::from((Ipv4Addr::new(127, 64 | (high & 63), low, next), 8080))
}

/// What is to be started.
#[derive(Clone)]
pub struct Starting {
    folder: Arc<tempfile::TempDir>,
    flags: Vec<String>,
    is_pod: bool,
}

/// `serve` with these routes. The admin surface is on a port that nobody knows unless a test asks for another.
pub fn process(routes: &str) -> Starting {
    let starting = process_without_routes();
    starting.write_routes(routes);
    starting
}

/// The same before there is a file.
pub fn process_without_routes() -> Starting {
    Starting { folder: Arc::new(tempfile::tempdir().expect("a folder")), flags: Vec::new(), is_pod: false }
}

/// It is killed when this is dropped.
pub struct Process {
    /// It watches the file in it.
    _folder: Arc<tempfile::TempDir>,
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

impl Starting {
    pub fn write_routes(&self, routes: &str) {
        std::fs::write(self.path(), routes).expect("a routes file");
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("routes.yaml")
    }

    pub fn flag(mut self, flag: impl Into<String>) -> Starting {
        self.flags.push(flag.into());
        self
    }

    pub fn http(self, addr: SocketAddr) -> Starting {
        self.flag(format!("--http={addr}"))
    }

    pub fn workers(self, workers: usize) -> Starting {
        self.flag(format!("--workers={workers}"))
    }

    /// It asks for the listeners.
    pub fn take_over(self) -> Starting {
        self.flag("--take-over")
    }

    /// It thinks that a kubelet runs it.
    pub fn in_pod(mut self) -> Starting {
        self.is_pod = true;
        self
    }

    pub fn start(&self) -> Process {
        let mut command = Command::new("setpriv");
        // it ends with the test's thread, also when the test panics
        command.args(["--pdeathsig", "KILL", env!("CARGO_BIN_EXE_gatepost"), "serve", "--log", "json", "--routes"]);
        command.arg(self.path()).args(&self.flags);
        if !self.flags.iter().any(|flag| flag.starts_with("--admin")) {
            command.arg("--admin=127.0.0.1:0");
        }
        command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        if self.is_pod {
            command.env("KUBERNETES_SERVICE_HOST", "127.0.0.1");
        }
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("gatepost starts");
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let log = Arc::new(Log::default());
        let theirs = Arc::clone(&log);
        std::thread::spawn(move || theirs.read(stderr));
        Process { _folder: Arc::clone(&self.folder), child, log }
    }

    /// Starts it and waits until clients are let in.
    pub fn serving(&self) -> Process {
        let process = self.start();
        process.listens();
        process.says("Routes applied");
        process
    }

    /// Starts it and waits until it serves in the place of another one.
    pub fn succeeding(&self) -> Process {
        let process = self.start();
        process.says("Serves with the listeners of the predecessor");
        process
    }
}

impl Process {
    /// Waits for a line that begins so. Lines that came before count.
    pub fn says(&self, message: &str) -> Value {
        self.says_again(message, 1)
    }

    /// Waits until clients are let in.
    pub fn listens(&self) {
        self.line("Listening to clients", 1, |line| is_message(line, "Listening") && line["listener"] == "http");
    }

    /// Waits for the `times`-th line that begins so.
    pub fn says_again(&self, message: &str, times: usize) -> Value {
        self.line(message, times, |line| is_message(line, message))
    }

    fn line(&self, what: &str, times: usize, wanted: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE * 2;
        let mut lines = self.log.lines.lock().unwrap();
        loop {
            if let Some(line) = lines.all.iter().filter(|line| wanted(line)).nth(times - 1) {
                return line.clone();
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero() && !lines.ended, "no line {what:?} in:\n{}", lines.text());
            lines = self.log.news.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// Whether it has said so until now.
    pub fn has_said(&self, message: &str) -> bool {
        self.log.lines.lock().unwrap().all.iter().any(|line| is_message(line, message))
    }

    pub fn log(&self) -> String {
        self.log.lines.lock().unwrap().text()
    }

    /// Sends it a signal, such as `STOP`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Waits for its end and gives everything it said.
    pub fn ended(mut self) -> (ExitStatus, String) {
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
    pub fn terminated(self) -> (ExitStatus, String) {
        self.signal("TERM");
        self.ended()
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

/// One request on a connection of its own; its answer with head and body.
pub fn ask(addr: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}
