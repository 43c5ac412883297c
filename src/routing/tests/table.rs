//! Claims about which route wins.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;
use crate::routing::label;

#[test]
fn an_exact_host_comes_before_the_longest_wildcard_and_that_before_any() {
    let table = table([
        route("*", "/"),
        route("*.com", "/"),
        route("*.example.com", "/"),
        route("www.example.com", "/"),
        route("*.a.example.com", "/"),
    ]);
    let cases = [
        ("www.example.com", 4),
        ("api.example.com", 3),
        ("x.y.example.com", 3),
        ("x.a.example.com", 5),
        ("a.example.com", 3),
        ("example.com", 2),
        ("com", 1),
        ("xexample.com", 2),
        ("example.org", 1),
        ("[::1]", 1),
    ];
    for (host, wanted) in cases {
        assert_eq!(line(&table, &get(host, "/")), wanted, "{host}");
    }
}

#[test]
fn a_wildcard_does_not_hold_its_own_domain() {
    let table = table([route("*.example.com", "/")]);
    assert_eq!(line(&table, &get("example.com", "/")), 0);
    assert!(!table.knows_host(&target(&get("example.com", "/"))));
    assert!(table.knows_host(&target(&get("a.example.com", "/"))));
}

#[test]
fn names_of_any_length_are_told_apart_to_their_last_byte() {
    let long = |len: usize, last: &str| format!("{}{last}", "a".repeat(len - 1));
    let lens = [1, 38, 39, 40, 41, 100, 255];
    let table = table(lens.iter().map(|&len| route(&long(len, "b"), "/")));
    for (&len, wanted) in lens.iter().zip(1..) {
        assert_eq!(line(&table, &get(&long(len, "b"), "/")), wanted);
        assert_eq!(line(&table, &get(&long(len, "c"), "/")), 0);
    }
}

#[test]
fn the_deepest_wildcard_is_found_below_128_labels() {
    let deep = vec!["a"; 127].join(".");
    let table = table([route(&format!("*.{deep}"), "/"), route("*.a", "/")]);
    assert_eq!(line(&table, &get(&format!("b.{deep}"), "/")), 1);
    assert_eq!(line(&table, &get(&deep, "/")), 2);
}

#[test]
fn a_request_without_host_is_for_any_alone() {
    let mut head = Head::new();
    head.start_request("GET", "/", Version::Http10);
    assert_eq!(line(&table([route("*", "/"), route("*.com", "/")]), &head), 1);
    assert_eq!(line(&table([route("*.com", "/")]), &head), 0);
}

#[test]
fn an_exact_path_comes_before_expressions_in_file_order_and_those_before_the_longest_prefix() {
    let table = table([
        route("a", "/"),
        route("a", "/v1/x"),
        route("a", "~/v[0-9]+/x|/v1"),
        route("a", "~/v1/.*"),
        route("a", "=/v1/x"),
        route("a", "/v1"),
    ]);
    let cases = [
        ("/v1/x", 5),
        ("/v2/x", 3),
        ("/v1/y", 4),
        ("/v1", 3),
        ("/v1/x/", 4),
        ("/v2/x/y", 1),
        ("/v11", 1),
        ("//v1//x", 5),
        ("/%761/x", 5),
    ];
    for (path, wanted) in cases {
        assert_eq!(line(&table, &get("a", path)), wanted, "{path}");
    }
}

#[test]
fn a_prefix_is_whole_segments() {
    let table = table([route("a", "/api"), route("a", "/api/v1/deep")]);
    for (path, wanted) in [("/api", 1), ("/api/", 1), ("/api/x", 1), ("/apix", 0), ("/", 0), ("/ap", 0)] {
        assert_eq!(line(&table, &get("a", path)), wanted, "{path}");
    }
    assert_eq!(line(&table, &get("a", "/api/v1/deep/x")), 2);
    assert_eq!(line(&table, &get("a", "/api/v1/deeper")), 1);
}

#[test]
fn an_exact_path_tells_a_slash_at_its_end() {
    let table = table([route("a", "=/x"), route("a", "=/y/"), route("a", "=/")]);
    for (path, wanted) in [("/x", 1), ("/x/", 0), ("/y", 0), ("/y/", 2), ("/", 3), ("/z", 0), ("/x?q", 1)] {
        assert_eq!(line(&table, &get("a", path)), wanted, "{path}");
    }
}

#[test]
fn escapes_of_a_route_match_whatever_their_case() {
    let table = table([route("a", "/caf%c3%a9"), route("a", "/ü"), route("a", "=/a%2fb")]);
    for (path, wanted) in [("/caf%C3%A9/x", 1), ("/caf%c3%a9", 1), ("/%C3%BC", 2), ("/a%2Fb", 3), ("/a/b", 0)] {
        assert_eq!(line(&table, &get("a", path)), wanted, "{path}");
    }
}

#[test]
fn more_conditions_come_first_and_then_the_file() {
    let table = table([
        route("a", "/"),
        when(route("a", "/"), &["GET"]),
        when(route("a", "/"), &["GET", "x-a: 1"]),
        when(route("a", "/"), &["POST"]),
        when(route("a", "/"), &["GET", "?q=1"]),
    ]);
    let mut head = get("a", "/?q=1");
    assert_eq!(line(&table, &head), 5);
    head.push_str("x-a", b"1");
    assert_eq!(line(&table, &head), 3);
    assert_eq!(line(&table, &get("a", "/")), 2);
    assert_eq!(line(&table, &request("POST", "a", "/")), 4);
    assert_eq!(line(&table, &request("PUT", "a", "/")), 1);
}

#[test]
fn when_conditions_fail_the_next_path_of_the_same_host_is_tried_never_another_host() {
    let table = table([
        route("*", "/"),
        when(route("a", "=/x/y"), &["POST"]),
        when(route("a", "~/x/.*"), &["PUT"]),
        when(route("a", "~/x/y"), &["PATCH"]),
        when(route("a", "/x/y"), &["DELETE"]),
        when(route("a", "/x"), &["GET"]),
    ]);
    for (method, wanted) in [("POST", 2), ("PUT", 3), ("PATCH", 4), ("DELETE", 5), ("GET", 6), ("HEAD", 0)] {
        assert_eq!(line(&table, &request(method, "a", "/x/y")), wanted, "{method}");
    }
}

#[test]
fn routes_with_one_expression_are_one_path_where_the_first_of_them_stands() {
    let table = table([route("a", "~/x"), route("a", "~/.*"), when(route("a", "~/x"), &["POST"])]);
    assert_eq!(line(&table, &request("POST", "a", "/x")), 3);
    assert_eq!(line(&table, &get("a", "/x")), 1);
    assert_eq!(line(&table, &get("a", "/y")), 2);
}

#[test]
fn an_expression_is_anchored_at_both_ends_whatever_it_holds() {
    let table = table([
        route("a", "~/a|/ab"),
        route("b", "~(?x) /c  # a comment"),
        route("c", "~(?i)/d"),
        route("d", "~.*e$"),
        route("e", "~"),
    ]);
    let cases = [("a", "/ab", 1), ("a", "/abc", 0), ("a", "/x/a", 0), ("b", "/c", 2), ("b", "/cc", 0), ("c", "/D", 3)];
    for (host, path, wanted) in cases.into_iter().chain([("d", "/e", 4), ("d", "/ef", 0), ("e", "/", 0)]) {
        assert_eq!(line(&table, &get(host, path)), wanted, "{host}{path}");
    }
}

#[test]
fn more_expressions_than_a_thread_keeps_caches_for_still_match() {
    let hosts = || (0..300).map(|number| format!("h{number}"));
    let table = table(hosts().map(|host| when(route(&host, &format!("~/{host}/.*")), &["x-a: ~[0-9]+"])));
    for _ in 0..2 {
        for (host, wanted) in hosts().zip(1..) {
            let mut head = get(&host, &format!("/{host}/x"));
            head.push_str("x-a", b"1");
            assert_eq!(line(&table, &head), wanted);
        }
    }
}

#[test]
fn tables_that_one_thread_uses_in_turn_do_not_mix_their_caches() {
    let tables = ["~/a.*", "~/b.*", "~/(?:a|c).*"].map(|path| table([route("a", path)]));
    for _ in 0..3 {
        let found = |path| tables.each_ref().map(|table| line(table, &get("a", path)));
        assert_eq!((found("/a1"), found("/b1"), found("/c1")), ([1, 0, 1], [0, 1, 0], [0, 0, 1]));
    }
}

#[test]
fn a_condition_on_the_query_sees_decoded_parameters() {
    let table = table([
        when(route("a", "=/is"), &["?a b=c d"]),
        when(route("a", "=/regex"), &["?q=~é[0-9]+"]),
        when(route("a", "=/present"), &["?flag"]),
        when(route("a", "=/empty"), &["?flag="]),
    ]);
    let cases = [
        ("/is?a+b=c%20d", 1),
        ("/is?x=1&%61%20b=c+d&y", 1),
        ("/is?a+b=c", 0),
        ("/is?a+b=cd", 0),
        ("/is?A+b=c+d", 0),
        ("/is?a+b=c&a+b=c+d", 1),
        ("/is", 0),
        ("/regex?q=%C3%A912", 2),
        ("/regex?q=%C3%A912x", 0),
        ("/regex?q=%", 0),
        ("/present?flag", 3),
        ("/present?flag=x", 3),
        ("/present?flags", 0),
        ("/empty?flag", 4),
        ("/empty?flag=x", 0),
        ("/empty?&&flag=", 4),
    ];
    for (path, wanted) in cases {
        assert_eq!(line(&table, &get("a", path)), wanted, "{path}");
    }
}

#[test]
fn a_condition_on_a_header_holds_when_one_field_line_does() {
    let table = table([
        when(route("a", "=/is"), &["x-a: 1"]),
        when(route("a", "=/regex"), &["x-a: ~[0-9]+"]),
        when(route("a", "=/present"), &["x-a"]),
    ]);
    let with = |path: &str, values: &[&[u8]]| {
        let mut head = get("a", path);
        values.iter().for_each(|value| head.push_str("x-a", value));
        line(&table, &head)
    };
    assert_eq!(with("/is", &[b"2", b"1"]), 1);
    assert_eq!(with("/is", &[b"11"]), 0);
    assert_eq!(with("/is", &[]), 0);
    assert_eq!(with("/regex", &[b"\xff", b"42"]), 2);
    assert_eq!(with("/regex", &[b"42x", b"x42"]), 0);
    assert_eq!(with("/present", &[b""]), 3);
    assert_eq!(with("/present", &[]), 0);
}

#[test]
fn a_tombstone_takes_its_requests_like_any_route() {
    let broken = |route: Route| Route { action: Action::Broken, ..route };
    let table = table([route("a", "/"), broken(route("a", "/admin")), broken(when(route("a", "/x"), &["POST"]))]);
    assert_eq!(line(&table, &get("a", "/admin/x")), 2);
    assert_eq!(line(&table, &request("POST", "a", "/x")), 3);
    assert_eq!(line(&table, &get("a", "/x")), 1);
}

#[test]
fn a_route_with_several_hosts_is_there_for_each_and_shares_its_rule() {
    let table = table([route("a *.a *", "/x"), route("b", "~/y")]);
    let labels: Vec<&str> = table.routes().iter().map(|route| &*route.label).collect();
    assert_eq!(labels, ["a/x", "*.a/x", "*/x", "b ~/y"]);
    assert!(std::sync::Arc::ptr_eq(&table.routes()[0].rule, &table.routes()[2].rule));
    for (number, route) in table.routes().iter().enumerate() {
        assert_eq!(route.id.index(), number);
        assert_eq!(table.route(route.id).label, route.label);
    }
}

#[test]
fn labels_are_bounded_and_differ_when_host_or_path_does() {
    let long = |end: &str| path(&format!("/{}{end}", "ü".repeat(300)));
    let (one, two) = (label::of(&host("a"), &long("1")), label::of(&host("a"), &long("2")));
    assert!(one.len() <= label::MAX && two.len() <= label::MAX);
    assert_ne!(one, two);
    assert_eq!(&*label::of(&host("a"), &path("=/x")), "a =/x");
    assert_eq!(&*label::of(&host("*"), &path("/")), "*/");
}

#[test]
fn expressions_that_are_too_large_together_name_their_host_and_line() {
    let big = |letter: char| route("b.example", &format!("~/{letter}(\\w{{100}}){{30}}"));
    let error = RouteTable::build(&config([route("a", "/"), big('a'), big('b'), big('c')]), 1).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("line 2: the regular expressions of host b.example are too large together"), "{text}");
}

#[test]
fn an_empty_table_knows_nothing() {
    let table = table([]);
    assert_eq!(line(&table, &get("a", "/")), 0);
    assert!(table.routes().is_empty());
    assert_eq!(table.generation(), 1);
}

/// What the documentation says, route by route.
mod naive {
    use super::*;
    use regex_automata::meta::Regex;

    fn host_rank(pattern: &HostPattern, host: &str) -> Option<usize> {
        match pattern {
            HostPattern::Exact(name) => (name == host).then_some(usize::MAX),
            HostPattern::Wildcard(domain) => host.ends_with(&format!(".{domain}")).then_some(domain.len()),
            HostPattern::Any => Some(0),
        }
    }

    fn is_whole(pattern: &str, text: &str) -> bool {
        Regex::new(&format!("^(?:{pattern})$")).unwrap().is_match(text)
    }

    fn path_holds(pattern: &PathPattern, path: &str) -> bool {
        match pattern {
            PathPattern::Exact(exact) => path == exact,
            PathPattern::Regex(pattern) => is_whole(pattern, path),
            PathPattern::Prefix(prefix) => {
                format!("{path}/").starts_with(&format!("{}/", prefix.trim_end_matches('/')))
            }
        }
    }

    fn value_holds(wanted: &ValuePattern, value: &str) -> bool {
        match wanted {
            ValuePattern::Is(wanted) => wanted == value,
            ValuePattern::Regex(pattern) => is_whole(pattern, value),
            ValuePattern::Present => true,
        }
    }

    fn conditions_hold(conditions: &Conditions, asked: &Asked) -> bool {
        let Conditions { methods, headers, query } = conditions;
        let among = |wanted: &[(String, ValuePattern)], given: &[(String, String)]| {
            wanted
                .iter()
                .all(|(name, wanted)| given.iter().any(|(key, value)| key == name && value_holds(wanted, value)))
        };
        (methods.is_empty() || methods.contains(&asked.method))
            && among(headers, &asked.headers)
            && among(query, &asked.query)
    }

    /// The line of the winner.
    pub(super) fn find(routes: &[Route], asked: &Asked) -> u32 {
        let hosts = || routes.iter().flat_map(|route| route.hosts.iter().map(move |host| (host, route)));
        let Some(best) = hosts().filter_map(|(host, _)| host_rank(host, &asked.host)).max() else { return 0 };
        let first_with = |pattern: &str, host: &HostPattern| {
            let same = |route: &&Route| route.path == PathPattern::Regex(pattern.into()) && route.hosts.contains(host);
            routes.iter().find(same).map_or(0, |route| route.line)
        };
        let rank = |host: &HostPattern, route: &Route| {
            let (kind, within) = match &route.path {
                PathPattern::Exact(_) => (0, 0),
                PathPattern::Regex(pattern) => (1, first_with(pattern, host) as isize),
                PathPattern::Prefix(prefix) => (2, -(prefix.len() as isize)),
            };
            (kind, within, usize::MAX - route.conditions.count(), route.line)
        };
        hosts()
            .filter(|(host, _)| host_rank(host, &asked.host) == Some(best))
            .filter(|(_, route)| path_holds(&route.path, &asked.path) && conditions_hold(&route.conditions, asked))
            .min_by_key(|(host, route)| rank(host, route))
            .map_or(0, |(_, route)| route.line)
    }
}

#[derive(Debug)]
struct Asked {
    method: String,
    host: String,
    path: String,
    headers: Vec<(String, String)>,
    query: Vec<(String, String)>,
}

impl Asked {
    fn head(&self) -> Head {
        let query: Vec<String> = self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        let mut head = request(&self.method, &self.host, &format!("{}{mark}{}", self.path, query.join("&")));
        self.headers.iter().for_each(|(name, value)| head.push_str(name, value.as_bytes()));
        head
    }
}

const HOSTS: [&str; 9] = ["a", "b.a", "c.b.a", "a.b", "*", "*.a", "*.b.a", "*.b", "c.a"];
const PATHS: [&str; 14] =
    ["/", "/a", "/a/b", "/a/b/a", "/b", "=/", "=/a", "=/a/", "=/a/b", "~/a.*", "~/a/b|/b", "~/.*/b", "~/b", "~/"];
const CONDITIONS: [&str; 10] =
    ["GET", "POST", "x-a: 1", "x-a: ~1.*", "x-b", "x-b: 2", "?q=1", "?q=~[0-9]", "?r", "?r="];

fn routes() -> impl Strategy<Value = Vec<Route>> {
    let hosts = subsequence(HOSTS.to_vec(), 1..=2).prop_map(|hosts| hosts.join(" "));
    let route = (hosts, select(PATHS.to_vec()), subsequence(CONDITIONS.to_vec(), 0..=2))
        .prop_map(|(hosts, path, conditions)| when(route(&hosts, path), &conditions));
    vec(route, 0..16)
}

fn asked() -> impl Strategy<Value = Asked> {
    let host = vec(select(vec!["a", "b", "c"]), 1..4).prop_map(|labels| labels.join("."));
    let path = vec(select(vec!["a", "b", "c"]), 0..4).prop_map(|segments| format!("/{}", segments.join("/")));
    let path = (path, any::<bool>()).prop_map(|(path, slash)| if slash && path != "/" { path + "/" } else { path });
    let pairs = |names: [&'static str; 2]| {
        vec((select(names.to_vec()), select(vec!["", "1", "2", "12"])), 0..3)
            .prop_map(|pairs| pairs.into_iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
    };
    (select(vec!["GET", "POST"]), host, path, pairs(["x-a", "x-b"]), pairs(["q", "r"]))
        .prop_map(|(method, host, path, headers, query)| Asked { method: method.into(), host, path, headers, query })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_table_decides_as_a_reader_of_the_documentation_would(routes in routes(), asked in vec(asked(), 12)) {
        let config = config(routes);
        let table = RouteTable::build(&config, 1).unwrap();
        for asked in asked {
            prop_assert_eq!(line(&table, &asked.head()), naive::find(&config.routes, &asked), "{:?}", asked);
        }
    }
}
