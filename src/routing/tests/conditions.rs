//! Claims about what a request must hold beside its host and path.

use super::*;

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
