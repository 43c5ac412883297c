//! Claims about what is said of the routes that did not win.

use super::*;
use crate::routing::explain::{self, MOST};

/// Lines with what was missed.
fn others(table: &RouteTable, head: &Head) -> Vec<(u32, String)> {
    let trace = explain::trace(table, &target(head), head);
    let text = |near: &explain::Near| near.missed.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    trace.others.iter().map(|near| (table.route(near.route).rule.line, text(near))).collect()
}

#[test]
fn every_route_of_the_host_says_what_it_missed() {
    let table = table([
        route("a", "/"),
        route("a", "/x"),
        when(route("a", "/x"), &["POST", "x-a: 1", "x-b", "?q=1", "?r"]),
        when(route("a", "/x"), &["GET"]),
        route("a", "/y"),
        route("*", "/x"),
        route("b", "/x"),
        when(route("a", "/x"), &["?q"]),
    ]);
    let mut head = get("a", "/x?q=2");
    head.push_str("x-a", b"2");
    assert_eq!(explain::trace(&table, &target(&head), &head).winner, Some(table.routes()[3].id));
    let missing = "the method is not POST, header x-a has another value, header x-b is missing, \
                   query parameter q has another value, query parameter r is missing";
    assert_eq!(
        others(&table, &head),
        [
            (1, "the winner's path is more specific".to_string()),
            (2, "the winner has more conditions".into()),
            (6, "a more specific host has routes".into()),
            (8, "the winner stands before it in the file".into()),
            (3, missing.into()),
            (5, "the path is another".into()),
        ]
    );
}

#[test]
fn a_host_that_no_pattern_holds_has_nobody_near() {
    let table = table([route("a", "/")]);
    let head = get("b", "/");
    let trace = explain::trace(&table, &target(&head), &head);
    assert_eq!(trace, explain::Trace { host: None, winner: None, others: vec![], more: 0 });
}

#[test]
fn what_nearly_won_is_bounded_and_the_rest_is_counted() {
    let table = table((0..50).map(|number| route("a", &format!("/{number}"))));
    let head = get("a", "/x");
    let trace = explain::trace(&table, &target(&head), &head);
    assert_eq!((trace.winner, trace.others.len(), trace.more), (None, MOST, 50 - MOST));
    assert_eq!(trace.host, Some(host("a")));
}

#[test]
fn of_two_expressions_the_later_one_is_told_so() {
    let table = table([route("a", "~/x.*"), route("a", "~/.*y"), route("a", "/")]);
    let later = "the winner stands before it in the file".to_string();
    let prefix = "the winner's path is more specific".to_string();
    assert_eq!(others(&table, &get("a", "/xy")), [(2, later), (3, prefix)]);
}
