//! Apps that do what a test tells them, byte by byte.
//!
//! One door: [`upstream`]. A connection has a thread of its own; what panics there fails the test when the app is
//! dropped, so let the app be declared before the proxy.

use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use socket2::{Domain, Socket, Type};

use super::PATIENCE;
use super::strict::{Kind, Message, Reader};

/// A listener that waits for its behaviour.
pub struct Upstream(TcpListener);

pub fn upstream() -> Upstream {
    upstream_at(Ipv4Addr::LOCALHOST)
}

pub fn upstream_at(ip: Ipv4Addr) -> Upstream {
    Upstream(TcpListener::bind((ip, 0)).expect("a port"))
}

/// An address where nobody listens.
pub fn nobody() -> SocketAddr {
    upstream().0.local_addr().expect("an address")
}

/// A listener that nobody gets through to: its queue is full, so a further SYN is dropped without a word.
pub struct BlackHole {
    pub addr: SocketAddr,
    _queue: (Socket, TcpStream),
}

pub fn black_hole(addr: SocketAddr) -> BlackHole {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None).expect("a socket");
    socket.bind(&addr.into()).expect("a port");
    // with a backlog of 0 one connection waits to be accepted, and there is no place for a second
    socket.listen(0).expect("a listener");
    let addr = socket.local_addr().expect("an address").as_socket().expect("an address of IP");
    let waiting = TcpStream::connect(addr).expect("the only place");
    BlackHole { addr, _queue: (socket, waiting) }
}

pub struct App {
    pub addr: SocketAddr,
    requests: Mutex<Receiver<Message>>,
    connections: Arc<AtomicUsize>,
    leaving: Arc<AtomicBool>,
    acceptor: Option<JoinHandle<Vec<JoinHandle<()>>>>,
}

/// One connection of the app.
pub struct Conn {
    /// Counted from 0.
    pub index: usize,
    reader: Reader<TcpStream>,
    seen: Sender<Message>,
}

impl Upstream {
    /// Every request is answered with this text.
    pub fn ok(self, text: &str) -> App {
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{text}", text.len());
        self.raw(answer)
    }

    /// Every request is answered with these bytes; the connection stays.
    pub fn raw(self, answer: impl Into<Vec<u8>>) -> App {
        let answer = answer.into();
        self.each(move |_| answer.clone())
    }

    /// Every request is answered with these bytes and the end of the connection.
    pub fn raw_and_close(self, answer: impl Into<Vec<u8>>) -> App {
        let answer = answer.into();
        self.script(move |conn| {
            if conn.request().is_some() {
                conn.send(&answer);
            }
        })
    }

    /// Every request is answered with what `answer` makes of it.
    pub fn each(self, answer: impl Fn(&Message) -> Vec<u8> + Send + Sync + 'static) -> App {
        self.script(move |conn| {
            while let Some(request) = conn.request() {
                if conn.try_send(answer(&request)).is_err() {
                    break;
                }
            }
        })
    }

    /// The body comes back as it is, framed by its length.
    pub fn echo(self) -> App {
        self.each(|request| {
            let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", request.body.len()).into_bytes();
            answer.extend_from_slice(&request.body);
            answer
        })
    }

    /// `script` runs once for each connection.
    pub fn script(self, script: impl Fn(&mut Conn) + Send + Sync + 'static) -> App {
        self.run(false, script)
    }

    /// The same, with sockets that take little at a time.
    pub fn small(self, script: impl Fn(&mut Conn) + Send + Sync + 'static) -> App {
        self.run(true, script)
    }

    fn run(self, small: bool, script: impl Fn(&mut Conn) + Send + Sync + 'static) -> App {
        let listener = self.0;
        if small {
            super::shrink(&listener);
        }
        let addr = listener.local_addr().expect("an address");
        let (seen, requests) = channel();
        let (connections, leaving) = (Arc::<AtomicUsize>::default(), Arc::<AtomicBool>::default());
        let (counter, left) = (Arc::clone(&connections), Arc::clone(&leaving));
        let script = Arc::new(script);
        let acceptor = std::thread::spawn(move || {
            let mut threads = Vec::new();
            for socket in listener.incoming() {
                if left.load(Ordering::SeqCst) {
                    break;
                }
                let socket = socket.expect("a connection");
                socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
                socket.set_write_timeout(Some(PATIENCE)).expect("a timeout");
                socket.set_nodelay(true).expect("a socket option");
                let index = counter.fetch_add(1, Ordering::SeqCst);
                let mut conn = Conn { index, reader: Reader::new(socket), seen: seen.clone() };
                let script = Arc::clone(&script);
                threads.push(std::thread::spawn(move || script(&mut conn)));
            }
            threads
        });
        App { addr, requests: Mutex::new(requests), connections, leaving, acceptor: Some(acceptor) }
    }
}

impl App {
    /// Waits for the next request.
    pub fn request(&self) -> Message {
        self.requests.lock().expect("one test").recv_timeout(PATIENCE).expect("a request at the app")
    }

    /// The requests that have been read and not asked for yet.
    pub fn requests(&self) -> Vec<Message> {
        self.requests.lock().expect("one test").try_iter().collect()
    }

    /// Connections that have been accepted.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for App {
    fn drop(&mut self) {
        self.leaving.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.addr);
        let threads = self.acceptor.take().map(|acceptor| acceptor.join().expect("the app accepts"));
        if std::thread::panicking() {
            return;
        }
        for thread in threads.into_iter().flatten() {
            thread.join().expect("the app's script went through");
        }
    }
}

impl Conn {
    /// The next request with its body; `None` when the proxy closed instead.
    pub fn request(&mut self) -> Option<Message> {
        let mut head = self.head()?;
        if let Err(error) = self.reader.body(&mut head, Kind::Request) {
            assert!(is_over(error.kind()), "{error}");
            return None;
        }
        self.saw(&head);
        Some(head)
    }

    /// The next request's head; `None` when the proxy closed instead.
    pub fn head(&mut self) -> Option<Message> {
        match self.reader.head() {
            Ok(head) => head,
            Err(error) if is_over(error.kind()) => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// The body that belongs to a head.
    pub fn body(&mut self, head: &mut Message) {
        self.reader.body(head, Kind::Request).expect("a body");
    }

    /// Shows a request to the test.
    pub fn saw(&self, request: &Message) {
        let _ = self.seen.send(request.clone());
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the proxy takes the bytes");
    }

    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.reader.io.write_all(bytes.as_ref())
    }

    pub fn exactly(&mut self, n: usize) -> Vec<u8> {
        self.reader.exactly(n).expect("bytes")
    }

    /// Exactly that many bytes, unless the proxy ends before.
    pub fn try_exactly(&mut self, n: usize) -> Option<Vec<u8>> {
        self.reader.exactly(n).ok()
    }

    /// What comes until the proxy's end of this direction.
    pub fn rest(&mut self) -> Vec<u8> {
        self.reader.rest().expect("bytes and an end")
    }

    /// No more bytes from the app.
    pub fn finish(&mut self) {
        self.reader.io.shutdown(Shutdown::Write).expect("a half-close");
    }

    /// Waits until the proxy closes, in whatever way.
    pub fn until_closed(&mut self) {
        match self.reader.rest() {
            Ok(_) => {}
            Err(error) => assert!(is_over(error.kind()), "{error}"),
        }
    }

    /// Ends the connection with a reset.
    pub fn reset(&mut self) {
        super::reset(&self.reader.io);
    }
}

fn is_over(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof | ErrorKind::BrokenPipe)
}
