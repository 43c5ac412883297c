//! A name server on loopback that answers as a test tells it.
//!
//! One door: [`dns`]. Messages are put together by hand (RFC 1035 4.1): one question, answers that point back at it.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// What a question gets.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Addresses.
    A(Vec<Ipv4Addr>),
    /// Port and target.
    Srv(u16, &'static str),
    /// The name exists without such a record.
    Nothing,
    /// NXDOMAIN.
    NoSuchName,
    /// SERVFAIL.
    Failure,
}

type Answer = Box<dyn FnMut(&str, u16) -> Reply + Send>;

pub struct Dns {
    pub addr: SocketAddr,
    answer: Arc<Mutex<Answer>>,
    leaving: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

pub const A: u16 = 1;
pub const SRV: u16 = 33;

/// A server whose answers come from `answer`, which is asked with the name (no dot at its end) and the type.
pub fn dns(answer: impl FnMut(&str, u16) -> Reply + Send + 'static) -> Dns {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let addr = socket.local_addr().expect("an address");
    let answer: Arc<Mutex<Answer>> = Arc::new(Mutex::new(Box::new(answer)));
    let leaving = Arc::<AtomicBool>::default();
    let (answers, left) = (Arc::clone(&answer), Arc::clone(&leaving));
    let thread = std::thread::spawn(move || {
        let mut bytes = [0; 512];
        while let Ok((n, peer)) = socket.recv_from(&mut bytes) {
            if left.load(Ordering::SeqCst) {
                return;
            }
            let (name, kind, question_end) = question(&bytes[..n]);
            let reply = answers.lock().expect("no panic in an answer")(&name, kind);
            let _ = socket.send_to(&message(&bytes[..question_end], kind, &reply), peer);
        }
    });
    Dns { addr, answer, leaving, thread: Some(thread) }
}

impl Dns {
    /// From now on it answers like this.
    pub fn answers(&self, answer: impl FnMut(&str, u16) -> Reply + Send + 'static) {
        *self.answer.lock().expect("no panic in an answer") = Box::new(answer);
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.leaving.store(true, Ordering::SeqCst);
        let woken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.send_to(&[], self.addr));
        if let (Ok(_), Some(thread)) = (woken, self.thread.take())
            && !std::thread::panicking()
        {
            thread.join().expect("the name server ran");
        }
    }
}

fn question(bytes: &[u8]) -> (String, u16, usize) {
    let (mut name, mut at) = (String::new(), 12);
    while bytes[at] != 0 {
        let len = usize::from(bytes[at]);
        if !name.is_empty() {
            name.push('.');
        }
        name.push_str(str::from_utf8(&bytes[at + 1..][..len]).expect("a label"));
        at += 1 + len;
    }
    (name.to_lowercase(), u16::from_be_bytes([bytes[at + 1], bytes[at + 2]]), at + 5)
}

fn message(question: &[u8], kind: u16, reply: &Reply) -> Vec<u8> {
    let (code, records): (u8, Vec<Vec<u8>>) = match reply {
        Reply::A(list) if kind == A => (0, list.iter().map(|ip| ip.octets().to_vec()).collect()),
        Reply::Srv(port, target) if kind == SRV => {
            let mut data = vec![0, 0, 0, 0];
            data.extend(port.to_be_bytes());
            for label in target.split('.') {
                data.push(label.len() as u8);
                data.extend(label.as_bytes());
            }
            data.push(0);
            (0, vec![data])
        }
        Reply::A(_) | Reply::Srv(..) | Reply::Nothing => (0, Vec::new()),
        Reply::NoSuchName => (3, Vec::new()),
        Reply::Failure => (2, Vec::new()),
    };
    let mut out = question.to_vec();
    // an authoritative answer that could recurse; one question, these answers, nothing else
    (out[2], out[3]) = (0x85, 0x80 | code);
    out[4..12].copy_from_slice(&[0, 1, 0, records.len() as u8, 0, 0, 0, 0]);
    for data in records {
        // the name of the question, type, IN, TTL 0
        out.extend([0xc0, 12]);
        out.extend(kind.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 0]);
        out.extend((data.len() as u16).to_be_bytes());
        out.extend(data);
    }
    out
}
