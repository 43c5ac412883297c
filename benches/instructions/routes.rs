//! Finding a route, in tables of ten hosts to a hundred thousand.

use std::hint::black_box;

use gatepost::config::{HostPattern, PathPattern, Route};
use gatepost::routing::{RouteTable, Target};

use crate::inputs::routes::{Random, name, prefix, request, route, table};
use crate::parts::Body;

/// Requests that are asked in turn: enough that no single name decides.
const ASKED: usize = 1_000;

/// By the host's own name.
pub(crate) fn exact(size: usize) -> Body {
    let known = |number| route(HostPattern::Exact(name(number)), prefix("/"));
    find(table((0..size).map(known).collect()), |random| (name(random.below(size)), "/index.html".into()))
}

/// By a name one label below a wildcard's.
pub(crate) fn wildcard(size: usize) -> Body {
    let known = |number| route(HostPattern::Wildcard(name(number)), prefix("/"));
    let asked = |random: &mut Random| (format!("www.{}", name(random.below(size))), "/index.html".into());
    find(table((0..size).map(known).collect()), asked)
}

/// By its path, two segments below the longest prefix, among `size` paths of one host.
pub(crate) fn path(size: usize) -> Body {
    let host = "www.example.com";
    let path = |number: usize| format!("/{}/items/{number}", &name(number)[..8]);
    let known = |number| route(HostPattern::Exact(host.into()), PathPattern::Prefix(path(number)));
    let routes: Vec<Route> = (0..size).map(known).collect();
    find(table(routes), |random| (host.into(), format!("{}/a/b.html", path(random.below(size)))))
}

/// What was asked for, brought into its canonical form.
pub(crate) fn target() -> Body {
    let head = request("www.example.com:8080", "/assets/app/main.3f2a.js?v=1");
    let mut target = Target::new();
    Box::new(move || target.set(black_box(&head)).expect("the target of a bench is good"))
}

fn find(table: RouteTable, ask: impl Fn(&mut Random) -> (String, String)) -> Body {
    let mut random = Random(42);
    let targets: Vec<Target> = (0..ASKED)
        .map(|_| {
            let (host, path) = ask(&mut random);
            let mut target = Target::new();
            target.set(&request(&host, &path)).expect("the targets of a bench are good");
            assert!(table.find(&target, &request(&host, &path)).is_some(), "{host}{path} has a route");
            target
        })
        .collect();
    let head = request("a", "/");
    let mut at = 0;
    Box::new(move || {
        at = (at + 1) % ASKED;
        black_box(table.find(black_box(&targets[at]), &head));
    })
}
