//! What a run of the proxy is told. The command line makes a [`Serve`]; every default that needs no look at the system
//! is already in it.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::dns;
use crate::telemetry::{LogFormat, LogLevel};

/// A run of the proxy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Serve {
    /// Where the routes come from.
    pub source: Source,
    /// The own namespace, when the pod does not say it or it should be another one.
    pub namespace: Option<String>,
    /// Where to listen for HTTP in clear.
    pub http: Vec<SocketAddr>,
    /// Where to listen for HTTP over TLS.
    pub https: Vec<SocketAddr>,
    /// Where to answer about the process itself.
    pub admin: Vec<SocketAddr>,
    /// Data-plane threads; `None` = one for each CPU that the cgroup grants.
    pub workers: Option<usize>,
    /// Where the last good routes are kept.
    pub state_dir: Option<PathBuf>,
    /// Where the last good certificates are kept; a folder on a tmpfs.
    pub secret_dir: Option<PathBuf>,
    /// Whether a process that serves at the same addresses is asked for its listeners; `None` = in a pod.
    pub take_over: Option<bool>,
    /// Whether routes may lead to this machine itself.
    pub allow_local_backends: bool,
    /// DNS domain of the cluster; `None` = what resolv.conf tells.
    pub cluster_domain: Option<String>,
    /// The name server to ask; `None` = those of resolv.conf.
    pub resolver: Option<SocketAddr>,
    /// How the log is written; `None` = as fits where it goes.
    pub log: Option<LogFormat>,
    /// What is logged.
    pub log_level: LogLevel,
    /// What the DNS sync is told.
    pub dns: DnsSettings,
    /// With routes from a file: the one node there is, whose names this process keeps by itself.
    pub machine: Option<dns::Node>,
    /// What the first signal does.
    pub ending: Ending,
}

/// What the DNS sync is told by flags and variables. The routes file may say more.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct DnsSettings {
    /// What the section `dns` may say too.
    pub flags: dns::Flags,
    /// API token for Cloudflare.
    pub token: Option<String>,
    /// A file that holds one, and may change.
    pub token_file: Option<PathBuf>,
    /// Global API key for Cloudflare, in place of a token.
    pub api_key: Option<String>,
    /// Whose the key is.
    pub api_email: Option<String>,
    /// A folder in which the Secret with any of these is mounted.
    pub secret_dir: Option<PathBuf>,
    /// Where the API of Cloudflare is, with its path; `None` = where it always is.
    pub endpoint: Option<String>,
    /// Nothing is written.
    pub dry_run: bool,
}

/// Where the routes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The API server.
    ConfigMap {
        /// Of the ConfigMap, when it is not the own one.
        namespace: Option<String>,
        /// Of the ConfigMap.
        name: String,
        /// How to reach the cluster from outside.
        kubeconfig: Option<PathBuf>,
    },
    /// A file, watched for change.
    File(PathBuf),
}

/// What the first signal does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Ends in order: requests are finished.
    Orderly,
    /// Ends at once, for a demo that somebody is done with.
    AtOnce,
}

/// Of the credentials only whether they are there.
impl fmt::Debug for DnsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DnsSettings { flags, token, token_file, api_key, api_email, secret_dir, endpoint, dry_run } = self;
        let redacted = |value: &Option<String>| value.as_ref().map(|_| "…");
        f.debug_struct("DnsSettings")
            .field("flags", flags)
            .field("token", &redacted(token))
            .field("token_file", token_file)
            .field("api_key", &redacted(api_key))
            .field("api_email", &redacted(api_email))
            .field("secret_dir", secret_dir)
            .field("endpoint", endpoint)
            .field("dry_run", dry_run)
            .finish()
    }
}
