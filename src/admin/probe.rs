//! Whether this very process lives and is ready, told on an abstract UNIX socket that has the pod's UID in its name: two
//! pods on one node share a network, ports and addresses, but never this. Doors: [`run`] in the process, [`ask`] in the
//! one that a kubelet starts to know.
//!
//! Whoever connects is told everything at once and asks nothing, so nobody can keep the process waiting. Both sides look
//! at the other's user: on the node's network anybody may take a name or connect to it.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};
use std::str::FromStr;
use std::time::{Duration, Instant};

use rustix::net::sockopt::socket_peercred;
use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::{UnixListener, UnixStream};
use tracing::{debug, warn};

use super::PAUSE;
use crate::backoff::Backoff;
use crate::lifecycle::{Readiness, is_trusted};

/// For all of a question. A kubelet asks every few seconds.
const PATIENCE: Duration = Duration::from_secs(1);
/// Of an answer. A condition has a short name, and there are a handful.
const ANSWER: u64 = 4096;
/// Questions that wait to be answered; each is answered within microseconds.
const BACKLOG: i32 = 16;
/// Waits between tries for a name that somebody else has.
const TRIES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));
/// Kubernetes makes 36 bytes, and the name of an abstract socket has 107.
const LONGEST: usize = 64;
/// The whole answer of a process that is ready.
const OK: &str = "ok\n";
/// Before the name of a condition that does not hold, one a line.
const MISSING: &str = "missing: ";

/// Which pod of the node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodUid(String);

/// Why nobody has said anything that counts.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// There is no such process, or it has no room for one more question.
    #[error("no gatepost of this pod can be asked: {0}")]
    Nobody(io::Error),
    /// It is there and hangs.
    #[error("gatepost does not answer within {} s", PATIENCE.as_secs())]
    Late,
    /// Somebody else has the name.
    #[error("uid {0} answers in the place of gatepost, and is not believed")]
    Stranger(u32),
    /// It ended in the middle of a line, or does not speak as this version does.
    #[error("gatepost has ended while it answered, or is of another version")]
    Garbled,
}

// === impl PodUid ===

impl FromStr for PodUid {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<PodUid, &'static str> {
        if text.is_empty() || text.len() > LONGEST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("expected the UID of a pod, such as 5b6f1c1e-30a4-4d6e-8c5e-0a3c0e6f1d2b");
        }
        Ok(PodUid(text.to_owned()))
    }
}

impl fmt::Display for PodUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PodUid {
    fn address(&self) -> io::Result<SockAddr> {
        // the first byte makes it abstract: no file, and gone with the process
        SockAddr::unix(OsStr::from_bytes(format!("\0gatepost/probe/{self}").as_bytes()))
    }
}

// === the process ===

/// Answers for this pod until the future is dropped. It has no end.
pub async fn run(pod: PodUid, readiness: Readiness) -> io::Error {
    let listener = match UnixListener::from_std(taken(&pod).await) {
        Ok(listener) => listener,
        Err(error) => return error,
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => answer(&stream, &readiness),
            Err(error) => {
                debug!(%error, "Probe not accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// The name, as soon as it is to be had: a container that is started anew may find it still in use.
async fn taken(pod: &PodUid) -> StdListener {
    let mut backoff = Backoff::new(TRIES.0, TRIES.1);
    let mut is_told = false;
    loop {
        match listen(pod) {
            Ok(listener) => return listener,
            Err(error) if !std::mem::replace(&mut is_told, true) => {
                warn!(%pod, %error, "Probes cannot be answered yet, trying again");
            }
            Err(_) => {}
        }
        tokio::time::sleep(backoff.next_wait()).await;
    }
}

fn listen(pod: &PodUid) -> io::Result<StdListener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.bind(&pod.address()?)?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Says it and hangs up: what the other one does with it is not waited for.
fn answer(stream: &UnixStream, readiness: &Readiness) {
    match stream.peer_cred() {
        Ok(peer) if is_trusted(peer.uid()) => {}
        Ok(peer) => return debug!(uid = peer.uid(), "Probe of a stranger not answered"),
        Err(error) => return debug!(%error, "Probe of nobody not answered"),
    }
    // an empty socket takes this whole
    if let Err(error) = stream.try_write(text(&readiness.missing()).as_bytes()) {
        debug!(%error, "Probe not answered");
    }
}

fn text(missing: &[&str]) -> String {
    if missing.is_empty() {
        return OK.to_owned();
    }
    missing.iter().map(|name| format!("{MISSING}{name}\n")).collect()
}

// === the one that asks ===

/// Asks the process of this pod what it is not ready for. Any answer says that it lives; an empty one, that it is ready.
///
/// # Errors
/// Nobody has answered within a second, or nobody who is to be believed.
pub fn ask(pod: &PodUid) -> Result<Vec<String>, Unanswered> {
    let until = Instant::now() + PATIENCE;
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(Unanswered::Nobody)?;
    // this bounds connecting too, which waits while the other side's queue is full
    socket.set_write_timeout(Some(PATIENCE)).map_err(Unanswered::Nobody)?;
    pod.address().and_then(|address| socket.connect(&address)).map_err(unanswered)?;
    let peer = socket_peercred(&socket).map_err(|error| Unanswered::Nobody(error.into()))?;
    if !is_trusted(peer.uid.as_raw()) {
        return Err(Unanswered::Stranger(peer.uid.as_raw()));
    }
    read(StdStream::from(socket), until)
}

fn read(mut stream: StdStream, until: Instant) -> Result<Vec<String>, Unanswered> {
    let mut said = Vec::new();
    let mut chunk = [0; 1024];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Unanswered::Late);
        }
        stream.set_read_timeout(Some(left)).map_err(Unanswered::Nobody)?;
        match stream.read(&mut chunk).map_err(unanswered)? {
            0 => return missing(&said).ok_or(Unanswered::Garbled),
            length => said.extend_from_slice(&chunk[..length]),
        }
        if said.len() as u64 > ANSWER {
            return Err(Unanswered::Garbled);
        }
    }
}

fn unanswered(error: io::Error) -> Unanswered {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Unanswered::Late,
        _ => Unanswered::Nobody(error),
    }
}

fn missing(said: &[u8]) -> Option<Vec<String>> {
    let said = std::str::from_utf8(said).ok()?;
    if said == OK {
        return Some(Vec::new());
    }
    let lines = said.strip_suffix('\n')?.split('\n');
    lines.map(|line| line.strip_prefix(MISSING).map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests;
