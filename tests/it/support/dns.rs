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
    /// Another name, and the addresses of that.
    Alias(&'static str, Vec<Ipv4Addr>),
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
pub const CNAME: u16 = 5;
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

/// Records of an answer: the owner as it is written, the type, and the data.
type Record = (Vec<u8>, u16, Vec<u8>);

/// The name of the question, as a pointer to it.
const QUESTION: [u8; 2] = [0xc0, 12];

fn message(question: &[u8], kind: u16, reply: &Reply) -> Vec<u8> {
    let own = |data| (QUESTION.to_vec(), kind, data);
    let (code, records): (u8, Vec<Record>) = match reply {
        Reply::A(list) if kind == A => (0, list.iter().map(|ip| own(ip.octets().to_vec())).collect()),
        Reply::Alias(target, list) => {
            let target = labels(target);
            let alias = (QUESTION.to_vec(), CNAME, target.clone());
            let list = list.iter().filter(|_| kind == A).map(|ip| (target.clone(), A, ip.octets().to_vec()));
            (0, std::iter::once(alias).chain(list).collect())
        }
        Reply::Srv(port, target) if kind == SRV => {
            let mut data = vec![0, 0, 0, 0];
            data.extend(port.to_be_bytes());
            data.extend(labels(target));
            (0, vec![own(data)])
        }
        Reply::A(_) | Reply::Srv(..) | Reply::Nothing => (0, Vec::new()),
        Reply::NoSuchName => (3, Vec::new()),
        Reply::Failure => (2, Vec::new()),
    };
    let mut out = question.to_vec();
    // an authoritative answer that could recurse; one question, these answers, nothing else
    (out[2], out[3]) = (0x85, 0x80 | code);
    out[4..12].copy_from_slice(&[0, 1, 0, records.len() as u8, 0, 0, 0, 0]);
    for (owner, kind, data) in records {
        out.extend(owner);
        out.extend(kind.to_be_bytes());
        // IN, TTL 0
        out.extend([0, 1, 0, 0, 0, 0]);
        out.extend((data.len() as u16).to_be_bytes());
        out.extend(data);
    }
    out
}

fn labels(name: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in name.split('.') {
        out.push(label.len() as u8);
        out.extend(label.as_bytes());
    }
    out.push(0);
    out
}
