//! What the way of a request allocates: nothing, once it is warm. Each test counts what its own thread does.
#![allow(clippy::unwrap_used, reason = "a part that cannot be had fails the test")]

mod counting;

use std::cell::Cell;

use counting::Counting;
use gatepost::config::{Action, Conditions, Config, HostPattern, PathPattern, Route, ValuePattern};
use gatepost::message::{Head, Name, Version};
use gatepost::routing::{RouteTable, Target, rewrite};

#[global_allocator]
static COUNTING: Counting = Counting(count);

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // a thread that is ending has no counter any more, and no test
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

/// How often `run` allocates or grows an allocation.
fn allocations(run: impl FnOnce()) -> u64 {
    let before = ALLOCATIONS.get();
    run();
    ALLOCATIONS.get() - before
}

#[test]
fn the_counter_counts() {
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
    assert_eq!(allocations(|| ()), 0);
}

fn route(host: HostPattern, path: PathPattern, conditions: Conditions) -> Route {
    Route { conditions, ..Route::new(1, vec![host], path, Action::Broken) }
}

fn table() -> RouteTable {
    let host = || HostPattern::Exact("www.example.com".into());
    let conditions = Conditions {
        methods: vec!["GET".into()],
        headers: vec![("x-version".into(), ValuePattern::Regex("v[0-9]+".into()))],
        query: vec![("q".into(), ValuePattern::Regex("\\w+ x".into())), ("r".into(), ValuePattern::Is("a b".into()))],
    };
    let unconditional = Conditions::default;
    let routes = vec![
        route(host(), PathPattern::Regex("/(?:\\w+/)*report\\.(?:html|pdf)".into()), conditions.clone()),
        route(host(), PathPattern::Regex("/users/[^/]+/.*".into()), conditions),
        route(host(), PathPattern::Exact("/exact".into()), unconditional()),
        route(host(), PathPattern::Prefix("/api".into()), unconditional()),
        route(HostPattern::Wildcard("example.com".into()), PathPattern::Prefix("/".into()), unconditional()),
    ];
    RouteTable::build(&Config { routes, ..Config::default() }, 1).expect("these routes are good")
}

#[test]
fn reading_the_target_finding_the_route_and_rewriting_the_path_allocate_nothing_once_warm() {
    let table = table();
    let heads: Vec<Head> = [
        ("www.example.com", "/exact"),
        ("WWW.example.com.:80", "//api/%61/../b%2fc?x"),
        ("www.example.com", "/users/%7eme/photos?q=caf%C3%A9+x&r=a+b"),
        ("www.example.com", "/2024/q1/report.pdf?q=a&q=b%20x&r=a%20b"),
        ("[2001:DB8::1]:8080", "/unknown"),
        ("a.b.example.com", "http://a.b.example.com/x?y"),
    ]
    .into_iter()
    .map(|(host, target)| {
        let mut head = Head::new();
        head.start_request("GET", target, Version::Http11);
        head.push(Name::Host, host.as_bytes());
        head.push_str("x-version", b"v12");
        head
    })
    .collect();
    let (mut target, mut out) = (Target::new(), String::new());
    let mut found = Vec::with_capacity(heads.len());
    let mut round = || {
        found.clear();
        for head in &heads {
            target.set(head).unwrap();
            let id = table.find(&target, head);
            if let Some(id) = id {
                rewrite::path(table.route(id), &target, &mut out);
            }
            found.push(id.map(|id| id.index()));
        }
    };
    round();
    assert_eq!(allocations(round), 0);
    assert_eq!(found, [Some(2), Some(3), Some(1), Some(0), None, Some(4)]);
}
