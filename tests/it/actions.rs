//! What a route does besides forwarding, and how it changes a request on its way.

use crate::support::{gatepost, upstream};

#[test]
fn a_redirect_says_where_and_that_nobody_may_remember_it() {
    let gate = gatepost()
        .line("host: a.test, redirect: {to: \"https://{host}/new{path}{query}\", status: 302}")
        .line("host: b.test, redirect: {scheme: https, port: 8443}")
        .start();
    let mut client = gate.client();
    let answer = client.get("a.test:80", "/x/y?q=1");
    assert_eq!((answer.status(), answer.field("location")), (302, Some("https://a.test/new/x/y?q=1")));
    assert_eq!((answer.field("cache-control"), answer.body.len()), (Some("no-store"), 0));
    let answer = client.get("b.test", "/x?q");
    assert_eq!((answer.status(), answer.field("location")), (308, Some("https://b.test:8443/x?q")));
}

#[test]
fn an_answer_without_an_app_has_what_the_route_says() {
    let gate = gatepost().line("host: a.test, respond: {status: 418, body: tea, headers: {X-Pot: short}}").start();
    let mut client = gate.client();
    let answer = client.get("a.test", "/");
    assert_eq!((answer.status(), answer.text(), answer.field("x-pot")), (418, "tea", Some("short")));
    assert_eq!(answer.field("content-type"), Some("text/plain; charset=utf-8"));
    assert!(answer.field("date").is_some());
    let answer = client.send("HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n").answer_to_head();
    assert_eq!((answer.status(), answer.field("content-length")), (418, Some("3")));
    assert_eq!(client.post("a.test", "/", "ignored").text(), "tea");
    assert_eq!(client.get("a.test", "/").text(), "tea");
}

#[test]
fn strip_prefix_drops_the_prefix_and_tells_the_app() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test, path: /api, rewrite: {stripPrefix: true}", &app).start();
    let mut client = gate.client();
    for (asked, sent) in [("/api/x?y=/api", "/x?y=/api"), ("/api", "/"), ("/api/", "/"), ("/%61pi//x", "/x")] {
        client.get("a.test", asked);
        let seen = app.request();
        assert_eq!((seen.target(), seen.field("x-forwarded-prefix")), (sent, Some("/api")), "{asked}");
    }
}

#[test]
fn rewrites_of_prefix_path_and_host_reach_the_app() {
    let app = upstream().ok("hello");
    let gate = gatepost()
        .route("host: a.test, path: /old, rewrite: {prefix: /new, host: inner.test}", &app)
        .route("host: b.test, rewrite: {path: /only}", &app)
        .start();
    let mut client = gate.client();
    client.get("a.test", "/old/x?q");
    let seen = app.request();
    assert_eq!((seen.target(), seen.field("host")), ("/new/x?q", Some("inner.test")));
    assert_eq!(seen.field("x-forwarded-host"), Some("a.test"));
    client.get("b.test", "/any/thing?q");
    assert_eq!(app.request().target(), "/only?q");
}

#[test]
fn fields_are_removed_set_and_added_on_both_ways() {
    let app = upstream().raw("HTTP/1.1 200 OK\r\nServer: secret\r\nX-Old: 1\r\nContent-Length: 0\r\n\r\n");
    let edits = "headers: {request: {remove: [X-Gone], set: {X-Who: \"{client.ip} {host}{path} {scheme} {request.id}\"}, \
                 add: {X-More: b}}, response: {remove: [Server], set: {X-Old: \"2\"}, add: {X-Old: \"3\"}}}";
    let gate = gatepost().route(&format!("host: a.test, {edits}"), &app).start();
    let answer = gate
        .client()
        .send("GET /p HTTP/1.1\r\nHost: a.test\r\nX-Gone: 1\r\nX-Who: me\r\nX-More: a\r\nX-Request-Id: r1\r\n\r\n")
        .answer();
    let seen = app.request();
    assert_eq!((seen.field("x-gone"), seen.all("x-more")), (None, vec!["a", "b"]));
    assert_eq!(seen.field("x-who"), Some("127.0.0.1 a.test/p http r1"));
    assert_eq!((answer.field("server"), answer.all("x-old")), (None, vec!["2", "3"]));
}

#[test]
fn via_is_added_only_when_asked_for() {
    let app = upstream().ok("hello");
    let routes = |via: bool| gatepost().route("host: a.test", &app).section(&format!("defaults: {{via: {via}}}"));
    let answer = routes(false).start().client().get("a.test", "/");
    assert_eq!((app.request().field("via"), answer.field("via")), (None, None));
    let answer = routes(true).start().client().get("a.test", "/");
    assert_eq!((app.request().field("via"), answer.field("via")), (Some("1.1 gatepost"), Some("1.1 gatepost")));
}
