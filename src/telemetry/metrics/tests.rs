//! What the metrics claim.

use super::*;

/// The value of a series by its exact name and labels.
fn value(text: &str, series: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn what_two_workers_record_adds_up() {
    let metrics = Metrics::new();
    let label: Arc<str> = Arc::from("www.example.com/api");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let shard = metrics.worker().route(&label);
                for _ in 0..500 {
                    shard.record(200, "GET", 300_000, Some(200_000), 3, 7);
                }
            });
        }
    });
    let text = metrics.encode();
    let expected = [
        (r#"gatepost_requests_total{route="www.example.com/api",code="200",method="GET"}"#, 1000.0),
        (r#"gatepost_request_seconds_bucket{route="www.example.com/api",le="0.00025"}"#, 0.0),
        (r#"gatepost_request_seconds_bucket{route="www.example.com/api",le="0.0005"}"#, 1000.0),
        (r#"gatepost_request_seconds_bucket{route="www.example.com/api",le="65.536"}"#, 1000.0),
        (r#"gatepost_request_seconds_bucket{route="www.example.com/api",le="+Inf"}"#, 1000.0),
        (r#"gatepost_request_seconds_count{route="www.example.com/api"}"#, 1000.0),
        (r#"gatepost_request_seconds_sum{route="www.example.com/api"}"#, 0.3),
        (r#"gatepost_upstream_seconds_bucket{route="www.example.com/api",le="0.00025"}"#, 1000.0),
        (r#"gatepost_request_bytes_total{route="www.example.com/api"}"#, 3000.0),
        (r#"gatepost_response_bytes_total{route="www.example.com/api"}"#, 7000.0),
    ];
    for (series, count) in expected {
        assert_eq!(value(&text, series), Some(count), "{series}\n{text}");
    }
}

#[test]
fn unknown_hosts_share_one_series() {
    let metrics = Metrics::new();
    let worker = metrics.worker();
    worker.unrouted().record(404, "GET", 1, None, 0, 0);
    worker.route(&Arc::from("")).record(404, "GET", 1, None, 0, 0);
    let series = r#"gatepost_requests_total{route="",code="404",method="GET"}"#;
    assert_eq!(value(&metrics.encode(), series), Some(2.0));
}

#[test]
fn series_of_routes_that_are_gone_go_and_the_others_stay() {
    let metrics = Metrics::new();
    let worker = metrics.worker();
    worker.route(&Arc::from("a/")).record(200, "GET", 1, None, 0, 0);
    let stays = worker.route(&Arc::from("b/"));
    stays.record(200, "GET", 1, None, 0, 0);
    worker.unrouted().record(404, "GET", 1, None, 0, 0);
    metrics.retain(["b/", "c/"]);
    stays.record(200, "GET", 1, None, 0, 0);
    let text = metrics.encode();
    assert!(!text.contains(r#"route="a/""#), "{text}");
    assert_eq!(value(&text, r#"gatepost_requests_total{route="b/",code="200",method="GET"}"#), Some(2.0));
    assert_eq!(value(&text, r#"gatepost_requests_total{route="",code="404",method="GET"}"#), Some(1.0));
}

#[test]
fn label_values_are_escaped() {
    let metrics = Metrics::new();
    let label: Arc<str> = Arc::from("www.example.com ~/a\"b\\d+\nx");
    metrics.worker().route(&label).record(200, "GET", 1, None, 0, 0);
    let text = metrics.encode();
    assert!(text.contains(r#"route="www.example.com ~/a\"b\\d+\nx""#), "{text}");
}

#[test]
fn connections_are_counted_by_listener() {
    let metrics = Metrics::new();
    let (http, other) = (metrics.listener("http"), metrics.listener("other"));
    assert_eq!(metrics.listener("http"), http);
    let (one, two) = (metrics.worker(), metrics.worker());
    one.connection_opened(http);
    one.connection_opened(http);
    two.connection_opened(http);
    two.connection_closed(http);
    two.connection_opened(other);
    two.connection_opened(99);
    let text = metrics.encode();
    assert_eq!(value(&text, r#"gatepost_connections{listener="http"}"#), Some(2.0));
    assert_eq!(value(&text, r#"gatepost_connections_total{listener="http"}"#), Some(3.0));
    assert_eq!(value(&text, r#"gatepost_connections{listener="other"}"#), Some(1.0));
}

#[test]
fn every_family_that_is_promised_is_there() {
    let metrics = Metrics::new();
    metrics.listener("http");
    let worker = metrics.worker();
    worker.route(&Arc::from("a/")).record(200, "GET", 1, Some(1), 0, 0);
    worker.refused("limit");
    worker.client_error("bad head");
    worker.upstream_new();
    worker.upstream_reused();
    worker.upstream_failed();
    worker.retried();
    worker.resolved("ok");
    worker.trailers_dropped();
    worker.panicked();
    metrics.config().set_generation(7);
    metrics.config().set_ok(true);
    metrics.config().set_route_errors(2);
    metrics.config().set_last_known_good(true);
    metrics.config().reloaded("partly");
    metrics.watch_dropped_lines(Arc::new(AtomicU64::new(5)));
    let text = metrics.encode();
    let expected = [
        (r#"gatepost_connections_refused_total{reason="limit"}"#, 1.0),
        (r#"gatepost_client_errors_total{kind="bad head"}"#, 1.0),
        (r#"gatepost_upstream_connections_total{result="new"}"#, 1.0),
        (r#"gatepost_upstream_connections_total{result="reused"}"#, 1.0),
        (r#"gatepost_upstream_connections_total{result="failed"}"#, 1.0),
        ("gatepost_upstream_retries_total", 1.0),
        (r#"gatepost_resolve_total{result="ok"}"#, 1.0),
        ("gatepost_trailers_dropped_total", 1.0),
        ("gatepost_panics_total", 1.0),
        ("gatepost_config_generation", 7.0),
        ("gatepost_config_ok", 1.0),
        ("gatepost_config_route_errors", 2.0),
        ("gatepost_config_last_known_good", 1.0),
        (r#"gatepost_config_reloads_total{outcome="partly"}"#, 1.0),
        ("gatepost_access_log_dropped_total", 5.0),
        (concat!(r#"gatepost_build_info{version=""#, env!("CARGO_PKG_VERSION"), r#""}"#), 1.0),
    ];
    for (series, count) in expected {
        assert_eq!(value(&text, series), Some(count), "{series}\n{text}");
    }
    assert!(value(&text, "process_start_time_seconds").is_some_and(|at| at > 1e9), "{text}");
    #[cfg(target_os = "linux")]
    assert!(value(&text, "process_resident_memory_bytes").is_some_and(|bytes| bytes > 1e5), "{text}");
}

#[test]
fn no_family_is_told_twice() {
    let text = Metrics::new().encode();
    let mut types: Vec<&str> = text.lines().filter(|line| line.starts_with("# TYPE ")).collect();
    let told = types.len();
    types.sort_unstable();
    types.dedup();
    assert_eq!(types.len(), told);
}

#[test]
fn a_host_has_its_expiry_for_as_long_as_it_has_a_certificate() {
    let metrics = Metrics::new();
    let certificates = metrics.certificates();
    certificates.set_not_after("a.example", Some(7));
    certificates.set_not_after("*.b.example", Some(8));
    certificates.set_not_after("a.example", None);
    certificates.set_errors(2);
    certificates.set_not_everywhere(3);
    let text = metrics.encode();
    assert!(text.contains("gatepost_certificate_not_after_seconds{host=\"*.b.example\"} 8\n"), "{text}");
    assert!(!text.contains("a.example") && text.contains("gatepost_certificate_errors 2\n"), "{text}");
    assert!(text.contains("gatepost_certificates_not_everywhere 3\n"), "{text}");
}
