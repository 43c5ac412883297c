//! Claims about which path of a host a request is for.

use super::*;

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
