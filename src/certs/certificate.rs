//! One certificate with its chain and key: [`Certificate::read`].

use std::fmt;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

use super::{Bad, MAX_PEM};

/// Most certificates in a chain; public ones have two or three.
const MAX_CHAIN: usize = 16;

/// A certificate that can be shown: chain and key belong together.
pub struct Certificate {
    pub(super) key: Arc<CertifiedKey>,
    /// DNS names of the subject alternative name, lower case; wildcards as `*.example.com`.
    names: Vec<Box<str>>,
    not_before: i64,
    not_after: i64,
    key_type: KeyType,
}

/// What kind of key a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyType {
    /// Elliptic curve; bits of the curve. The smallest handshakes, so that it is tried first.
    Ecdsa(u16),
    /// RFC 8410
    Ed25519,
    /// Bits of the modulus.
    Rsa(u16),
}

/// What is wrong with a readable certificate for a use of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The host is not among its names. It would not be believed by anybody.
    #[error("it does not cover {host} (its names: {names})")]
    NotCovered {
        /// The host or wildcard that was asked for.
        host: String,
        /// The first of its names.
        names: String,
    },
    /// Its time is over.
    #[error("it expired {} ago", Span(.ago))]
    Expired {
        /// Seconds since then.
        ago: i64,
    },
    /// Its time has not come.
    #[error("it is not valid for another {}", Span(.wait))]
    NotYet {
        /// Seconds until then.
        wait: i64,
    },
}

impl Certificate {
    /// Reads a chain, the host's own certificate first, and its private key (PKCS#8, SEC1 or PKCS#1), both PEM.
    ///
    /// # Errors
    /// What is wrong with the texts. Time and names are judged by [`Certificate::fault`].
    pub fn read(chain: &[u8], key: &[u8], provider: &CryptoProvider) -> Result<Certificate, Bad> {
        if chain.len() > MAX_PEM || key.len() > MAX_PEM {
            return Err(Bad::TooLong);
        }
        let chain = read_chain(chain)?;
        if chain.len() > MAX_CHAIN {
            return Err(Bad::Certificate(format!("it has more than {MAX_CHAIN} certificates")));
        }
        // one that clients can't read would make them refuse the first one, too
        for der in &chain {
            parse(der)?;
        }
        let private = PrivateKeyDer::from_pem_slice(key).map_err(|_| Bad::NoKey)?;
        let Some(own) = chain.first() else { return Err(Bad::NoCertificate) };
        let (names, not_before, not_after, key_type) = facts(own)?;
        let key = CertifiedKey::from_der(chain, private, provider).map_err(|error| match error {
            Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => Bad::KeyDoesNotFit,
            Error::General(reason) => Bad::Key(reason),
            Error::InvalidCertificate(reason) => Bad::Certificate(reason.to_string()),
            other => Bad::Key(other.to_string()),
        })?;
        Ok(Certificate { key: Arc::new(key), names, not_before, not_after, key_type })
    }

    /// DNS names, lower case; wildcards as `*.example.com`.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    /// Whether a client that asked for `host` believes it. `host` is a lower-case name or a wildcard like
    /// `*.example.com`, which only the same wildcard covers. A wildcard stands for exactly one label (RFC 9525 6.3).
    pub fn covers(&self, host: &str) -> bool {
        let parent = host.split_once('.').map(|(_, parent)| parent);
        self.names.iter().any(|name| {
            **name == *host || name.strip_prefix("*.").is_some_and(|of| parent == Some(of) && !host.starts_with('*'))
        })
    }

    /// From when on it holds, Unix seconds.
    pub fn not_before(&self) -> i64 {
        self.not_before
    }

    /// Until when it holds, Unix seconds.
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    /// What kind of key it is for.
    pub fn key_type(&self) -> KeyType {
        self.key_type
    }

    /// What keeps it from being shown for `host` at `now` (Unix seconds); a missing name weighs more than the time.
    pub fn fault(&self, host: &str, now: i64) -> Option<Fault> {
        if !self.covers(host) {
            let mut names: Vec<&str> = self.names().take(3).collect();
            if self.names.len() > names.len() {
                names.push("…");
            }
            let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            return Some(Fault::NotCovered { host: host.to_owned(), names });
        }
        if now > self.not_after {
            return Some(Fault::Expired { ago: now - self.not_after });
        }
        (now < self.not_before).then(|| Fault::NotYet { wait: self.not_before - now })
    }

    /// The same chain: a Secret that was written anew without a change.
    pub fn is_same(&self, other: &Certificate) -> bool {
        self.key.cert == other.key.cert
    }
}

impl fmt::Debug for Certificate {
    /// Without the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Certificate { key: _, names, not_before, not_after, key_type } = self;
        f.debug_struct("Certificate")
            .field("names", names)
            .field("not_before", not_before)
            .field("not_after", not_after)
            .field("key_type", key_type)
            .finish_non_exhaustive()
    }
}

/// Every certificate in a text, of which there is at least one.
/// Until when a certificate in DER holds, Unix seconds; `None` when it is none.
pub fn expiry(der: &[u8]) -> Option<i64> {
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    Some(parsed.validity().not_after.timestamp())
}

pub(super) fn read_chain(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, Bad> {
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let chain = chain.map_err(|error| Bad::Certificate(error.to_string()))?;
    if chain.is_empty() { Err(Bad::NoCertificate) } else { Ok(chain) }
}

type Facts = (Vec<Box<str>>, i64, i64, KeyType);

fn unreadable(error: &dyn fmt::Display) -> Bad {
    Bad::Certificate(error.to_string())
}

fn parse<'d>(der: &'d CertificateDer<'_>) -> Result<X509Certificate<'d>, Bad> {
    X509Certificate::from_der(der).map(|(_, parsed)| parsed).map_err(|error| unreadable(&error))
}

fn facts(der: &CertificateDer<'_>) -> Result<Facts, Bad> {
    let parsed = parse(der)?;
    let mut names = Vec::new();
    if let Some(list) = parsed.subject_alternative_name().map_err(|error| unreadable(&error))? {
        for name in &list.value.general_names {
            if let GeneralName::DNSName(name) = name {
                names.push(name.to_ascii_lowercase().into_boxed_str());
            }
        }
    }
    let bits = |bits: usize| u16::try_from(bits).unwrap_or(u16::MAX);
    let key_type = match parsed.public_key().parsed() {
        Ok(PublicKey::RSA(rsa)) => KeyType::Rsa(bits(rsa.key_size())),
        Ok(PublicKey::EC(point)) => match bits(point.key_size()) {
            // counted in whole bytes of a coordinate, of which P-521 does not fill the last
            528 => KeyType::Ecdsa(521),
            bits => KeyType::Ecdsa(bits),
        },
        Ok(PublicKey::Unknown(_))
            if parsed.public_key().algorithm.algorithm == x509_parser::oid_registry::OID_SIG_ED25519 =>
        {
            KeyType::Ed25519
        }
        Ok(_) => return Err(Bad::Key("only ECDSA, Ed25519 and RSA keys are spoken".to_owned())),
        Err(error) => return Err(unreadable(&error)),
    };
    let validity = parsed.validity();
    Ok((names, validity.not_before.timestamp(), validity.not_after.timestamp(), key_type))
}

impl fmt::Display for KeyType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeyType::Ecdsa(bits) => write!(f, "ECDSA P-{bits}"),
            KeyType::Ed25519 => f.write_str("Ed25519"),
            KeyType::Rsa(bits) => write!(f, "RSA {bits}"),
        }
    }
}

/// Seconds for people: the largest unit of which there are two.
pub(super) struct Span<'a>(pub(super) &'a i64);

impl fmt::Display for Span<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = *self.0;
        let (count, unit) = match seconds {
            0..120 => (seconds, "second"),
            120..7_200 => (seconds / 60, "minute"),
            7_200..172_800 => (seconds / 3_600, "hour"),
            _ => (seconds / 86_400, "day"),
        };
        write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}
