//! Heads that strangers send to be read in two ways. Each group is one claim; each line of a group one head.

use super::*;

/// What becomes of a request: the status it is refused with, by the head or by its framing; 0 when it passes.
fn verdict(head: &str) -> u16 {
    let mut parsed = Head::new();
    match parsed.parse_request(head.as_bytes(), 0, LIMITS) {
        Err(malformed) => malformed.status(),
        Ok(None) => panic!("unfinished: {}", head.escape_debug()),
        Ok(Some(len)) => {
            assert_eq!(len, head.len(), "{}", head.escape_debug());
            parsed.request_framing().map_or_else(Malformed::status, |_| 0)
        }
    }
}

#[track_caller]
fn all_are(status: u16, heads: &[&str]) {
    for head in heads {
        assert_eq!(verdict(head), status, "{}", head.escape_debug());
    }
}

/// The same with a good request line and Host around the given field lines.
#[track_caller]
fn fields_are(status: u16, lines: &[&str]) {
    for line in lines {
        let head = format!("POST /x HTTP/1.1\r\nHost: a.example\r\n{line}\r\n\r\n");
        assert_eq!(verdict(&head), status, "{}", head.escape_debug());
    }
}

#[test]
fn lines_end_in_crlf_and_nothing_else() {
    all_are(
        400,
        &[
            "GET / HTTP/1.1\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\n",
            "GET / HTTP/1.1\nHost: a\n\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: 1\nY: 2\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: \n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX:\n\r\n",
            "GET / HTTP/1.1\r\rHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: 1\rY: 2\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n\r\r\n",
            "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "\r\n\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        ],
    );
}

#[test]
fn a_request_line_is_three_words_with_one_space_between() {
    all_are(
        400,
        &[
            " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
            "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / a HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /\r\n\r\n",
            "GET / \r\nHost: a\r\n\r\n",
            "GET HTTP/1.1\r\nHost: a\r\n\r\n",
            "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
            "G\u{e9}T / HTTP/1.1\r\nHost: a\r\n\r\n",
            "/ GET HTTP/1.1\r\nHost: a\r\n\r\n",
            "ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1\r\nHost: a\r\n\r\n",
            "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}\u{0}\u{1}\u{fc}\u{3}\u{3}\r\n\r\n",
        ],
    );
}

#[test]
fn a_version_is_one_that_is_spoken_here() {
    all_are(
        400,
        &[
            "GET / HTTP/0.9\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.10\r\nHost: a\r\n\r\n",
            "GET / HTTP/11\r\nHost: a\r\n\r\n",
            "GET / http/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1,1\r\nHost: a\r\n\r\n",
            "GET / HTTP/2\r\nHost: a\r\n\r\n",
            "GET / ICY/1.1\r\nHost: a\r\n\r\n",
        ],
    );
    all_are(505, &["GET / HTTP/2.0\r\nHost: a\r\n\r\n", "GET / HTTP/3.0\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]);
}

#[test]
fn a_target_holds_only_what_a_uri_may_and_is_of_the_form_its_method_wants() {
    all_are(
        400,
        &[
            "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /a<b HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /a`b HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /a?b\"c HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /\u{e9} HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /\u{7f} HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET * HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
            "GET ?x HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http:/a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http:// HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http://a\\@b/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET http://a/#x HTTP/1.1\r\nHost: a\r\n\r\n",
            "OPTIONS ** HTTP/1.1\r\nHost: a\r\n\r\n",
            "CONNECT / HTTP/1.1\r\nHost: a\r\n\r\n",
            "CONNECT a HTTP/1.1\r\nHost: a\r\n\r\n",
            "CONNECT http://a:80/ HTTP/1.1\r\nHost: a:80\r\n\r\n",
        ],
    );
    all_are(0, &["OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"]);
}

#[test]
fn a_request_names_one_good_host() {
    let host = |line: &str| format!("GET / HTTP/1.1\r\n{line}\r\n");
    for bad in [
        "",
        "Host: a\r\nHost: a\r\n",
        "Host: a\r\nhost: b\r\n",
        "Host:\r\n",
        "Host: a b\r\n",
        "Host: a, b\r\n",
        "Host: a,b\r\n",
        "Host: a/b\r\n",
        "Host: u@a\r\n",
        "Host: http://a\r\n",
        "Host: a:b\r\n",
        "Host: a:65536\r\n",
        "Host: a:080000\r\n",
        "Host: :80\r\n",
        "Host: a:80:80\r\n",
        "Host: [::1\r\n",
        "Host: [::1]x\r\n",
        "Host: [a]\r\n",
        "Host: [::1%25eth0]\r\n",
        "Host: a%2eb\r\n",
        "Host: a\tb\r\n",
        "Host: \u{e9}\r\n",
        "Host: a?b\r\n",
        "Host: a\\b\r\n",
    ] {
        assert_eq!(verdict(&host(bad)), 400, "{bad:?}");
    }
    for good in
        ["Host: a", "host:a", "Host: A.Example.:8080", "Host: a:", "Host: [::1]:80", "Host: 10.0.0.7", "Host: a_b"]
    {
        assert_eq!(verdict(&host(&format!("{good}\r\n"))), 0, "{good:?}");
    }
    all_are(0, &["GET / HTTP/1.0\r\n\r\n", "GET http://a/ HTTP/1.1\r\nHost: A\r\n\r\n"]);
    all_are(
        400,
        &[
            "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\n\r\n",
            "GET http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n",
        ],
    );
}

#[test]
fn a_field_line_is_a_name_a_colon_and_a_value() {
    fields_are(
        400,
        &[
            "X : 1",
            "X\t: 1",
            " X: 1",
            "\tX: 1",
            "X",
            ": 1",
            "X Y: 1",
            "X: 1\r\n folded: 2",
            "X: 1\r\n\tfolded",
            "X: 1\r\n ",
            "X:\r\n 1",
            "X: a\0b",
            "X: a\u{1}b",
            "X: a\u{7f}b",
            "X: a\u{b}b",
            "X(: 1",
            "X\": 1",
            "X\u{e9}: 1",
            "X\0: 1",
            "{X}: 1",
            "Content-Length : 5",
            "Transfer-Encoding : chunked",
            "Transfer-Encoding\u{b}: chunked",
            "Content-Length\0: 5",
        ],
    );
    fields_are(0, &["X:", "X:1", "X: \t 1 \t ", "X: a: b", "X: \u{e9}", "!#$%&'*+-.^_`|~0aZ: 1", "X: a\tb"]);
}

#[test]
fn a_length_is_one_decimal_number() {
    fields_are(
        400,
        &[
            "Content-Length: 5\r\nContent-Length: 5",
            "Content-Length: 5\r\nContent-Length: 6",
            "Content-Length: 5\r\ncontent-length:",
            "Content-Length: 5, 5",
            "Content-Length: 5,5",
            "Content-Length: 5 5",
            "Content-Length: +5",
            "Content-Length: -5",
            "Content-Length: 0x5",
            "Content-Length: 5.0",
            "Content-Length: 5e1",
            "Content-Length:",
            "Content-Length: a",
            "Content-Length: \"5\"",
            "Content-Length: 5;a",
            "Content-Length: \u{ff15}",
            "Content-Length: 18446744073709551621",
            "Content-Length: 00000000000000000005",
        ],
    );
    fields_are(0, &["Content-Length: 0", "Content-Length: 9999999999999999999", "content-LENGTH:\t05 "]);
}

#[test]
fn a_transfer_coding_is_one_chunked_and_never_beside_a_length() {
    fields_are(
        400,
        &[
            "Transfer-Encoding: chunked\r\nContent-Length: 5",
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: identity\r\nContent-Length: 5",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
            "Transfer-Encoding: chunked, chunked",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: chunked, identity",
            "Transfer-Encoding: identity",
            "Transfer-Encoding: gzip",
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding: chunkedx",
            "Transfer-Encoding: chunked;a=b",
            "Transfer-Encoding: \"chunked\"",
            "Transfer-Encoding: 'chunked'",
            "Transfer-Encoding: ,chunked",
            "Transfer-Encoding: chunked,",
            "Transfer-Encoding:",
            "Transfer-Encoding: chun ked",
            "Transfer-Encoding: \u{212a}chunked",
        ],
    );
    fields_are(0, &["Transfer-Encoding: chunked", "transfer-encoding:CHUNKED\t"]);
    all_are(
        400,
        &[
            "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
        ],
    );
}

#[test]
fn an_answer_is_held_to_the_same_rules() {
    for bad in [
        "HTTP/1.1 200 OK\nX: 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: 1\n\r\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1 200 O\0K\r\n\r\n",
        "HTTP/1.1 200\tOK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX : 1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: 1\r\n 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: a\u{1}b\r\n\r\n",
    ] {
        let parsed = Head::new().parse_response(bad.as_bytes(), 0, LIMITS);
        assert!(parsed.is_err(), "{parsed:?} {}", bad.escape_debug());
    }
    for (head, method) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", Method::Get),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", Method::Get),
        ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Method::Get),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", Method::Get),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n", Method::Head),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: x\r\n\r\n", Method::Get),
    ] {
        let framing = response(head).response_framing(method);
        assert!(matches!(framing, Err(Malformed::Framing(_))), "{framing:?} {head}");
    }
}

#[test]
fn a_head_over_its_limits_is_refused_by_what_was_too_large() {
    let limits = Limits { bytes: 100, fields: 3 };
    let parse = |head: &str| Head::new().parse_request(head.as_bytes(), 0, limits).map_err(Malformed::status);
    let sized = |len: usize| {
        let rest = "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".len();
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(len - rest))
    };
    assert_eq!(parse(&sized(100)), Ok(Some(100)));
    assert_eq!(parse(&sized(101)), Err(431));
    assert_eq!(parse(&sized(100)[..99]), Ok(None));
    assert_eq!(parse(&sized(101)[..100]), Err(431));
    assert_eq!(parse(&format!("GET /{} HTTP/1.1\r\n", "x".repeat(100))), Err(414));
    assert_eq!(parse(&format!("GET /{}", "x".repeat(200))), Err(414));
    assert_eq!(parse("GET / HTTP/1.1\r\nHost: a\r\nA:\r\nB:\r\n\r\n").map(|len| len.is_some()), Ok(true));
    assert_eq!(parse("GET / HTTP/1.1\r\nHost: a\r\nA:\r\nB:\r\nC:\r\n\r\n"), Err(431));
    let wide = Limits { bytes: 64 * 1024, fields: 10_000 };
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "a:\r\n".repeat(500));
    assert_eq!(Head::new().parse_request(many.as_bytes(), 0, wide).map_err(Malformed::status), Err(431));
    let answer = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "x".repeat(100));
    assert_eq!(Head::new().parse_response(answer.as_bytes(), 0, limits).map_err(Malformed::status), Err(431));
}

#[test]
fn connection_options_without_end_are_refused() {
    fields_are(400, &[&format!("Connection: {}", "a,".repeat(100))]);
    fields_are(0, &["Connection: a, b, ,close"]);
}

#[test]
fn a_name_with_underscores_cannot_pass_for_a_well_known_one() {
    let head = get("X_Forwarded_For: 1\r\nX-Forwarded_For: 2\r\nContent_Length: 5\r\nmy_own: 3\r\n");
    assert_eq!(pairs(&head), [("Host".into(), "a.example".into()), ("my_own".into(), "3".into())]);
    assert_eq!(head.len(), 2);
    assert_eq!(head.request_framing(), Ok(Framing::None));
}
