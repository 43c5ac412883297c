//! What is right about a certificate today and may not be for long, or not for everybody: [`Certificate::concerns`].

use super::certificate::{Certificate, KeyType, Span};

/// How long before its end a certificate should have been replaced. Those of ACME authorities are replaced 30 days before
/// it, so that with 14 left the renewal has failed for two weeks.
pub const EXPIRY_NOTICE: i64 = 14 * 86_400;

/// Why a certificate that can be shown should be looked at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Concern {
    /// Within [`EXPIRY_NOTICE`].
    #[error("it expires in {}", Span(.left))]
    ExpiresSoon {
        /// Seconds until then.
        left: i64,
    },
    /// Clients refuse it: an RSA key of less than 2048 bits.
    #[error("its key is too short for clients to believe ({0})")]
    ShortKey(KeyType),
    /// Some clients do not speak it: a curve other than P-256 and P-384.
    #[error("not all clients speak its kind of key ({0})")]
    RareKey(KeyType),
}

impl Certificate {
    /// What should be looked at, at `now` (Unix seconds). One that has expired is a
    /// [`Fault`](super::Fault::Expired) and no concern.
    pub fn concerns(&self, now: i64) -> impl Iterator<Item = Concern> {
        let left = self.not_after() - now;
        let soon = (0..=EXPIRY_NOTICE).contains(&left).then_some(Concern::ExpiresSoon { left });
        soon.into_iter().chain(self.key_type().concern())
    }
}

impl KeyType {
    fn concern(self) -> Option<Concern> {
        match self {
            KeyType::Ecdsa(256 | 384) | KeyType::Ed25519 | KeyType::Rsa(2048..) => None,
            KeyType::Ecdsa(_) => Some(Concern::RareKey(self)),
            KeyType::Rsa(_) => Some(Concern::ShortKey(self)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_everybody_speaks_are_no_concern() {
        for (key, concern) in [
            (KeyType::Ecdsa(256), None),
            (KeyType::Ecdsa(384), None),
            (KeyType::Ed25519, None),
            (KeyType::Rsa(2048), None),
            (KeyType::Rsa(4096), None),
            (KeyType::Ecdsa(521), Some("not all clients speak its kind of key (ECDSA P-521)")),
            (KeyType::Rsa(1024), Some("its key is too short for clients to believe (RSA 1024)")),
            (KeyType::Rsa(2047), Some("its key is too short for clients to believe (RSA 2047)")),
        ] {
            assert_eq!(key.concern().map(|concern| concern.to_string()).as_deref(), concern, "{key}");
        }
    }
}
