//! `gatepost serve`: the flags, and what they come to.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;

use super::dns_flags::{DnsFlags, VARIABLES};
use super::{Log, USAGE, listen_addr, resolver_addr, wrong};
use crate::app;
use crate::telemetry::LogLevel;

const EXAMPLES: &str = "\
Examples:
  In a pod, without flags: routes from the ConfigMap `gatepost`, HTTP on port 80
    gatepost serve
  On a laptop, routes from a file that may be edited at any time
    gatepost serve --routes routes.yaml --http 127.0.0.1:8080
  On a laptop, routes from a cluster
    gatepost serve --kubeconfig ~/.kube/config --config-map web/routes --http 127.0.0.1:8080
  Replace a gatepost that serves there, without a failed request; it drains and ends by itself
    gatepost serve --routes routes.yaml --http 127.0.0.1:8080 --take-over
  See what the DNS sync would do, without doing it
    gatepost serve --dns-name kubernetes.example.com --dry-run

Access log: stdout. Everything else: stderr.
Exit codes: 0 ended in order, 1 could not start or go on, 2 wrong usage.";

/// Run the proxy. In a pod without further flags it does the whole job.
#[derive(Debug, clap::Args)]
#[command(after_long_help = format!("{EXAMPLES}\n\n{VARIABLES}"), after_help = "More with --help.")]
pub(super) struct Serve {
    /// Routes from this ConfigMap, key `routes.yaml`; namespace: the own one
    #[arg(long, value_name = "[NS/]NAME", env = "GATEPOST_CONFIG_MAP", default_value = "gatepost", value_parser = config_map)]
    config_map: ConfigMap,

    /// Routes from a file instead, watched for change; Kubernetes is not touched
    #[arg(long, value_name = "FILE", env = "GATEPOST_ROUTES", conflicts_with_all = ["config_map", "kubeconfig", "state_dir", "secret_dir"])]
    routes: Option<PathBuf>,

    /// How to reach the cluster from outside [default: in-cluster, else KUBECONFIG]
    #[arg(long, value_name = "FILE", env = "GATEPOST_KUBECONFIG")]
    kubeconfig: Option<PathBuf>,

    /// The own namespace, where Services without one are looked for [default: the pod's]
    #[arg(long, value_name = "NS", env = "GATEPOST_NAMESPACE")]
    namespace: Option<String>,

    /// Listen for HTTP; may be repeated. `[::]:80` is IPv4 too (default: that, and none with --routes)
    #[arg(long, value_name = "ADDR", env = "GATEPOST_HTTP", value_delimiter = ',', value_parser = listen_addr)]
    http: Vec<SocketAddr>,

    /// Listen for HTTP over TLS; may be repeated (default: `[::]:443`, and none with --routes)
    #[arg(long, value_name = "ADDR", env = "GATEPOST_HTTPS", value_delimiter = ',', value_parser = listen_addr)]
    https: Vec<SocketAddr>,

    /// Answer /livez, /readyz, /metrics and /status here; may be repeated. Only /metrics unless it is loopback
    #[arg(long, value_name = "ADDR", env = "GATEPOST_ADMIN", value_delimiter = ',', value_parser = listen_addr, default_value = "127.0.0.1:9180")]
    admin: Vec<SocketAddr>,

    /// Threads that serve [default: the CPUs that the cgroup grants]
    #[arg(long, value_name = "N", env = "GATEPOST_WORKERS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Option<u16>,

    /// Keep the last good routes here, so that a restart serves before the API server answers
    #[arg(long, value_name = "DIR", env = "GATEPOST_STATE_DIR")]
    state_dir: Option<PathBuf>,

    /// Keep the last good certificates here, for the same; refused unless it is a tmpfs
    #[arg(long, value_name = "DIR", env = "GATEPOST_SECRET_DIR")]
    secret_dir: Option<PathBuf>,

    /// Ask a gatepost that serves at the same addresses for its listeners, so that no client notices the change; it ends
    /// by itself [default: on in a pod]
    #[arg(long, value_name = "BOOL", env = "GATEPOST_TAKE_OVER", num_args = 0..=1, require_equals = true, default_missing_value = "true", hide_possible_values = true)]
    take_over: Option<bool>,

    /// A ConfigMap may name backends on this machine itself (a file given with --routes always may)
    #[arg(long, env = "GATEPOST_ALLOW_LOCAL_BACKENDS", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set, hide_default_value = true, hide_possible_values = true)]
    allow_local_backends: bool,

    /// DNS domain of the cluster [default: from resolv.conf, else cluster.local]
    #[arg(long, value_name = "DOMAIN", env = "GATEPOST_CLUSTER_DOMAIN")]
    cluster_domain: Option<String>,

    /// Name server to ask [default: those of resolv.conf]
    #[arg(long, value_name = "ADDR", env = "GATEPOST_RESOLVER", value_parser = resolver_addr)]
    resolver: Option<SocketAddr>,

    /// How the log on stderr is written [default: text on a terminal, else json]
    #[arg(long, value_name = "FORMAT", env = "GATEPOST_LOG", value_enum)]
    log: Option<Log>,

    /// error, warn, info, debug, or directives such as warn,gatepost::control=debug
    #[arg(long, value_name = "LEVEL", env = "GATEPOST_LOG_LEVEL", default_value = "info", value_parser = str::parse::<LogLevel>)]
    log_level: LogLevel,

    /// The DNS sync plans and logs, and writes nothing
    #[arg(long, env = "GATEPOST_DRY_RUN", num_args = 0..=1, require_equals = true, default_value_t = false, default_missing_value = "true", action = clap::ArgAction::Set, hide_default_value = true, hide_possible_values = true)]
    dry_run: bool,

    #[command(flatten)]
    dns: DnsFlags,
}

/// A ConfigMap by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ConfigMap {
    pub(super) namespace: Option<String>,
    pub(super) name: String,
}

/// `NAME` or `NAMESPACE/NAME`, each as Kubernetes allows it.
pub(super) fn config_map(text: &str) -> Result<ConfigMap, String> {
    let (namespace, name) = match text.split_once('/') {
        Some((namespace, name)) => (Some(namespace.to_owned()), name),
        None => (None, text),
    };
    let is_label = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && text.starts_with(|first: char| first != '-')
            && !text.ends_with('-')
    };
    if namespace.as_deref().is_some_and(|namespace| !is_label(namespace)) || !name.split('.').all(is_label) {
        return Err("expected NAME or NAMESPACE/NAME in lower case letters, digits and dashes".to_owned());
    }
    Ok(ConfigMap { namespace, name: name.to_owned() })
}

impl Serve {
    pub(super) fn run(self) -> ExitCode {
        match self.settings() {
            Ok(settings) => app::run(settings, |_| {}),
            Err(error) => {
                // a message that clap made too: same look
                let _ = error.print();
                ExitCode::from(USAGE)
            }
        }
    }

    /// What the flags come to, with every default that depends on another flag.
    pub(super) fn settings(self) -> Result<app::Serve, clap::Error> {
        let Serve {
            config_map,
            routes,
            kubeconfig,
            namespace,
            http,
            https,
            admin,
            workers,
            state_dir,
            secret_dir,
            take_over,
            allow_local_backends,
            cluster_domain,
            resolver,
            log,
            log_level,
            dry_run,
            dns,
        } = self;
        let (http, https) = listeners(routes.is_some(), http, https)?;
        let source = match routes {
            Some(file) => app::Source::File(file),
            None => app::Source::ConfigMap { namespace: config_map.namespace, name: config_map.name, kubeconfig },
        };
        let dns = dns.settings(dry_run).map_err(|error| wrong(&["serve"], ErrorKind::InvalidValue, &error))?;
        Ok(app::Serve {
            // who writes the file could as well start a proxy to this machine
            allow_local_backends: allow_local_backends || matches!(source, app::Source::File(_)),
            source,
            namespace,
            http,
            https,
            admin,
            workers: workers.map(usize::from),
            state_dir,
            secret_dir,
            take_over,
            cluster_domain,
            resolver,
            log: log.map(Into::into),
            log_level,
            dns,
            machine: None,
            ending: app::Ending::Orderly,
        })
    }
}

/// Where clients come in: with a routes file nowhere but where it is said.
fn listeners(
    has_file: bool,
    mut http: Vec<SocketAddr>,
    mut https: Vec<SocketAddr>,
) -> Result<(Vec<SocketAddr>, Vec<SocketAddr>), clap::Error> {
    if has_file && http.is_empty() && https.is_empty() {
        return Err(wrong(
            &["serve"],
            ErrorKind::MissingRequiredArgument,
            "with --routes nothing is listened on by itself: give at least one --http or --https, such as --http 127.0.0.1:8080",
        ));
    }
    if !has_file {
        let any = |port| SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, port));
        if http.is_empty() {
            http.push(any(80));
        }
        // 443 also without certificates: a later edit that names some needs no bind
        if https.is_empty() {
            https.push(any(443));
        }
    }
    Ok((http, https))
}

/// Reads flags as the process would, for tests.
#[derive(Debug, clap::Parser)]
#[cfg(test)]
pub(super) struct Alone {
    #[command(flatten)]
    pub(super) serve: Serve,
}
