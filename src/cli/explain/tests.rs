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

/// Behind it in a file of its own, so that the lines above stay.
const TLS: &str = r#"
defaults: {https: redirect}
trust: {proxies: [10.0.0.0/8]}
routes:
  - {host: www.example.com, backend: "a:80", hsts: {maxAge: 365d}}
  - {host: only.example.com, backend: "a:80", https: only}
  - {host: allow.example.com, backend: "a:80", https: allow}
  - {host: none.example.org, backend: "a:80", https: allow}
  - {host: admin.example.com, backend: "a:80", https: allow}
  - {hosts: [wild.example.com, auto.example.org], backend: "a:80"}
tls:
  certificates:
    - {host: "*.example.com", secret: wild}
    - {host: www.example.com, secret: shop/ecdsa, clientCa: {secret: ca}}
    - {host: www.example.com, secret: shop/rsa, clientCa: {secret: ca}}
    - {host: admin.example.com, secret: admin, clientCa: {secret: ca}}
"#;

fn explain(url: &str, method: &str, headers: &[&str], peer: &str) -> Explained {
    explain_of(FILE, url, method, headers, peer)
}

fn explain_of(file: &str, url: &str, method: &str, headers: &[&str], peer: &str) -> Explained {
    let headers: Vec<_> = headers.iter().map(|text| field(text).unwrap()).collect();
    let served = served("routes.yaml", file).unwrap();
    Explained::new("routes.yaml", &served, &Asked::new(url, method, &headers).unwrap(), peer.parse().unwrap())
}

/// The lines of the block `HTTPS`, and what the route does.
fn https_of(file: &str, url: &str) -> (Vec<String>, Vec<String>) {
    let explained = explain_of(file, url, "GET", &[], "203.0.113.7");
    let text = text::of(&explained);
    let block = text.lines().skip_while(|line| *line != "HTTPS").skip(1).take_while(|line| line.starts_with(' '));
    let block = block.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    (block, explained.route.map(|route| route.action).unwrap_or_default())
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

HTTPS
  in clear             served: no certificate is for this host
  certificate          none is for this host: a handshake ends with an alert

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
        ("http://www.example.com/x", "CONNECT", 405, "CONNECT and TRACE are refused"),
        ("http://www.example.com:443", "CONNECT", 405, "CONNECT and TRACE are refused"),
        // what no route can allow is refused whatever is asked for
        ("http://www.example.com/a%2f../b", "TRACE", 405, "CONNECT and TRACE are refused"),
    ];
    for (url, method, status, reason) in cases {
        let refused = explain(url, method, &[], "203.0.113.7").refused.unwrap();
        assert_eq!((refused.status, refused.reason.as_str()), (status, reason));
    }
}

#[test]
fn a_body_whose_length_is_told_twice_is_refused_before_anything_else() {
    for method in ["POST", "TRACE"] {
        let twice = ["Content-Length: 5", "Transfer-Encoding: chunked"];
        let refused = explain("http://example.org/", method, &twice, "203.0.113.7").refused.unwrap();
        assert_eq!(refused.status, 400, "{method}");
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
fn a_request_in_clear_is_redirected_refused_or_served_as_its_route_says() {
    let auto = &*TLS.replace("defaults: {https: redirect}\n", "");
    // the last one is what the route does, unless the request never gets there
    for (file, url, in_clear, is_reached) in [
        (
            TLS,
            "wild.example.com:80/a/../b?c",
            "answered 308 to https://wild.example.com/b?c (`https: redirect`)",
            false,
        ),
        (TLS, "only.example.com/", "answered 403 (`https: only`)", false),
        (TLS, "allow.example.com/", "served (`https: allow`)", true),
        (TLS, "wild.example.com/.well-known/acme-challenge/x", "served: an ACME challenge is asked for in clear", true),
        (
            auto,
            "wild.example.com/",
            "answered 308 to https://wild.example.com/ when a certificate for this host is loaded on every node, else served",
            true,
        ),
        (auto, "auto.example.org/", "served: no certificate is for this host", true),
        // who must show a certificate cannot do so in clear
        (
            auto,
            "www.example.com/",
            "answered 308 to https://www.example.com/ when a certificate for this host is loaded on every node, else 403: clients of this host must show a certificate",
            false,
        ),
        (auto, "admin.example.com/", "answered 403: clients of this host must show a certificate", false),
    ] {
        let (block, actions) = https_of(file, &format!("http://{url}"));
        let done = if is_reached { "forwards to a:80" } else { in_clear };
        assert_eq!((block[0].as_str(), actions), (&*format!("in clear {in_clear}"), vec![done.to_owned()]), "{url}");
        // and over https all of them do what they are for
        let (block, actions) = https_of(file, &format!("https://{url}").replace(":80/", "/"));
        assert!(!block.iter().any(|line| line.starts_with("in clear")), "{block:?}");
        assert_eq!(actions, ["forwards to a:80"], "{url}");
    }
}

#[test]
fn what_a_trusted_proxy_took_over_https_is_not_in_clear() {
    let explained = explain_of(TLS, "http://wild.example.com/", "GET", &["X-Forwarded-Proto: https"], "10.1.1.1");
    assert_eq!(explained.https.unwrap().in_clear, None);
    assert_eq!(explained.route.unwrap().action, ["forwards to a:80"]);
    // but it is no certificate of the client
    let explained = explain_of(TLS, "http://www.example.com/", "GET", &["X-Forwarded-Proto: https"], "10.1.1.1");
    let refused = "answered 403: clients of this host must show a certificate";
    assert_eq!(explained.https.unwrap().in_clear.as_deref(), Some(refused));
    assert!(explained.route.unwrap().app.is_none());
}

#[test]
fn a_host_has_the_certificates_of_its_name_else_of_its_wildcard_else_those_of_the_default() {
    let url = |host: &str| format!("https://{host}/");
    let www = https_of(TLS, &url("www.example.com")).0;
    let wanted = [
        "certificate Secret shop/ecdsa (line 14)",
        "certificate Secret shop/rsa (line 15)",
        "client certificate required, of the authority in Secret ca",
        "hsts max-age=31536000",
    ];
    assert_eq!(www, wanted);
    assert_eq!(https_of(TLS, &url("only.example.com")).0, ["certificate Secret wild (line 13)"]);
    let none = ["certificate none is for this host: a handshake ends with an alert"];
    assert_eq!(https_of(TLS, &url("none.example.org")).0, none);
    // a wildcard of certificates is one label, and a host without routes has a certificate all the same
    assert_eq!(https_of(TLS, &url("a.b.example.com")).0, none);
    assert_eq!(https_of(TLS, &url("other.example.com")).0, ["certificate Secret wild (line 13)"]);
    let default = format!("{TLS}  default: any.example.com\n");
    assert_eq!(
        https_of(&default, &url("none.example.org")).0,
        ["certificate Secret wild (line 13; that of `default`: unless it has this name too, the answer is 421)"]
    );
}

#[test]
fn programs_read_names_that_stay() {
    let object = serde_json::to_value(get("http://www.example.com/api")).unwrap();
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&object), ["dns", "file", "https", "method", "more", "others", "refused", "route", "url"]);
    assert_eq!(keys(&object["route"]), ["action", "app", "limits", "line", "route", "timeouts"]);
    assert_eq!(keys(&object["route"]["app"]), ["headers", "path", "removed"]);
    assert_eq!(keys(&object["https"]), ["certificates", "clientCertificate", "hsts", "inClear", "isDefault"]);
    assert_eq!(object["others"][0]["missed"][0], "the winner's path is more specific");
    assert_eq!(object["route"]["timeouts"]["firstByte"], "1m30s");
}

#[test]
fn the_record_of_a_host_is_told_as_far_as_the_file_tells() {
    const ROUTES: &str = "routes:\n\
        - {host: www.example.com, backend: \"a:80\"}\n\
        - {host: \"*.wild.example.com\", backend: \"a:80\", dns: {proxied: true}}\n\
        - {host: off.example.com, backend: \"a:80\", dns: false}\n\
        - {host: bad.example.com, backend: oops}\n\
        - {host: \"*\", backend: \"a:80\"}\n";
    let both = "{names: [k.example.com, \"*.k.example.com\"], routeHosts: cname}";
    for (section, host, said) in [
        (both, "k.example.com", Some("A and AAAA of the nodes (`dns.names`)")),
        (both, "a.b.k.example.com", Some("A and AAAA of the nodes (`dns.names`)")),
        (
            "{names: [k.example.com], proxied: true}",
            "k.example.com",
            Some("A and AAAA of the nodes, proxied (`dns.names`)"),
        ),
        (both, "www.example.com", Some("CNAME to `k.example.com`, when its zone is one of yours")),
        (
            both,
            "a.b.wild.example.com",
            Some("CNAME of `*.wild.example.com` to `k.example.com`, proxied, when its zone is one of yours"),
        ),
        (both, "wild.example.com", Some("none: no route names this host, or one says `dns: false`")),
        (both, "off.example.com", Some("none: no route names this host, or one says `dns: false`")),
        (both, "bad.example.com", Some("CNAME as it is now: what its routes say could not be read")),
        (
            "{routeHosts: cname}",
            "www.example.com",
            Some("CNAME to the first name of `--dns-name`, when its zone is one of yours"),
        ),
        (
            "{names: [], routeHosts: cname}",
            "www.example.com",
            Some("none: there is no name in `dns.names` that it could point at"),
        ),
        ("{names: [k.example.com]}", "www.example.com", Some("none of gatepost's: `dns.routeHosts` is off")),
        ("{}", "www.example.com", None),
    ] {
        let file = format!("{ROUTES}dns: {section}\n");
        let explained = explain_of(&file, host, "GET", &[], "203.0.113.7");
        assert_eq!(explained.dns.as_deref(), said, "{section} {host}");
        let text = text::of(&explained);
        assert_eq!(text.contains("\nDNS\n  record "), said.is_some(), "{text}");
    }
}
