//! What is asked for on the command line.
//!
//! One door: [`Options`]; [`crate::plan::Plan::of`] decides what can be done together.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  Two minutes of 500 requests a second, whatever the answers take
    load https://www.example.com/ --rate 500 --for 2m
  The same over 4 connections of HTTP/2 with 32 requests at a time on each
    load https://www.example.com/ --rate 500 --for 2m --http2 --connections 4 --streams 32
  One node of a cluster, by its address, with a CA of your own
    load https://www.example.com/ --connect 192.0.2.7:443 --cacert ca.pem --for 30s
  A hundred uploads of 1 MiB, one after another on each of 8 connections
    load http://127.0.0.1:8080/upload --closed --requests 100 --connections 8 --upload 1MiB
  1,000 WebSockets on which 2,000 messages of 1 KiB a second come back
    load https://www.example.com/ws --websocket=1KiB --connections 1000 --rate 2000 --for 60s";

/// Sends requests by a clock (open loop), without retries, and tells how long the answers took.
///
/// Latency counts from the moment a request was due, whether or not a connection was free. Only the host of the URL, or
/// the address of --connect, is sent to: redirects are not followed. Exit code 0: every answer was as asked; 1: some were
/// not, or this program could not keep its schedule; 2: it could not start.
#[derive(Parser)]
#[command(name = "load", after_help = EXAMPLES)]
pub(crate) struct Options {
    /// What to ask for, http:// or https://. Names under .localhost are this machine.
    pub(crate) url: String,
    /// Requests a second.
    #[arg(long, default_value_t = 100, conflicts_with = "closed", value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(crate) rate: u64,
    #[command(flatten)]
    pub(crate) end: End,
    /// Connections that are open at once.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    pub(crate) connections: u32,
    /// Send the next request as soon as an answer is there: for measuring what a request costs, never for latency.
    #[arg(long)]
    pub(crate) closed: bool,
    /// Open the connections before the first request is due, so that no latency has a handshake in it.
    #[arg(long, conflicts_with = "new_connection")]
    pub(crate) warm: bool,
    /// A new connection for each request.
    #[arg(long, conflicts_with_all = ["http2", "websocket"])]
    pub(crate) new_connection: bool,
    /// Keep the connections open for so long after the last answer.
    #[arg(long, value_parser = duration, conflicts_with = "new_connection")]
    pub(crate) hold: Option<Duration>,
    /// An answer that takes longer is an error.
    #[arg(long, default_value = "5s", value_parser = duration)]
    pub(crate) timeout: Duration,
    /// HTTP/2: agreed on in the handshake of https://, taken for granted with http://.
    #[arg(long)]
    pub(crate) http2: bool,
    /// Requests at once on each connection of HTTP/2.
    #[arg(long, default_value_t = 1, requires = "http2", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) streams: u32,
    /// POST a body of this size: 64KiB, 1MiB, 1GiB.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub(crate) upload: Option<u64>,
    /// Make each connection a WebSocket; a request is then a binary message of SIZE that must come back.
    #[arg(
        long,
        value_name = "SIZE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "64B",
        value_parser = size,
        conflicts_with_all = ["http2", "upload", "expect_status", "expect_size", "expect_body"]
    )]
    pub(crate) websocket: Option<u64>,
    /// Another field of the request, `name:value`; may be repeated. `host` replaces the URL's.
    #[arg(long = "header", short = 'H', value_parser = field)]
    pub(crate) headers: Vec<(String, String)>,
    /// Send the 15 fields that a browser sends.
    #[arg(long)]
    pub(crate) fifteen: bool,
    /// Of an https:// URL: the authorities that are believed in place of the system's, a PEM file.
    #[arg(long, value_name = "FILE")]
    pub(crate) cacert: Option<PathBuf>,
    /// Of an https:// URL: resume sessions on new connections; else every handshake is a full one.
    #[arg(long)]
    pub(crate) resume: bool,
    /// Connect here, whatever the URL's host is.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) connect: Option<SocketAddr>,
    /// The status every answer must have; without it any from 200 to 399 is fine.
    #[arg(long, value_name = "STATUS")]
    pub(crate) expect_status: Option<u16>,
    /// The size every body must have.
    #[arg(long, value_name = "BYTES")]
    pub(crate) expect_size: Option<u64>,
    /// What every body must be.
    #[arg(long, value_name = "TEXT")]
    pub(crate) expect_body: Option<String>,
    /// How the result is printed.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

/// There is no run without an end.
#[derive(Args)]
#[group(required = true, multiple = true)]
pub(crate) struct End {
    /// How long requests are sent: 60s, 500ms, 2m.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    /// How many requests are sent.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) requests: Option<u64>,
}

/// How the result is printed.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For scripts.
    Json,
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

fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit: u64 = match &text[digits.len()..] {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("a size has a unit: 64B, 64KiB, 1MiB, 1GiB".into()),
    };
    let number: u64 = digits.parse().map_err(|_| "a size is a whole number and a unit: 64KiB".to_owned())?;
    number.checked_mul(unit).filter(|&size| size > 0).ok_or("this is no size".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(arguments: &str) -> Option<String> {
        Options::try_parse_from(["load"].into_iter().chain(arguments.split(' '))).err().map(|error| error.to_string())
    }

    #[test]
    fn a_run_without_an_end_or_a_target_is_refused() {
        for arguments in
            ["http://127.0.0.1/", "http://127.0.0.1/ --closed", "--for 1s", "--for 1s --connect 127.0.0.1:80"]
        {
            assert!(refusal(arguments).is_some(), "{arguments}");
        }
    }

    #[test]
    fn certificates_are_always_checked() {
        assert!(
            refusal("https://127.0.0.1/ --for 1s --insecure").is_some_and(|why| why.contains("unexpected argument"))
        );
    }

    #[test]
    fn what_cannot_go_together_is_refused() {
        for arguments in [
            "--websocket --http2",
            "--websocket --upload 1MiB",
            "--websocket --new-connection",
            "--websocket --expect-size 64",
            "--http2 --new-connection",
            "--streams 4",
            "--warm --new-connection",
            "--upload 1",
            "--upload 0KiB",
            "--upload 99999999999GiB",
            "--websocket=64",
        ] {
            assert!(refusal(&format!("http://127.0.0.1/ --for 1s {arguments}")).is_some(), "{arguments}");
        }
    }

    #[test]
    fn a_size_has_a_unit_and_a_websocket_s_has_64_bytes_unless_said_otherwise() {
        let parse = |words: &str| Options::try_parse_from(["load"].into_iter().chain(words.split(' '))).unwrap();
        assert_eq!(parse("--websocket http://127.0.0.1/ --for 1s").websocket, Some(64));
        assert_eq!(parse("--websocket=4KiB http://127.0.0.1/ --for 1s").websocket, Some(4096));
        assert_eq!(parse("http://127.0.0.1/ --for 1s --upload 2GiB").upload, Some(2 << 30));
    }
}
