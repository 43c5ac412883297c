//! A bad route or section spoils nothing else, and never opens a hole.

use super::*;

fn settled(text: &str, last: Option<&Config>) -> Config {
    parse(text, "routes.yaml").unwrap().settle(last).unwrap().0
}

/// Routes as `host path -> what`, in order.
fn table(config: &Config) -> Vec<String> {
    let one = |route: &Route| {
        let hosts: Vec<_> = route.hosts.iter().map(HostPattern::to_string).collect();
        let what = match &route.action {
            Action::Forward(to) => to[0].to.to_string(),
            Action::Broken => "broken".to_owned(),
            other => format!("{other:?}"),
        };
        format!("{} {} -> {what}", hosts.join(","), route.path)
    };
    config.routes.iter().map(one).collect()
}

#[test]
fn a_bad_route_keeps_its_last_good_version_and_the_others_go_live() {
    let before = good("routes:\n- {host: a, backend: \"old:1\"}\n- {host: b, backend: \"old:1\"}\n");
    let after = settled(
        "routes:\n- {host: b, backend: oops}\n- {host: a, backend: \"new:1\"}\n- {host: c, backend: \"new:1\"}\n",
        Some(&before),
    );
    assert_eq!(table(&after), ["b / -> old:1", "a / -> new:1", "c / -> new:1"]);
    assert_eq!(after.routes[0].line, 2, "the line is that of the file that is there");
}

#[test]
fn a_bad_route_without_a_good_version_leaves_a_tombstone_on_host_path_and_match() {
    let text = "routes:\n- {host: a, backend: \"a:1\"}\n- {host: a, path: /admin, match: {methods: [GET]}, auth: {}, backend: \"a:1\"}\n";
    let config = settled(text, None);
    assert_eq!(table(&config), ["a / -> a:1", "a /admin -> broken"]);
    assert_eq!(config.routes[1].conditions.methods, ["GET"]);
}

#[test]
fn the_last_good_version_is_found_per_host() {
    let before = good("routes:\n- {hosts: [a, b], path: /x, backend: \"old:1\"}\n");
    let after = settled("routes:\n- {hosts: [c, b], path: /x, backend: oops}\n", Some(&before));
    assert_eq!(table(&after), ["c /x -> broken", "b /x -> old:1"]);
}

#[test]
fn a_tombstone_is_no_good_version() {
    let before = settled("routes:\n- {host: a, backend: oops}\n", None);
    let after = settled("routes:\n- {host: a, backend: oops}\n", Some(&before));
    assert_eq!(table(&after), ["a / -> broken"]);
}

#[test]
fn a_route_whose_path_or_match_cannot_be_read_covers_its_hosts() {
    for bad in [
        "path: {regex: \"(\"}",
        "path: nope",
        "match: {methods: []}",
        "path: /x, match: {header: {}}",
        "path: /x, path: /y",
    ] {
        let text = format!(
            "routes:\n- {{hosts: [a, b], path: /x, backend: \"x:1\"}}\n- {{host: a, {bad}, backend: \"x:1\"}}\n- {{host: a, path: /y, backend: oops}}\n- {{host: \"*.a\", backend: \"w:1\"}}\n"
        );
        assert_eq!(table(&settled(&text, None)), ["b /x -> x:1", "a / -> broken", "*.a / -> w:1"], "{bad}");
    }
}

#[test]
fn of_two_routes_with_one_identity_the_later_is_bad_and_both_lines_are_named() {
    let text = "routes:\n- {host: a, path: /x/, backend: \"first:1\"}\n- {hosts: [b, A.], path: \"/%78\", backend: \"later:1\"}\n";
    assert_eq!(
        told(text),
        [
            "routes.yaml:3:3: routes[1]: line 3 repeats the route of line 2: host `a`, path `/x` (remove one of them, or give them a different `path` or `match`)"
        ]
    );
    assert_eq!(table(&settled(text, None)), ["a /x -> first:1", "b /x -> broken"]);
}

#[test]
fn a_duplicate_of_a_bad_route_is_bad_too() {
    let text = "routes:\n- {host: a, backend: oops}\n- {host: a, backend: \"a:1\"}\n";
    assert_eq!(table(&settled(text, None)), ["a / -> broken"]);
}

#[test]
fn routes_with_another_match_are_other_routes() {
    let text = "routes:\n- {host: a, backend: \"a:1\"}\n- {host: a, backend: \"b:1\", match: {methods: [GET]}}\n- {host: a, backend: \"c:1\", match: {query: {q: present}}}\n";
    assert_eq!(good(text).routes.len(), 3);
}

#[test]
fn a_host_has_at_most_a_thousand_expressions() {
    let mut text = "routes:\n".to_owned();
    for number in 0..=1000 {
        text.push_str(&format!("- {{host: a, path: {{regex: \"/{number}\"}}, backend: \"a:1\"}}\n"));
    }
    assert_eq!(
        told(&text),
        [
            "routes.yaml:1002:3: routes[1000]: `a` has more than 1000 routes with a `path.regex` (join some into one expression, or use prefixes)"
        ]
    );
}

#[test]
fn a_bad_section_keeps_its_last_good_version() {
    let before = good("limits: {streams: 7}\ndefaults: {via: true}\nroutes: [{host: a, backend: \"a:1\"}]\n");
    let text =
        "limits: {streams: 0}\ndefaults: {retry: {}}\ndrain: {tunnels: 1s}\nroutes: [{host: a, backend: \"a:1\"}]\n";
    let after = settled(text, Some(&before));
    assert_eq!(after.limits.streams, 7);
    assert_eq!(after.drain.tunnels, secs(1));
    assert!(after.routes[0].via, "the defaults of before hold for the routes of now");
}

#[test]
fn a_bad_section_that_never_was_good_refuses_the_file() {
    for section in [
        "limits: {streams: 0}",
        "trust: {proxies: [x]}",
        "drain: 5s",
        "accessLog: {format: x}",
        "defaults: {x: 1}",
        "tls: {minVersion: 1}",
        "dns: {ttl: 5}",
    ] {
        let parsed = parse(&format!("{section}\nroutes: [{{host: a, backend: \"a:1\"}}]\n"), "x").unwrap();
        let Err(Refused { problems }) = parsed.settle(None) else { panic!("{section}") };
        assert_eq!(problems.len(), 1, "{section}");
    }
}

#[test]
fn a_file_is_refused_when_it_is_not_known_what_would_go_live() {
    for text in [
        "routes:\n- {hosts: [a, \"b*\"], backend: \"a:1\"}\n",
        "routes:\n- {backend: \"a:1\"}\n",
        "routes:\n- {hosts: [], backend: \"a:1\"}\n",
        "routes:\n- {host: a, host: b, backend: \"a:1\"}\n",
        "routes:\n- text\n",
        "routes: text\n",
        "routes: []\nroutes: []\n",
        "route: []\n",
        "dsn: {}\n",
        "- host: a\n",
        "a: [\n",
    ] {
        assert!(is_refused(text), "{text}");
    }
}

#[test]
fn file_order_stays() {
    let text = "routes:\n- {host: c, backend: \"a:1\"}\n- {host: b, backend: oops}\n- {host: a, backend: \"a:1\"}\n";
    let hosts: Vec<_> = settled(text, None).routes.iter().map(|route| route.hosts[0].to_string()).collect();
    assert_eq!(hosts, ["c", "b", "a"]);
}
