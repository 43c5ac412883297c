//! What a handshake for one name needs: [`Host`], made by [`Maker::host`].

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::server::{ClientHello, NoServerSessionStorage, ProducesTickets, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, SupportedProtocolVersion};

use super::certificate::Certificate;
use super::clients::{ClientCa, Policy};
use super::tickets::Tickets;

/// HTTP/2 in a handshake (RFC 9113 3.1).
pub const ALPN_H2: &[u8] = b"h2";
/// HTTP/1.1 in a handshake (RFC 7301 6).
const ALPN_HTTP1: &[u8] = b"http/1.1";

/// Versions that may be spoken; TLS 1.3 is preferred.
const FROM_1_2: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];
const FROM_1_3: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

/// One host name or wildcard of the `tls` section: its certificates and whom it lets in.
#[derive(Debug)]
pub struct Host {
    certificates: Vec<Arc<Certificate>>,
    policy: Policy,
    config: Option<Arc<ServerConfig>>,
}

/// Which clients a host lets in.
#[derive(Debug, Clone)]
pub enum Clients {
    /// Everybody, without a certificate.
    Anyone,
    /// Those of this authority.
    Of(Arc<ClientCa>),
    /// Nobody: the authority is named and can't be read.
    Nobody,
}

/// Makes hosts: what they all have in common.
#[derive(Debug)]
pub struct Maker {
    provider: Arc<CryptoProvider>,
    versions: &'static [&'static SupportedProtocolVersion],
    tickets: Arc<Tickets>,
    /// For hosts that let everybody in: one for all, since rustls resumes a session only under the name it began with.
    shared: Arc<dyn ProducesTickets>,
}

impl Maker {
    /// `only_1_3`: TLS 1.2 is not spoken.
    pub fn new(provider: Arc<CryptoProvider>, only_1_3: bool, tickets: Arc<Tickets>) -> Maker {
        let shared = tickets.producer(None);
        Maker { provider, versions: if only_1_3 { FROM_1_3 } else { FROM_1_2 }, tickets, shared }
    }

    /// What reads keys and CA sets.
    pub fn provider(&self) -> &Arc<CryptoProvider> {
        &self.provider
    }

    /// A host with these certificates; each client gets the first that it can verify, ECDSA before RSA. Without one, or
    /// when nobody is let in, it has no handshakes, and is known all the same.
    ///
    /// # Errors
    /// rustls's, when the provider lacks what a version needs.
    pub fn host(&self, mut certificates: Vec<Arc<Certificate>>, clients: &Clients) -> Result<Host, rustls::Error> {
        certificates.sort_by_key(|certificate| certificate.key_type());
        let policy = match clients {
            Clients::Anyone => Policy::Anyone,
            Clients::Of(ca) => ca.policy(),
            Clients::Nobody => Policy::Nobody,
        };
        let config = match (certificates.is_empty(), clients) {
            (true, _) | (_, Clients::Nobody) => None,
            (false, Clients::Anyone) => Some(self.config(&certificates, None)?),
            (false, Clients::Of(ca)) => Some(self.config(&certificates, Some(ca))?),
        };
        Ok(Host { certificates, policy, config })
    }

    fn config(
        &self,
        certificates: &[Arc<Certificate>],
        ca: Option<&ClientCa>,
    ) -> Result<Arc<ServerConfig>, rustls::Error> {
        let builder =
            ServerConfig::builder_with_provider(Arc::clone(&self.provider)).with_protocol_versions(self.versions)?;
        let (builder, ticketer) = match ca {
            None => (builder.with_no_client_auth(), Arc::clone(&self.shared)),
            Some(ca) => {
                let Policy::Shown { digest, .. } = ca.policy() else { return Err(rustls::Error::HandshakeNotComplete) };
                (builder.with_client_cert_verifier(ca.verifier()), self.tickets.producer(Some(digest)))
            }
        };
        let keys = certificates.iter().map(|certificate| Arc::clone(&certificate.key)).collect();
        let mut config = builder.with_cert_resolver(Arc::new(FirstVerifiable(keys)));
        config.alpn_protocols = vec![ALPN_H2.to_vec(), ALPN_HTTP1.to_vec()];
        // the strongest that both speak; all of ours are good
        config.ignore_client_order = true;
        config.ticketer = ticketer;
        // sessions are in the tickets: nothing is kept here
        config.session_storage = Arc::new(NoServerSessionStorage {});
        Ok(Arc::new(config))
    }
}

impl Host {
    /// Its certificates, in the order in which they are tried.
    pub fn certificates(&self) -> &[Arc<Certificate>] {
        &self.certificates
    }

    /// Whom it lets in.
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// For the handshake; `None`: there is none to be had.
    pub fn config(&self) -> Option<&Arc<ServerConfig>> {
        self.config.as_ref()
    }

    /// Whether all of its certificates cover `host`: one connection is then good for both.
    pub fn covers(&self, host: &str) -> bool {
        !self.certificates.is_empty() && self.certificates.iter().all(|certificate| certificate.covers(host))
    }

    /// When the first of its certificates expires, Unix seconds.
    pub fn not_after(&self) -> Option<i64> {
        self.certificates.iter().map(|certificate| certificate.not_after()).min()
    }
}

/// Gives each client the first certificate whose key it has a signature scheme for.
#[derive(Debug)]
struct FirstVerifiable(Vec<Arc<CertifiedKey>>);

impl ResolvesServerCert for FirstVerifiable {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let fits = |key: &&Arc<CertifiedKey>| key.key.choose_scheme(hello.signature_schemes()).is_some();
        self.0.iter().find(fits).or(self.0.first()).cloned()
    }
}
