//! Which question gets which answer. The door is [`answer`].

use std::net::{IpAddr, Ipv6Addr};

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;

use super::Setup;
use crate::telemetry::metrics;

const TEXT: &str = "text/plain; charset=utf-8";

/// Answers a request that came in on a loopback address, or on another one, where only the metrics are told.
pub(super) fn answer<B>(request: &Request<B>, is_loopback: bool, setup: &Setup) -> Response<Full<Bytes>> {
    if !names_this_machine(request) {
        // a page in the operator's browser whose name was pointed at 127.0.0.1 (DNS rebinding) must learn nothing
        return reply(
            StatusCode::MISDIRECTED_REQUEST,
            TEXT,
            "The Host must be an IP address or localhost\n".to_owned(),
        );
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut response = reply(StatusCode::METHOD_NOT_ALLOWED, TEXT, "This is read-only\n".to_owned());
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    match request.uri().path() {
        "/metrics" => reply(StatusCode::OK, metrics::CONTENT_TYPE, setup.metrics.encode()),
        "/livez" if is_loopback => reply(StatusCode::OK, TEXT, "ok\n".to_owned()),
        "/readyz" if is_loopback => ready(setup),
        "/status" if is_loopback => reply(StatusCode::OK, "application/json", status(setup)),
        _ => reply(StatusCode::NOT_FOUND, TEXT, "There are /livez, /readyz, /metrics and /status\n".to_owned()),
    }
}

fn reply(status: StatusCode, content_type: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Whether every name that the request gives the server is an IP literal or `localhost`, and there is one.
fn names_this_machine<B>(request: &Request<B>) -> bool {
    let mut names = 0;
    let mut fields = request.headers().get_all(HOST).iter().map(|value| value.to_str().unwrap_or_default());
    let target = request.uri().authority().map(|authority| authority.as_str());
    fields.by_ref().chain(target).inspect(|_| names += 1).all(is_own_name) && names > 0
}

fn is_own_name(host: &str) -> bool {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').is_some_and(|(literal, port)| {
            literal.parse::<Ipv6Addr>().is_ok() && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
        });
    }
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    port.is_none_or(is_port) && (name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok())
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

fn ready(setup: &Setup) -> Response<Full<Bytes>> {
    let missing = setup.readiness.missing();
    if missing.is_empty() {
        return reply(StatusCode::OK, TEXT, "ok\n".to_owned());
    }
    let body = missing.iter().map(|name| format!("missing: {name}\n")).collect();
    reply(StatusCode::SERVICE_UNAVAILABLE, TEXT, body)
}

fn status(setup: &Setup) -> String {
    let listeners: Vec<_> = setup
        .listeners
        .iter()
        .map(|(listener, addr)| serde_json::json!({"listener": listener, "addr": addr.to_string()}))
        .collect();
    let missing = setup.readiness.missing();
    let status = serde_json::json!({
        "version": env!("CARGO_PKG_VERSION"),
        "generation": setup.metrics.config().generation(),
        "lastKnownGood": setup.metrics.config().is_last_known_good(),
        "ready": missing.is_empty(),
        "missing": missing,
        "stage": setup.stage.borrow().name(),
        "uptimeSeconds": setup.started.elapsed().as_secs(),
        "listeners": listeners,
    });
    format!("{status:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_and_localhost_are_names_of_this_machine() {
        for good in ["127.0.0.1", "127.0.0.1:9180", "10.0.0.7:80", "localhost", "LocalHost:1", "[::1]", "[::1]:9180"] {
            assert!(is_own_name(good), "{good}");
        }
        let bad = ["", "evil.example", "evil.example:9180", "localhost.evil.example", "127.0.0.1.evil.example"];
        for bad in bad.into_iter().chain(["::1", "[::1", "[evil]", "[::1]x", "[::1]:x", "127.0.0.1:x", "localhost:1:2"])
        {
            assert!(!is_own_name(bad), "{bad}");
        }
    }
}
