//! Claims about the canonical form of what is asked for.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::routing::BadTarget;
use crate::routing::target::Asked;

fn set(head: &Head) -> Result<Target, BadTarget> {
    let mut target = Target::new();
    target.set(head).map(|()| target)
}

/// As a head with this Host and target would be read, if `message` let every one of them by.
fn at(host: &str, target: &str) -> Result<Target, BadTarget> {
    read(host, target, false)
}

fn read(host: &str, asked: &str, options: bool) -> Result<Target, BadTarget> {
    let host = Some(host.as_bytes());
    let asked =
        Asked { target: asked, options, version: Version::Http11, authority: None, host, is_host_repeated: false };
    let mut target = Target::new();
    target.read(&asked).map(|()| target)
}

#[test]
fn dot_segments_go_before_anything_else_and_the_rest_stays_byte_for_byte() {
    // as asked, as forwarded, as matched
    let cases = [
        ("/", "/", "/"),
        ("/a.b/c..d/...", "/a.b/c..d/...", "/a.b/c..d/..."),
        ("/.hidden/..x", "/.hidden/..x", "/.hidden/..x"),
        ("/a/./b", "/a/b", "/a/b"),
        ("/a/../b", "/b", "/b"),
        ("/a/..", "/", "/"),
        ("/a/b/..", "/a/", "/a/"),
        ("/a/.", "/a/", "/a/"),
        ("/.", "/", "/"),
        ("/..", "/", "/"),
        ("/../../a", "/a", "/a"),
        ("/a/%2e%2E/b", "/b", "/b"),
        ("/a/.%2e/b", "/b", "/b"),
        ("/a/%2E./b", "/b", "/b"),
        ("/a/%2e/b", "/a/b", "/a/b"),
        // on the unmerged path: an empty segment is a segment
        ("/a//../b", "/a/b", "/a/b"),
        ("/a///..", "/a//", "/a/"),
        ("//a//b//", "//a//b//", "/a/b/"),
        ("/..//a", "//a", "/a"),
        ("/%61%2D%7e%5F", "/%61%2D%7e%5F", "/a-~_"),
        ("/a%2fb", "/a%2fb", "/a%2Fb"),
        ("/a%5cb", "/a%5cb", "/a%5Cb"),
        ("/%252e%252e/a", "/%252e%252e/a", "/%252e%252e/a"),
        ("/a%2f.%2fb", "/a%2f.%2fb", "/a%2F.%2Fb"),
        ("/a;x=1/b", "/a;x=1/b", "/a;x=1/b"),
        ("/.;x", "/.;x", "/.;x"),
        ("/caf%c3%a9", "/caf%c3%a9", "/caf%C3%A9"),
        ("/café", "/café", "/caf%C3%A9"),
        ("/%2e%2e%2e", "/%2e%2e%2e", "/..."),
        ("/a|b^{c}\"", "/a|b^{c}\"", "/a|b^{c}\""),
    ];
    for (asked, forwarded, matched) in cases {
        let target = at("a", asked).unwrap();
        assert_eq!((target.path(), target.matched()), (forwarded, matched), "{asked}");
    }
}

#[test]
fn hostile_paths_are_refused() {
    use BadTarget::*;
    let cases = [
        ("/a/..%2fb", Climb),
        ("/a/..%2Fb", Climb),
        ("/a%2f..", Climb),
        ("/a%2f../b", Climb),
        ("/a%2f%2e%2e", Climb),
        ("/%2e.%5cb", Climb),
        ("/a%5C..%5cb", Climb),
        ("/..%2f", Climb),
        ("/%2f..%2f", Climb),
        ("/x/..;/b", Climb),
        ("/..;", Climb),
        ("/..;a=b/c", Climb),
        ("/%2e%2e;/b", Climb),
        ("/.%2e;", Climb),
        ("/..%3b/b", Climb),
        ("/a%2f..;x", Climb),
        ("/a\\b", Climb),
        ("/..\\b", Climb),
        ("/a%00b", Escape),
        ("/a/%00/../b", Escape),
        ("/%", Escape),
        ("/%4", Escape),
        ("/%zz", Escape),
        ("/a%2", Escape),
        ("/%2/x", Escape),
        ("/%é", Escape),
        ("/a#b", Character),
        ("/a?b#c", Character),
        ("/a b", Character),
        ("/a?b c", Character),
        ("/a\u{7f}", Character),
        ("/a\tb", Character),
        ("/<script>", Character),
        ("", Form),
        ("*", Form),
        ("a", Form),
        ("a:80", Form),
        ("ftp://a/", Form),
        ("://a/", Form),
        ("http:/a", Form),
        ("http:///a", Host),
        ("http://u@a/", Host),
        ("http://u:p@a/", Host),
    ];
    for (asked, wanted) in cases {
        assert_eq!(at("a", asked).err(), Some(wanted), "{asked}");
    }
}

#[test]
fn a_host_has_one_form() {
    let cases = [
        ("www.Example.COM", "www.example.com", None),
        ("a.", "a", None),
        ("a.:8080", "a", Some(8080)),
        ("a:", "a", None),
        ("a:0080", "a", Some(80)),
        ("x_y-z.1", "x_y-z.1", None),
        ("127.0.0.1:80", "127.0.0.1", Some(80)),
        ("[::1]", "[::1]", None),
        ("[0:0:0:0:0:0:0:1]:443", "[::1]", Some(443)),
        ("[::ffff:10.0.0.7]", "10.0.0.7", None),
        ("[2001:DB8::A]", "[2001:db8::a]", None),
        ("xn--bcher-kva.example", "xn--bcher-kva.example", None),
    ];
    for (written, host, port) in cases {
        let target = at(written, "/").unwrap();
        assert_eq!((target.host(), target.port(), target.host_header()), (host, port, written));
    }
}

#[test]
fn hosts_that_no_route_could_name_are_refused() {
    let long = "a".repeat(256);
    let cases = [
        ".",
        "..",
        "a..",
        ".a",
        "a..b",
        "a b",
        "a/b",
        "a?b",
        "a#b",
        "u@a",
        "a%20b",
        "%61",
        "bücher.example",
        "a,b",
        "*.a",
        "a:b",
        "a:65536",
        "a:-1",
        "a:+80",
        "a:80:80",
        ":80",
        "::1",
        "[::1",
        "[::1]x",
        "[::1]:x",
        "[fe80::1%25eth0]",
        "[v1.a]",
        "[]",
        "[1.2.3.4]",
        "a'b",
        "a;b",
        "a\0b",
        &long,
    ];
    for written in cases {
        assert_eq!(at(written, "/").err(), Some(BadTarget::Host), "{written}");
    }
    assert!(at(&"a".repeat(255), "/").is_ok());
}

#[test]
fn the_host_of_an_absolute_target_wins() {
    let absolute = at("other:1", "HTTP://Example.com:81?q").unwrap();
    assert_eq!((absolute.host(), absolute.port()), ("example.com", Some(81)));
    assert_eq!(absolute.host_header(), "Example.com:81");
    assert_eq!((absolute.path(), absolute.query(), absolute.path_and_query()), ("/", Some("q"), "/?q"));
    assert_eq!(at("b", "https://a/x/../y").unwrap().path(), "/y");
}

#[test]
fn a_request_of_1_1_names_its_host_once() {
    let bare = |version, target: &str| {
        let mut head = Head::new();
        head.start_request("GET", target, version);
        head
    };
    assert_eq!(set(&bare(Version::Http11, "/")).err(), Some(BadTarget::NoHost));
    assert_eq!(set(&bare(Version::Http11, "http://a/")).err(), Some(BadTarget::NoHost));
    assert_eq!(set(&bare(Version::Http2, "/")).err(), Some(BadTarget::NoHost));
    assert_eq!(at("", "/").err(), Some(BadTarget::NoHost));
    assert_eq!(set(&bare(Version::Http10, "/")).unwrap().host(), "");
    assert_eq!(set(&bare(Version::Http10, "http://a/")).unwrap().host(), "a");
    let mut twice = get("a", "/");
    twice.push(Name::Host, b"a");
    assert_eq!(set(&twice).err(), Some(BadTarget::Host));
}

#[test]
fn an_asterisk_is_for_options_alone() {
    for asked in ["*", "http://a"] {
        let target = target(&request("OPTIONS", "a", asked));
        assert_eq!((target.host(), target.path(), target.matched(), target.query()), ("a", "*", "*", None));
    }
    assert_eq!(target(&request("OPTIONS", "a", "http://a/")).path(), "/");
    let table = table([route("a", "/"), route("a", "=/"), route("a", "/x")]);
    assert_eq!(line(&table, &request("OPTIONS", "a", "*")), 1);
}

#[test]
fn the_query_stays_as_it_is() {
    for (asked, query) in [("/a?", Some("")), ("/a?%zz?/../", Some("%zz?/../")), ("/a", None), ("/a/../b?x", Some("x"))]
    {
        assert_eq!(at("a", asked).unwrap().query(), query, "{asked}");
    }
}

#[test]
fn a_target_forgets_the_request_before() {
    let mut target = Target::new();
    target.set(&get("a:80", "//x/%61?q")).unwrap();
    let mut head = Head::new();
    head.start_request("GET", "/y", Version::Http10);
    target.set(&head).unwrap();
    assert_eq!((target.host(), target.host_header(), target.port()), ("", "", None));
    assert_eq!((target.path(), target.matched(), target.query()), ("/y", "/y", None));
}

#[test]
fn after_an_error_nothing_is_left_of_the_path_and_only_a_good_host() {
    let mut target = Target::new();
    let mut after = |host: &str, asked: &str| {
        target.set(&get("before:80", "/before?x")).unwrap();
        target.set(&get(host, asked)).unwrap_err();
        assert_eq!((target.path(), target.matched(), target.query(), target.path_and_query()), ("", "", None, ""));
        (target.host().to_owned(), target.host_header().to_owned(), target.port())
    };
    let nothing = || (String::new(), String::new(), None);
    assert_eq!(after("a:81", "/x/%61/..%2f"), ("a".into(), "a:81".into(), Some(81)));
    assert_eq!(after("a..b", "/"), nothing());
    assert_eq!(after("a", "ftp://a/"), nothing());
    assert_eq!(after("", "/"), nothing());
}

fn segment() -> impl Strategy<Value = String> {
    let parts = ["a", "", ".", "..", "%2e", "%2E", "%61", "%2f", "%5C", "%25", ";", "é", "%c3%a9", "~", "b.c", "%"];
    vec(select(parts.to_vec()), 0..4).prop_map(|parts| parts.concat())
}

fn path() -> impl Strategy<Value = String> {
    vec(segment(), 0..6).prop_map(|segments| format!("/{}", segments.join("/")))
}

/// RFC 3986 5.2.4 in its own words, on a path in which `%2e` has become a dot.
fn without_dot_segments(path: &str) -> String {
    let (mut input, mut output) = (path.to_string(), String::new());
    while !input.is_empty() {
        if let Some(rest) = input.strip_prefix("/./") {
            input = format!("/{rest}");
        } else if input == "/." {
            input = "/".into();
        } else if input == "/.." || input.starts_with("/../") {
            input = format!("/{}", input.get(4..).unwrap_or(""));
            output.truncate(output.rfind('/').unwrap_or(0));
        } else {
            let end = input[1..].find('/').map_or(input.len(), |slash| slash + 1);
            output.push_str(&input[..end]);
            input.drain(..end);
        }
    }
    output
}

proptest! {
    #[test]
    fn what_is_forwarded_is_forwarded_as_it_is_and_matches_alike(path in path()) {
        if let Ok(first) = at("a", &path) {
            let second = at("a", first.path()).unwrap();
            prop_assert_eq!(first.path(), second.path());
            prop_assert_eq!(first.matched(), second.matched());
        }
    }

    #[test]
    fn what_is_matched_has_no_double_slash_no_dot_segment_and_one_form(path in path()) {
        if let Ok(first) = at("a", &path) {
            let matched = first.matched();
            prop_assert!(!matched.contains("//") && matched.starts_with('/'), "{}", matched);
            prop_assert!(matched.split('/').all(|segment| segment != "." && segment != ".."), "{}", matched);
            let second = at("a", matched).unwrap();
            prop_assert_eq!((second.path(), second.matched()), (matched, matched));
        }
    }

    #[test]
    fn dot_segments_are_removed_as_rfc_3986_says(path in path()) {
        if let Ok(target) = at("a", &path) {
            let dots = |path: &str| path.replace("%2e", ".").replace("%2E", ".");
            prop_assert_eq!(dots(target.path()), without_dot_segments(&dots(&path)));
        }
    }

    #[test]
    fn an_app_that_decodes_early_sees_no_climb(path in path()) {
        if let Ok(target) = at("a", &path) {
            let early = target.path().replace("%2e", ".").replace("%2E", ".").replace("%2f", "/").replace("%5C", "/");
            prop_assert!(early.split('/').all(|segment| segment.split(';').next() != Some("..")), "{}", early);
        }
    }

    #[test]
    fn nothing_that_a_client_sends_makes_it_panic(host in "\\PC*|[\\[\\]:.a-f0-9]*", asked in "\\PC*|[/.%2eEfF5cC;?#a]*") {
        let _ = at(&host, &asked);
        let _ = at("a", &format!("/{asked}"));
        let _ = read("a", &format!("http://{asked}"), true);
    }
}
