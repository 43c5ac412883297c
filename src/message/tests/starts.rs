//! Start lines: what is read from them and what is written.

use super::*;

#[test]
fn the_parts_of_a_request_line_are_read() {
    let head = request("GET /a/b?c=d HTTP/1.1\r\nHost: a.example:80\r\n\r\n");
    assert_eq!((head.method(), head.method_str(), head.version()), (Method::Get, "GET", Version::Http11));
    assert_eq!((head.target(), head.path_and_query()), ("/a/b?c=d", "/a/b?c=d"));
    assert_eq!((head.scheme(), head.authority()), (None, None));
    let head = request("get / HTTP/1.0\r\n\r\n");
    assert_eq!((head.method(), head.method_str(), head.version()), (Method::Other, "get", Version::Http10));
}

#[test]
fn an_absolute_target_is_taken_apart() {
    for (target, path) in [("/x?y", "/x?y"), ("", "/"), ("?y", "/?y")] {
        let head = request(format!("GET HTTP://A.example:8080{target} HTTP/1.1\r\nHost: a.example:8080\r\n\r\n"));
        assert_eq!((head.scheme(), head.authority()), (Some("HTTP"), Some("A.example:8080")));
        assert_eq!(head.target(), format!("HTTP://A.example:8080{target}"));
        assert_eq!(head.path_and_query(), path);
    }
}

#[test]
fn one_empty_line_before_a_request_is_part_of_it() {
    let mut head = Head::new();
    let input = b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nbody";
    assert_eq!(head.parse_request(input, 0, LIMITS), Ok(Some(input.len() - 4)));
    assert_eq!(head.bytes(), input.len() - 4);
    for unfinished in ["", "\r", "\r\n", "\r\nG", "G"] {
        assert_eq!(head.parse_request(unfinished.as_bytes(), 0, LIMITS), Ok(None), "{unfinished:?}");
    }
}

#[test]
fn a_status_line_is_read_with_and_without_reason() {
    for (line, reason) in [
        ("HTTP/1.1 200 OK", "OK"),
        ("HTTP/1.1 200 ", ""),
        ("HTTP/1.1 200", ""),
        ("HTTP/1.1 200 Not so  bad", "Not so  bad"),
        ("HTTP/1.1 200 d\u{e9}j\u{e0}", ""),
    ] {
        let head = response(format!("{line}\r\nServer: x\r\n\r\n"));
        assert_eq!((head.status(), head.reason()), (200, reason), "{line}");
        assert_eq!(head.get(Name::Server), Some(&b"x"[..]));
    }
}

#[test]
fn an_answer_of_our_own_has_the_usual_reason() {
    let mut head = Head::new();
    head.start_response(404);
    head.push(Name::ContentType, b"text/plain");
    let expected =
        "HTTP/1.1 404 Not Found\r\ncontent-type: text/plain\r\ncontent-length: 3\r\nconnection: close\r\n\r\n";
    assert_eq!(response_bytes(&head, Framing::Length(3), ConnectionHeader::Close), expected);
    head.start_response(599);
    assert_eq!(
        response_bytes(&head, Framing::Length(0), ConnectionHeader::None),
        "HTTP/1.1 599 \r\ncontent-length: 0\r\n\r\n"
    );
}

#[test]
fn a_request_of_our_own_is_written_as_it_was_built() {
    let mut head = Head::new();
    head.start_request("POST", "/x", Version::Http11);
    head.push(Name::Host, b"a.example");
    head.push_str("x-y", b" 1 ");
    head.set_target("/z?1");
    assert_eq!((head.method(), head.target(), head.path_and_query()), (Method::Post, "/z?1", "/z?1"));
    let expected = "POST /z?1 HTTP/1.1\r\nhost: a.example\r\nx-y: 1\r\ntransfer-encoding: chunked\r\n\r\n";
    assert_eq!(request_bytes(&head, Framing::Chunked, ConnectionHeader::None), expected);
}

#[test]
fn framing_and_connection_are_written_from_the_arguments_alone() {
    let head = get("Content-Length: 5\r\nConnection: x\r\nKeep-Alive: 3\r\nUpgrade: h2c\r\nProxy-Connection: y\r\n");
    for (framing, connection, lines) in [
        (Framing::None, ConnectionHeader::None, ""),
        (Framing::Length(7), ConnectionHeader::Close, "content-length: 7\r\nconnection: close\r\n"),
        (Framing::Chunked, ConnectionHeader::KeepAlive, "transfer-encoding: chunked\r\nconnection: keep-alive\r\n"),
        (Framing::None, ConnectionHeader::Upgrade, "connection: upgrade\r\nupgrade: websocket\r\n"),
    ] {
        let expected = format!("GET / HTTP/1.1\r\nHost: a.example\r\n{lines}\r\n");
        assert_eq!(request_bytes(&head, framing, connection), expected);
    }
}

#[test]
fn an_answer_without_body_passes_its_length_on_unless_its_status_has_none() {
    for (status, length) in [(200, "Content-Length: 9\r\n"), (304, "Content-Length: 9\r\n"), (204, ""), (103, "")] {
        let head = response(format!("HTTP/1.1 {status} X\r\nContent-Length: 9\r\n\r\n"));
        let expected = format!("HTTP/1.1 {status} X\r\n{length}\r\n");
        assert_eq!(response_bytes(&head, Framing::None, ConnectionHeader::None), expected);
    }
}

#[test]
fn an_answer_that_ends_with_the_connection_says_so() {
    let head = response("HTTP/1.0 200 OK\r\nX: 1\r\n\r\n");
    let expected = "HTTP/1.1 200 OK\r\nX: 1\r\nconnection: close\r\n\r\n";
    assert_eq!(response_bytes(&head, Framing::UntilClose, ConnectionHeader::None), expected);
}

#[test]
fn methods_know_what_may_be_sent_again() {
    let names = ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "POST", "PATCH", "CONNECT", "QUERY"];
    let idempotent = names.iter().filter(|name| Method::of(name).is_idempotent());
    assert_eq!(
        idempotent.collect::<Vec<_>>(),
        ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"].iter().collect::<Vec<_>>()
    );
    assert!(Method::Get.is_safe() && !Method::Put.is_safe());
}
