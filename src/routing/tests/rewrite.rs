//! Claims about the path that the app gets.

use super::*;
use crate::config::PathRewrite;
use crate::routing::rewrite;

/// What the app gets, and the prefix that is told to it.
fn rewritten(pattern: &str, how: &PathRewrite, asked: &str) -> (String, Option<String>) {
    let rewrite = Rewrite { path: how.clone(), host: None };
    let table = table([Route { rewrite, ..route("a", pattern) }]);
    let head = request("OPTIONS", "a", asked);
    let target = target(&head);
    let id = table.find(&target, &head).unwrap();
    let mut out = String::from("left over");
    let prefix = rewrite::path(table.route(id), &target, &mut out).map(str::to_string);
    (out, prefix)
}

#[test]
fn strip_prefix_drops_as_many_raw_segments_as_the_prefix_has() {
    let cases = [
        ("/api", "/api", "/"),
        ("/api", "/api/", "/"),
        ("/api", "/api/x", "/x"),
        ("/api", "/api/x/?q=/api", "/x/?q=/api"),
        ("/api", "/api?", "/?"),
        ("/api", "//api//x//y", "/x//y"),
        ("/api", "/%61pi/x", "/x"),
        ("/api", "/x/../api//evil.example/", "/evil.example/"),
        ("/api", "/api/api/x", "/api/x"),
        ("/api", "/api/a%2fb", "/a%2fb"),
        ("/api", "/api/%2fx", "/%2fx"),
        ("/a/b", "//a///b/c", "/c"),
        ("/a/b", "/a/b", "/"),
    ];
    for (pattern, asked, wanted) in cases {
        let (path, prefix) = rewritten(pattern, &PathRewrite::StripPrefix, asked);
        assert_eq!((path.as_str(), prefix.as_deref()), (wanted, Some(pattern)), "{asked}");
    }
    assert_eq!(rewritten("/", &PathRewrite::StripPrefix, "//x//y"), ("/x//y".into(), None));
}

#[test]
fn a_prefix_is_replaced_by_another() {
    let new = PathRewrite::ReplacePrefix("/new/v1".into());
    for (asked, wanted) in [
        ("/api", "/new/v1"),
        ("/api/", "/new/v1/"),
        ("/api/x?q", "/new/v1/x?q"),
        ("//api//x", "/new/v1//x"),
        ("/%61pi/y", "/new/v1/y"),
    ] {
        assert_eq!(rewritten("/api", &new, asked), (wanted.into(), None), "{asked}");
    }
    assert_eq!(rewritten("/", &new, "/x").0, "/new/v1/x");
    assert_eq!(rewritten("/", &new, "/").0, "/new/v1/");
    assert_eq!(rewritten("/api", &PathRewrite::ReplacePrefix("/".into()), "/api//x").0, "/x");
    assert_eq!(rewritten("/api", &PathRewrite::ReplacePrefix("/".into()), "/api").0, "/");
}

#[test]
fn the_whole_path_is_replaced_and_the_query_stays() {
    let new = PathRewrite::Replace("/index.html".into());
    for (asked, wanted) in [("/api/x/y", "/index.html"), ("/api?q=1", "/index.html?q=1")] {
        assert_eq!(rewritten("/api", &new, asked), (wanted.into(), None));
        assert_eq!(rewritten("~/api.*", &new, asked), (wanted.into(), None));
    }
}

#[test]
fn without_a_rewrite_the_app_gets_the_path_as_the_client_wrote_it() {
    for asked in ["/", "//api//%61?x=1", "/a?"] {
        assert_eq!(rewritten("/", &PathRewrite::Keep, asked), (asked.into(), None));
    }
}

#[test]
fn the_asterisk_of_options_is_never_rewritten() {
    for how in [PathRewrite::Keep, PathRewrite::StripPrefix, PathRewrite::Replace("/x".into())] {
        assert_eq!(rewritten("/", &how, "*"), ("*".into(), None));
    }
}
