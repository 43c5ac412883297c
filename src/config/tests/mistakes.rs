//! Representative mistakes, with exactly what is told of them. The texts are a feature: a change here is a change for users.

use super::*;

/// The one problem of a file, as `check` shows it.
fn shown(text: &str) -> String {
    let problems = match parse(text, "routes.yaml") {
        Ok(parsed) => parsed.problems,
        Err(Refused { problems }) => problems,
    };
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems[0].snippet()
}

#[test]
fn an_unknown_key_names_the_nearest_right_word() {
    assert_eq!(
        shown("routes:\n  - host: a.example\n    bakend: app:80\n"),
        "error: routes[0]: there is no key `bakend` here
 --> routes.yaml:3:5
  |
3 |     bakend: app:80
  |     ^^^^^^
  = did you mean `backend`?
"
    );
}

#[test]
fn a_key_of_another_proxy_names_ours() {
    for (theirs, ours) in [
        ("service", "backend"),
        ("upstream", "backend"),
        ("proxy_pass", "backend"),
        ("to", "backend"),
        ("domain", "host"),
        ("server_name", "host"),
        ("hostname", "host"),
        ("location", "path"),
    ] {
        let told = told(&format!("routes:\n- {{host: a, backend: \"a:1\", {theirs}: x}}\n"));
        assert_eq!(told.len(), 1, "{theirs}");
        assert!(told[0].ends_with(&format!("there is no key `{theirs}` here (write `{ours}`)")), "{}", told[0]);
    }
}

#[test]
fn a_key_of_a_later_version_is_refused_by_name() {
    for key in "buffer retry balance sticky resolve health upstreamTls upstreamProxyProtocol allow deny rateLimit \
                concurrency auth cors compress errors maintenance mirror"
        .split_whitespace()
    {
        let told = told(&format!("routes:\n- {{host: a, backend: \"a:1\", {key}: x}}\n"));
        assert_eq!(told, [format!("routes.yaml:2:29: routes[0]: `{key}` is not available in this version")]);
    }
    for (section, path, key) in [
        ("defaults: {retry: {}}", "defaults: ", "retry"),
        ("defaults: {timeouts: {park: 5s}}", "defaults.timeouts: ", "park"),
        ("tls: {acme: {}}", "tls: ", "acme"),
        ("tls: {certificates: [{host: a, acme: {}}]}", "tls.certificates[0]: ", "acme"),
    ] {
        let told = told(&format!("routes: [{{host: a, backend: \"a:1\"}}]\n{section}\n"));
        assert_eq!(told.len(), 1, "{section}");
        assert!(told[0].ends_with(&format!(": {path}`{key}` is not available in this version")), "{}", told[0]);
    }
}

#[test]
fn two_errors_in_one_route_are_both_told_with_their_paths() {
    assert_eq!(
        told("routes:\n  - host: a\n    backend: app\n    timeouts: {connect: 5, firstbyte: 1s}\n"),
        [
            "routes.yaml:3:14: routes[0].backend: the backend `app` has no port (write `app:80` with the port of the app)",
            "routes.yaml:4:25: routes[0].timeouts.connect: the duration `5` has no unit (write `5s`)",
            "routes.yaml:4:28: routes[0].timeouts: there is no key `firstbyte` here (did you mean `firstByte`?)",
        ]
    );
}

#[test]
fn a_wildcard_without_quotes_is_told_as_that() {
    assert_eq!(
        shown("routes:\n  - host: *.example.com\n"),
        "error: a name that begins with `*` needs quotes, because `*` has a meaning of its own in YAML
 --> routes.yaml:2:11
  |
2 |   - host: *.example.com
  |           ^^^^^^^^^^^^^
  = write \"*.example.com\"
"
    );
    assert!(told("routes:\n  - host: *\n")[0].ends_with("(put the host in quotes: \"*\")"));
}

#[test]
fn a_misplaced_star_says_what_is_allowed() {
    assert_eq!(
        shown("routes:\n  - host: \"www.*.example\"\n    backend: a:1\n"),
        "error: routes[0].host: in `www.*.example` the `*` stands where it may not
 --> routes.yaml:2:11
  |
2 |   - host: \"www.*.example\"
  |           ^^^^^^^^^^^^^^^
  = allowed are `*` alone (every host) and `*.example.com` (one or more labels)
"
    );
}

#[test]
fn a_broken_expression_is_told_with_the_place_inside_of_it() {
    assert_eq!(
        shown("routes:\n- host: a\n  path: {regex: \"/v[0-9+/.*\"}\n  backend: a:1\n"),
        "error: routes[0].path.regex: at character 3 of this expression: unclosed character class
 --> routes.yaml:3:17
  |
3 |   path: {regex: \"/v[0-9+/.*\"}
  |                 ^^^^^^^^^^^^
  = the syntax is that of the Rust crate `regex`: no look-around, no back-references
"
    );
    let huge = told("routes:\n- {host: a, path: {regex: \"(.{500}){500}\"}, backend: \"a:1\"}\n");
    assert!(huge[0].contains("takes more than 1 MiB when it is compiled"), "{huge:?}");
}

#[test]
fn a_route_with_two_actions_names_them() {
    assert_eq!(
        shown("routes:\n- host: a\n  backend: a:1\n  respond: {status: 200}\n"),
        "error: routes[0]: `respond` stands beside `backend`
 --> routes.yaml:4:3
  |
4 |   respond: {status: 200}
  |   ^^^^^^^
  = a route has one action; write a second route, or `backends` for several apps
"
    );
}

#[test]
fn tabs_are_told_as_tabs() {
    assert_eq!(
        shown("routes:\n\t- host: a\n"),
        "error: this is no YAML: tabs disallowed within this context (block indentation)
 --> routes.yaml:2:2
  |
2 |  - host: a
  |  ^
  = indent with spaces, not with tabs
"
    );
}

#[test]
fn a_place_to_fill_without_quotes_is_told_as_that() {
    assert_eq!(
        shown("routes:\n- host: a\n  backend: a:1\n  headers: {request: {set: {X-Client: {client.ip}}}}\n"),
        "error: routes[0].headers.request.set.X-Client: this must be a text, not a mapping
 --> routes.yaml:4:39
  |
4 |   headers: {request: {set: {X-Client: {client.ip}}}}
  |                                       ^
  = put quotes around a text that begins with `{`
"
    );
}

#[test]
fn values_that_are_wrong_say_what_would_be_right() {
    for (written, said) in [
        ("backend: \"https://a:1\"", "`https` backends are not available in this version (use `http` or `h2c`)"),
        ("backend: \"grpc://a:1\"", "there is no scheme `grpc` for backends (write `h2c://a:1`)"),
        ("backend: \"http://a:1/x\"", "a backend has no path (write `a:1`, and `rewrite: {prefix: /x}` beside it)"),
        ("backend: \"1.2.3.4:http\"", "only Services have ports with names like `http` (write the number of the port)"),
        ("backend: \"a:1\", maxBody: 10mb", "there is no unit `mb` (write `10Mi`)"),
        ("backend: \"a:1\", path: /x/*", "a path has no `*`: a prefix holds everything below it already (write `/x`)"),
        ("backend: \"a:1\", path: x", "a path begins with `/` (write `/x`)"),
        (
            "backend: \"a:1\", path: /a/../b",
            "`/a/../b` has a dot segment; requests lose theirs before they are matched (write the path without `.` and `..`)",
        ),
        ("backend: \"a:1\", log: yes", "this must be true or false (write true)"),
        ("backend: \"a:1\", match: {methods: GET}", "this must be a list, not a text (write `[GET]`)"),
        (
            "backend: \"a:1\", path: {exact: /x}, rewrite: {stripPrefix: true}",
            "`stripPrefix` and `prefix` need a path that is a prefix (write the path as a prefix, like `path: /api`, or use `rewrite: {path: /x}`)",
        ),
        (
            "backend: \"a:1\", headers: {request: {set: {Host: x}}}",
            "`Host` cannot be edited (use `rewrite: {host: name}`)",
        ),
        (
            "backend: \"a:1\", headers: {request: {set: {x: \"{hots}\"}}}",
            "there is nothing to fill `{hots}` with (did you mean `{host}`?)",
        ),
        (
            "backend: \"a:1\", headers: {set: {x: y}}",
            "there is no key `set` here (write `request: {set: …}` or `response: {set: …}`)",
        ),
        (
            "backends: [{to: \"a:1\", weight: 0}]",
            "no target has a weight above 0 (write `[{to: my-app:8080, weight: 1}]`)",
        ),
        (
            "redirect: {to: \"{path}\"}",
            "a client could write a path that leads to a foreign host (write `{scheme}://{host}{path}` with what changes)",
        ),
        (
            "redirect: {to: \"/{path}\"}",
            "with what a client writes here this may begin with `//`, a foreign host (write a word behind the `/`)",
        ),
        (
            "redirect: {to: /x, status: 200}",
            "200 is no status of a redirect (301, 302, 303, 307 or 308 (for good, and the method stays))",
        ),
        ("respond: {status: 100}", "100 is out of range (write a whole number from 200 to 599)"),
        (
            "respond: {status: 204, body: x}",
            "an answer with status 204 has no body (leave `body` out, or write another status)",
        ),
    ] {
        let told = told(&format!("routes:\n- {{host: a, {written}}}\n"));
        assert_eq!(told.len(), 1, "{written}: {told:?}");
        assert!(told[0].ends_with(&format!(": {said}")), "{}\nnot {said}", told[0]);
    }
}

#[test]
fn enum_values_have_their_nearest_word_too() {
    let told = told(
        "routes: [{host: a, backend: \"a:1\"}]\naccessLog: {format: jsno, fields: [ts, clinet]}\ntrust: {proxies: [cloudflar]}\n",
    );
    assert_eq!(
        told,
        [
            "routes.yaml:2:21: accessLog.format: `jsno` is not known here (did you mean `json`?)",
            "routes.yaml:2:40: accessLog.fields[1]: `clinet` is not known here (did you mean `client`?)",
            "routes.yaml:3:19: trust.proxies[0]: `cloudflar` is no network (did you mean `cloudflare`?)",
        ]
    );
}

#[test]
fn framing_and_hop_by_hop_fields_cannot_be_edited() {
    for name in "Connection content-length Transfer-Encoding TE trailer Upgrade keep-alive Proxy-Connection proxy-authorization Host".split(' ') {
        for edit in [format!("set: {{{name}: x}}"), format!("add: {{{name}: x}}"), format!("remove: [{name}]")] {
            let told = told(&format!("routes:\n- {{host: a, backend: \"a:1\", headers: {{response: {{{edit}}}}}}}\n"));
            assert_eq!(told.len(), 1, "{edit}");
            assert!(told[0].contains(&format!("`{name}` cannot be edited")), "{}", told[0]);
        }
    }
}

#[test]
fn a_port_in_a_host_is_a_warning_only() {
    assert_eq!(
        shown("routes:\n- host: a.example:8080\n  backend: a:1\n"),
        "warning: routes[0].host: a port in a host does not matter: requests match on every port
 --> routes.yaml:2:9
  |
2 | - host: a.example:8080
  |         ^^^^^^^^^^^^^^
  = write `a.example`
"
    );
}

#[test]
fn keys_that_stand_twice_name_the_first() {
    let told = told("routes:\n- host: a\n  backend: a:1\n  backend: b:1\n");
    assert_eq!(
        told,
        ["routes.yaml:4:3: routes[0]: the key `backend` stands here twice, first on line 3 (keep one of them)"]
    );
    let told = super::told("routes:\n- {host: a, backend: \"a:1\", headers: {request: {set: {X-A: 1, x-a: 2}}}}\n");
    assert!(told[0].contains("the key `x-a` stands here twice"), "{told:?}");
}

#[test]
fn a_key_over_several_lines_is_told_in_one() {
    let told = told("routes:\n- {host: a, respond: {headers: {C\n\n d, e: f}}}\n");
    assert!(!told.is_empty() && told.iter().all(|problem| problem.lines().count() == 1), "{told:?}");
}

#[test]
fn what_yaml_has_beyond_a_routes_file_is_refused() {
    for (text, said) in [
        ("routes: &a []\n", "anchors (`&name`) are not read here"),
        ("routes: *a\n", "aliases (`*name`) are not read here"),
        ("a: &a []\nroutes: *a\n", "anchors (`&name`) are not read here"),
        ("routes: !x []\n", "tags (`!name`) are not read here"),
        ("routes: []\n---\nroutes: []\n", "a second YAML document begins here"),
        ("? [a]\n: b\n", "a key must be a text"),
    ] {
        let told = told(text);
        assert!(is_refused(text) && told.len() == 1 && told[0].contains(said), "{text}: {told:?}");
    }
}

#[test]
fn nesting_and_size_are_bounded() {
    let deep = format!("routes: {}{}\n", "[".repeat(40), "]".repeat(40));
    assert!(told(&deep)[0].contains("nested"), "{:?}", told(&deep));
    let deep = (0..5000).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect::<String>();
    assert!(is_refused(&deep[..MAX_BYTES.min(deep.len())]));
    let large = format!("# {}\n", "x".repeat(MAX_BYTES));
    assert_eq!(
        told(&large),
        [format!("routes.yaml:1:1: this file has {} bytes; the most are 4Mi (split it)", large.len())]
    );
}

#[test]
fn a_thousand_problems_are_told_and_the_rest_is_counted() {
    let text = format!("routes:\n{}", "- {host: a, bakend: \"a:1\"}\n".repeat(1005));
    let told = told(&text);
    // each but the first repeats the first, too
    assert_eq!(told.len(), 1001);
    assert_eq!(told[1000], "routes.yaml: and 1009 more problems that are not shown");
}
