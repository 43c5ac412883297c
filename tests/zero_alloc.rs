//! What a request allocates in a worker, from the client's first byte to the log line: nothing, once it is warm.
//!
//! A real worker in this process, a client and an app in threads of their own; only the worker's thread is counted.
#![allow(clippy::unwrap_used, reason = "a part that cannot be had fails the test")]

mod counting;
mod one_worker;

use std::backtrace::Backtrace;
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use counting::Counting;

#[global_allocator]
static COUNTING: Counting = Counting(count);

/// What the worker's thread has allocated or grown.
static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
/// Where, the last few times.
static PLACES: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// More places are not kept.
const PLACES_KEPT: usize = 3;

#[derive(Clone, Copy, PartialEq)]
enum Thread {
    Unknown,
    Worker,
    Other,
}

thread_local! {
    static THREAD: Cell<Thread> = const { Cell::new(Thread::Unknown) };
}

fn count() {
    // a thread that is ending has no cell any more, and is no worker at work
    let _ = THREAD.try_with(|thread| {
        // what is done here may allocate too: that is not the worker's
        let known = thread.replace(Thread::Other);
        let is_worker = match known {
            Thread::Unknown => std::thread::current().name().map(|name| name == "worker-0"),
            known => Some(known == Thread::Worker),
        };
        if is_worker == Some(true) {
            ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
            if let Ok(mut places) = PLACES.lock()
                && places.len() < PLACES_KEPT
            {
                places.push(Backtrace::force_capture().to_string());
            }
        }
        thread.set(match is_worker {
            Some(true) => Thread::Worker,
            Some(false) => Thread::Other,
            None => Thread::Unknown,
        });
    });
}

/// Requests after which everything that is reused is there.
const WARM_UP: usize = 200;
const COUNTED: usize = 2_000;
/// What the worker's own sweeps and a log buffer more may cost in all, whatever the number of requests.
const AROUND: u64 = 20;

const BODY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// Behind the last byte of a chunk: no more are to come, and no trailers.
const CHUNKED_END: &str = "\r\n0\r\n\r\n";

#[test]
fn a_small_request_allocates_nothing_in_a_warm_worker_chunked_or_not() {
    let app = start_app();
    let proxy = one_worker::start(app);
    let mut client = TcpStream::connect(proxy).unwrap();
    client.set_nodelay(true).unwrap();
    let plain = "GET /warm?x=1 HTTP/1.1\r\nhost: www.example.com\r\n\r\n";
    let browser = "GET /warm HTTP/1.1\r\nhost: www.example.com\r\nuser-agent: Mozilla/5.0 (X11; Linux x86_64)\r\n\
        accept: text/html,*/*;q=0.8\r\naccept-encoding: gzip, br\r\naccept-language: en-GB,en;q=0.9\r\n\
        cookie: session=5f2b8d9c1e7a; theme=dark\r\nreferer: http://www.example.com/\r\nconnection: keep-alive\r\n\
        x-forwarded-for: 192.0.2.1\r\nsec-fetch-dest: document\r\nsec-fetch-mode: navigate\r\n\r\n";
    let chunked = "POST /warm HTTP/1.1\r\nhost: www.example.com\r\ntransfer-encoding: chunked\r\n\r\n\
        5\r\nhello\r\n7;ext=1\r\n, world\r\n0\r\n\r\n";
    let mut ask = |times: usize| {
        for request in [plain, browser, chunked].into_iter().cycle().take(times) {
            client.write_all(request.as_bytes()).unwrap();
            read_answer(&mut client, if request == chunked { CHUNKED_END } else { BODY });
        }
    };
    ask(WARM_UP);
    assert_ne!(ALLOCATIONS.swap(0, Ordering::Relaxed), 0, "the first requests allocate, or the counter does not count");
    PLACES.lock().unwrap().clear();
    ask(COUNTED);
    let allocations = ALLOCATIONS.load(Ordering::Relaxed);
    assert!(
        allocations <= AROUND,
        "{allocations} allocations in {COUNTED} requests, the first of them:\n{}",
        PLACES.lock().unwrap().join("\n\n")
    );
}

fn read_answer(client: &mut TcpStream, end: &str) {
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    while !answer.ends_with(end.as_bytes()) {
        let n = client.read(&mut buffer).unwrap();
        assert_ne!(n, 0, "closed after {:?}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&buffer[..n]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(&answer));
}

/// Answers every request that arrives whole, a chunked one with a chunked body.
fn start_app() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = socket.unwrap();
            std::thread::spawn(move || {
                let size = BODY.len();
                let plain = format!("HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n{BODY}");
                let chunked =
                    format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{size:x}\r\n{BODY}{CHUNKED_END}");
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                while let Ok(n @ 1..) = socket.read(&mut buffer) {
                    request.extend_from_slice(&buffer[..n]);
                    let (answer, end) =
                        if request.starts_with(b"POST") { (&chunked, CHUNKED_END) } else { (&plain, "\r\n\r\n") };
                    if request.ends_with(end.as_bytes()) {
                        request.clear();
                        socket.write_all(answer.as_bytes()).unwrap();
                    }
                }
            });
        }
    });
    addr
}
