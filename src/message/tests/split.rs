//! A head that arrives in pieces is the same head, and costs no more than twice the work.

use super::*;

const REQUESTS: [&str; 5] = [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "\r\nGET /a?b HTTP/1.1\r\nHost: a.example\r\nUser-Agent: x\r\nX:\r\nY:  a b \r\nConnection: close\r\n\r\n",
    "POST http://a/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nAccept: */*\r\naccept: text/html\r\n\r\n",
    "OPTIONS * HTTP/1.0\r\n\r\n",
    "PATCH /long/path/that/goes/on/for/a/while/and/then/some/more?and=a&query=too HTTP/1.1\r\nHost: [::1]:8080\r\n\
     Content-Length: 12345\r\nCookie: a=b; c=d\r\nX-A: \u{e9}\u{e8}\r\n\r\n",
];

const RESPONSES: [&str; 3] = [
    "HTTP/1.1 200 OK\r\n\r\n",
    "HTTP/1.0 404\r\nServer: x\r\n\r\n",
    "HTTP/1.1 304 Not Modified\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nEtag: \"x\"\r\nContent-Length: 5\r\n\r\n",
];

fn seen_as(head: &Head) -> String {
    let start =
        (head.method_str(), head.target(), head.path_and_query(), head.authority(), head.status(), head.reason());
    format!("{:?} {start:?} {:?} {}", head.version(), pairs(head), head.bytes())
}

type Parse = fn(&mut Head, &[u8], usize, Limits) -> Result<Option<usize>, Malformed>;

/// Shows a parser the input in two steps, then byte by byte; each time with another message behind it.
fn any_split_is_the_same(heads: &[&str], parse: Parse) {
    for text in heads {
        let mut input = text.as_bytes().to_vec();
        let len = input.len();
        input.extend_from_slice(heads[0].as_bytes());
        let mut whole = Head::new();
        assert_eq!(parse(&mut whole, &input, 0, LIMITS), Ok(Some(len)));
        let mut head = Head::new();
        for at in 0..len {
            assert_eq!(parse(&mut head, &input[..at], 0, LIMITS), Ok(None), "{at} {text:?}");
            assert_eq!(parse(&mut head, &input, at, LIMITS), Ok(Some(len)), "{at} {text:?}");
            assert_eq!(seen_as(&head), seen_as(&whole), "{at}");
        }
        for at in 0..len {
            assert_eq!(parse(&mut head, &input[..at], at.saturating_sub(1), LIMITS), Ok(None), "{at} {text:?}");
        }
        assert_eq!(parse(&mut head, &input[..len], len - 1, LIMITS), Ok(Some(len)));
        assert_eq!(seen_as(&head), seen_as(&whole));
    }
}

#[test]
fn a_request_split_at_any_byte_is_the_same_request() {
    any_split_is_the_same(&REQUESTS, Head::parse_request);
}

#[test]
fn an_answer_split_at_any_byte_is_the_same_answer() {
    any_split_is_the_same(&RESPONSES, Head::parse_response);
}

/// Drips `input` in and returns after how many bytes it was refused.
fn refused_after(input: &str, limits: Limits) -> Option<usize> {
    let mut head = Head::new();
    (1..=input.len()).find(|at| head.parse_request(&input.as_bytes()[..*at], at - 1, limits).is_err())
}

#[test]
fn a_bad_head_is_refused_however_it_arrives() {
    for bad in [
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n 2\r\n\r\n",
        "GET / HTTP/1.1\r\nX: a\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        assert!(refused_after(bad, LIMITS).is_some(), "{bad:?}");
        for at in 1..bad.len() {
            let mut head = Head::new();
            let first = head.parse_request(&bad.as_bytes()[..at], 0, LIMITS);
            let both = first.and_then(|_| head.parse_request(bad.as_bytes(), at, LIMITS));
            assert!(both.is_err(), "{at} {bad:?}");
        }
    }
}

#[test]
fn garbage_is_refused_long_before_its_end() {
    assert_eq!(refused_after("\u{16}\u{3}\u{1}", LIMITS), Some(1));
    let good_start = format!("GET /{} \u{1}", "x".repeat(20));
    assert!(refused_after(&format!("{good_start}{}", "x".repeat(1000)), LIMITS).is_some_and(|at| at <= 32));
    assert_eq!(refused_after("GET / HTTP/1.1\r\nHost: a\n", LIMITS), Some(24));
}

#[test]
fn a_head_that_drips_past_its_limit_is_refused_there() {
    let limits = Limits { bytes: 50, fields: 10 };
    assert_eq!(refused_after(&format!("GET /{}", "x".repeat(100)), limits), Some(50));
    assert_eq!(refused_after(&format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(100)), limits), Some(50));
}
