//! Processes that take each other's place. One door: [`process`].

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use serde_json::Value;

use super::PATIENCE;
use super::child::{Child, command, is_message};

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
}

impl Starting {
    pub fn write_routes(&self, routes: &str) {
        // in one step: a process that looks between would find a file without routes, and serve that
        let new = self.folder.path().join("new");
        std::fs::write(&new, routes).expect("a file");
        std::fs::rename(&new, self.path()).expect("a routes file");
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
        let mut command = command(&[], &["serve", "--log", "json", "--routes"]);
        command.arg(self.path()).args(&self.flags);
        if !self.flags.iter().any(|flag| flag.starts_with("--admin")) {
            command.arg("--admin=127.0.0.1:0");
        }
        if self.is_pod {
            command.env("KUBERNETES_SERVICE_HOST", "127.0.0.1");
        }
        Process { _folder: Arc::clone(&self.folder), child: Child::spawn(&mut command) }
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
        self.child.line(&format!("{what:?}"), times, PATIENCE * 2, wanted)
    }

    /// Whether it has said so until now.
    pub fn has_said(&self, message: &str) -> bool {
        self.child.count(message) > 0
    }

    pub fn log(&self) -> String {
        self.child.text()
    }

    /// Sends it a signal, such as `STOP`.
    pub fn signal(&self, name: &str) {
        self.child.signal(name);
    }

    /// Waits for its end and gives everything it said.
    pub fn ended(self) -> (ExitStatus, String) {
        self.child.ended(PATIENCE)
    }

    /// Ends it as Kubernetes does, and waits.
    pub fn terminated(self) -> (ExitStatus, String) {
        self.signal("TERM");
        self.ended()
    }
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
