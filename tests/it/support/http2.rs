//! HTTP/2 with prior knowledge on either side, by hyper, and by hand where hyper is too well-behaved.
//!
//! Doors: [`connect`] for a client, [`app`] for an app, [`Frames`] for raw frames.

use std::convert::Infallible;
use std::future::Future;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body::Frame;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};

use super::{Gate, PATIENCE, Tls};

pub type Body = BoxBody<Bytes, Infallible>;

/// A connection to the proxy.
pub struct Client(pub SendRequest<Body>);

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub trailers: HeaderMap,
}

impl Answer {
    pub fn text(&self) -> &str {
        str::from_utf8(&self.body).expect("text")
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }

    pub fn trailer(&self, name: &str) -> Option<&str> {
        self.trailers.get(name).map(|value| value.to_str().expect("text"))
    }
}

pub async fn connect(gate: &Gate) -> Client {
    let socket = tokio::net::TcpStream::connect(gate.addr).await.expect("the proxy listens");
    socket.set_nodelay(true).expect("a socket option");
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(socket)).await.expect("HTTP/2");
    tokio::spawn(connection);
    Client(sender)
}

/// A connection over TLS, opened for this host.
pub async fn secure(gate: &Gate, tls: &Tls, name: &'static str) -> Client {
    let socket = tokio::net::TcpStream::connect(gate.tls_addr).await.expect("the proxy listens");
    socket.set_nodelay(true).expect("a socket option");
    let config = tls.clone().alpn(&["h2"]).config();
    let connector = tokio_rustls::TlsConnector::from(config);
    let stream = connector.connect(name.try_into().expect("a name"), socket).await.expect("a handshake");
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    let (sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("HTTP/2");
    tokio::spawn(connection);
    Client(sender)
}

impl Client {
    /// Sends a request and reads its whole answer.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let answer = within(self.0.clone().send_request(request)).await.expect("an answer");
        whole(answer).await.expect("a whole body")
    }

    pub async fn get(&self, host: &str, path: &str) -> Answer {
        self.send(request("GET", host, path).body(full("")).expect("a request")).await
    }

    pub async fn post(&self, host: &str, path: &str, body: Body) -> Answer {
        self.send(request("POST", host, path).body(body).expect("a request")).await
    }
}

pub fn request(method: &str, host: &str, path: &str) -> http::request::Builder {
    Request::builder().method(method).uri(format!("http://{host}{path}"))
}

pub fn full(text: impl Into<Bytes>) -> Body {
    Full::new(text.into()).boxed()
}

/// A body of unknown length with fields behind it.
pub fn trailed(text: impl Into<Bytes>, trailers: &[(&'static str, &'static str)]) -> Body {
    let fields = trailers.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    streamed(text.into(), Some(fields.collect()))
}

pub fn streamed(text: Bytes, trailers: Option<HeaderMap>) -> Body {
    let frames = [Some(Frame::data(text)), trailers.map(Frame::trailers)];
    StreamBody::new(futures_util::stream::iter(frames.into_iter().flatten().map(Ok))).boxed()
}

pub async fn whole(answer: Response<Incoming>) -> hyper::Result<Answer> {
    let (parts, body) = answer.into_parts();
    let body = within(body.collect()).await?;
    let trailers = body.trailers().cloned().unwrap_or_default();
    Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body: body.to_bytes(), trailers })
}

pub async fn within<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("the event happens")
}

/// An app that speaks HTTP/2 without TLS, on a thread of its own that ends with the test's process.
pub fn app<F>(answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static) -> SocketAddr
where
    F: Future<Output = Response<Body>> + Send + 'static,
{
    counted(answer).0
}

/// The same, with the number of connections that it has accepted.
pub fn counted<F>(answer: impl Fn(Request<Incoming>) -> F + Clone + Send + 'static) -> (SocketAddr, Arc<AtomicUsize>)
where
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let accepted = Arc::<AtomicUsize>::default();
    let counter = Arc::clone(&accepted);
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.set_nonblocking(true).expect("a socket option");
    let addr = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            loop {
                let (socket, _) = listener.accept().await.expect("a connection");
                counter.fetch_add(1, Ordering::SeqCst);
                let answer = answer.clone();
                let service = hyper::service::service_fn(move |request| {
                    let answer = answer(request);
                    async move { Ok::<_, Infallible>(answer.await) }
                });
                let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                tokio::spawn(server.serve_connection(TokioIo::new(socket), service));
            }
        });
    });
    (addr, accepted)
}

/// A connection on which frames are written and read by hand (RFC 9113 4.1).
pub struct Frames(TcpStream);

pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const ACK: u8 = 1;
pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// One frame.
#[derive(Debug)]
pub struct RawFrame {
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frames {
    pub fn connect(gate: &Gate) -> Frames {
        let mut socket = TcpStream::connect(gate.addr).expect("the proxy listens");
        socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        socket.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").expect("the preface");
        let mut frames = Frames(socket);
        frames.send(SETTINGS, 0, 0, &[]);
        frames
    }

    pub fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.try_send(kind, flags, stream, payload).expect("the proxy takes the frame");
    }

    /// An error: the proxy has ended the connection.
    pub fn try_send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> io::Result<()> {
        let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.0.write_all(&frame)
    }

    /// A request without a body, each field a literal that no table keeps (RFC 7541 6.2.2).
    pub fn request(&mut self, stream: u32, fields: &[(&str, &str)]) {
        let mut block = Vec::new();
        for (name, value) in fields {
            block.push(0);
            for text in [name, value] {
                assert!(text.len() < 127, "one octet tells the length");
                block.push(text.len() as u8);
                block.extend(text.as_bytes());
            }
        }
        self.send(HEADERS, END_HEADERS | END_STREAM, stream, &block);
    }

    /// Nothing more comes but the end of the connection.
    pub fn is_closed(&mut self) {
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest).expect("an end");
        assert!(rest.is_empty(), "more came: {}", rest.escape_ascii());
    }

    /// The next frame of this kind.
    pub fn next(&mut self, kind: u8) -> RawFrame {
        loop {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).expect("a frame");
            let len = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            let mut payload = vec![0; len];
            self.0.read_exact(&mut payload).expect("a whole frame");
            if head[3] == kind {
                return RawFrame { stream, payload };
            }
        }
    }
}
