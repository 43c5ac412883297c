//! What an edit of the routes file costs, from text to a table that could be published.

use std::fmt::Write as _;
use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use gatepost::config::{self, Config};
use gatepost::routing::RouteTable;

/// A file as people write it: mostly a host and a backend, some with paths, conditions and edits.
fn file(routes: usize) -> String {
    let mut text = String::from("routes:\n");
    for number in 0..routes {
        let site = number / 4;
        let more = match number % 4 {
            0 => "",
            1 => "    path: /api\n    rewrite: {stripPrefix: true}\n    timeouts: {firstByte: 5s}\n",
            2 => "    path: {exact: /healthz}\n    match: {methods: [GET, HEAD]}\n",
            _ => "    path: /static\n    headers:\n      response:\n        set: {cache-control: max-age=60}\n",
        };
        // writing to a String cannot fail
        let _ = write!(text, "  - host: site{site}.example.com\n    backend: app{site}.default:8080\n{more}");
    }
    text
}

fn settled(text: &str) -> Config {
    let parsed = config::parse(text, "routes.yaml").expect("the file of a bench is good");
    let (config, problems) = parsed.settle(None).expect("the file of a bench is good");
    assert!(problems.is_empty(), "{}", problems[0]);
    config
}

fn reload(criterion: &mut Criterion) {
    for size in [10, 1_000, 10_000] {
        let text = file(size);
        let config = settled(&text);
        let id = |step| BenchmarkId::new(step, size);
        let mut group = criterion.benchmark_group("reload");
        group.sample_size(20);
        group.bench_function(id("parse"), |bencher| bencher.iter(|| settled(black_box(&text))));
        group.bench_function(id("build"), |bencher| {
            bencher.iter_batched(|| (), |()| RouteTable::build(black_box(&config), 1), BatchSize::PerIteration);
        });
        group.bench_function(id("parse and build"), |bencher| {
            bencher.iter(|| RouteTable::build(&settled(black_box(&text)), 1));
        });
        group.finish();
    }
}

criterion_group!(benches, reload);
criterion_main!(benches);
