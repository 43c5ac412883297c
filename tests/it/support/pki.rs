//! Certificates for a test: an authority that signs whatever it is asked for.
//!
//! One door: [`Ca`].

use std::sync::{Arc, LazyLock};

use gatepost::certs::{Certificate, ClientCa, Clients};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize, date_time_ymd,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What signs and shakes hands, on both sides.
pub static PROVIDER: LazyLock<Arc<CryptoProvider>> =
    LazyLock::new(|| Arc::new(rustls::crypto::aws_lc_rs::default_provider()));

/// Making one takes its time: all tests share it.
static RSA: LazyLock<String> =
    LazyLock::new(|| KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).expect("a key").serialize_pem());

/// An authority of its own.
pub struct Ca(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key, as they stand in a Secret.
#[derive(Clone)]
pub struct Identity {
    pub certificate: String,
    pub key: String,
}

/// A certificate that is to be signed.
pub struct Leaf<'c> {
    ca: &'c Ca,
    params: CertificateParams,
    rsa: bool,
}

impl Ca {
    pub fn new() -> Ca {
        let mut params = CertificateParams::new([]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.distinguished_name.push(DnType::CommonName, "an authority under test");
        Ca(CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a certificate"))
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    pub fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// An ECDSA certificate for these names.
    pub fn issue(&self, names: &[&str]) -> Identity {
        self.leaf(names).issue()
    }

    /// The same with something special about it.
    pub fn leaf(&self, names: &[&str]) -> Leaf<'_> {
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let mut params = CertificateParams::new(names).expect("names");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        Leaf { ca: self, params, rsa: false }
    }

    /// Clients of this authority. `required`: and nobody else.
    pub fn clients(&self, required: bool) -> Clients {
        Clients::Of(Arc::new(ClientCa::read(self.pem().as_bytes(), required, &PROVIDER).expect("a client CA")))
    }
}

impl Leaf<'_> {
    pub fn rsa(mut self) -> Self {
        self.rsa = true;
        self
    }

    pub fn expired(mut self) -> Self {
        self.params.not_after = date_time_ymd(2020, 1, 1);
        self
    }

    pub fn not_yet_valid(mut self) -> Self {
        self.params.not_before = date_time_ymd(4000, 1, 1);
        self
    }

    pub fn issue(self) -> Identity {
        let key = if self.rsa { KeyPair::from_pem(&RSA) } else { KeyPair::generate() }.expect("a key");
        let certificate = self.params.signed_by(&key, &self.ca.0).expect("a certificate");
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }
}

impl Identity {
    /// As the proxy shows it.
    pub fn read(&self) -> Arc<Certificate> {
        let read = Certificate::read(self.certificate.as_bytes(), self.key.as_bytes(), &PROVIDER);
        Arc::new(read.expect("a certificate with its key"))
    }

    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).expect("a certificate")
    }

    pub fn private(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key")
    }
}
