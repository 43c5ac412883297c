//! Claims about which host of a table a request is for.

use super::*;

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
