//! Claims about what `gatepost explain` says.

use super::*;

const FILE: &str = r#"
trust: {proxies: [10.0.0.0/8]}
routes:
  - host: www.example.com
    backends:
      - {to: "blue:8080", weight: 3}
      - {to: "green.shop:http", weight: 1}
  - host: www.example.com
    path: /api
    backend: api:80
    rewrite: {stripPrefix: true}
    timeouts: {firstByte: 90s}
    maxBody: 10Mi
    headers:
      request: {set: {x-who: "{client.ip} over {scheme}"}, remove: [cookie]}
  - host: www.example.com
    path: /api
    match: {methods: [POST], headers: {x-version: "2"}}
    respond: {status: 200, body: hello}
  - host: "*.example.com"
    redirect: {to: "https://{host}{path}{query}", status: 308}
  - host: bücher.example
    backend: books:80
"#;

fn explain(url: &str, method: &str, headers: &[&str], peer: &str) -> Explained {
    let headers: Vec<_> = headers.iter().map(|text| field(text).unwrap()).collect();
    let (name, table) = table("routes.yaml", FILE).unwrap();
    Explained::new(&name, &table, &Asked::new(url, method, &headers).unwrap(), peer.parse().unwrap())
}

fn get(url: &str) -> Explained {
    explain(url, "GET", &[], "203.0.113.7")
}

fn header<'e>(explained: &'e Explained, name: &str) -> Option<&'e str> {
    let app = explained.route.as_ref()?.app.as_ref()?;
    app.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
}

#[test]
fn the_answer_is_one_screen() {
    let text = text::of(&get("www.example.com/api//x?q=1"));
    let wanted = "\
GET http://www.example.com/api//x?q=1

www.example.com/api  routes.yaml:8
  forwards to api:80

The app gets
  path                 /x?q=1
  host                 www.example.com
  x-forwarded-for      203.0.113.7
  x-forwarded-proto    http
  x-forwarded-host     www.example.com
  x-forwarded-port     80
  x-real-ip            203.0.113.7
  x-forwarded-prefix   /api
  x-request-id         (made for each request)
  x-who                203.0.113.7 over http
  without              cookie

Timeouts
  connect 3s, firstByte 1m30s, idle 1m, request none, tunnel 1h, keepAlive 1m15s

Limits
  maxBody 10Mi, headerBytes 64Ki, headerCount 100

Not taken
  www.example.com/     line 4     the winner's path is more specific
  *.example.com/       line 20    a more specific host has routes
  www.example.com/api  line 16    the method is not POST; header x-version is missing
";
    assert_eq!(text, wanted);
}

#[test]
fn method_and_headers_decide_as_they_do_when_served() {
    let explained = explain("http://www.example.com/api", "POST", &["X-Version: 2"], "203.0.113.7");
    let route = explained.route.unwrap();
    assert_eq!((route.line, route.action), (16, vec!["answers 200 with 5 bytes".to_owned()]));
    assert!(route.app.is_none());
}

#[test]
fn a_split_tells_the_shares() {
    let action = get("http://www.example.com/").route.unwrap().action;
    assert_eq!(
        action,
        ["forwards to blue:8080 (75.0 % of requests)", "forwards to green.shop:http (25.0 % of requests)"]
    );
}

#[test]
fn a_redirect_is_told_with_its_places_filled() {
    let action = get("http://a.example.com:81/x/../y?z").route.unwrap().action;
    assert_eq!(action, ["redirects to https://a.example.com/y?z (308)"]);
}

#[test]
fn the_forwarding_fields_of_a_trusted_peer_are_believed_and_those_of_a_stranger_are_not() {
    let fields = ["X-Forwarded-For: 192.0.2.1, 198.51.100.2, 10.1.1.1", "X-Forwarded-Proto: https"];
    let trusted = explain("http://www.example.com/api", "GET", &fields, "10.2.2.2");
    assert_eq!(header(&trusted, "x-who"), Some("198.51.100.2 over https"));
    assert_eq!(header(&trusted, "x-forwarded-for"), Some("192.0.2.1, 198.51.100.2, 10.1.1.1, 10.2.2.2"));
    let stranger = explain("http://www.example.com/api", "GET", &fields, "203.0.113.7");
    assert_eq!(header(&stranger, "x-who"), Some("203.0.113.7 over http"));
    assert_eq!(header(&stranger, "x-forwarded-for"), Some("203.0.113.7"));
}

#[test]
fn what_the_proxy_answers_itself_has_a_reason() {
    let cases = [
        ("http://example.org/", "GET", 404, "no route is for this host"),
        ("http://www.example.com/a%2f../b", "GET", 400, "hidden dot segment in path"),
        ("http://www.example.com/", "TRACE", 405, "CONNECT and TRACE are refused"),
    ];
    for (url, method, status, reason) in cases {
        let refused = explain(url, method, &[], "203.0.113.7").refused.unwrap();
        assert_eq!((refused.status, refused.reason.as_str()), (status, reason));
    }
}

#[test]
fn a_url_is_sent_as_clients_send_it() {
    let asked = |url: &str| Asked::new(url, "GET", &[]).map(|asked| asked.url());
    let cases = [
        ("www.example.com", "http://www.example.com/"),
        ("HTTPS://me:secret@a:8443?x#top", "https://a:8443/?x"),
        ("http://bücher.example:81/ü b", "http://xn--bcher-kva.example:81/%C3%BC%20b"),
        ("http://[::1]:8080/", "http://[::1]:8080/"),
    ];
    for (url, sent) in cases {
        assert_eq!(asked(url).as_deref(), Ok(sent));
    }
    assert_eq!(get("http://bücher.example/").route.map(|route| route.line), Some(22));
    assert!(asked("ftp://a/").is_err() && asked("http:///x").is_err() && asked("").is_err());
}

#[test]
fn a_host_field_is_asked_for_in_place_of_the_host_of_the_url() {
    let explained = explain("http://127.0.0.1:8080/", "GET", &["host: www.example.com"], "203.0.113.7");
    assert_eq!(explained.route.map(|route| route.line), Some(4));
}

#[test]
fn programs_read_names_that_stay() {
    let object = serde_json::to_value(get("http://www.example.com/api")).unwrap();
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&object), ["file", "method", "more", "others", "refused", "route", "url"]);
    assert_eq!(keys(&object["route"]), ["action", "app", "limits", "line", "route", "timeouts"]);
    assert_eq!(keys(&object["route"]["app"]), ["headers", "path", "removed"]);
    assert_eq!(object["others"][0]["missed"][0], "the winner's path is more specific");
    assert_eq!(object["route"]["timeouts"]["firstByte"], "1m30s");
}
