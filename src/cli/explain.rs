//! `gatepost explain`: which route takes a request, why, and what becomes of it.
//!
//! The request goes through the very code that serves: it is read as a head, brought into canonical form and looked up.
//! `facts` collects what there is to say, `text` says it to people; for programs the facts are written as they are.

mod facts;
mod record;
mod text;
mod transport;

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;

use self::facts::Explained;
use super::{USAGE, print};
use crate::config::{self, Config, Dns, HostPattern, Problem, Severity, Tls};
use crate::dns::Host;
use crate::message::{Head, Limits, Malformed};
use crate::routing::RouteTable;

/// Say which route takes a request, which others nearly did, and what the app would get.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  gatepost explain routes.yaml http://www.example.com/api/x\n  gatepost explain routes.yaml https://example.com/ -X POST -H 'x-version: 2' --client 203.0.113.7\n\nExit codes: 0 explained, 1 the file is refused or cannot be read, 2 wrong usage."
)]
pub(super) struct Explain {
    /// Routes file; `-` is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// What the client asks for; `http://` may be left out
    #[arg(value_name = "URL")]
    url: String,

    /// Method of the request
    #[arg(short = 'X', long = "request", value_name = "METHOD", default_value = "GET")]
    method: String,

    /// A header field of the request; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = field)]
    headers: Vec<(String, String)>,

    /// Address that the connection comes from
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    client: IpAddr,

    /// For people, or for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

/// How the answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A few lines
    Text,
    /// One object
    Json,
}

impl Explain {
    pub(super) fn run(self) -> ExitCode {
        let Explain { file, url, method, headers, client, format } = self;
        let asked = match Asked::new(&url, &method, &headers) {
            Ok(asked) => asked,
            Err(error) => return complain(USAGE, &error),
        };
        let (name, served) = match read(&file).and_then(|(name, text)| Ok((served(&name, &text)?, name))) {
            Ok((served, name)) => (name, served),
            Err(error) => return complain(1, &error),
        };
        let explained = Explained::new(&name, &served, &asked, client);
        match format {
            Format::Text => print(&text::of(&explained)),
            Format::Json => match serde_json::to_string_pretty(&explained) {
                Ok(text) => print(&format!("{text}\n")),
                Err(error) => complain(1, &error.to_string()),
            },
        }
    }
}

fn complain(code: u8, error: &str) -> ExitCode {
    anstream::eprintln!("gatepost: {error}");
    ExitCode::from(code)
}

fn field(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("expected NAME: VALUE")?;
    if text.contains(['\r', '\n', '\0']) {
        return Err("a field is one line".to_owned());
    }
    Ok((name.to_owned(), value.trim().to_owned()))
}

fn read(file: &Path) -> Result<(String, String), String> {
    let is_stdin = file.as_os_str() == "-";
    let name = if is_stdin { "<stdin>".to_owned() } else { file.display().to_string() };
    let mut text = String::new();
    let got = if is_stdin {
        std::io::stdin().lock().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(file)
    };
    got.map_err(|error| format!("{name} cannot be read: {error}")).map(|text| (name, text))
}

/// What a process would serve which has not served anything yet.
struct Served {
    table: RouteTable,
    tls: Tls,
    dns: Dns,
    /// That get a name of their own.
    hosts: Vec<Host>,
}

/// What is wrong is left to `check`, but said.
fn served(name: &str, text: &str) -> Result<Served, String> {
    let refused = |refused: config::Refused| {
        let lines: Vec<String> = refused.problems.iter().map(Problem::to_string).collect();
        format!("{name} is refused\n{}", lines.join("\n"))
    };
    let (config, problems): (Config, _) = config::parse(text, name).map_err(refused)?.settle(None).map_err(refused)?;
    for problem in problems.iter().filter(|problem| problem.severity == Severity::Error) {
        anstream::eprintln!("gatepost: {problem}");
    }
    let table = RouteTable::build(&config, 1).map_err(|error| format!("{name}: {error}"))?;
    let hosts = crate::dns::hosts(&config.routes);
    Ok(Served { table, hosts, tls: config.tls, dns: config.dns })
}

/// A request, as its client would send it.
#[derive(Debug)]
struct Asked {
    method: String,
    is_https: bool,
    authority: String,
    /// Path and query.
    target: String,
    headers: Vec<(String, String)>,
}

impl Asked {
    fn new(url: &str, method: &str, headers: &[(String, String)]) -> Result<Asked, String> {
        // clients keep the fragment to themselves
        let url = url.split('#').next().unwrap_or(url);
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let is_https = match scheme.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return Err(format!("`{scheme}` is no scheme of the web: expected http or https")),
        };
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        // and the user information goes into a field of its own
        let authority = authority.rsplit('@').next().unwrap_or(authority);
        if authority.is_empty() {
            return Err(format!("`{url}` names no host: expected a URL such as http://www.example.com/path"));
        }
        let slash = if path.starts_with('/') { "" } else { "/" };
        let (host, headers): (Vec<_>, Vec<_>) =
            headers.iter().cloned().partition(|(name, _)| name.eq_ignore_ascii_case("host"));
        let authority = host.into_iter().map(|(_, host)| host).next_back().unwrap_or_else(|| as_sent(authority));
        Ok(Asked {
            method: method.to_owned(),
            is_https,
            authority,
            target: escaped(&format!("{slash}{path}")),
            headers,
        })
    }

    /// As the proxy would read it.
    fn head(&self, limits: Limits) -> Result<Head, Malformed> {
        let Asked { method, is_https, authority, target, headers } = self;
        // CONNECT names a host and a port, and its Host the same (RFC 9112 3.2.3)
        let is_connect = method == "CONNECT";
        let port = if *is_https { ":443" } else { ":80" };
        let port = if is_connect && with_port(authority).is_none() { port } else { "" };
        let authority = &format!("{authority}{port}");
        let target = if is_connect { authority } else { target };
        let mut bytes = format!("{method} {target} HTTP/1.1\r\nHost: {authority}\r\n");
        for (name, value) in headers {
            bytes.push_str(&format!("{name}: {value}\r\n"));
        }
        bytes.push_str("\r\n");
        let mut head = Head::new();
        head.parse_request(bytes.as_bytes(), 0, limits).map(|_| head)
    }

    fn scheme(&self) -> &'static str {
        if self.is_https { "https" } else { "http" }
    }

    fn url(&self) -> String {
        format!("{}://{}{}", self.scheme(), self.authority, self.target)
    }
}

/// A name and its port, where one is written.
fn with_port(authority: &str) -> Option<(&str, &str)> {
    authority.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()))
}

/// International names are sent as A-labels; all others as they are written, right or wrong.
fn as_sent(authority: &str) -> String {
    let (name, port) = match with_port(authority) {
        Some((name, port)) => (name, format!(":{port}")),
        None => (authority, String::new()),
    };
    match name.parse() {
        Ok(HostPattern::Exact(host)) if !name.is_ascii() => format!("{host}{port}"),
        _ => authority.to_owned(),
    }
}

/// What no client sends as it is, it sends as an escape.
fn escaped(target: &str) -> String {
    let mut out = String::with_capacity(target.len());
    for byte in target.bytes() {
        match byte {
            0..=b' ' | 0x7f.. | b'"' | b'<' | b'>' | b'`' => out.push_str(&format!("%{byte:02X}")),
            _ => out.push(char::from(byte)),
        }
    }
    out
}

#[cfg(test)]
mod tests;
