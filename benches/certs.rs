//! Ten thousand certificates: what a look-up costs, what one changed Secret costs, and what memory they take.
//!
//! Memory is printed before the timings: resident bytes over 10,000 hosts, each with a key and a chain of its own.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]
#![allow(clippy::unwrap_used, reason = "a bench ends where it is wrong")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use gatepost::certs::{Certificate, Clients, Host, Maker, Store, Tickets};
use rcgen::{CertificateParams, Issuer, KeyPair};
use rustls::crypto::CryptoProvider;

const COUNTS: [usize; 3] = [10, 1_000, 10_000];

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    provider: Arc<CryptoProvider>,
}

impl Authority {
    fn new() -> Authority {
        let issuer = Issuer::new(CertificateParams::new(Vec::new()).unwrap(), KeyPair::generate().unwrap());
        Authority { issuer, provider: Arc::new(rustls::crypto::aws_lc_rs::default_provider()) }
    }

    fn certificate(&self, name: &str) -> Arc<Certificate> {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        let (chain, key) = (certificate.pem(), key.serialize_pem());
        Arc::new(Certificate::read(chain.as_bytes(), key.as_bytes(), &self.provider).unwrap())
    }

    fn host(&self, maker: &Maker, name: &str) -> Arc<Host> {
        Arc::new(maker.host(vec![self.certificate(name)], &Clients::Anyone).unwrap())
    }
}

fn name(number: usize) -> String {
    // spread over the alphabet, as names of people are
    format!("{:08x}.example.com", (number as u32).wrapping_mul(0x9E37_79B9))
}

/// Resident KiB of this process.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

fn certificates(criterion: &mut Criterion) {
    let authority = Authority::new();
    let maker = Maker::new(Arc::clone(&authority.provider), false, Tickets::new(&[]));
    let renewed = authority.host(&maker, &name(3));
    let before = resident();
    let mut store = Store::default();
    let mut made = 0;
    for count in COUNTS {
        for number in made..count {
            store = store.with(&name(number), Some(authority.host(&maker, &name(number))));
        }
        made = count;
        if count == 10_000 {
            eprintln!("memory: {} KiB for {count} certificates", resident().saturating_sub(before));
        }
        let names: Vec<String> = (0..count).map(name).collect();
        let mut group = criterion.benchmark_group("certificates");
        let mut at = 0;
        group.bench_function(BenchmarkId::new("find", count), |bench| {
            bench.iter(|| {
                at = (at + 7_919) % names.len();
                black_box(store.find(black_box(&names[at]))).is_some()
            });
        });
        group.bench_function(BenchmarkId::new("miss", count), |bench| {
            bench.iter(|| black_box(store.find(black_box("www.nobody.test"))).is_none());
        });
        group.bench_function(BenchmarkId::new("renew", count), |bench| {
            bench.iter(|| black_box(&store).with(&names[3], Some(Arc::clone(&renewed))));
        });
        group.finish();
    }
}

criterion_group!(benches, certificates);
criterion_main!(benches);
