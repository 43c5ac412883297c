//! Claims about a worker that can only be made from within: what a panic ends, and what a lost task does.
//!
//! A panic is made without a word in the code that serves: while a test holds the cell of the current table, whoever asks
//! for the table panics. Nothing else of the worker runs meanwhile but what the test waits for.
#![expect(clippy::await_holding_refcell_ref, reason = "holding it is what makes others panic")]

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::{config, published};

const ROUTES: &str = "routes: [{host: a.test, respond: {status: 200, body: hello}}]";

/// What a worker needs, with these routes.
pub(crate) fn setup(routes: &str) -> (published::Writer<RouteTable>, Setup) {
    let (config, _) = config::parse(routes, "test.yaml").unwrap().settle(None).unwrap();
    let table = RouteTable::build(&config, 1).unwrap();
    let (writer, routes) = published::channel(Some(Arc::new(table)));
    let setup = Setup {
        routes,
        certificates: published::channel(None).1,
        cloudflare: published::channel(Some(Arc::default())).1,
        https_port: None,
        metrics: Metrics::new(),
        lines: None,
        stage: watch::Sender::new(Stage::Serving).subscribe(),
        duty: watch::Sender::new(Duty::Active).subscribe(),
        leftover: watch::Sender::new(Duty::Active).subscribe(),
        connections: usize::MAX,
        upstream: upstream::Settings {
            resolver: upstream::ResolverSettings::servers(&[]),
            policy: upstream::Policy { allow_local: true },
            namespace: String::new(),
            cluster_domain: String::new(),
        },
        loop_id: String::new(),
    };
    (writer, setup)
}

/// A worker whose accept loop runs.
struct Running {
    worker: Rc<Worker>,
    metrics: Arc<Metrics>,
    addr: SocketAddr,
    accepting: Rc<Notify>,
    accepts: Accepts,
}

fn on_worker<F: Future>(claim: impl FnOnce(Running) -> F) -> F::Output {
    on_worker_with(None, claim)
}

/// With a duty of its own where only a predecessor was to listen.
fn on_worker_with<F: Future>(leftover: Option<Duty>, claim: impl FnOnce(Running) -> F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    runtime.unwrap().block_on(async {
        let (_writer, setup) = setup(ROUTES);
        let metrics = Arc::clone(&setup.metrics);
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let addr = listener.local_addr().unwrap();
        let (metric, is_leftover) = (metrics.listener("test"), leftover.is_some());
        let kind = connection::Listener { metric, tls: false, is_leftover };
        let duty = leftover.map_or_else(|| setup.duty.clone(), |duty| watch::Sender::new(duty).subscribe());
        let worker = Worker::new(setup, Arc::default(), 1);
        let accepting = Rc::new(Notify::new());
        let accept = connection::accept(Rc::clone(&worker), listener, kind, Rc::clone(&accepting), duty);
        let mut accepts = Accepts::default();
        accepts.push(tokio::task::spawn_local(accept));
        claim(Running { worker, metrics, addr, accepting, accepts }).await
    })
}

impl Running {
    fn panics(&self) -> bool {
        self.metrics.encode().contains("gatepost_panics_total 1\n")
    }

    async fn http1(&self) -> TcpStream {
        let mut client = TcpStream::connect(self.addr).await.unwrap();
        assert!(get(&mut client).await);
        client
    }
}

/// Whether a request is answered, and not by a close.
async fn get(client: &mut TcpStream) -> bool {
    client.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nhello") {
        match client.read_buf(&mut answer).await {
            Ok(0) | Err(_) => return false,
            Ok(_) => {}
        }
    }
    true
}

#[test]
fn who_waits_at_a_leftover_whose_predecessor_has_left_at_first_look_is_let_in() {
    on_worker_with(Some(Duty::Relieved), async |mut running| {
        // the accept loop has not run yet
        let mut client = TcpStream::connect(running.addr).await.unwrap();
        running.accepts.ended().await.unwrap();
        assert!(get(&mut client).await);
        assert!(TcpStream::connect(running.addr).await.is_err());
    });
}

#[test]
fn a_panic_in_a_connection_ends_that_one_alone_and_is_counted() {
    on_worker(async |running| {
        let (mut broken, mut other) = (running.http1().await, running.http1().await);
        let table = running.worker.routes.borrow_mut();
        assert!(!get(&mut broken).await);
        drop(table);
        assert!(running.panics());
        assert_eq!(running.worker.open.get(), 1);
        assert!(get(&mut other).await);
        running.http1().await;
    });
}

#[test]
fn a_panic_in_an_accept_loop_ends_the_worker() {
    on_worker(async |running| {
        let Running { worker, addr, accepting, mut accepts, .. } = running;
        let stage = watch::Sender::new(Stage::Serving);
        let table = worker.routes.borrow_mut();
        let _client = TcpStream::connect(addr).await.unwrap();
        let ended = worker.follow(stage.subscribe(), &accepting, &mut accepts, |_| {}).await;
        drop(table);
        assert!(matches!(ended, Err(WorkerError::Panicked)));
    });
}

#[test]
fn an_accept_loop_that_returns_unasked_ends_the_worker() {
    on_worker(async |running| {
        let Running { worker, accepting, mut accepts, .. } = running;
        let stage = watch::Sender::new(Stage::Serving);
        // it runs, and is told to close without the word that the process ends
        tokio::task::yield_now().await;
        accepting.notify_waiters();
        let ended = worker.follow(stage.subscribe(), &accepting, &mut accepts, |_| {}).await;
        assert!(matches!(ended, Err(WorkerError::Deaf)));
    });
}

const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;

/// The kind of the frame that ends the next stream's wait: an answer's head or a reset.
async fn get_http2(client: &mut TcpStream, stream: u8) -> u8 {
    // GET, http, `/` from the static table and `:authority` as a literal (RFC 7541 6.1, 6.2.2)
    let block = b"\x82\x86\x84\x01\x06a.test";
    let flags = 0x5; // END_STREAM, END_HEADERS
    client
        .write_all(&[&[0, 0, block.len() as u8, HEADERS, flags, 0, 0, 0, stream], &block[..]].concat())
        .await
        .unwrap();
    loop {
        let mut head = [0; 9];
        client.read_exact(&mut head).await.unwrap();
        let mut payload = vec![0; usize::from(u16::from_be_bytes([head[1], head[2]]))];
        client.read_exact(&mut payload).await.unwrap();
        if head[8] == stream && [HEADERS, RST_STREAM].contains(&head[3]) {
            return head[3];
        }
    }
}

#[test]
fn a_panic_in_a_stream_ends_that_one_alone_and_is_counted() {
    on_worker(async |running| {
        let mut client = TcpStream::connect(running.addr).await.unwrap();
        client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
        assert_eq!(get_http2(&mut client, 1).await, HEADERS);
        let table = running.worker.routes.borrow_mut();
        assert_eq!(get_http2(&mut client, 3).await, RST_STREAM);
        drop(table);
        assert!(running.panics());
        assert_eq!(get_http2(&mut client, 5).await, HEADERS);
        running.http1().await;
    });
}
