//! What a Secret holds for us. What else it holds is wiped.

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use zeroize::{Zeroize, Zeroizing};

use crate::control::certificates::{Material, Pem};

/// The type of a Secret with a certificate.
pub(super) const TLS: &str = "kubernetes.io/tls";

/// The certificate and key of a Secret.
pub(super) fn certificate(secret: &Secret) -> Material<Pem> {
    let version = version(secret);
    let of_type = secret.type_.as_deref().unwrap_or("Opaque");
    if of_type != TLS {
        return Material::Unusable { reason: format!("its type is {of_type}, not {TLS}"), version };
    }
    match (key(secret, "tls.crt"), key(secret, "tls.key")) {
        (Ok(chain), Ok(key)) => {
            let content = Pem { chain: Zeroizing::new(chain.to_vec()), key: Zeroizing::new(key.to_vec()) };
            Material::Found { content, version }
        }
        (Err(reason), _) | (_, Err(reason)) => Material::Unusable { reason, version },
    }
}

/// The CA certificates of a Secret, of whatever type.
pub(super) fn authority(secret: &Secret) -> Material<Vec<u8>> {
    let version = version(secret);
    match key(secret, "ca.crt") {
        Ok(pem) => Material::Found { content: pem.to_vec(), version },
        Err(reason) => Material::Unusable { reason, version },
    }
}

/// Overwrites what it holds.
pub(in crate::control) fn wipe(mut secret: Secret) {
    for ByteString(bytes) in secret.data.iter_mut().flat_map(|data| data.values_mut()) {
        bytes.zeroize();
    }
}

fn key<'s>(secret: &'s Secret, name: &str) -> Result<&'s [u8], String> {
    let found = secret.data.as_ref().and_then(|data| data.get(name));
    found.map(|ByteString(bytes)| bytes.as_slice()).ok_or_else(|| format!("the key {name} is missing"))
}

fn version(secret: &Secret) -> String {
    secret.metadata.resource_version.clone().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn secret(of_type: &str, keys: &[&str]) -> Secret {
        let data: BTreeMap<_, _> =
            keys.iter().map(|key| ((*key).to_owned(), ByteString(key.as_bytes().to_vec()))).collect();
        let mut secret = Secret { data: Some(data), type_: Some(of_type.to_owned()), ..Secret::default() };
        secret.metadata.resource_version = Some("7".to_owned());
        secret
    }

    #[test]
    fn a_secret_that_is_no_certificate_says_why() {
        for (secret, expected) in [
            (secret("Opaque", &["tls.crt", "tls.key"]), Some("its type is Opaque, not kubernetes.io/tls")),
            (secret(TLS, &["tls.crt"]), Some("the key tls.key is missing")),
            (secret(TLS, &[]), Some("the key tls.crt is missing")),
            (secret(TLS, &["tls.crt", "tls.key", "ca.crt"]), None),
        ] {
            let material = certificate(&secret);
            assert_eq!(material.version(), Some("7"));
            let reason = match &material {
                Material::Unusable { reason, .. } => Some(reason.as_str()),
                _ => None,
            };
            assert_eq!(reason, expected);
        }
    }

    #[test]
    fn a_client_ca_is_one_key_of_any_secret() {
        assert!(matches!(authority(&secret("Opaque", &["ca.crt"])), Material::Found { .. }));
        assert!(matches!(authority(&secret(TLS, &["tls.crt"])), Material::Unusable { .. }));
    }
}
