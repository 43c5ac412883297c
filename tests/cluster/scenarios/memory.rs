//! What fits into a pod.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use crate::bed::{Bed, LOAD_HOST, NODES, Pod};
use crate::load::Load;

const IDLE: usize = 2_000;
const UPLOADS: usize = 8;
const UPLOAD: usize = 100_000_000;
/// A whole upload, on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) fn is_enough(bed: &Bed, _: &Load) -> String {
    let pod = bed.pod_on(NODES[0]);
    let process = pod.process();
    let mut idle: Vec<TcpStream> = (0..IDLE).map(|_| asked_once()).collect();
    let uploads: Vec<_> = (0..UPLOADS).map(|_| std::thread::spawn(upload)).collect();
    for upload in uploads {
        assert_eq!(upload.join().unwrap(), UPLOAD.to_string(), "bytes that the app was sent");
    }
    for stream in &mut idle {
        ask(stream);
    }
    assert_eq!(pod.process(), process, "the pod's process was killed");
    let most = most_memory(&pod);
    format!("at most {most:.0} MB of 64, sockets not counted (cgroup v1)")
}

fn connected() -> TcpStream {
    let stream = TcpStream::connect((Bed::address(NODES[0]), 80)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn asked_once() -> TcpStream {
    let mut stream = connected();
    ask(&mut stream);
    stream
}

/// One request on a connection that stays.
fn ask(stream: &mut TcpStream) {
    stream.write_all(format!("GET /load HTTP/1.1\r\nHost: {LOAD_HOST}\r\n\r\n").as_bytes()).unwrap();
    let mut answer = [0; 4096];
    // a small answer comes in one piece
    let n = stream.read(&mut answer).unwrap();
    assert!(answer[..n].starts_with(b"HTTP/1.1 200 "), "{:?}", String::from_utf8_lossy(&answer[..n]));
}

/// What the app has counted.
fn upload() -> String {
    let mut stream = connected();
    let head =
        format!("POST /upload HTTP/1.1\r\nHost: {LOAD_HOST}\r\nConnection: close\r\nContent-Length: {UPLOAD}\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let piece = vec![b'x'; 100_000];
    for _ in 0..UPLOAD / piece.len() {
        stream.write_all(&piece).unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split("\r\n\r\n").nth(1).unwrap_or_default().trim().to_owned()
}

/// The most that the pod's cgroup has ever held, in MB.
fn most_memory(pod: &Pod) -> f64 {
    let pid = pod.process().unwrap();
    let cgroups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let memory = cgroups.lines().find_map(|line| line.split_once(":memory:")).unwrap().1;
    let file = PathBuf::from(format!("/sys/fs/cgroup/memory{memory}/memory.max_usage_in_bytes"));
    fs::read_to_string(file).unwrap().trim().parse::<f64>().unwrap() / 1e6
}
