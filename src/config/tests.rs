//! Claims about whole files: what is told of mistakes, and what goes live in spite of them.

use super::*;

mod dns;
mod https;
mod mistakes;
mod properties;
mod settling;
mod tls;

const EXAMPLES: [(&str, &str); 3] = [
    ("minimal.yaml", include_str!("../../config/minimal.yaml")),
    ("full.yaml", include_str!("../../config/full.yaml")),
    ("demo.yaml", include_str!("../../config/demo.yaml")),
];

/// The config of a file without errors.
fn good(text: &str) -> Config {
    let parsed = parse(text, "routes.yaml").unwrap();
    assert!(parsed.is_clean(), "{:#?}", parsed.problems);
    parsed.settle(None).unwrap().0
}

fn only_route(text: &str) -> Route {
    let mut routes = good(&format!("routes:\n{text}")).routes;
    assert_eq!(routes.len(), 1);
    routes.remove(0)
}

/// Every problem as one line.
fn told(text: &str) -> Vec<String> {
    let problems = match parse(text, "routes.yaml") {
        Ok(parsed) => parsed.problems,
        Err(Refused { problems }) => problems,
    };
    problems.iter().map(Problem::to_string).collect()
}

fn is_refused(text: &str) -> bool {
    parse(text, "routes.yaml").is_err()
}

fn secs(seconds: u64) -> std::time::Duration {
    std::time::Duration::from_secs(seconds)
}

#[test]
fn every_example_parses_clean() {
    for (name, text) in EXAMPLES {
        let parsed = parse(text, name).unwrap();
        assert_eq!(parsed.problems, [], "{name}");
        parsed.settle(None).unwrap();
    }
}

#[test]
fn the_full_example_names_every_key_of_the_schema() {
    let schema = schema();
    let full = EXAMPLES[1].1;
    for (name, record) in schema["$defs"].as_object().unwrap() {
        for key in record["properties"].as_object().unwrap().keys() {
            assert!(full.contains(&format!("{key}:")), "{name}.{key}");
        }
    }
}

#[test]
fn the_schema_has_a_description_for_every_key_and_a_definition_for_every_reference() {
    let schema = schema();
    let definitions = schema["$defs"].as_object().unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    for (name, record) in definitions {
        assert_eq!(record["additionalProperties"], false, "{name}");
        for (key, value) in record["properties"].as_object().unwrap() {
            assert!(value["description"].as_str().is_some_and(|text| text.len() > 8), "{name}.{key}");
        }
    }
    let text = schema.to_string();
    for reference in text.split("\"#/$defs/").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(definitions.contains_key(reference), "{reference}");
    }
    assert_eq!(definitions["Timeout"]["properties"]["connect"]["default"], "3s");
    assert_eq!(definitions["Limits"]["properties"]["headerCount"]["maximum"], 100);
}

#[test]
fn three_lines_are_a_route_with_every_default() {
    let route = only_route("  - host: www.example.com\n    backend: my-app.shop:8080\n");
    assert_eq!(route.line, 2);
    assert_eq!(route.hosts, [HostPattern::Exact("www.example.com".to_owned())]);
    assert_eq!(route.path, PathPattern::Prefix("/".to_owned()));
    assert_eq!(route.conditions, Conditions::default());
    let to = "my-app.shop:8080".parse().unwrap();
    assert_eq!(route.action, Action::Forward(vec![Weighted { to, weight: 1 }]));
    assert_eq!(route.timeouts, Timeouts::default());
    assert_eq!((route.max_body, route.via, route.log), (None, false, true));
}

#[test]
fn a_file_without_routes_is_an_empty_table_and_a_warning() {
    for text in ["", "# nothing\n", "routes:\n", "routes: []\n", "---\n", "limits:\n"] {
        let (config, problems) = parse(text, "x").unwrap().settle(None).unwrap();
        assert_eq!(config, Config::default(), "{text:?}");
        assert_eq!(problems.len(), 1, "{text:?}");
        assert_eq!(problems[0].severity, Severity::Warning);
    }
}

#[test]
fn a_route_overrides_the_defaults_key_by_key() {
    let config = good(
        "defaults: {timeouts: {connect: 1s, request: 10s, idle: 9s}, maxBody: 1Mi, via: true}\n\
         routes:\n\
         - {host: a, backend: \"a:1\", timeouts: {connect: 2s, request: none}, maxBody: none}\n\
         - {host: b, backend: \"b:1\"}\n",
    );
    let [a, b] = config.routes.as_slice() else { panic!() };
    assert_eq!(a.timeouts, Timeouts { connect: secs(2), idle: secs(9), ..Timeouts::default() });
    assert_eq!(
        b.timeouts,
        Timeouts { connect: secs(1), idle: secs(9), request: Some(secs(10)), ..Timeouts::default() }
    );
    assert_eq!((a.max_body, b.max_body), (None, Some(1 << 20)));
    assert!(a.via && b.via);
}

#[test]
fn header_edits_of_the_defaults_stand_first_and_are_undone_by_those_of_the_route() {
    let config = good(
        "defaults: {headers: {response: {set: {A: 1, B: 1}, add: {C: 1, D: 1}, remove: [E]}}}\n\
         routes:\n\
         - {host: a, backend: \"a:1\", headers: {response: {set: {B: 2, C: 2}, remove: [A]}}}\n",
    );
    let edits = &config.routes[0].headers.response;
    let pair = |name: &str, value: &str| (name.to_owned(), value.parse::<Template>().unwrap());
    assert_eq!(edits.set, [pair("b", "2"), pair("c", "2")]);
    assert_eq!(edits.add, [pair("d", "1")]);
    assert_eq!(edits.remove, ["e", "a"]);
}

#[test]
fn conditions_are_equal_however_they_are_ordered() {
    let one = only_route(
        "- {host: a, backend: \"a:1\", match: {methods: [post, GET], headers: {X-B: present, x-a: {regex: z}}, query: {q: 1}}}",
    );
    let two = only_route(
        "- {host: a, backend: \"a:1\", match: {query: {q: \"1\"}, headers: {X-A: {regex: z}, x-b: present}, methods: [GET, POST, GET]}}",
    );
    assert_eq!(one.conditions, two.conditions);
    assert_eq!(one.conditions.methods, ["GET", "POST"]);
    assert_eq!(one.conditions.count(), 4);
}

#[test]
fn a_redirect_by_parts_keeps_what_it_does_not_name() {
    for (written, to) in [
        ("{scheme: https}", "https://{host}{path}{query}"),
        ("{host: Bücher.example}", "{scheme}://xn--bcher-kva.example{path}{query}"),
        ("{scheme: https, port: 8443}", "https://{host}:8443{path}{query}"),
        // relative, so that the port of the client stays
        ("{path: /new}", "/new{query}"),
        ("{path: \"/new?from={host}\"}", "/new?from={host}"),
        ("{to: \"https://x.example{path}\", status: 301}", "https://x.example{path}"),
    ] {
        let route = only_route(&format!("- {{host: a, redirect: {written}}}\n"));
        let Action::Redirect(redirect) = route.action else { panic!("{written}") };
        assert_eq!(redirect.to, to.parse().unwrap(), "{written}");
        assert_eq!(redirect.status, if written.contains("301") { 301 } else { 308 });
    }
}

#[test]
fn a_fixed_answer_is_plain_text_unless_it_says_otherwise() {
    let headers = |text: &str| match only_route(text).action {
        Action::Respond(respond) => respond.headers,
        _ => panic!("{text}"),
    };
    let plain = ("content-type".to_owned(), "text/plain; charset=utf-8".to_owned());
    assert_eq!(headers("- {host: a, respond: {body: hello}}"), [plain]);
    assert_eq!(headers("- {host: a, respond: {status: 204}}"), []);
    let json = ("content-type".to_owned(), "application/json".to_owned());
    assert_eq!(headers("- {host: a, respond: {body: \"{}\", headers: {Content-Type: application/json}}}"), [json]);
}

#[test]
fn a_prefix_of_one_slash_is_stripped() {
    let path = |rewrite: &str| {
        only_route(&format!("- {{host: a, backend: \"a:1\", path: /x, rewrite: {rewrite}}}")).rewrite.path
    };
    assert_eq!(path("{prefix: /}"), PathRewrite::StripPrefix);
    assert_eq!(path("{stripPrefix: true}"), PathRewrite::StripPrefix);
    assert_eq!(path("{stripPrefix: false}"), PathRewrite::Keep);
    assert_eq!(path("{prefix: /new/}"), PathRewrite::ReplacePrefix("/new".to_owned()));
    assert_eq!(path("{path: /x/}"), PathRewrite::Replace("/x/".to_owned()));
}

#[test]
fn sections_say_what_they_name_and_default_for_the_rest() {
    let config = good(
        "routes: [{host: a, backend: \"a:1\"}]\n\
         trust: {proxies: [cloudflare, 10.0.0.0/8, 192.0.2.7, \"::ffff:192.0.2.8\"]}\n\
         limits: {headerBytes: 8Ki, connectionsPerClient: 5}\n\
         drain: {tunnels: 0s}\n\
         accessLog: {fields: [ts, path, status], query: true, anonymise: true}\n",
    );
    let networks = ["10.0.0.0/8", "192.0.2.7/32", "192.0.2.8/32"].map(|text| text.parse().unwrap());
    assert_eq!(config.trust, Trust { networks: networks.to_vec(), cloudflare: true, proxy_protocol: false });
    assert_eq!(config.limits, Limits { header_bytes: 8192, connections_per_client: Some(5), ..Limits::default() });
    assert_eq!(config.drain, Drain { tunnels: secs(0), lame_duck: secs(130) });
    let fields = vec![LogField::Ts, LogField::Path, LogField::Query, LogField::Status];
    assert_eq!(config.access_log, AccessLog { format: LogFormat::Json, fields, anonymise: true });
}

#[test]
fn the_default_fields_of_the_access_log_are_all_but_the_query() {
    let names: Vec<_> = AccessLog::default().fields.into_iter().map(LogField::name).collect();
    let documented = "ts id client method scheme host path http status bytesIn bytesOut ms route backend upstream upstreamMs \
                      retries error detail tls ua referer";
    assert_eq!(names.join(" "), documented);
}

#[test]
fn local_backends_are_refused_only_where_that_is_asked_for() {
    let text = "routes:\n- {host: a, backend: \"localhost:80\"}\n- {host: b, backends: [{to: \"b:1\"}, {to: \"169.254.169.254:80\"}]}\n- {host: c, backend: \"c:1\"}\n";
    assert!(parse(text, "x").unwrap().is_clean());
    let parsed = parse_with(text, "x", &Options { refuse_local_backends: true, ..Options::default() }).unwrap();
    let places: Vec<_> = parsed.problems.iter().map(|problem| (problem.line, problem.path.as_str())).collect();
    assert_eq!(places, [(2, "routes[0].backend"), (3, "routes[1].backends[1].to")]);
    let (config, _) = parsed.settle(None).unwrap();
    let broken: Vec<_> = config.routes.iter().map(|route| route.action == Action::Broken).collect();
    assert_eq!(broken, [true, true, false]);
}

#[test]
fn a_manifest_is_read_with_the_lines_of_the_manifest() {
    let manifest = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: gatepost}\ndata:\n  other: x\n  routes.yaml: |\n\n    # routes\n    routes:\n      - host: a\n        backend: a:1\n      - host: b\n        bakend: b:1\n";
    let parsed = parse(manifest, "cm.yaml").unwrap();
    let problem = &parsed.problems[0];
    assert_eq!(problem.to_string(), "cm.yaml:13:9: routes[1]: there is no key `bakend` here (did you mean `backend`?)");
    assert!(problem.snippet().contains("13 |         bakend: b:1\n   |         ^^^^^^\n"), "{}", problem.snippet());
    let (config, _) = parsed.settle(None).unwrap();
    assert_eq!(config.routes.iter().map(|route| route.line).collect::<Vec<_>>(), [10, 12]);
}

#[test]
fn a_manifest_in_quotes_is_read_too() {
    let manifest = "kind: ConfigMap\ndata:\n  routes.yaml: \"routes:\\n- host: a\\n  backend: a:1\\n- host: b\\n\"\n";
    assert_eq!(
        told(manifest),
        [
            "routes.yaml:3:16: routes[1]: this route does nothing: it has neither `backend`, `backends`, `redirect` nor `respond` (write `backend: my-app:8080`)"
        ]
    );
}

#[test]
fn manifests_without_routes_say_what_is_missing() {
    assert_eq!(
        told("kind: Deployment\n"),
        [
            "routes.yaml:1:7: this is a manifest of kind `Deployment`, which holds no routes (give the routes file itself, or a ConfigMap with the key `routes.yaml`)"
        ]
    );
    for text in ["kind: ConfigMap\n", "kind: ConfigMap\ndata: {}\n", "kind: ConfigMap\ndata: {routes.yaml: {}}\n"] {
        assert!(told(text)[0].starts_with("routes.yaml:1:1: this ConfigMap has no "), "{text}");
    }
}
