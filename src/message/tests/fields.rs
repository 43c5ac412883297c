//! Fields: found, removed, added; and what they mean for the connection.

use super::*;

#[test]
fn a_field_is_found_by_id_and_by_name_in_any_case() {
    let head = get("user-AGENT: x\r\nX-Own: 1\r\nx-own: 2\r\nAccept: a\r\nACCEPT: b\r\n");
    assert_eq!(head.get(Name::UserAgent), Some(&b"x"[..]));
    assert_eq!(head.get_str("User-Agent"), Some(&b"x"[..]));
    assert_eq!(head.get_str("x-OWN"), Some(&b"1"[..]));
    assert_eq!(head.all_str("x-own").collect::<Vec<_>>(), [b"1", b"2"]);
    assert_eq!(head.all(Name::Accept).collect::<Vec<_>>(), [b"a", b"b"]);
    assert_eq!(head.all_str("accept").count(), 2);
    assert_eq!(head.get(Name::Date), None);
    assert_eq!(head.get(Name::Other), None);
    assert_eq!(head.all(Name::Other).count(), 0);
    assert_eq!(head.get_str("nope"), None);
    assert_eq!(head.len(), 6);
}

#[test]
fn what_was_removed_is_gone_and_may_come_back() {
    let mut head = get("Accept: a\r\nX-Own: 1\r\nAccept: b\r\nX-OWN: 2\r\n");
    head.remove(Name::Accept);
    head.remove_str("x-own");
    head.remove(Name::Date);
    head.remove(Name::Other);
    assert_eq!((head.len(), head.get(Name::Accept), head.get_str("x-own")), (1, None, None));
    head.push(Name::Accept, b"c");
    head.push_str("x-own", b"3");
    assert_eq!(head.all(Name::Accept).collect::<Vec<_>>(), [b"c"]);
    assert_eq!(head.get_str("x-own"), Some(&b"3"[..]));
    let sent = request_bytes(&head, Framing::None, ConnectionHeader::None);
    assert_eq!(sent, "GET / HTTP/1.1\r\nHost: a.example\r\naccept: c\r\nx-own: 3\r\n\r\n");
}

#[test]
fn odd_white_space_is_not_passed_on() {
    let head = get("A:1\r\nB:  2\r\nC: 3 \r\nD:\r\nE: \r\nF:\t\t\r\nG: 4\r\nH: 5\r\n");
    let sent = request_bytes(&head, Framing::None, ConnectionHeader::None);
    let expected = "A: 1\r\nB: 2\r\nC: 3\r\nD: \r\nE: \r\nF: \r\nG: 4\r\nH: 5\r\n\r\n";
    assert_eq!(sent, format!("GET / HTTP/1.1\r\nHost: a.example\r\n{expected}"));
}

#[test]
fn a_value_cannot_break_out_of_its_line() {
    let mut head = get("");
    for bad in [&b"a\r\nX: 1"[..], b"a\nb", b"a\rb", b"a\0b", b"a\r\n", b"longer than a word\r\nX: 1"] {
        // what `push` and `push_str` do, without the word that they have for the programmer
        assert!(!head.add(Name::Accept, b"accept", bad));
        assert!(!head.add_str("x-own", bad));
    }
    for bad in ["x own", "x-own\r\n", "x:", ""] {
        assert!(!head.add_str(bad, b"1"));
    }
    for bad in ["/ HTTP/1.1\r\nX: 1", "/\r\n", "/#", ""] {
        assert!(!head.replace_target(bad));
    }
    assert_eq!((head.len(), head.target()), (1, "/"));
    let sent = request_bytes(&head, Framing::None, ConnectionHeader::None);
    assert_eq!(sent, "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n");
}

#[test]
fn hop_by_hop_fields_end_here() {
    let mut head = get(concat!(
        "Connection: close, X-Own , Accept,, te\r\nX-OWN: 1\r\nx-own: 2\r\nAccept: a\r\nKeep-Alive: 5\r\n",
        "Proxy-Connection: x\r\nTE: gzip\r\nTransfer-Encoding: chunked\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n",
        "Connection: Via2\r\nVia2: 1\r\nTrailer: t\r\nX-Owned: 3\r\n",
    ));
    head.strip_hop_by_hop();
    let names: Vec<String> = pairs(&head).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["Host", "Trailer", "X-Owned"]);
    assert_eq!(head.len(), 3);
}

#[test]
fn a_stranger_cannot_have_framing_or_forwarding_fields_taken_out() {
    let lines = "Content-Length: 5\r\nX-Forwarded-For: 1.2.3.4\r\nCDN-Loop: x\r\nVia: 1.1 y\r\n";
    let mut head = get(&format!("Connection: host, content-length, x-forwarded-for, cdn-loop, via\r\n{lines}"));
    head.strip_hop_by_hop();
    assert_eq!(head.len(), 5);
    assert_eq!(head.request_framing(), Ok(Framing::Length(5)));
}

#[test]
fn what_the_connection_should_become_is_known_also_after_stripping() {
    let mut head = get("Connection: Keep-Alive , close\r\n");
    head.strip_hop_by_hop();
    assert!(head.wants_close() && !head.wants_keep_alive());
    assert!(get("Connection: keep-alive\r\n").wants_keep_alive());
    let plain = get("X: close\r\n");
    assert!(!plain.wants_close() && !plain.wants_keep_alive());
}

#[test]
fn only_a_websocket_is_an_upgrade() {
    let asks = |lines: &str| get(lines).upgrade_to_websocket();
    assert!(asks("Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"));
    assert!(asks("Upgrade: h2c, websocket\r\nConnection: upgrade\r\n"));
    assert!(!asks("Connection: upgrade\r\nUpgrade: h2c\r\n"));
    assert!(!asks("Upgrade: websocket\r\n"));
    assert!(!asks("Connection: upgrade\r\n"));
    let fields = "Host: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n";
    assert!(!request(format!("POST / HTTP/1.1\r\n{fields}")).upgrade_to_websocket());
    assert!(!request(format!("GET / HTTP/1.0\r\n{fields}")).upgrade_to_websocket());
    assert!(response(format!("HTTP/1.1 101 Switching Protocols\r\n{fields}")).upgrade_to_websocket());
}

#[test]
fn a_request_body_is_delimited_by_its_fields() {
    for (lines, framing) in [
        ("", Framing::None),
        ("Content-Length: 0\r\n", Framing::Length(0)),
        ("Content-Length: 17\r\n", Framing::Length(17)),
        ("Transfer-Encoding: Chunked\r\n", Framing::Chunked),
    ] {
        assert_eq!(get(lines).request_framing(), Ok(framing), "{lines}");
    }
}

#[test]
fn an_answers_body_is_delimited_by_status_method_and_fields() {
    const LENGTH: &str = "Content-Length: 5\r\n";
    const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
    for (status, lines, method, framing) in [
        (200, "", Method::Get, Framing::UntilClose),
        (200, LENGTH, Method::Get, Framing::Length(5)),
        (200, CHUNKED, Method::Get, Framing::Chunked),
        (200, LENGTH, Method::Head, Framing::None),
        (200, CHUNKED, Method::Head, Framing::None),
        (404, "", Method::Head, Framing::None),
        (204, LENGTH, Method::Get, Framing::None),
        (304, LENGTH, Method::Get, Framing::None),
        (304, CHUNKED, Method::Get, Framing::None),
        (100, "", Method::Post, Framing::None),
        (101, LENGTH, Method::Get, Framing::None),
        (200, LENGTH, Method::Connect, Framing::None),
        (500, "", Method::Connect, Framing::UntilClose),
    ] {
        let head = response(format!("HTTP/1.1 {status} X\r\n{lines}\r\n"));
        assert_eq!(head.response_framing(method), Ok(framing), "{status} {lines} {method:?}");
    }
}

#[test]
fn a_head_is_used_again_without_allocating() {
    let large = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "Name: a value of some length\r\n".repeat(60));
    let mut head = request(&large);
    let before = (head.bytes.as_ptr(), head.fields.as_ptr(), head.line.as_ptr());
    for _ in 0..3 {
        assert_eq!(head.parse_request(b"GET / HTTP/1.1\r\nHost: b\r\n\r\n", 0, LIMITS), Ok(Some(27)));
        assert_eq!((head.len(), head.get(Name::Host)), (1, Some(&b"b"[..])));
        assert!(head.parse_request(large.as_bytes(), 0, LIMITS).is_ok_and(|len| len.is_some()));
    }
    assert_eq!((head.bytes.as_ptr(), head.fields.as_ptr(), head.line.as_ptr()), before);
}

#[test]
fn an_unusually_large_head_does_not_stay_in_memory() {
    let mut head = get(&format!("X: {}\r\n", "x".repeat(40_000)));
    head.clear();
    assert!(head.bytes.capacity() < 20_000, "{}", head.bytes.capacity());
}
