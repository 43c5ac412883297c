//! Claims about paths that are regular expressions.

use super::*;

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
