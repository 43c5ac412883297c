//! What a look-up costs, from ten hosts to a hundred thousand.
//!
//! Hosts are asked for in random order, so that a large table is met as a proxy with many sites meets it: mostly not in
//! the processor's nearest cache. What is asked lies in memory in the order of asking, so that the bench itself adds
//! little.

#[path = "inputs/routes.rs"]
mod routes;

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use gatepost::config::{HostPattern, PathPattern, Route, ValuePattern};
use gatepost::routing::{RouteTable, Target};
use routes::{Random, name, prefix, request, route, table};

/// Enough to leave the caches behind, few enough to be made quickly.
const ASKED: usize = 1 << 17;

fn targets(mut ask: impl FnMut(&mut Random) -> (String, String)) -> Vec<Target> {
    let mut random = Random(42);
    let target = |(host, path): (String, String)| {
        let mut target = Target::new();
        target.set(&request(&host, &path)).expect("the targets of a bench are good");
        target
    };
    (0..ASKED).map(|_| target(ask(&mut random))).collect()
}

fn look_up(criterion: &mut Criterion, group: &str, size: usize, table: &RouteTable, targets: &[Target]) {
    let head = request("a", "/");
    let mut at = 0;
    criterion.benchmark_group(group).bench_function(BenchmarkId::from_parameter(size), |bencher| {
        bencher.iter(|| {
            at = (at + 1) % ASKED;
            table.find(black_box(&targets[at]), &head)
        });
    });
}

fn hosts(criterion: &mut Criterion) {
    for size in [10, 1_000, 100_000] {
        let exact = |number| route(HostPattern::Exact(name(number)), prefix("/"));
        let any_path = |host: String| (host, "/index.html".to_string());
        let exact_hosts = table((0..size).map(exact).collect());
        let hits = targets(|random| any_path(name(random.below(size))));
        look_up(criterion, "hosts/exact", size, &exact_hosts, &hits);
        let misses = targets(|random| any_path(format!("x{}", name(random.below(size)))));
        look_up(criterion, "hosts/miss", size, &exact_hosts, &misses);
        let wildcards = table((0..size).map(|n| route(HostPattern::Wildcard(name(n)), prefix("/"))).collect());
        let below = targets(|random| any_path(format!("www.{}", name(random.below(size)))));
        look_up(criterion, "hosts/wildcard", size, &wildcards, &below);
    }
}

fn paths(criterion: &mut Criterion) {
    let size = 10_000;
    let host = || HostPattern::Exact("www.example.com".into());
    let path = |number: usize| format!("/{}/items/{number}", &name(number)[..8]);
    let of = |pattern: fn(String) -> PathPattern| table((0..size).map(|n| route(host(), pattern(path(n)))).collect());
    let exact = of(PathPattern::Exact);
    let hits = targets(|random| ("www.example.com".into(), path(random.below(size))));
    look_up(criterion, "paths/exact", size, &exact, &hits);
    let deeper = targets(|random| ("www.example.com".into(), format!("{}/a/b.html", path(random.below(size)))));
    look_up(criterion, "paths/prefix", size, &of(PathPattern::Prefix), &deeper);
    look_up(criterion, "paths/miss", size, &exact, &deeper);

    let mut regex: Vec<Route> =
        (0..20).map(|n| route(host(), PathPattern::Regex(format!("/v{n}/[a-z]+/[0-9]+")))).collect();
    regex.push(route(host(), prefix("/")));
    let versions =
        targets(|random| ("www.example.com".into(), format!("/v{}/items/{}", random.below(20), random.below(99))));
    look_up(criterion, "paths/regex", 20, &table(regex), &versions);

    let mut conditional = route(host(), prefix("/"));
    conditional.conditions.methods = vec!["GET".into()];
    conditional.conditions.query = vec![("page".into(), ValuePattern::Is("1 2".into()))];
    let queries = targets(|_| ("www.example.com".into(), "/?x=1&page=1+2".into()));
    look_up(criterion, "paths/conditions", 1, &table(vec![conditional]), &queries);
}

fn set(criterion: &mut Criterion) {
    let cases = [("plain", "/assets/app/main.3f2a.js?v=1"), ("escapes", "//assets/../caf%c3%a9/%61pp.js?v=1")];
    for (name, path) in cases {
        let head = request("www.example.com:8080", path);
        let mut target = Target::new();
        criterion.benchmark_group("target").bench_function(name, |bencher| {
            bencher.iter(|| {
                target.set(black_box(&head)).expect("the targets of a bench are good");
                target.path().len()
            });
        });
    }
}

criterion_group!(benches, hosts, paths, set);
criterion_main!(benches);
