//! A client that forgives nothing: it never tries again, and an answer that is not whole, or over 5 s late, is an error.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// From the request's first byte to the answer's last; downloads that are meant to be slow set their own.
const LATEST: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

/// One connection at a time, kept as long as the other side keeps it.
pub(crate) struct Client {
    addr: SocketAddr,
    stream: Option<TcpStream>,
    /// Connections made so far.
    pub(crate) connections: usize,
    pub(crate) latest: Duration,
}

impl Answer {
    /// The first field of that name, in lower case.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        field(&self.head, name)
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Client {
    pub(crate) fn new(addr: SocketAddr) -> Client {
        Client { addr, stream: None, connections: 0, latest: LATEST }
    }

    /// One request. On any error the connection is gone, and it is up to the caller to call that a failure.
    pub(crate) fn get(&mut self, host: &str, path: &str) -> io::Result<Answer> {
        let end = Instant::now() + self.latest;
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                self.connections += 1;
                let stream = TcpStream::connect_timeout(&self.addr, LATEST)?;
                stream.set_nodelay(true)?;
                stream
            }
        };
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())?;
        let answer = read_answer(&mut stream, end)?;
        if Instant::now() > end {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if !answer.field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            self.stream = Some(stream);
        }
        Ok(answer)
    }

    /// Lets go of the connection, so that the next request makes a new one.
    pub(crate) fn close(&mut self) {
        self.stream = None;
    }
}

fn read_answer(stream: &mut TcpStream, end: Instant) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(at) = find(&bytes, b"\r\n\r\n") {
            break at + 4;
        }
        more(stream, end, &mut bytes)?;
    };
    let rest = bytes.split_off(head);
    let head = String::from_utf8(bytes).map_err(io::Error::other)?;
    let status = head.get(9..12).and_then(|status| status.parse().ok());
    let (Some(status), true) = (status, head.starts_with("HTTP/1.1 ")) else {
        return Err(io::Error::other(format!("no answer: {head:?}")));
    };
    let body = match (field(&head, "transfer-encoding"), field(&head, "content-length")) {
        (Some("chunked"), None) => chunks(stream, end, rest)?,
        (None, Some(length)) => exactly(stream, end, rest, length.parse().map_err(io::Error::other)?)?,
        framing => return Err(io::Error::other(format!("framing {framing:?}"))),
    };
    Ok(Answer { status, head, body })
}

fn exactly(stream: &mut TcpStream, end: Instant, mut body: Vec<u8>, length: usize) -> io::Result<Vec<u8>> {
    while body.len() < length {
        more(stream, end, &mut body)?;
    }
    if body.len() > length {
        return Err(io::Error::other("more bytes than announced"));
    }
    Ok(body)
}

fn chunks(stream: &mut TcpStream, end: Instant, mut input: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = loop {
            if let Some(at) = find(&input, b"\r\n") {
                break at;
            }
            more(stream, end, &mut input)?;
        };
        let size = std::str::from_utf8(&input[..line]).ok().and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.ok_or_else(|| io::Error::other("a bad chunk size"))?;
        input.drain(..line + 2);
        while input.len() < size + 2 {
            more(stream, end, &mut input)?;
        }
        if &input[size..size + 2] != b"\r\n" {
            return Err(io::Error::other("a chunk without its end"));
        }
        body.extend_from_slice(&input[..size]);
        input.drain(..size + 2);
        if size == 0 {
            return if input.is_empty() { Ok(body) } else { Err(io::Error::other("bytes after the last chunk")) };
        }
    }
}

fn more(stream: &mut TcpStream, end: Instant, into: &mut Vec<u8>) -> io::Result<()> {
    let left = end.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    stream.set_read_timeout(Some(left))?;
    let mut buffer = [0; 16 * 1024];
    match stream.read(&mut buffer)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        read => {
            into.extend_from_slice(&buffer[..read]);
            Ok(())
        }
    }
}

fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.split("\r\n").skip(1).find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
