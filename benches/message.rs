//! What one head costs to read and to write, buffers warm.

#[path = "inputs/heads.rs"]
mod heads;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use gatepost::message::{ConnectionHeader, Framing, Head, Method, Name, Version};
use heads::{ANSWER, BROWSER, LIMITS, SMALL};

fn parse(criterion: &mut Criterion) {
    for (name, input) in [("parse small GET", SMALL), ("parse browser GET, 15 fields", BROWSER)] {
        let mut head = Head::new();
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| head.parse_request(black_box(input.as_bytes()), 0, LIMITS));
        });
    }
    let mut head = Head::new();
    criterion.bench_function("parse answer, 8 fields", |bencher| {
        bencher.iter(|| head.parse_response(black_box(ANSWER.as_bytes()), 0, LIMITS));
    });
}

fn forward(criterion: &mut Criterion) {
    let mut out = Vec::new();
    let mut head = Head::new();
    criterion.bench_function("parse, strip, push five, encode browser GET", |bencher| {
        bencher.iter(|| {
            let parsed = head.parse_request(black_box(BROWSER.as_bytes()), 0, LIMITS);
            let framing = head.request_framing().unwrap_or(Framing::None);
            head.strip_hop_by_hop();
            for name in [Name::XForwardedFor, Name::XForwardedHost, Name::XForwardedProto, Name::XForwardedPort] {
                head.remove(name);
                head.push(name, b"192.0.2.7");
            }
            head.push(Name::XRequestId, b"0123456789abcdef");
            out.clear();
            head.encode_request(framing, ConnectionHeader::None, &mut out);
            parsed
        });
    });
    let _ = head.parse_request(BROWSER.as_bytes(), 0, LIMITS);
    head.strip_hop_by_hop();
    criterion.bench_function("encode browser GET", |bencher| {
        bencher.iter(|| {
            out.clear();
            black_box(&head).encode_request(Framing::None, ConnectionHeader::None, &mut out);
        });
    });
    let _ = head.parse_response(ANSWER.as_bytes(), 0, LIMITS);
    let framing = head.response_framing(Method::Get).unwrap_or(Framing::None);
    head.strip_hop_by_hop();
    criterion.bench_function("encode answer", |bencher| {
        bencher.iter(|| {
            out.clear();
            black_box(&head).encode_response(framing, ConnectionHeader::None, Version::Http11, &mut out);
        });
    });
}

criterion_group!(benches, parse, forward);
criterion_main!(benches);
