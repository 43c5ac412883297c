//! From shards to text: sums every worker's counters when Prometheus asks.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::route::{HistogramSum, RouteSum};
use super::worker::{Tally, Worker};
use super::{CertificateMetrics, DnsMetrics, ElectionMetrics, Shared, lock};

/// The collector over all shards.
#[derive(Debug)]
pub(super) struct Shards(pub(super) Arc<Shared>);

impl Collector for Shards {
    fn encode(&self, encoder: DescriptorEncoder) -> fmt::Result {
        let workers = lock(&self.0.workers).clone();
        let mut text = Text(encoder);
        text.requests(&workers)?;
        text.connections(&workers, &lock(&self.0.listeners).clone())?;
        text.events(&workers)?;
        text.config(&self.0)?;
        text.certificates(&self.0.certificates)?;
        text.dns(&self.0.dns)?;
        text.election(&self.0.election)?;
        text.process(&self.0)
    }
}

/// The encoder with one method a group of families.
struct Text<'a>(DescriptorEncoder<'a>);

impl Text<'_> {
    fn requests(&mut self, workers: &[Arc<Worker>]) -> fmt::Result {
        let mut sums: BTreeMap<Arc<str>, RouteSum> = BTreeMap::new();
        for worker in workers {
            worker.each_route(|label, shard| match sums.get_mut(label) {
                Some(sum) => shard.add_to(sum),
                None => shard.add_to(sums.entry(label.clone()).or_default()),
            });
        }
        let mut requests = self.family("gatepost_requests", "Requests that have been answered", MetricType::Counter)?;
        for (route, sum) in &sums {
            for (&(status, method), &count) in &sum.answers {
                let code = if status == 0 { "other".to_owned() } else { status.to_string() };
                counter(&mut requests, &[("route", &**route), ("code", &code), ("method", method)], count)?;
            }
        }
        self.histogram(
            "gatepost_request_seconds",
            "From the first byte of a request to the last of its answer",
            &sums,
            |sum| &sum.whole,
        )?;
        self.histogram(
            "gatepost_upstream_seconds",
            "From the request being sent to the app to the first byte of its answer",
            &sums,
            |sum| &sum.upstream,
        )?;
        let mut bytes =
            self.family("gatepost_request_bytes", "Bytes of bodies that came from clients", MetricType::Counter)?;
        for (route, sum) in &sums {
            counter(&mut bytes, &[("route", route)], sum.bytes_in)?;
        }
        let mut bytes =
            self.family("gatepost_response_bytes", "Bytes of bodies that went to clients", MetricType::Counter)?;
        for (route, sum) in &sums {
            counter(&mut bytes, &[("route", route)], sum.bytes_out)?;
        }
        Ok(())
    }

    fn connections(&mut self, workers: &[Arc<Worker>], listeners: &[String]) -> fmt::Result {
        // closed is read before opened: a connection that comes and goes meanwhile never makes the gauge negative
        let read = |at: usize, pick: fn(&super::worker::Listener) -> &AtomicU64| -> u64 {
            workers
                .iter()
                .filter_map(|worker| worker.listeners.get(at))
                .map(|one| pick(one).load(Ordering::Relaxed))
                .sum()
        };
        let counts: Vec<(u64, u64)> = (0..listeners.len())
            .map(|at| {
                let closed = read(at, |listener| &listener.closed);
                (read(at, |listener| &listener.opened), closed)
            })
            .collect();
        let mut open =
            self.family("gatepost_connections", "Connections of clients that are open", MetricType::Gauge)?;
        for (name, (opened, closed)) in listeners.iter().zip(&counts) {
            open.encode_family(&[("listener", name.as_str())])?.encode_gauge(&opened.saturating_sub(*closed))?;
        }
        // a family of its own: the name with `_total`
        let mut total =
            self.family("gatepost_connections", "Connections of clients that were accepted", MetricType::Counter)?;
        for (name, (opened, _)) in listeners.iter().zip(&counts) {
            counter(&mut total, &[("listener", name)], *opened)?;
        }
        Ok(())
    }

    fn events(&mut self, workers: &[Arc<Worker>]) -> fmt::Result {
        let tallies = |pick: fn(&Worker) -> &Tally| workers.iter().map(move |worker| pick(worker));
        let sum = |pick: fn(&Worker) -> &AtomicU64| -> u64 {
            workers.iter().map(|worker| pick(worker).load(Ordering::Relaxed)).sum()
        };
        self.tally(
            "gatepost_connections_refused",
            "Connections of clients that were turned away",
            "reason",
            tallies(|worker| &worker.refused),
        )?;
        self.tally(
            "gatepost_client_errors",
            "Mistakes of clients that ended a connection",
            "kind",
            tallies(|worker| &worker.client_errors),
        )?;
        self.tally(
            "gatepost_tls_handshakes",
            "Handshakes that succeeded, by version and whether a session was resumed",
            "kind",
            tallies(|worker| &worker.handshakes),
        )?;
        self.tally(
            "gatepost_upstream_connections",
            "Connections to apps, by how they were come by",
            "result",
            tallies(|worker| &worker.upstream),
        )?;
        self.tally("gatepost_resolve", "Look-ups of names of apps", "result", tallies(|worker| &worker.resolved))?;
        self.single("gatepost_upstream_retries", "Requests that were sent once more", sum(|worker| &worker.retries))?;
        self.single(
            "gatepost_trailers_dropped",
            "Messages whose trailers did not fit the outgoing side",
            sum(|worker| &worker.trailers_dropped),
        )?;
        self.single("gatepost_panics", "Panics that ended one connection", sum(|worker| &worker.panics))
    }

    fn config(&mut self, shared: &Shared) -> fmt::Result {
        let config = &shared.config;
        let read = |value: &AtomicU64| value.load(Ordering::Relaxed);
        self.gauge("gatepost_config_generation", "Generation of the routes that serve", read(&config.generation))?;
        self.gauge("gatepost_config_ok", "Whether the newest routes have no error", read(&config.ok))?;
        self.gauge("gatepost_config_route_errors", "Routes that could not be read", read(&config.route_errors))?;
        self.gauge(
            "gatepost_config_last_known_good",
            "Whether the routes that serve are those an earlier process kept, and their source has not been heard yet",
            read(&config.last_known_good),
        )?;
        self.tally("gatepost_config_reloads", "Texts that were read", "outcome", std::iter::once(&config.reloads))?;
        let dropped = lock(&shared.lines_dropped).as_ref().map_or(0, |counter| counter.load(Ordering::Relaxed));
        self.single("gatepost_access_log_dropped", "Lines of the access log that found no way out", dropped)
    }

    fn certificates(&mut self, certificates: &CertificateMetrics) -> fmt::Result {
        let mut not_after = self.family(
            "gatepost_certificate_not_after_seconds",
            "When the first certificate of a host expires, as Unix time",
            MetricType::Gauge,
        )?;
        // a copy: the control plane must not wait for who reads this
        let all = lock(&certificates.not_after).clone();
        for (host, seconds) in &all {
            not_after.encode_family(&[("host", &**host)])?.encode_gauge(seconds)?;
        }
        let errors = certificates.errors.load(Ordering::Relaxed);
        self.gauge(
            "gatepost_certificate_errors",
            "Certificates in the routes file that are not served as meant",
            errors,
        )?;
        let not_everywhere = certificates.not_everywhere.load(Ordering::Relaxed);
        self.gauge(
            "gatepost_certificates_not_everywhere",
            "Hosts with a certificate here that another node is not known to have, so they are not sent to https",
            not_everywhere,
        )
    }

    fn dns(&mut self, dns: &DnsMetrics) -> fmt::Result {
        let state = dns.state();
        let mut records =
            self.family("gatepost_dns_records", "Records at Cloudflare that are ours, by zone", MetricType::Gauge)?;
        for (zone, count) in &state.records {
            records.encode_family(&[("zone", zone.as_str())])?.encode_gauge(count)?;
        }
        self.gauge("gatepost_dns_held", "Addresses at Cloudflare that are to go and stay for now", state.held)?;
        self.gauge("gatepost_dns_conflicts", "Names that cannot be as they are wanted", state.conflicts)?;
        if let Some(seconds) = state.last_success {
            self.gauge(
                "gatepost_dns_last_success_seconds",
                "When the records at Cloudflare were last found or made as they should be, as Unix time",
                seconds,
            )?;
        }
        self.tally("gatepost_dns_writes", "Records written at Cloudflare", "kind", std::iter::once(&dns.writes))?;
        self.tally("gatepost_dns_errors", "Rounds that did not come to their end", "kind", std::iter::once(&dns.errors))
    }

    fn election(&mut self, election: &ElectionMetrics) -> fmt::Result {
        let leader = election.leader.load(Ordering::Relaxed);
        self.gauge("gatepost_leader", "Whether this process is the one that writes DNS records", leader)
    }

    fn process(&mut self, shared: &Shared) -> fmt::Result {
        self.family("gatepost_build", "Which gatepost this is", MetricType::Info)?
            .encode_info(&[("version", env!("CARGO_PKG_VERSION"))])?;
        self.gauge("process_start_time_seconds", "When the process began, as Unix time", shared.started_seconds())?;
        match resident_bytes() {
            Some(bytes) => self.gauge("process_resident_memory_bytes", "Resident memory", bytes),
            None => Ok(()),
        }
    }

    fn family<'s>(
        &'s mut self,
        name: &'s str,
        help: &str,
        metric_type: MetricType,
    ) -> Result<MetricEncoder<'s>, fmt::Error> {
        self.0.encode_descriptor(name, help, None, metric_type)
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl EncodeGaugeValue) -> fmt::Result {
        self.family(name, help, MetricType::Gauge)?.encode_gauge(&value)
    }

    fn single(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.family(name, help, MetricType::Counter)?.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    fn tally<'t>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        tallies: impl Iterator<Item = &'t Tally>,
    ) -> fmt::Result {
        let mut sums: BTreeMap<&'static str, u64> = BTreeMap::new();
        for tally in tallies {
            tally.each(|word, count| *sums.entry(word).or_default() += count);
        }
        let mut family = self.family(name, help, MetricType::Counter)?;
        for (word, count) in sums {
            counter(&mut family, &[(label, word)], count)?;
        }
        Ok(())
    }

    fn histogram(
        &mut self,
        name: &str,
        help: &str,
        sums: &BTreeMap<Arc<str>, RouteSum>,
        pick: fn(&RouteSum) -> &HistogramSum,
    ) -> fmt::Result {
        let mut family = self.family(name, help, MetricType::Histogram)?;
        for (route, sum) in sums {
            let sum = pick(sum);
            if sum.count() == 0 {
                // twenty lines that say nothing, for instance of a route that only redirects
                continue;
            }
            family.encode_family(&[("route", &**route)])?.encode_histogram::<NoLabelSet>(
                sum.nanos as f64 / 1e9,
                sum.count(),
                &sum.bounds(),
                None,
            )?;
        }
        Ok(())
    }
}

fn counter<const N: usize>(family: &mut MetricEncoder, labels: &[(&str, &str); N], count: u64) -> fmt::Result {
    family.encode_family(labels)?.encode_counter::<NoLabelSet, _, u64>(&count, None)
}

/// From the kernel, where there is a Linux one.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
