//! A thousand nodes under five names and two thousand hosts of routes: what a plan costs, looking included.
//!
//! The goal is 20 ms: a node that is gone is out of DNS within 2 s, of which Cloudflare takes the most.
#![allow(missing_docs, reason = "criterion's macros make undocumented items")]
#![allow(clippy::unwrap_used, reason = "a bench ends where it is wrong")]

use std::collections::BTreeSet;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use gatepost::config::{Dns, RouteHosts};
use gatepost::dns::{Draft, Flags, Holds, Host, Mark, Node, Plan, Record, Rules, Settings, Wanted, World, Zone, plan};
use tokio::time::Instant;

const NODES: [usize; 3] = [10, 100, 1_000];
const NAMES: usize = 5;
const HOSTS: usize = 2_000;

struct Cluster {
    settings: Settings,
    world: World,
    hosts: Vec<Host>,
    zones: Vec<Zone>,
    mark: Mark,
}

impl Cluster {
    fn new(nodes: usize, hosts: usize) -> Cluster {
        let settings = Settings {
            names: (0..NAMES).map(|number| format!("k{number}.example.com")).collect(),
            route_hosts: RouteHosts::Cname,
            ..Settings::of(&Dns::default(), &Flags::default())
        };
        let host = |number| Host { name: format!("h{number}.example.com"), proxied: None, is_doubtful: false };
        Cluster {
            settings,
            world: World { nodes: (0..nodes).map(node).collect() },
            hosts: (0..hosts).map(host).collect(),
            zones: vec![Zone { id: "zone".into(), name: "example.com".to_owned(), is_active: true, usage: None }],
            mark: Mark::new("cluster", "gatepost"),
        }
    }

    /// One look: what is wanted, and how it is reached.
    fn plan(&self, records: &[Record]) -> Plan {
        let wanted = Wanted::of(&self.settings, &self.world, &self.hosts, &self.zones);
        let rules = Rules {
            mark: &self.mark,
            policy: self.settings.policy,
            adopt: self.settings.adopt,
            min_addresses: self.settings.min_addresses,
            hosts_are_whole: true,
            unsure: &BTreeSet::new(),
        };
        plan(&wanted, records, &rules, &mut Holds::new(), Instant::now())
    }

    /// The records that there are when all is done.
    fn records(&self) -> Vec<Record> {
        let adds = self.plan(&[]).zones.remove(0).adds;
        adds.into_iter().enumerate().map(|(number, draft)| self.record(number, draft)).collect()
    }

    fn record(&self, number: usize, draft: Draft) -> Record {
        let Draft { name, kind, content, ttl, proxied } = draft;
        let (id, zone) = (format!("{number:032x}"), self.zones[0].id.clone());
        Record { id, zone, name, kind, content, ttl, proxied, comment: Some(self.mark.to_string()) }
    }
}

fn node(number: usize) -> Node {
    let external: IpAddr = Ipv4Addr::from(0x0808_0000 + number as u32).into();
    Node { name: format!("node-{number}"), external: vec![external], is_ready: true, serves: true, ..Node::default() }
}

fn operations(plan: &Plan) -> usize {
    plan.zones.iter().map(|zone| zone.adds.len() + zone.changes.len() + zone.deletes.len()).sum()
}

fn plans(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("dns plan");
    for nodes in NODES {
        let mut cluster = Cluster::new(nodes, HOSTS);
        let records = cluster.records();
        assert_eq!(records.len(), nodes * NAMES + HOSTS);
        assert_eq!(operations(&cluster.plan(&records)), 0);
        group.bench_function(BenchmarkId::new("unchanged", nodes), |bench| {
            bench.iter(|| black_box(cluster.plan(black_box(&records))));
        });
        group.bench_function(BenchmarkId::new("all new", nodes), |bench| {
            bench.iter(|| black_box(cluster.plan(black_box(&[]))));
        });
        cluster.world.nodes[nodes / 2] = node(nodes);
        assert_eq!(operations(&cluster.plan(&records)), NAMES);
        group.bench_function(BenchmarkId::new("one replaced", nodes), |bench| {
            bench.iter(|| black_box(cluster.plan(black_box(&records))));
        });
        cluster.world.nodes = (nodes + 1..=2 * nodes).map(node).collect();
        assert_eq!(operations(&cluster.plan(&records)), nodes * NAMES);
        group.bench_function(BenchmarkId::new("all replaced", nodes), |bench| {
            bench.iter(|| black_box(cluster.plan(black_box(&records))));
        });
    }
    group.finish();
}

criterion_group!(benches, plans);
criterion_main!(benches);
