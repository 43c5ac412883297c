//! A client that sends exactly the bytes it is told to.
//!
//! One door: [`Client`]. Reads are bounded only so that a test that fails ends.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use rustix::event::{PollFd, PollFlags};

use super::PATIENCE;
use super::strict::{Kind, Message, Reader};

pub struct Client<S = TcpStream> {
    reader: Reader<S>,
}

impl Client {
    pub fn connect(addr: SocketAddr) -> Client {
        let socket = TcpStream::connect(addr).expect("the proxy listens");
        Client::over(socket)
    }

    /// A client whose socket takes little at a time.
    pub fn connect_small(addr: SocketAddr) -> Client {
        Client::over(super::small(addr))
    }

    pub fn over(socket: TcpStream) -> Client {
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        socket.set_write_timeout(Some(PATIENCE)).expect("a timeout");
        socket.set_nodelay(true).expect("a socket option");
        Client::of(socket)
    }

    pub fn socket(&self) -> &TcpStream {
        &self.reader.io
    }

    /// No more bytes from this side.
    pub fn finish(&mut self) -> &mut Self {
        self.reader.io.shutdown(Shutdown::Write).expect("a half-close");
        self
    }

    /// Ends the connection with a reset.
    pub fn reset(self) {
        super::reset(&self.reader.io);
    }

    /// Waits for a reset, also behind an end that has been read.
    pub fn until_reset(&mut self) {
        let mut socket = [PollFd::new(&self.reader.io, PollFlags::empty())];
        let patience = PATIENCE.try_into().expect("a time");
        assert_eq!(rustix::event::poll(&mut socket, Some(&patience)), Ok(1), "no reset");
    }
}

impl<S: Read + Write> Client<S> {
    pub fn of(io: S) -> Client<S> {
        Client { reader: Reader::new(io) }
    }

    pub fn io(&mut self) -> &mut S {
        &mut self.reader.io
    }

    pub fn into_io(self) -> S {
        self.reader.io
    }

    /// Sends these bytes.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.reader.io.write_all(bytes.as_ref()).expect("the proxy takes the bytes");
        self
    }

    /// Sends these bytes, or not all of them when the proxy closes meanwhile.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.reader.io.write_all(bytes.as_ref())
    }

    /// `GET` and its answer.
    pub fn get(&mut self, host: &str, path: &str) -> Message {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")).answer()
    }

    /// `POST` with a length and its answer.
    pub fn post(&mut self, host: &str, path: &str, body: &str) -> Message {
        let length = body.len();
        self.send(format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n{body}")).answer()
    }

    /// The next message, an interim answer too.
    pub fn answer(&mut self) -> Message {
        self.reader.message(Kind::Answer).expect("an answer").expect("an answer, not a close")
    }

    pub fn answer_to_head(&mut self) -> Message {
        self.reader.message(Kind::AnswerToHead).expect("an answer").expect("an answer, not a close")
    }

    /// Only the head of the next answer.
    pub fn head(&mut self) -> Message {
        self.reader.head().expect("a head").expect("a head, not a close")
    }

    pub fn exactly(&mut self, n: usize) -> Vec<u8> {
        self.reader.exactly(n).expect("bytes")
    }

    /// Everything until the proxy closes.
    pub fn rest(&mut self) -> Vec<u8> {
        self.try_rest().expect("bytes and a close")
    }

    /// Everything until the proxy closes in good order, or what it ends with instead.
    pub fn try_rest(&mut self) -> io::Result<Vec<u8>> {
        self.reader.rest()
    }

    /// Nothing more comes but the end of the connection.
    pub fn is_closed(&mut self) {
        match self.reader.rest() {
            Ok(rest) => assert!(rest.is_empty(), "more came: {}", rest.escape_ascii()),
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
        }
    }

    /// Whether the connection ends with a reset; bytes before it do not matter.
    pub fn is_reset(&mut self) -> bool {
        match self.reader.rest() {
            Ok(_) => false,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
                true
            }
        }
    }
}
