//! Names to addresses, without ever losing an answer that was once good.
//!
//! One door: [`Names::resolve`], one query to the name servers. What lives how long is the pool's business.

use std::cell::OnceCell;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};

use super::Error;

/// An answer is not asked for again before this time, whatever its TTL says.
const SHORTEST: Duration = Duration::from_secs(1);
/// It is asked for again at least this often.
const LONGEST: Duration = Duration::from_secs(300);
/// One try at one name server; two tries are made.
const TRY: Duration = Duration::from_millis(1500);
/// Addresses of one name that are used at most.
const ADDRESSES: usize = 64;

/// Which name servers are asked and how.
#[derive(Debug, Clone)]
pub struct ResolverSettings {
    config: ResolverConfig,
    options: ResolverOpts,
}

/// The system's resolver configuration could not be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read the resolver configuration: {0}")]
pub struct ResolverError(NetError);

impl ResolverSettings {
    /// What /etc/resolv.conf says.
    ///
    /// # Errors
    /// It cannot be read, or holds what no resolver can use.
    pub fn system() -> Result<Self, ResolverError> {
        let (config, options) = hickory_resolver::system_conf::read_system_conf().map_err(ResolverError)?;
        Ok(ResolverSettings { config, options: options_of(options) })
    }

    /// These name servers alone.
    pub fn servers(servers: &[SocketAddr]) -> Self {
        let servers = servers.iter().map(|server| {
            let mut config = NameServerConfig::udp_and_tcp(server.ip());
            for connection in &mut config.connections {
                connection.port = server.port();
            }
            config
        });
        let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
        ResolverSettings { config, options: options_of(ResolverOpts::default()) }
    }

    /// Milliseconds that one resolution may take at most: two tries at two servers, two records at once.
    pub(super) fn longest(&self) -> Duration {
        TRY * 4
    }
}

fn options_of(mut options: ResolverOpts) -> ResolverOpts {
    // the pool keeps answers, and keeps them longer than a cache may
    options.cache_size = 0;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    // CNAME records among them
    options.preserve_intermediates = true;
    options.timeout = TRY;
    options.attempts = 2;
    options
}

/// What a name stands for and until when.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) fresh_for: Duration,
    /// The name is another name for something (CNAME), as that of an ExternalName Service is.
    pub(super) is_alias: bool,
}

/// A worker's resolver.
pub(super) struct Names {
    settings: ResolverSettings,
    resolver: OnceCell<Option<TokioResolver>>,
}

/// The port of a backend, or the name under which its Service's SRV records tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Port {
    Number(u16),
    Srv(String),
}

impl Names {
    pub(super) fn new(settings: &ResolverSettings) -> Self {
        Names { settings: settings.clone(), resolver: OnceCell::new() }
    }

    /// Asks for the addresses of `name`, which ends with a dot so that no search list is walked.
    pub(super) async fn resolve(&self, name: &str, port: &Port) -> Result<Answer, Error> {
        let lookup = async {
            match port {
                Port::Number(port) => self.addresses(name, *port).await,
                Port::Srv(service) => self.named_port(&format!("_{service}._tcp.{name}")).await,
            }
        };
        // every wait has a bound of ours, whatever the library's own are
        tokio::time::timeout(self.settings.longest(), lookup).await.unwrap_or(Err(NetError::Timeout)).map_err(|error| {
            let (reason, timeout) = match &error {
                NetError::Timeout => ("no name server answered in time", true),
                error if error.is_nx_domain() => ("there is no such name", false),
                error if error.is_no_records_found() => ("the name has no address", false),
                _ => ("the name servers could not be asked", false),
            };
            tracing::debug!(name, error = %error, "A name was not resolved");
            Error::Unresolved { name: name.to_owned(), reason, timeout }
        })
    }

    async fn addresses(&self, name: &str, port: u16) -> Result<Answer, NetError> {
        let found = self.resolver()?.lookup_ip(name).await?;
        let addresses = found.iter().take(ADDRESSES).map(|ip: IpAddr| SocketAddr::new(ip, port)).collect();
        let answers = found.as_lookup().answers();
        let is_alias = answers.iter().any(|record| record.record_type() == RecordType::CNAME);
        Ok(Answer { addresses, fresh_for: fresh_for(found.valid_until()), is_alias })
    }

    /// A Service's SRV records name its port and one target for each address (Kubernetes DNS specification 2.3.2).
    async fn named_port(&self, name: &str) -> Result<Answer, NetError> {
        let found = self.resolver()?.srv_lookup(name).await?;
        let fresh_for = fresh_for(found.valid_until());
        let mut answer = Answer { addresses: Vec::new(), fresh_for, is_alias: false };
        for record in found.answers() {
            let RData::SRV(srv) = &record.data else { continue };
            let target = self.addresses(&srv.target.to_utf8(), srv.port).await?;
            answer.fresh_for = answer.fresh_for.min(target.fresh_for);
            answer.is_alias |= target.is_alias;
            answer.addresses.extend(target.addresses);
            if answer.addresses.len() >= ADDRESSES {
                break;
            }
        }
        answer.addresses.truncate(ADDRESSES);
        Ok(answer)
    }

    fn resolver(&self) -> Result<&TokioResolver, NetError> {
        self.resolver
            .get_or_init(|| {
                let ResolverSettings { config, options } = self.settings.clone();
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
                    .with_options(options)
                    .build()
                    .inspect_err(|error| tracing::error!(%error, "The resolver cannot be built"))
                    .ok()
            })
            .as_ref()
            .ok_or(NetError::NoConnections)
    }
}

fn fresh_for(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now()).clamp(SHORTEST, LONGEST)
}
