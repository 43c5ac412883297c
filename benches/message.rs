//! What one head costs to read and to write, buffers warm.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use gatepost::message::{ConnectionHeader, Framing, Head, Limits, Method, Name, Version};

const LIMITS: Limits = Limits { bytes: 64 * 1024, fields: 100 };

const SMALL: &str = "GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n";

const BROWSER: &str = concat!(
    "GET /catalogue/items?page=2&sort=price HTTP/1.1\r\n",
    "Host: www.example.com\r\n",
    "Connection: keep-alive\r\n",
    "Cache-Control: max-age=0\r\n",
    "sec-ch-ua: \"Browser\";v=\"120\", \"Engine\";v=\"120\", \"Not_A\";v=\"8\"\r\n",
    "sec-ch-ua-mobile: ?0\r\n",
    "sec-ch-ua-platform: \"Linux\"\r\n",
    "Upgrade-Insecure-Requests: 1\r\n",
    "User-Agent: Browser/5.0 (X11; Linux x86_64) Engine/537.36 (as others do) Browser/120.0.0.0 More/537.36\r\n",
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n",
    "Sec-Fetch-Site: same-origin\r\n",
    "Sec-Fetch-Mode: navigate\r\n",
    "Sec-Fetch-Dest: document\r\n",
    "Referer: https://www.example.com/catalogue\r\n",
    "Accept-Encoding: gzip, deflate, br, zstd\r\n",
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=yes\r\n",
    "\r\n",
);

const ANSWER: &str = concat!(
    "HTTP/1.1 200 OK\r\n",
    "Server: app\r\n",
    "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
    "Content-Type: text/html; charset=utf-8\r\n",
    "Content-Length: 1234\r\n",
    "Connection: keep-alive\r\n",
    "Cache-Control: private, max-age=60\r\n",
    "Etag: \"0123456789abcdef\"\r\n",
    "Vary: Accept-Encoding\r\n",
    "\r\n",
);

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
