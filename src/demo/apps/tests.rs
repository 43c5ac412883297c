//! What the sample apps claim, over real sockets and without a proxy.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;

/// Sends a request to the echo app (`at` 1) or the hello app (`at` 0) and reads all that comes.
async fn ask(at: usize, request: &str) -> String {
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let addr = listener.local_addr().unwrap();
    match at {
        0 => tokio::spawn(serve(listener, |request| std::future::ready(say_hello(&request)))),
        _ => tokio::spawn(serve(listener, answer_echo)),
    };
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test]
async fn hello_says_where_a_request_came_through() {
    let head = "GET /a?b HTTP/1.1\r\nhost: h\r\nx-forwarded-for: 1.2.3.4\r\nconnection: close\r\n";
    let answer = ask(0, &format!("{head}\r\n")).await;
    for line in ["Hello from behind gatepost!\n", "  path     /a?b\n", "  client   1.2.3.4\n"] {
        assert!(answer.contains(line), "{answer}");
    }
    let answer = ask(0, &format!("{head}accept: text/html\r\nx-request-id: <i>\r\n\r\n")).await;
    assert!(answer.contains("<dt>request</dt><dd>&lt;i&gt;</dd>"), "{answer}");
}

#[tokio::test]
async fn a_body_comes_back_with_its_type() {
    let request =
        "POST /echo HTTP/1.1\r\nhost: h\r\ncontent-type: text/x\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";
    let answer = ask(1, request).await;
    assert!(answer.contains("content-type: text/x\r\n") && answer.ends_with("\r\n\r\nhello"), "{answer}");
}

#[tokio::test]
async fn failures_come_as_ordered() {
    for (query, expected) in [("status=503", "503"), ("", "500"), ("status=101", "400"), ("status=x", "500")] {
        let answer = ask(1, &format!("GET /fail?{query} HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n")).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {expected}")), "{query}: {answer}");
    }
}

#[tokio::test(start_paused = true)]
async fn events_come_one_by_one_and_end_when_asked_to() {
    let answer = ask(1, "GET /events?count=3 HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n").await;
    assert!(answer.contains("content-type: text/event-stream\r\n"), "{answer}");
    assert_eq!(answer.matches("data: tick").count(), 3, "{answer}");
}

#[tokio::test]
async fn a_web_socket_is_opened_and_speaks() {
    let handshake = "GET /ws HTTP/1.1\r\nhost: h\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    let listener = StdListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, answer_echo));
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(handshake.as_bytes()).await.unwrap();
    // a text of two letters and a close without code, masked with zeros
    stream.write_all(&[0x81, 0x82, 0, 0, 0, 0, b'h', b'i', 0x88, 0x80, 0, 0, 0, 0]).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let head = String::from_utf8_lossy(&answer).into_owned();
    assert!(head.starts_with("HTTP/1.1 101") && head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
    assert!(answer.ends_with(&[0x81, 2, b'h', b'i', 0x88, 0]), "{head}");
}
