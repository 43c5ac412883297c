//! Claims about certificates, hosts, names and tickets.

mod certificate;
mod clients;
mod store;
mod tickets;

use std::sync::{Arc, LazyLock};

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use rustls::crypto::CryptoProvider;

use super::*;

static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));

/// Making one takes its time: all tests share it.
static RSA: LazyLock<KeyPair> =
    LazyLock::new(|| KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap());

/// A certificate that signs itself, as PEM.
fn signed(names: &[&str], key: &KeyPair) -> String {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    CertificateParams::new(names).unwrap().self_signed(key).unwrap().pem()
}

fn certificate(names: &[&str]) -> Certificate {
    let key = KeyPair::generate().unwrap();
    Certificate::read(signed(names, &key).as_bytes(), key.serialize_pem().as_bytes(), &PROVIDER).unwrap()
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", BASE64.encode(der))
}
