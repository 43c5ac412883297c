//! A run that may begin, made of what was asked for.
//!
//! One door: [`Plan::of`]. A plan has an end, and nobody is sent to but whom the user named.

mod request;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use bytes::Bytes;

use crate::client::Tls;
use crate::options::Options;

pub(crate) use self::request::Request;

/// Arrivals of one run at most, so that a slip of the finger has an end too.
const MOST: u64 = 100_000_000;
/// Requests that are under way at once at most: connections times streams.
const AT_ONCE: u32 = 100_000;
/// A WebSocket message at most: every connection sends the same one, but an app may keep it whole.
const MESSAGE: u64 = 16 << 20;
/// An upload is sent in pieces of this size, all of them the same bytes.
const PIECE: usize = 64 * 1024;

/// A run that may begin.
pub(crate) struct Plan {
    pub(crate) url: String,
    pub(crate) target: SocketAddr,
    /// `None`: in clear.
    pub(crate) tls: Option<Tls>,
    pub(crate) request: Request,
    pub(crate) work: Work,
    pub(crate) connections: usize,
    /// Requests at once on a connection: `None` under HTTP/1.1, where there is one.
    pub(crate) streams: Option<usize>,
    /// `None`: closed loop.
    pub(crate) rate: Option<u64>,
    pub(crate) requests: u64,
    pub(crate) duration: Option<Duration>,
    pub(crate) warm: bool,
    pub(crate) new_connection: bool,
    pub(crate) hold: Option<Duration>,
    pub(crate) timeout: Duration,
    pub(crate) expect: Expect,
}

/// What a request of the run is.
pub(crate) enum Work {
    /// A GET.
    Get,
    /// A POST with a body of this size, made of as many of these pieces as it takes.
    Upload { size: u64, piece: Bytes },
    /// A message on a connection that is a WebSocket.
    Message(Vec<u8>),
}

/// What an answer must be.
pub(crate) struct Expect {
    pub(crate) status: Option<u16>,
    pub(crate) size: Option<u64>,
    pub(crate) body: Option<Vec<u8>>,
}

impl Plan {
    /// Resolves the target, builds the request, and finds the end of the run.
    pub(crate) async fn of(options: Options) -> anyhow::Result<Plan> {
        let url: http::Uri = options.url.parse().with_context(|| format!("{}: not a URL", options.url))?;
        let host = url.host().context("the URL names no host")?;
        let (tls, usual) = match url.scheme_str() {
            Some("https") => (Some(Tls::new(host, options.cacert.as_deref(), options.resume, options.http2)?), 443),
            Some("http") if options.cacert.is_some() || options.resume => {
                bail!("{url}: --cacert and --resume are for https://")
            }
            Some("http") => (None, 80),
            _ => bail!("{url}: only http:// and https:// can be asked for"),
        };
        let target = match options.connect {
            Some(target) => target,
            None => resolve(host, url.port_u16().unwrap_or(usual)).await?,
        };
        let at_once = options.connections * options.streams;
        ensure!(at_once <= AT_ONCE, "{at_once} requests at once are more than {AT_ONCE}");
        let rate = (!options.closed).then_some(options.rate);
        let by_clock = match (rate, options.end.duration) {
            (Some(rate), Some(duration)) => (duration.as_secs_f64() * rate as f64).ceil() as u64,
            _ => MOST,
        };
        Ok(Plan {
            target,
            tls,
            request: Request::new(&url, &options)?,
            work: work(&options)?,
            connections: options.connections as usize,
            streams: options.http2.then_some(options.streams as usize),
            rate,
            requests: options.end.requests.unwrap_or(MOST).min(by_clock).clamp(1, MOST),
            duration: options.end.duration,
            warm: options.warm,
            new_connection: options.new_connection,
            hold: options.hold,
            timeout: options.timeout,
            expect: Expect {
                status: options.expect_status,
                size: options.expect_size,
                body: options.expect_body.map(String::into_bytes),
            },
            url: options.url,
        })
    }

    /// How many requests can be under way.
    pub(crate) fn places(&self) -> usize {
        self.connections * self.streams.unwrap_or(1)
    }
}

fn work(options: &Options) -> anyhow::Result<Work> {
    Ok(match (options.upload, options.websocket) {
        (Some(size), _) => Work::Upload { size, piece: Bytes::from(vec![b'u'; PIECE]) },
        (None, Some(size)) => {
            ensure!(size <= MESSAGE, "a message of {size} bytes is larger than {} MiB", MESSAGE >> 20);
            Work::Message((0..size).map(|at| at as u8).collect())
        }
        (None, None) => Work::Get,
    })
}

async fn resolve(host: &str, port: u16) -> anyhow::Result<SocketAddr> {
    let name = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = name.parse::<IpAddr>() {
        return Ok(SocketAddr::new(ip, port));
    }
    if name == "localhost" || name.ends_with(".localhost") {
        return Ok(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port));
    }
    let mut found = tokio::net::lookup_host((name, port)).await.with_context(|| format!("cannot resolve {name}"))?;
    found.next().with_context(|| format!("{name} has no address"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    async fn plan(arguments: &str) -> anyhow::Result<Plan> {
        Plan::of(Options::try_parse_from(["load"].into_iter().chain(arguments.split(' ')))?).await
    }

    #[tokio::test]
    async fn what_the_user_named_is_what_is_loaded() {
        for (arguments, target) in [
            ("http://192.0.2.1/", "192.0.2.1:80"),
            ("https://192.0.2.1:8443/", "192.0.2.1:8443"),
            ("http://[2001:db8::1]/", "[2001:db8::1]:80"),
            ("http://192.0.2.1/ --connect 192.0.2.2:8080", "192.0.2.2:8080"),
            ("http://hello.localhost:8080/", "127.0.0.1:8080"),
            ("http://nobody.invalid/ --connect 127.0.0.1:80", "127.0.0.1:80"),
        ] {
            let plan = plan(&format!("{arguments} --for 1s")).await.unwrap();
            assert_eq!(plan.target, target.parse().unwrap(), "{arguments}");
        }
    }

    #[tokio::test]
    async fn what_cannot_be_loaded_is_refused_with_the_reason() {
        for (arguments, why) in [
            ("ftp://127.0.0.1/", "only http:// and https://"),
            ("http://127.0.0.1/ --resume", "are for https://"),
            ("http://127.0.0.1/ --cacert ca.pem", "are for https://"),
            ("https://127.0.0.1/ --cacert /nowhere/ca.pem", "/nowhere/ca.pem"),
            ("http://127.0.0.1/ --websocket=17MiB", "larger than 16 MiB"),
            ("http://127.0.0.1/ --http2 --connections 1000 --streams 1000", "requests at once"),
        ] {
            let refused = plan(&format!("{arguments} --for 1s")).await.err().map(|error| format!("{error:#}"));
            assert!(refused.as_ref().is_some_and(|text| text.contains(why)), "{arguments}: {refused:?}");
        }
    }

    #[tokio::test]
    async fn the_first_of_two_ends_ends_the_run() {
        let requests = async |arguments: &str| plan(&format!("http://127.0.0.1/ {arguments}")).await.unwrap().requests;
        assert_eq!(requests("--rate 500 --for 60s").await, 30_000);
        assert_eq!(requests("--rate 500 --for 60s --requests 100").await, 100);
        assert_eq!(requests("--closed --for 60s").await, MOST);
    }
}
