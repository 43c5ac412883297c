//! The `tls` section as values: which certificates there are, for whom, and which clients may come; and what becomes of
//! those who come in clear.

use std::fmt;
use std::path::PathBuf;

use super::HostPattern;

/// What becomes of a request in clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Https {
    /// [`Https::Redirect`] when a loaded certificate covers the host on every node, else [`Https::Allow`].
    #[default]
    Auto,
    /// 308 to the same place under https.
    Redirect,
    /// It is served as one under https would be.
    Allow,
    /// 403.
    Only,
}

/// The `tls` section.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tls {
    /// In file order. Several may name the same host, such as an ECDSA and an RSA one.
    pub certificates: Vec<CertificateEntry>,
    /// The host whose certificate those get who ask for a name that nobody has, or for none; `None` = an alert.
    pub default: Option<String>,
    /// The oldest version that is spoken.
    pub min_version: TlsVersion,
}

/// One entry of `tls.certificates`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateEntry {
    /// Line of the entry in its file, counted from 1.
    pub line: u32,
    /// At least one; never [`HostPattern::Any`]. A wildcard has one label in place of its star, as certificates have it.
    pub hosts: Vec<HostPattern>,
    /// Where certificate and key are.
    pub source: CertificateSource,
    /// Which clients may come. The same in all entries of a host.
    pub client_ca: Option<ClientCa>,
}

/// Where a certificate and its key are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CertificateSource {
    /// A Secret of type `kubernetes.io/tls`.
    Secret(SecretName),
    /// PEM files, named as they are written: relative ones are below the folder of the routes file, which is known to
    /// whoever reads them. Only in a local routes file.
    Files {
        /// The chain, the host's own first.
        certificate: PathBuf,
        /// Its private key.
        key: PathBuf,
    },
}

/// A Secret by name; `Display` writes `name` or `namespace/name`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretName {
    /// When it is not gatepost's own.
    pub namespace: Option<String>,
    /// Of the Secret.
    pub name: String,
}

/// The `clientCa` block: clients show a certificate of this authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCa {
    /// Where the authority's certificates are.
    pub source: ClientCaSource,
    /// What becomes of those who show none.
    pub mode: ClientAuth,
}

/// Where the certificates of a client CA are.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ClientCaSource {
    /// The key `ca.crt` of a Secret of any type.
    Secret(SecretName),
    /// A PEM file, as those of a certificate; only in a local routes file.
    File(PathBuf),
}

/// Whether a client must show a certificate. One that does not hold is refused in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClientAuth {
    /// It may.
    Optional,
    /// It must.
    Require,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum TlsVersion {
    /// RFC 5246
    #[default]
    V12,
    /// RFC 8446
    V13,
}

impl ClientCa {
    /// Who shows no certificate is refused.
    pub fn is_required(&self) -> bool {
        self.mode == ClientAuth::Require
    }
}

impl Tls {
    /// The entries whose certificates a host may get, in file order: those of its exact name, else those of the wildcard
    /// one label above it; none when there is neither. `host` is in its one form, as in [`HostPattern::Exact`].
    pub fn entries_of(&self, host: &str) -> Vec<&CertificateEntry> {
        let of = |pattern: &HostPattern| -> Vec<&CertificateEntry> {
            self.certificates.iter().filter(|entry| entry.hosts.contains(pattern)).collect()
        };
        let exact = of(&HostPattern::Exact(host.to_owned()));
        match HostPattern::wildcard_above(host) {
            Some(wildcard) if exact.is_empty() => of(&wildcard),
            _ => exact,
        }
    }

    /// Whether there is an entry for this host.
    pub fn covers(&self, host: &str) -> bool {
        !self.entries_of(host).is_empty()
    }
}

impl HostPattern {
    /// The wildcard that a certificate may name this host by (RFC 6125 6.4.3): `*.example.com` for `www.example.com`.
    pub fn wildcard_above(host: &str) -> Option<HostPattern> {
        host.split_once('.').map(|(_, above)| HostPattern::Wildcard(above.to_owned()))
    }
}

impl fmt::Display for SecretName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// `Secret shop/www-tls`, or the names of the files.
impl fmt::Display for CertificateSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CertificateSource::Secret(name) => write!(f, "Secret {name}"),
            CertificateSource::Files { certificate, key } => {
                write!(f, "files {} and {}", certificate.display(), key.display())
            }
        }
    }
}

/// `Secret shop/client-ca`, or the name of the file.
impl fmt::Display for ClientCaSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientCaSource::Secret(name) => write!(f, "Secret {name}"),
            ClientCaSource::File(path) => write!(f, "file {}", path.display()),
        }
    }
}

/// As in the routes file.
impl fmt::Display for ClientAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ClientAuth::Optional => "optional",
            ClientAuth::Require => "require",
        })
    }
}
