//! Heads from and to HTTP/2.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use super::*;

fn parts(method: &str, uri: &str, fields: &[(&'static str, &str)]) -> http::request::Parts {
    let mut request = http::Request::builder().method(method).uri(uri).version(http::Version::HTTP_2).body(()).unwrap();
    add(request.headers_mut(), fields);
    request.into_parts().0
}

fn add(map: &mut HeaderMap, fields: &[(&'static str, &str)]) {
    for (name, value) in fields {
        map.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
}

fn taken(parts: &http::request::Parts) -> Result<Head, Malformed> {
    let mut head = Head::new();
    head.from_http_request(parts, LIMITS).map(|()| head)
}

#[test]
fn a_request_by_http2_is_the_same_message() {
    let parts = parts(
        "GET",
        "https://a.example:8443/x?y",
        &[("accept", "*/*"), ("cookie", "a=b"), ("x-own", " 1 "), ("cookie", "c=d")],
    );
    let head = taken(&parts).unwrap();
    assert_eq!((head.version(), head.method(), head.target()), (Version::Http2, Method::Get, "/x?y"));
    assert_eq!((head.scheme(), head.authority()), (Some("https"), Some("a.example:8443")));
    let sent = request_bytes(&head, Framing::None, ConnectionHeader::None);
    let expected = "host: a.example:8443\r\naccept: */*\r\nx-own: 1\r\ncookie: a=b; c=d\r\n\r\n";
    assert_eq!(sent, format!("GET /x?y HTTP/1.1\r\n{expected}"));
}

#[test]
fn host_and_authority_must_agree() {
    assert!(taken(&parts("GET", "https://a.example/", &[("host", "A.example")])).is_ok());
    assert!(taken(&parts("GET", "https://a.example/", &[("host", "b.example")])).is_err());
    assert!(taken(&parts("GET", "https://a.example/", &[("host", "a.example"), ("host", "a.example")])).is_err());
    assert!(taken(&parts("GET", "https://u@a.example/", &[])).is_err());
    assert!(taken(&parts("GET", "/", &[("host", "a.example")])).is_ok());
    assert_eq!(taken(&parts("GET", "/", &[])).unwrap_err().status(), 400);
}

#[test]
fn what_belongs_to_a_connection_is_malformed_in_http2() {
    for field in [
        ("connection", "close"),
        ("keep-alive", "5"),
        ("proxy-connection", "x"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "websocket"),
        ("te", "gzip"),
    ] {
        assert_eq!(taken(&parts("GET", "https://a/", &[field])).unwrap_err().status(), 400, "{field:?}");
        let mut response = http::Response::new(());
        add(response.headers_mut(), &[field]);
        assert!(Head::new().from_http_response(&response.into_parts().0, LIMITS).is_err(), "{field:?}");
    }
    assert!(taken(&parts("GET", "https://a/", &[("te", "trailers")])).is_ok());
}

#[test]
fn the_body_of_an_http2_message_ends_with_its_stream_unless_it_has_a_length() {
    assert_eq!(taken(&parts("POST", "https://a/", &[])).unwrap().request_framing(), Ok(Framing::UntilClose));
    let length = parts("POST", "https://a/", &[("content-length", "5")]);
    assert_eq!(taken(&length).unwrap().request_framing(), Ok(Framing::Length(5)));
    let two = parts("POST", "https://a/", &[("content-length", "5"), ("content-length", "5")]);
    assert!(taken(&two).unwrap().request_framing().is_err());
}

#[test]
fn limits_hold_in_http2_too() {
    let long = "x".repeat(200);
    let parts = parts("GET", "https://a/", &[("x-a", &long), ("x-b", "")]);
    let status =
        |bytes, fields| Head::new().from_http_request(&parts, Limits { bytes, fields }).map_err(Malformed::status);
    assert_eq!((status(1000, 2), status(200, 2), status(1000, 1)), (Ok(()), Err(431), Err(431)));
}

#[test]
fn an_answer_goes_out_in_lower_case_and_without_hop_by_hop_fields() {
    let lines = "Connection: close\r\nKeep-Alive: 5\r\nTransfer-Encoding: chunked\r\nX-Own: 1\r\nSet-Cookie: a\r\nSet-Cookie: b\r\n";
    let answer = response(format!("HTTP/1.1 201 Created\r\n{lines}\r\n")).to_http_response().unwrap();
    assert_eq!(answer.status(), 201);
    let names: Vec<&str> = answer.headers().iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["x-own", "set-cookie", "set-cookie"]);
    assert!(Head::new().to_http_response().is_err(), "a head without a status");
}

#[test]
fn a_request_to_an_http2_app_names_its_host_as_authority() {
    let mut head = get("Accept: a\r\nTE: trailers\r\nConnection: te\r\n");
    let sent = head.to_http_request("http", "b.example:80").unwrap();
    assert_eq!(sent.uri(), "http://b.example:80/");
    assert!(sent.headers().get("host").is_none());
    assert_eq!(sent.headers()["te"], "trailers");
    head.strip_hop_by_hop();
    assert!(head.to_http_request("http", "b.example").unwrap().headers().get("te").is_none());
}

#[test]
fn an_answer_survives_the_way_there_and_back() {
    let head = response("HTTP/1.1 404 Not Found\r\nserver: x\r\ncontent-length: 3\r\nx-own: \u{e9}\r\n\r\n");
    let (parts, ()) = head.to_http_response().unwrap().into_parts();
    let mut back = Head::new();
    back.from_http_response(&parts, LIMITS).unwrap();
    assert_eq!((back.status(), pairs(&back)), (404, pairs(&head)));
    assert_eq!(back.response_framing(Method::Get), Ok(Framing::Length(3)));
}
