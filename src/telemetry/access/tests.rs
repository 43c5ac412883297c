//! What a line of the access log claims.

use proptest::prelude::*;
use serde_json::Value;

use super::*;

fn record() -> Record<'static> {
    Record {
        ts_ms: 1_709_164_800_001,
        id: "0f1e",
        client: IpAddr::from([203, 0, 113, 77]),
        method: "GET",
        scheme: "http",
        host: "www.example.com",
        path: "/a",
        query: Some("token=1"),
        http: "1.1",
        status: 200,
        bytes_in: 0,
        bytes_out: 1234,
        nanos: 12_345_678,
        route: "www.example.com/",
        backend: "web.default:8080",
        upstream: Some(SocketAddr::from(([10, 0, 0, 7], 8080))),
        upstream_nanos: Some(999),
        retries: 0,
        error: None,
        detail: "",
        tls: None,
        ua: b"curl/8",
        referer: b"",
    }
}

fn line(record: &Record, format: &Format) -> String {
    let mut out = Vec::new();
    write(record, format, &Second::default(), &mut out);
    let line = String::from_utf8(out).unwrap();
    let (line, rest) = line.split_once('\n').unwrap();
    assert_eq!(rest, "", "exactly one line");
    line.to_owned()
}

#[test]
fn a_usual_line_looks_like_this() {
    let expected = r#"{"ts":"2024-02-29T00:00:00.001Z","id":"0f1e","client":"203.0.113.77","method":"GET","scheme":"http","host":"www.example.com","path":"/a","http":"1.1","status":200,"bytesIn":0,"bytesOut":1234,"ms":12.345,"route":"www.example.com/","backend":"web.default:8080","upstream":"10.0.0.7:8080","upstreamMs":0.000,"retries":0,"ua":"curl/8"}"#;
    assert_eq!(line(&record(), &Format::default()), expected);
}

#[test]
fn fields_stand_in_the_order_asked_for_and_those_without_value_are_left_out() {
    let format = Format {
        style: Style::Json,
        fields: vec![Field::Error, Field::Status, Field::Tls, Field::Query, Field::Referer],
        anonymise: false,
    };
    assert_eq!(line(&record(), &format), r#"{"status":200,"query":"token=1"}"#);
    let nothing = Format { fields: vec![Field::Error], ..format.clone() };
    assert_eq!(line(&record(), &nothing), "{}");
    let full = Record { error: Some("connection_refused"), tls: Some("1.3"), referer: b"x", ..record() };
    let expected = r#"{"error":"connection_refused","status":200,"tls":"1.3","query":"token=1","referer":"x"}"#;
    assert_eq!(line(&full, &format), expected);
}

#[test]
fn the_query_is_left_out_unless_asked_for() {
    let mut format = Format::default();
    assert!(!line(&record(), &format).contains("token"));
    format.style = Style::Common;
    assert!(!line(&record(), &format).contains("token"));
    format.fields.push(Field::Query);
    assert!(line(&record(), &format).contains("GET /a?token=1 HTTP/1.1"));
    format.style = Style::Json;
    assert!(line(&record(), &format).contains(r#""query":"token=1""#));
}

#[test]
fn the_common_format_is_the_one_of_web_servers() {
    let format = Format { style: Style::Common, ..Format::default() };
    let expected = r#"203.0.113.77 - - [29/Feb/2024:00:00:00 +0000] "GET /a HTTP/1.1" 200 1234 "-" "curl/8""#;
    assert_eq!(line(&record(), &format), expected);
    let odd = Record { ua: b"a\"b\\\r\n\x7f\xff", referer: b"http://x/", bytes_out: 0, ..record() };
    let expected = r#"203.0.113.77 - - [29/Feb/2024:00:00:00 +0000] "GET /a HTTP/1.1" 200 - "http://x/" "a\x22b\x5c\x0d\x0a\x7f\xff""#;
    assert_eq!(line(&odd, &format), expected);
}

#[test]
fn every_octet_is_written_as_everybody_writes_it() {
    let format = Format { fields: vec![Field::Client], ..Format::default() };
    for octet in 0..=255 {
        let client = Ipv4Addr::new(octet, 255 - octet, 0, octet);
        let expected = format!(r#"{{"client":"{client}"}}"#);
        assert_eq!(line(&Record { client: client.into(), ..record() }, &format), expected);
    }
}

#[test]
fn an_anonymised_address_names_a_network() {
    let format = Format { fields: vec![Field::Client], anonymise: true, ..Format::default() };
    assert_eq!(line(&record(), &format), r#"{"client":"203.0.113.0"}"#);
    let client = "2001:db8:1:2:3:4:5:6".parse().unwrap();
    assert_eq!(line(&Record { client, ..record() }, &format), r#"{"client":"2001:db8:1::"}"#);
}

#[test]
fn what_a_terminal_would_obey_is_escaped() {
    let record = Record { ua: "\u{1b}[2J\u{9b}2J\u{7f}".as_bytes(), ..record() };
    let format = Format { fields: vec![Field::Ua], ..Format::default() };
    assert_eq!(line(&record, &format), r#"{"ua":"\u001b[2J\u009b2J\u007f"}"#);
}

proptest! {
    #[test]
    fn every_line_is_one_json_object_that_gives_the_strings_back(
        id in any::<String>(),
        method in "[A-Z]{1,9}",
        host in any::<String>(),
        path in any::<String>(),
        query in any::<Option<String>>(),
        detail in "\\PC*|[\\x00-\\x1f\"\\\\\u{7f}-\u{9f}]*",
        ua in any::<Vec<u8>>(),
        referer in any::<Vec<u8>>(),
        numbers in any::<(u64, u64, u64)>(),
    ) {
        let format = Format { fields: Field::ALL.to_vec(), ..Format::default() };
        let (bytes_in, bytes_out, nanos) = numbers;
        let record = Record {
            id: &id, method: &method, host: &host, path: &path, query: query.as_deref(), detail: &detail,
            ua: &ua, referer: &referer, bytes_in, bytes_out, nanos, ..record()
        };
        let value: Value = serde_json::from_str(&line(&record, &format)).unwrap();
        let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
        prop_assert_eq!(text("id"), &id);
        prop_assert_eq!(text("method"), &method);
        prop_assert_eq!(text("host"), &host);
        prop_assert_eq!(text("path"), &path);
        prop_assert_eq!(text("query"), query.as_deref().unwrap_or_default());
        prop_assert_eq!(text("detail"), &detail);
        prop_assert_eq!(text("ua"), String::from_utf8_lossy(&ua));
        prop_assert_eq!(text("referer"), String::from_utf8_lossy(&referer));
        prop_assert_eq!(value["bytesIn"].as_u64(), Some(bytes_in));
        prop_assert_eq!(value["bytesOut"].as_u64(), Some(bytes_out));
        prop_assert!((value["ms"].as_f64().unwrap() - nanos as f64 / 1e6).abs() <= 0.001 + nanos as f64 / 1e18);
        // nothing but printable ASCII and whole characters from U+00A0 up
        prop_assert!(!line(&record, &format).chars().any(char::is_control));
    }

    #[test]
    fn every_common_line_is_printable_ascii_with_six_quotes(
        path in any::<String>(),
        ua in any::<Vec<u8>>(),
        referer in any::<Vec<u8>>(),
    ) {
        let format = Format { style: Style::Common, ..Format::default() };
        let line = line(&Record { path: &path, ua: &ua, referer: &referer, ..record() }, &format);
        prop_assert!(line.bytes().all(|byte| (b' '..0x7f).contains(&byte)));
        prop_assert_eq!(line.matches('"').count(), 6);
    }
}
