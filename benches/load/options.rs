//! What is asked for on the command line, and the plan that is made of it.
//!
//! One door: [`Plan::of`]. A plan has an end, and its target is this machine unless the user says otherwise.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::{Args, Parser, ValueEnum};

use crate::transport::Tls;

/// Arrivals of one run at most, so that a slip of the finger has an end too.
const MOST: u64 = 100_000_000;

/// Sends requests by a clock (open loop), without retries, and tells how long the answers took.
///
/// Latency counts from the moment a request was due, whether or not a connection was free. Exit code 0: every answer
/// was as asked; 1: some were not, or this program could not keep its schedule; 2: it could not start.
#[derive(Parser)]
#[command(name = "load")]
pub(crate) struct Options {
    /// What to ask for, http:// or https:// (with --cacert). Names under .localhost are this machine.
    url: String,
    /// Requests a second.
    #[arg(long, default_value_t = 100, conflicts_with = "closed", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    rate: u64,
    #[command(flatten)]
    end: End,
    /// Connections that are open at once.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    connections: u32,
    /// Send the next request as soon as an answer is there: for measuring what a request costs, never for latency.
    #[arg(long)]
    closed: bool,
    /// A new connection for each request.
    #[arg(long)]
    new_connection: bool,
    /// Keep the connections open for so long after the last answer.
    #[arg(long, value_parser = duration, conflicts_with = "new_connection")]
    hold: Option<Duration>,
    /// Another field of the request, `name:value`; may be repeated. `host` replaces the URL's.
    #[arg(long = "header", short = 'H', value_parser = field)]
    headers: Vec<(String, String)>,
    /// Send the 15 fields that a browser sends.
    #[arg(long)]
    fifteen: bool,
    /// Of an https:// URL: the authorities that are believed, a PEM file.
    #[arg(long, value_name = "FILE")]
    cacert: Option<PathBuf>,
    /// Resume sessions on new connections; else every handshake is a full one.
    #[arg(long, requires = "cacert")]
    resume: bool,
    /// Connect here, whatever the URL's host is.
    #[arg(long)]
    connect: Option<SocketAddr>,
    /// The status every answer must have; without it any from 200 to 399 is fine.
    #[arg(long)]
    expect_status: Option<u16>,
    /// The size every body must have.
    #[arg(long)]
    expect_size: Option<u64>,
    /// What every body must be.
    #[arg(long)]
    expect_body: Option<String>,
    /// The target is not this machine, and its owner agrees.
    #[arg(long)]
    yes_elsewhere: bool,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// There is no run without an end.
#[derive(Args)]
#[group(required = true, multiple = true)]
struct End {
    /// How long requests are sent: 60s, 500ms, 2m.
    #[arg(long = "for", value_parser = duration)]
    duration: Option<Duration>,
    /// How many requests are sent.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    requests: Option<u64>,
}

/// How the result is printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For scripts.
    Json,
}

/// A run that may begin.
pub(crate) struct Plan {
    pub(crate) url: String,
    pub(crate) target: SocketAddr,
    /// `None`: in clear.
    pub(crate) tls: Option<Tls>,
    /// The bytes of every request.
    pub(crate) request: Vec<u8>,
    pub(crate) connections: usize,
    /// `None`: closed loop.
    pub(crate) rate: Option<u64>,
    pub(crate) requests: u64,
    pub(crate) duration: Option<Duration>,
    pub(crate) new_connection: bool,
    pub(crate) hold: Option<Duration>,
    pub(crate) expect: Expect,
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
        let (tls, usual) = match (url.scheme_str(), &options.cacert) {
            (Some("http"), None) => (None, 80),
            (Some("https"), Some(authorities)) => (Some(Tls::new(host, authorities, options.resume)?), 443),
            (Some("https"), None) => bail!("{url}: --cacert names the authorities that are believed"),
            _ => bail!("{url}: only http://, and https:// with --cacert, can be asked for"),
        };
        let targets = match options.connect {
            Some(target) => vec![target],
            None => resolve(host, url.port_u16().unwrap_or(usual)).await?,
        };
        let target = *targets.first().with_context(|| format!("{host} has no address"))?;
        if !options.yes_elsewhere && !targets.iter().all(|target| target.ip().to_canonical().is_loopback()) {
            bail!("{target} is not this machine; say --yes-elsewhere if its owner agrees, or --connect ADDRESS");
        }
        let (rate, Options { connections, end, .. }) = ((!options.closed).then_some(options.rate), &options);
        let by_clock = match (rate, end.duration) {
            (Some(rate), Some(duration)) => (duration.as_secs_f64() * rate as f64).ceil() as u64,
            _ => MOST,
        };
        Ok(Plan {
            target,
            tls,
            request: request(&url, &options)?,
            connections: *connections as usize,
            rate,
            requests: end.requests.unwrap_or(MOST).min(by_clock).clamp(1, MOST),
            duration: end.duration,
            new_connection: options.new_connection,
            hold: options.hold,
            expect: Expect {
                status: options.expect_status,
                size: options.expect_size,
                body: options.expect_body.map(String::into_bytes),
            },
            url: options.url,
        })
    }
}

async fn resolve(host: &str, port: u16) -> anyhow::Result<Vec<SocketAddr>> {
    let name = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(ip) = name.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    if name == "localhost" || name.ends_with(".localhost") {
        return Ok(vec![SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)]);
    }
    Ok(tokio::net::lookup_host((name, port)).await.with_context(|| format!("cannot resolve {name}"))?.collect())
}

/// What a browser of today says about itself, `Host` being the fifteenth.
const FIFTEEN: [(&str, &str); 14] = [
    (
        "user-agent",
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
    ),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
    ("accept-encoding", "gzip, deflate, br, zstd"),
    ("accept-language", "en-GB,en;q=0.9,de;q=0.7"),
    ("cache-control", "max-age=0"),
    ("cookie", "session=5f2b8d9c1e7a4f60b3d2; theme=dark; consent=yes"),
    ("referer", "http://www.example.com/articles/"),
    ("sec-ch-ua", "\"Chromium\";v=\"140\", \"Not=A?Brand\";v=\"24\""),
    ("sec-ch-ua-mobile", "?0"),
    ("sec-ch-ua-platform", "\"Linux\""),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-site", "same-origin"),
    ("upgrade-insecure-requests", "1"),
];

fn request(url: &http::Uri, options: &Options) -> anyhow::Result<Vec<u8>> {
    let path = url.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let named = options.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("host"));
    let host = match (named, url.authority()) {
        (Some((_, value)), _) => value,
        (None, Some(authority)) => authority.as_str(),
        (None, None) => bail!("the URL names no host"),
    };
    let mut text = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\n");
    let browser = FIFTEEN.iter().filter(|_| options.fifteen).map(|&(name, value)| (name, value));
    let given = options.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    for (name, value) in browser.chain(given).filter(|(name, _)| !name.eq_ignore_ascii_case("host")) {
        text.extend([name, ": ", value, "\r\n"]);
    }
    if options.new_connection {
        text.push_str("connection: close\r\n");
    }
    text.push_str("\r\n");
    Ok(text.into_bytes())
}

fn field(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("a field is written name:value")?;
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_graphic()) || value.contains(['\r', '\n', '\0']) {
        return Err("this cannot stand in a request's head".into());
    }
    Ok((name.to_owned(), value.trim().to_owned()))
}

fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err("a duration has a unit: 500ms, 60s, 2m, 1h".into()),
    };
    let number: f64 = digits.parse().map_err(|_| "a duration is a number and a unit: 60s".to_owned())?;
    Duration::try_from_secs_f64(number * unit).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn plan(arguments: &str) -> anyhow::Result<Plan> {
        Plan::of(Options::try_parse_from(std::iter::once("load").chain(arguments.split(' ')))?).await
    }

    #[tokio::test]
    async fn a_run_without_an_end_is_refused() {
        assert!(plan("http://127.0.0.1/").await.is_err());
        assert!(plan("http://127.0.0.1/ --closed").await.is_err());
    }

    #[tokio::test]
    async fn nobody_elsewhere_is_loaded_by_accident() {
        for target in ["http://192.0.2.1/", "http://[2001:db8::1]/", "http://127.0.0.1/ --connect 192.0.2.1:80"] {
            let refused = plan(&format!("{target} --for 1s")).await;
            assert!(refused.is_err_and(|error| error.to_string().contains("--yes-elsewhere")), "{target}");
        }
        for target in ["http://hello.localhost:8080/", "http://[::1]/", "http://a.test/ --connect 127.0.0.1:80"] {
            assert!(plan(&format!("{target} --for 1s")).await.is_ok(), "{target}");
        }
        assert!(plan("http://192.0.2.1/ --for 1s --yes-elsewhere").await.is_ok());
    }

    #[tokio::test]
    async fn the_first_of_two_ends_ends_the_run() {
        let requests = async |arguments: &str| plan(&format!("http://127.0.0.1/ {arguments}")).await.unwrap().requests;
        assert_eq!(requests("--rate 500 --for 60s").await, 30_000);
        assert_eq!(requests("--rate 500 --for 60s --requests 100").await, 100);
        assert_eq!(requests("--closed --for 60s").await, MOST);
    }

    #[tokio::test]
    async fn a_browser_sends_fifteen_fields_and_a_given_host_replaces_that_of_the_url() {
        let plan = plan("http://127.0.0.1/x?y=1 --requests 1 --fifteen --header host:www.example.com").await.unwrap();
        let text = String::from_utf8(plan.request).unwrap();
        assert!(text.starts_with("GET /x?y=1 HTTP/1.1\r\nhost: www.example.com\r\n"), "{text}");
        assert_eq!(text.lines().filter(|line| line.contains(": ")).count(), 15);
    }
}
