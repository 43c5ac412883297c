//! Claims about what stands in a table, and what a table refuses.

use super::*;
use crate::routing::label;

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
