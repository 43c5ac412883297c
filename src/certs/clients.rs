//! Which clients may come: [`ClientCa`], and [`Policy`], by which two hosts are compared.

use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;

use super::certificate::read_chain;
use super::{Bad, MAX_PEM};

/// The authority that clients of a host show a certificate of.
#[derive(Debug)]
pub struct ClientCa {
    verifier: Arc<dyn ClientCertVerifier>,
    required: bool,
    digest: [u8; 32],
}

/// Who a host lets in. A connection is good for another host only when both have the same, and a session resumes under
/// the same only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Everybody.
    Anyone,
    /// Those who show a certificate of this CA set; `required`: and nobody else.
    Shown {
        /// SHA-256 over the CA's certificates, in order, and the mode.
        digest: [u8; 32],
        /// A client without a certificate is refused.
        required: bool,
    },
    /// Nobody: there is to be a CA, and it can't be read.
    Nobody,
}

impl ClientCa {
    /// Reads the certificates of the authority, PEM. `required`: clients without a certificate are refused.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn read(pem: &[u8], required: bool, provider: &Arc<CryptoProvider>) -> Result<ClientCa, Bad> {
        if pem.len() > MAX_PEM {
            return Err(Bad::TooLong);
        }
        let mut roots = RootCertStore::empty();
        let mut authorities = read_chain(pem)?;
        authorities.sort_by(|one, other| one.as_ref().cmp(other.as_ref()));
        authorities.dedup();
        let mut hash = Context::new(&SHA256);
        hash.update(&[u8::from(required)]);
        for authority in authorities {
            hash.update(&(authority.len() as u64).to_be_bytes());
            hash.update(&authority);
            roots.add(authority).map_err(|error| Bad::Certificate(error.to_string()))?;
        }
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        let builder = if required { builder } else { builder.allow_unauthenticated() };
        let verifier = builder.build().map_err(|error| Bad::Certificate(error.to_string()))?;
        let mut digest = [0; 32];
        digest.copy_from_slice(hash.finish().as_ref());
        Ok(ClientCa { verifier, required, digest })
    }

    /// Who is let in.
    pub fn policy(&self) -> Policy {
        Policy::Shown { digest: self.digest, required: self.required }
    }

    pub(super) fn verifier(&self) -> Arc<dyn ClientCertVerifier> {
        Arc::clone(&self.verifier)
    }
}

impl Policy {
    /// A client must have shown a certificate (or can't come at all): what comes in clear is refused.
    pub fn is_closed(self) -> bool {
        matches!(self, Policy::Nobody | Policy::Shown { required: true, .. })
    }
}
