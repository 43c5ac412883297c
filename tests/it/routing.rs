//! Which app gets a request, and what is said when none does.

use crate::support::{Client, gatepost, nobody, upstream};

#[test]
fn a_request_goes_to_the_app_of_its_host() {
    let (one, two) = (upstream().ok("one"), upstream().ok("two"));
    let gate = gatepost().route("host: one.test", &one).route("host: two.test", &two).start();
    assert_eq!(gate.client().get("one.test", "/").text(), "one");
    assert_eq!(gate.client().get("TWO.test.:8080", "/").text(), "two");
}

#[test]
fn the_longest_path_of_a_host_wins() {
    let (all, api) = (upstream().ok("all"), upstream().ok("api"));
    let gate = gatepost().route("host: a.test", &all).route("host: a.test, path: /api", &api).start();
    let mut client = gate.client();
    assert_eq!(client.get("a.test", "/apix").text(), "all");
    assert_eq!(client.get("a.test", "/api/x").text(), "api");
    assert_eq!(client.get("a.test", "/%61pi").text(), "api");
    assert_eq!(client.get("a.test", "/api/../x").text(), "all");
}

#[test]
fn an_absolute_target_decides_the_host() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).start();
    let mut client = gate.client();
    assert_eq!(client.send("GET http://a.test/x?y HTTP/1.1\r\nHost: a.test\r\n\r\n").answer().text(), "hello");
    let seen = app.request();
    assert_eq!((seen.target(), seen.field("host")), ("/x?y", Some("a.test")));
}

#[test]
fn the_client_s_own_host_reaches_the_app_with_its_port() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).start();
    gate.client().get("a.test:8080", "/");
    assert_eq!(app.request().field("host"), Some("a.test:8080"));
}

#[test]
fn an_unknown_host_is_404_and_nothing_of_it_reaches_an_app() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).start();
    let answer = gate.client().get("b.test", "/");
    assert_eq!((answer.status(), answer.field("proxy-status")), (404, Some("gatepost; error=destination_not_found")));
    assert_eq!(app.connections(), 0);
}

#[test]
fn an_empty_table_says_that_there_are_no_routes() {
    let answer = gatepost().start().client().get("a.test", "/");
    assert_eq!(answer.status(), 404);
    assert!(answer.text().contains("has no routes yet"), "{}", answer.text());
}

#[test]
fn without_a_table_everything_is_503() {
    let gate = gatepost().without_table().start();
    let answer = gate.client().get("a.test", "/");
    assert_eq!(
        (answer.status(), answer.field("proxy-status")),
        (503, Some("gatepost; error=proxy_configuration_error"))
    );
}

#[test]
fn a_broken_route_is_503_and_never_a_less_specific_one() {
    let app = upstream().ok("hello");
    let bad = "host: a.test, path: /admin, backend: app:1, auth: {}";
    let gate = gatepost().route("host: a.test", &app).line(bad).section("# bad").start();
    let mut client = gate.client();
    let answer = client.get("a.test", "/admin/users");
    assert_eq!(
        (answer.status(), answer.field("proxy-status")),
        (503, Some("gatepost; error=proxy_configuration_error"))
    );
    assert_eq!(client.get("a.test", "/other").text(), "hello");
}

#[test]
fn a_request_of_http_1_0_without_a_host_can_only_match_any_host() {
    let (any, a) = (upstream().ok("any"), upstream().ok("a"));
    let gate = gatepost().route("host: \"*\"", &any).route("host: a.test", &a).start();
    assert_eq!(gate.client().send("GET / HTTP/1.0\r\n\r\n").answer().text(), "any");
    assert_eq!(gate.client().send("GET / HTTP/1.0\r\nHost: a.test\r\n\r\n").answer().text(), "a");
}

#[test]
fn a_backend_of_weight_0_gets_nothing_and_the_others_their_share() {
    let (one, two, none) = (upstream().ok("1"), upstream().ok("2"), upstream().ok("0"));
    let [a, b, c] = [&one, &two, &none].map(|app| app.addr);
    let backends = format!("[{{to: \"{a}\", weight: 3}}, {{to: \"{b}\", weight: 1}}, {{to: \"{c}\", weight: 0}}]");
    let gate = gatepost().line(&format!("host: a.test, backends: {backends}")).start();
    let mut client = gate.client();
    for _ in 0..400 {
        client.get("a.test", "/");
    }
    let (one, two) = (one.requests().len(), two.requests().len());
    assert_eq!((one + two, none.connections()), (400, 0));
    // 300 expected, standard deviation 8.7: these bounds are over eleven of them away
    assert!((200..400).contains(&one), "{one} : {two}");
}

#[test]
fn conditions_fall_back_to_the_next_path_of_the_same_host() {
    let (post, all) = (upstream().ok("post"), upstream().ok("all"));
    let gate = gatepost()
        .route("host: a.test, path: /x, match: {methods: [POST], headers: {X-Team: blue}}", &post)
        .route("host: a.test", &all)
        .start();
    let mut client = gate.client();
    assert_eq!(client.post("a.test", "/x", "").text(), "all");
    let blue = "POST /x HTTP/1.1\r\nHost: a.test\r\nX-Team: blue\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(client.send(blue).answer().text(), "post");
}

#[test]
fn several_workers_serve_one_port() {
    let app = upstream().ok("hello");
    let gate = gatepost().route("host: a.test", &app).workers(3).start();
    let mut clients: Vec<Client> = (0..24).map(|_| gate.client()).collect();
    for client in &mut clients {
        assert_eq!(client.get("a.test", "/").text(), "hello");
    }
}

#[test]
fn an_app_that_is_away_is_502_and_says_why() {
    let gate = gatepost().to("host: a.test", nobody()).start();
    let answer = gate.client().get("a.test", "/");
    assert_eq!((answer.status(), answer.field("proxy-status")), (502, Some("gatepost; error=connection_refused")));
}
