//! The stand-in keeps Cloudflare's rules, each as the documents tell it, and fails as it is told.

use http::header::AUTHORIZATION;

use super::*;

const NOW: Duration = Duration::from_secs(1_000_000);

fn server() -> Server {
    Server::new().zone("example.com").zone("example.org").with("t", Access::Edit).with("r", Access::Read)
}

fn ask_as(server: &mut Server, token: &str, at: Duration, what: &str, body: &Value) -> (u16, Value) {
    let (method, path) = what.split_once(' ').unwrap();
    let zone = server.zones.first().map_or_else(String::new, |zone| zone.id.to_string());
    let request = Request::builder()
        .method(method)
        .uri(format!("{PREFIX}{}", path.replace("{zone}", &zone)))
        .header(AUTHORIZATION, format!("Bearer {token}"))
        .body(Bytes::from(body.to_string()));
    match server.answer(&request.unwrap(), at) {
        Answer::Reply(reply) => (reply.status().as_u16(), serde_json::from_slice(reply.body()).unwrap_or_default()),
        Answer::Cut => (0, json!("cut")),
        Answer::Silence => (0, json!("silence")),
    }
}

fn ask(server: &mut Server, what: &str, body: &Value) -> (u16, Value) {
    ask_as(server, "t", NOW, what, body)
}

fn post(server: &mut Server, record: &Value) -> (u16, Value) {
    ask(server, "POST /zones/{zone}/dns_records", record)
}

/// Status, code, and the code below it.
fn codes((status, answer): &(u16, Value)) -> (u16, u64, u64) {
    let error = &answer["errors"][0];
    let below = error["error_chain"][0]["code"].as_u64().unwrap_or(0);
    (*status, error["code"].as_u64().unwrap_or(0), below)
}

fn a(name: &str, content: &str) -> Value {
    json!({"type": "A", "name": name, "content": content, "ttl": 120, "proxied": false, "comment": "x"})
}

fn with(mut record: Value, field: &str, value: Value) -> Value {
    record[field] = value;
    record
}

#[test]
fn a_record_is_made_read_changed_and_deleted() {
    let mut server = server();
    let (status, made) = post(&mut server, &a("www", "192.0.2.1"));
    assert_eq!((status, made["result"]["name"].as_str()), (200, Some("www.example.com")));
    let id = made["result"]["id"].as_str().unwrap().to_owned();
    let one = format!("/zones/{{zone}}/dns_records/{id}");
    let (_, patched) = ask(&mut server, &format!("PATCH {one}"), &json!({"content": "192.0.2.2"}));
    assert_eq!((&patched["result"]["content"], &patched["result"]["comment"]), (&json!("192.0.2.2"), &json!("x")));
    let (_, put) = ask(&mut server, &format!("PUT {one}"), &json!({"name": "@", "content": "192.0.2.3"}));
    assert_eq!((&put["result"]["name"], &put["result"]["comment"]), (&json!("example.com"), &Value::Null));
    assert_eq!(ask(&mut server, &format!("GET {one}"), &Value::Null).1["result"], put["result"]);
    assert_eq!(server.records("example.com").len(), 1);
    let (_, deleted) = ask(&mut server, &format!("DELETE {one}"), &Value::Null);
    assert_eq!(deleted["result"], json!({ "id": id }));
    assert_eq!(codes(&ask(&mut server, &format!("GET {one}"), &Value::Null)), (404, 81_044, 0));
    let wrote: Vec<bool> = server.calls().map(|call| call.wrote).collect();
    assert_eq!(wrote, [true, true, true, false, true, false]);
}

#[test]
fn what_cannot_be_is_refused_with_cloudflares_code() {
    let long = "c".repeat(101);
    for (there, new, expected) in [
        (Value::Null, a("www", "2001:db8::1"), (400, 1004, 9005)),
        (Value::Null, with(a("www", "192.0.2.1"), "type", json!("AAAA")), (400, 1004, 9006)),
        (Value::Null, with(a("www", "a b"), "type", json!("CNAME")), (400, 1004, 9007)),
        (Value::Null, a("w w", "192.0.2.1"), (400, 1004, 9000)),
        (Value::Null, with(a("www", "192.0.2.1"), "ttl", json!(59)), (400, 1004, 9021)),
        (Value::Null, with(a("www", "192.0.2.1"), "ttl", json!(86_401)), (400, 1004, 9021)),
        (Value::Null, with(a("www", "192.0.2.1"), "comment", json!(long)), (400, 1004, 9300)),
        (
            Value::Null,
            json!({"type": "TXT", "name": "www", "content": "x", "ttl": 1, "proxied": true}),
            (400, 1004, 9004),
        ),
        (a("www", "192.0.2.1"), a("WWW.example.com.", "192.0.2.1"), (400, 81_058, 0)),
        (a("www", "192.0.2.1"), with(a("www", "192.0.2.1"), "ttl", json!(300)), (400, 81_057, 0)),
        (a("www", "192.0.2.1"), with(a("www", "x.example"), "type", json!("CNAME")), (400, 81_053, 0)),
        (with(a("www", "x.example"), "type", json!("CNAME")), a("www", "192.0.2.1"), (400, 81_054, 0)),
        (
            with(a("www", "x.example"), "type", json!("CNAME")),
            with(a("www", "y.example"), "type", json!("CNAME")),
            (400, 81_053, 0),
        ),
        (a("www", "192.0.2.1"), a("www", "192.0.2.2"), (200, 0, 0)),
        (Value::Null, with(a("*.a", "192.0.2.1"), "ttl", json!(1)), (200, 0, 0)),
    ] {
        let mut server = server();
        if !there.is_null() {
            assert_eq!(post(&mut server, &there).0, 200);
        }
        assert_eq!(codes(&post(&mut server, &new)), expected, "{there} {new}");
    }
}

#[test]
fn a_proxied_record_has_the_automatic_ttl_whatever_was_asked_for() {
    let (_, made) = post(&mut server(), &with(a("www", "192.0.2.1"), "proxied", json!(true)));
    assert_eq!((&made["result"]["ttl"], &made["result"]["proxied"]), (&json!(1), &json!(true)));
}

#[test]
fn a_batch_deletes_first_and_is_done_as_a_whole_or_not_at_all() {
    let mut server = server();
    let (_, made) = post(&mut server, &a("www", "192.0.2.1"));
    let id = made["result"]["id"].clone();
    let cname = with(a("www", "x.example"), "type", json!("CNAME"));
    let swap = json!({"posts": [cname], "deletes": [{ "id": id }]});
    let (status, done) = ask(&mut server, "POST /zones/{zone}/dns_records/batch", &swap);
    assert_eq!((status, done["result"]["posts"].as_array().unwrap().len()), (200, 1));
    let before = server.all("example.com").to_vec();
    let bad = json!({"posts": [a("one", "192.0.2.1"), a("two", "192.0.2.2"), a("one", "192.0.2.1")]});
    assert_eq!(codes(&ask(&mut server, "POST /zones/{zone}/dns_records/batch", &bad)), (400, 81_058, 0));
    let typed = json!({"patches": [{"id": before[0].id, "type": "A", "content": "192.0.2.1"}]});
    assert_eq!(codes(&ask(&mut server, "POST /zones/{zone}/dns_records/batch", &typed)).1, 1004);
    let many: Vec<Value> = (0..201).map(|n| a(&format!("n{n}"), "192.0.2.1")).collect();
    assert_eq!(codes(&ask(&mut server, "POST /zones/{zone}/dns_records/batch", &json!({ "posts": many }))).1, 1004);
    assert_eq!(server.all("example.com"), before);
}

#[test]
fn a_full_zone_takes_no_more() {
    let mut server = server();
    server.set_quota("example.com", 1);
    assert_eq!(post(&mut server, &a("www", "192.0.2.1")).0, 200);
    assert_eq!(codes(&post(&mut server, &a("www", "192.0.2.2"))), (400, 81_045, 0));
    let (_, usage) = ask(&mut server, "GET /zones/{zone}/dns_records/usage", &Value::Null);
    assert_eq!(usage["result"], json!({"record_quota": 1, "record_usage": 1}));
}

#[test]
fn a_list_comes_in_pages_and_through_filters() {
    let mut server = server();
    for n in 0..5 {
        server.add_by_hand(NOW, &format!("n{n}.example.com"), "A", "192.0.2.1", Some(&format!("Mark:{} x", n % 2)));
    }
    let mut list = |query: &str| ask(&mut server, &format!("GET /zones/{{zone}}/dns_records?{query}"), &Value::Null).1;
    let last = list("page=3&per_page=2");
    let info = json!({"page": 3, "per_page": 2, "count": 1, "total_count": 5, "total_pages": 3});
    assert_eq!((last["result"].as_array().unwrap().len(), &last["result_info"]), (1, &info));
    for (query, count) in [
        ("comment.contains=mark%3A1", 2),
        ("comment.startswith=mark%3A0", 3),
        ("comment.startswith=ark", 0),
        ("name=n3.example.com&type=A", 1),
        ("type=AAAA", 0),
        ("", 5),
    ] {
        assert_eq!(list(query)["result_info"]["total_count"], json!(count), "{query}");
    }
    assert_eq!(codes(&(400, list("page=0"))).1, 9207);
}

#[test]
fn a_token_may_what_it_may() {
    let mut server = server().with("n", Access::NoZones);
    let mut ask = |token: &str, what: &str| codes(&ask_as(&mut server, token, NOW, what, &a("www", "192.0.2.1")));
    assert_eq!(ask("nobody", "GET /zones"), (403, 9109, 0));
    assert_eq!(ask("not a token", "GET /zones"), (400, 6003, 6111));
    assert_eq!(ask("nobody", "GET /user/tokens/verify"), (401, 1000, 0));
    assert_eq!(ask("r", "GET /user/tokens/verify"), (200, 0, 0));
    assert_eq!(ask("r", "GET /zones/{zone}/dns_records"), (200, 0, 0));
    assert_eq!(ask("r", "POST /zones/{zone}/dns_records"), (403, 10_000, 0));
    assert_eq!(ask("nobody", "GET /ips"), (200, 0, 0));
    assert_eq!(ask("t", "GET /zones/0/dns_records"), (404, 7003, 0));
    assert_eq!(ask_as(&mut server, "n", NOW, "GET /zones", &Value::Null).1["result"], json!([]));
    let tokens = server.calls().map(|call| call.token.as_deref());
    let told = ["nobody", "", "nobody", "r", "r", "r", "nobody", "t", "n"]
        .map(|token| Some(token).filter(|token| !token.is_empty()));
    assert_eq!(tokens.collect::<Vec<_>>(), told);
}

#[test]
fn whoever_asks_too_often_is_refused_for_as_long_again() {
    let mut server = server();
    server.set_limit(2, Duration::from_secs(10));
    let mut at =
        |seconds: u64| ask_as(&mut server, "t", NOW + Duration::from_secs(seconds), "GET /ips", &Value::Null).0;
    assert_eq!([at(0), at(5), at(9), at(18), at(19), at(20)], [200, 200, 429, 429, 200, 200]);
}

#[test]
fn lists_are_behind_when_they_are_told_to_be_and_reads_of_one_record_are_not() {
    let mut server = server();
    server.set_lag(Duration::from_secs(5));
    let (_, made) = post(&mut server, &a("www", "192.0.2.1"));
    let one = format!("GET /zones/{{zone}}/dns_records/{}", made["result"]["id"].as_str().unwrap());
    let mut seen = |seconds: u64| {
        let at = NOW + Duration::from_secs(seconds);
        let (_, list) = ask_as(&mut server, "t", at, "GET /zones/{zone}/dns_records", &Value::Null);
        (list["result"].as_array().unwrap().len(), ask_as(&mut server, "t", at, &one, &Value::Null).0)
    };
    assert_eq!([seen(0), seen(4), seen(5)], [(0, 200), (0, 200), (1, 200)]);
}

#[test]
fn each_fault_is_met_once_and_does_what_it_says() {
    use Fault::{CutAfter, CutBefore, Empty, FailAfter, FailBefore, FailMidway, SilentAfter, SilentBefore, TooMany};
    for (fault, status, made) in [
        (SilentBefore, 0, 0),
        (SilentAfter, 0, 2),
        (CutBefore, 0, 0),
        (CutAfter, 0, 2),
        (FailBefore(503), 503, 0),
        (FailAfter, 500, 2),
        (FailMidway, 500, 1),
        (Empty, 200, 2),
        (TooMany(None), 429, 0),
    ] {
        let mut server = server();
        server.fail(On::Write, fault.clone());
        assert_eq!(ask(&mut server, "GET /zones", &Value::Null).0, 200);
        let both = json!({"posts": [a("one", "192.0.2.1"), a("two", "192.0.2.1")]});
        assert_eq!(ask(&mut server, "POST /zones/{zone}/dns_records/batch", &both).0, status, "{fault:?}");
        assert_eq!((server.all("example.com").len(), server.faults_left()), (made, 0), "{fault:?}");
        assert_eq!(server.calls().next_back().unwrap().wrote, made > 0, "{fault:?}");
    }
    let mut server = server();
    server.fail(On::Read, Fault::ShortPage);
    server.fail(On::Any, Fault::Truncated);
    let (_, short) = ask(&mut server, "GET /zones", &Value::Null);
    assert_eq!((short["result"].as_array().unwrap().len(), &short["result_info"]["total_count"]), (1, &json!(2)));
    assert_eq!(ask(&mut server, "GET /zones", &Value::Null), (200, Value::Null));
}
