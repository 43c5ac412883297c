//! A second reader of HTTP/1.1, strict and slow, that shares nothing with the program: what it takes is one message.
//!
//! One door: [`Reader`]. Anything that is not exactly what RFC 9112 says panics with the bytes.

use std::io::{self, Read};

/// A message with its body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    pub start: String,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub chunked: bool,
    pub trailers: Vec<(String, String)>,
}

impl Message {
    pub fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status line")
    }

    pub fn method(&self) -> &str {
        self.start.split(' ').next().expect("a start line")
    }

    pub fn target(&self) -> &str {
        self.start.split(' ').nth(1).expect("a request line")
    }

    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).expect("a body of text")
    }

    /// Every value of a field.
    pub fn all(&self, name: &str) -> Vec<&str> {
        values(&self.fields, name)
    }

    /// The value of a field that stands there once or not at all.
    pub fn field(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() < 2, "{name} stands there {} times: {self:?}", all.len());
        all.first().copied()
    }

    pub fn trailer(&self, name: &str) -> Option<&str> {
        values(&self.trailers, name).first().copied()
    }
}

fn values<'f>(fields: &'f [(String, String)], name: &str) -> Vec<&'f str> {
    fields.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect()
}

/// Reads messages from a connection.
pub struct Reader<R> {
    pub io: R,
    bytes: Vec<u8>,
}

/// What decides about an answer's body beyond its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Request,
    Answer,
    AnswerToHead,
}

impl<R: Read> Reader<R> {
    pub fn new(io: R) -> Self {
        Reader { io, bytes: Vec::new() }
    }

    fn fill(&mut self) -> io::Result<usize> {
        let mut chunk = [0; 64 * 1024];
        let n = self.io.read(&mut chunk)?;
        self.bytes.extend_from_slice(&chunk[..n]);
        Ok(n)
    }

    /// A line without its CRLF. `None`: the peer closed before its first byte.
    fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = self.bytes.iter().position(|&byte| byte == b'\n') {
                assert!(end > 0 && self.bytes[end - 1] == b'\r', "bare LF: {}", self.bytes[..=end].escape_ascii());
                let line: Vec<u8> = self.bytes.drain(..=end).take(end - 1).collect();
                assert!(!line.contains(&b'\r'), "bare CR: {}", line.escape_ascii());
                return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
            }
            if self.fill()? == 0 {
                assert!(self.bytes.is_empty(), "cut within a line: {}", self.bytes.escape_ascii());
                return Ok(None);
            }
        }
    }

    /// The start line and the fields. `None`: the peer closed in good order, between messages.
    pub fn head(&mut self) -> io::Result<Option<Message>> {
        let Some(start) = self.line()? else { return Ok(None) };
        let fields = self.fields()?;
        Ok(Some(Message { start, fields, ..Message::default() }))
    }

    fn fields(&mut self) -> io::Result<Vec<(String, String)>> {
        let mut fields = Vec::new();
        loop {
            let line = self.line()?.ok_or(io::ErrorKind::UnexpectedEof)?;
            if line.is_empty() {
                return Ok(fields);
            }
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no colon: {line}"));
            let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            assert!(!name.is_empty() && name.bytes().all(token), "bad name: {line}");
            assert!(value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f)), "bad value: {line}");
            fields.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
        }
    }

    /// The body that belongs to a head. An error of the kind `UnexpectedEof`: it was cut.
    pub fn body(&mut self, message: &mut Message, kind: Kind) -> io::Result<()> {
        let length = message.field("content-length").map(|length| {
            assert!(!length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit()), "bad length: {message:?}");
            length.parse::<usize>().expect("a length")
        });
        let coding = message.field("transfer-encoding").map(str::to_owned);
        assert!(length.is_none() || coding.is_none(), "two framings: {message:?}");
        assert!(coding.as_deref().is_none_or(|coding| coding == "chunked"), "odd coding: {message:?}");
        let bodiless = match kind {
            Kind::Request => length.is_none() && coding.is_none(),
            Kind::Answer => matches!(message.status(), 100..200 | 204 | 304),
            Kind::AnswerToHead => true,
        };
        if bodiless {
            return Ok(());
        }
        message.chunked = coding.is_some();
        match (message.chunked, length) {
            (true, _) => self.chunks(message),
            (false, Some(length)) => {
                message.body = self.exactly(length)?;
                Ok(())
            }
            (false, None) => {
                message.body = self.rest()?;
                Ok(())
            }
        }
    }

    fn chunks(&mut self, message: &mut Message) -> io::Result<()> {
        loop {
            let line = self.line()?.ok_or(io::ErrorKind::UnexpectedEof)?;
            assert!(!line.is_empty() && line.bytes().all(|byte| byte.is_ascii_hexdigit()), "bad chunk size: {line}");
            let size = usize::from_str_radix(&line, 16).expect("a chunk size");
            if size == 0 {
                message.trailers = self.fields()?;
                return Ok(());
            }
            let chunk = self.exactly(size)?;
            message.body.extend_from_slice(&chunk);
            assert_eq!(self.line()?.as_deref(), Some(""), "a chunk ends with CRLF");
        }
    }

    /// Exactly that many bytes.
    pub fn exactly(&mut self, n: usize) -> io::Result<Vec<u8>> {
        while self.bytes.len() < n {
            if self.fill()? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(self.bytes.drain(..n).collect())
    }

    /// Whatever comes until the peer closes.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        while self.fill()? > 0 {}
        Ok(std::mem::take(&mut self.bytes))
    }

    /// The next whole message.
    pub fn message(&mut self, kind: Kind) -> io::Result<Option<Message>> {
        let Some(mut message) = self.head()? else { return Ok(None) };
        self.body(&mut message, kind)?;
        Ok(Some(message))
    }
}
