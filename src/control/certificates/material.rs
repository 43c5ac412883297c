//! What a source of certificates has: [`Material`]. Of a certificate that is a [`Pem`], of a client CA its PEM text.

use std::fmt;

use zeroize::Zeroizing;

/// What a source has, as somebody who looked has found it.
#[derive(Debug)]
pub enum Material<T> {
    /// This.
    Found {
        /// What it holds. Nobody has judged it.
        content: T,
        /// What tells this state of the source from any other, the same on every node.
        version: String,
    },
    /// The source says for certain that there is nothing.
    Absent,
    /// Nobody may look at any of them, as whoever tried has said: one fact, which is not told of each.
    Hidden,
    /// Nobody may look at this one: what it has is not known.
    Refused {
        /// Who said so, and what would permit it.
        reason: String,
        /// It is in the own namespace, where the shipped Role permits it.
        is_ours: bool,
    },
    /// It is there and cannot be looked at, for instance for a missing key.
    Unusable {
        /// What is wrong, without content.
        reason: String,
        /// As with what is found.
        version: String,
    },
}

impl<T> Material<T> {
    /// Which state of the source this is; `None` when it is absent.
    pub fn version(&self) -> Option<&str> {
        match self {
            Material::Found { version, .. } | Material::Unusable { version, .. } => Some(version),
            Material::Hidden => Some("hidden"),
            Material::Refused { .. } => Some("refused"),
            Material::Absent => None,
        }
    }
}

/// A certificate chain and its private key as they were found.
#[derive(Clone, PartialEq, Eq)]
pub struct Pem {
    /// The host's own certificate first.
    pub chain: Zeroizing<Vec<u8>>,
    /// Its private key.
    pub key: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for Pem {
    /// How much there is, and nothing of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Pem { chain, key } = self;
        f.debug_struct("Pem").field("chain", &chain.len()).field("key", &key.len()).finish()
    }
}
