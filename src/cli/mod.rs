//! The command line: flags, their environment variables, and which code the process exits with.
//!
//! One door: [`run`].

mod check;
mod demo;
mod dns;
mod dns_flags;
mod explain;
mod prepare_node;
mod probe;
mod serve;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

use crate::telemetry::LogFormat;

/// Exit code of wrong usage, the one that clap uses too.
const USAGE: u8 = 2;

/// An edge proxy for small Kubernetes clusters: one binary on every node, routes from a ConfigMap, live.
#[derive(Debug, Parser)]
#[command(name = "gatepost", version, max_term_width = 100, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(Box<serve::Serve>),
    Demo(demo::Demo),
    Check(check::Check),
    Explain(explain::Explain),
    Dns(Box<dns::Dns>),
    Probe(probe::Probe),
    PrepareNode(prepare_node::PrepareNode),
    Schema(Schema),
    Completions(Completions),
}

/// Write the JSON Schema of the routes file, for editors that complete and check while one types.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  gatepost schema > routes.schema.json")]
struct Schema {}

/// Write the completions for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  gatepost completions bash > /etc/bash_completion.d/gatepost")]
struct Completions {
    /// Which shell
    shell: clap_complete::Shell,
}

/// How the log on stderr is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Log {
    /// For people
    Text,
    /// One object a line
    Json,
}

impl From<Log> for LogFormat {
    fn from(log: Log) -> Self {
        match log {
            Log::Text => LogFormat::Text,
            Log::Json => LogFormat::Json,
        }
    }
}

/// Reads the arguments of the process and does what they say.
pub fn run() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(serve) => serve.run(),
        Command::Demo(demo) => demo.run(),
        Command::Check(check) => check.run(),
        Command::Explain(explain) => explain.run(),
        Command::Dns(dns) => dns.run(),
        Command::Probe(probe) => probe.run(),
        Command::PrepareNode(prepare) => prepare.run(),
        Command::Schema(Schema {}) => print(&format!("{:#}\n", crate::config::schema())),
        Command::Completions(Completions { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "gatepost", &mut script);
            print(&String::from_utf8_lossy(&script))
        }
    }
}

/// An error that looks as if clap had found it, in the subcommand of these names.
fn wrong(names: &[&str], kind: clap::error::ErrorKind, message: &str) -> clap::Error {
    let mut command = Cli::command();
    // names the subcommands in full
    command.build();
    for name in names {
        command = command.find_subcommand(name).cloned().unwrap_or(command);
    }
    command.error(kind, message)
}

/// Writes what was asked for. Who closed the pipe has seen enough; any other failure is one.
fn print(text: &str) -> ExitCode {
    use std::io::Write;
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            anstream::eprintln!("gatepost: cannot write: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Where to listen: an address with a port, or `:PORT` for every address of the machine.
fn listen_addr(text: &str) -> Result<SocketAddr, String> {
    if let Some(port) = text.strip_prefix(':') {
        let port = port.parse().map_err(|_| "expected :PORT with a port from 0 to 65535".to_owned())?;
        return Ok(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)));
    }
    if let Some(port) = text.strip_prefix("localhost:") {
        let port = port.parse().map_err(|_| "expected localhost:PORT with a port from 0 to 65535".to_owned())?;
        return Ok(SocketAddr::from(([127, 0, 0, 1], port)));
    }
    text.parse().map_err(|_| "expected ADDRESS:PORT, such as 127.0.0.1:8080, [::]:80 or :80".to_owned())
}

/// A name server, on port 53 when none is written.
fn resolver_addr(text: &str) -> Result<SocketAddr, String> {
    let port_53 = text.parse::<IpAddr>().map(|ip| SocketAddr::from((ip, 53)));
    text.parse().or(port_53).map_err(|_| "expected an address with or without port, such as 10.96.0.10".to_owned())
}

#[cfg(test)]
mod tests;
