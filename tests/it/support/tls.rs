//! Clients that speak TLS, and what the proxy shows them.
//!
//! Doors: [`tls`] makes a client; [`Gate::certificate`] and its sisters publish what it is shown.

use std::io;
use std::net::TcpStream;
use std::sync::{Arc, OnceLock};

use gatepost::certs::{Clients, Store};
use rustls::client::Resumption;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    AlertDescription, ClientConfig, ClientConnection, DigitallySignedStruct, Error, HandshakeKind, NamedGroup,
    ProtocolVersion, RootCertStore, SignatureScheme, StreamOwned, SupportedProtocolVersion,
};

use super::pki::{Ca, Identity, PROVIDER};
use super::{Client, Gate, sessions};

/// A client over TLS.
pub type Secured = Client<StreamOwned<ClientConnection, TcpStream>>;

/// Makes connections. Those of one value share their sessions, so that a second one resumes.
#[derive(Clone)]
pub struct Tls {
    ca: CertificateDer<'static>,
    versions: Vec<&'static SupportedProtocolVersion>,
    alpn: Vec<Vec<u8>>,
    identity: Option<Identity>,
    named: bool,
    careless: bool,
    rsa: bool,
    early: bool,
    groups: Option<&'static dyn SupportedKxGroup>,
    mixed_up: bool,
    config: OnceLock<Arc<ClientConfig>>,
}

/// A client that trusts this authority.
pub fn tls(ca: &Ca) -> Tls {
    Tls {
        ca: ca.der(),
        versions: rustls::ALL_VERSIONS.to_vec(),
        alpn: Vec::new(),
        identity: None,
        named: true,
        careless: false,
        rsa: false,
        early: false,
        groups: None,
        mixed_up: false,
        config: OnceLock::new(),
    }
}

impl Tls {
    pub fn only(mut self, version: &'static SupportedProtocolVersion) -> Self {
        self.versions = vec![version];
        self
    }

    pub fn alpn(mut self, protocols: &[&str]) -> Self {
        self.alpn = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        self
    }

    /// It has a certificate of its own.
    pub fn shows(mut self, identity: &Identity) -> Self {
        self.identity = Some(identity.clone());
        self
    }

    /// It names nobody.
    pub fn nameless(mut self) -> Self {
        self.named = false;
        self
    }

    /// It takes any certificate, as `curl -k` does.
    pub fn careless(mut self) -> Self {
        self.careless = true;
        self
    }

    /// It knows no signatures but RSA's, and takes any certificate.
    pub fn only_rsa(mut self) -> Self {
        (self.rsa, self.careless) = (true, true);
        self
    }

    /// It would send data before the handshake is through.
    pub fn early(mut self) -> Self {
        self.early = true;
        self
    }

    /// It would exchange keys in this way rather than in any other.
    pub fn preferring(mut self, group: &'static dyn SupportedKxGroup) -> Self {
        self.groups = Some(group);
        self
    }

    /// It offers the session of one host to all of them.
    pub fn mixing_names_up(mut self) -> Self {
        self.mixed_up = true;
        self
    }

    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(self.config.get_or_init(|| Arc::new(self.build())))
    }

    fn build(&self) -> ClientConfig {
        let mut provider = CryptoProvider::clone(&PROVIDER);
        if self.rsa {
            provider.cipher_suites.retain(|suite| !format!("{suite:?}").contains("ECDSA"));
        }
        provider.kx_groups.splice(0..0, self.groups);
        let builder = ClientConfig::builder_with_provider(Arc::new(provider));
        let builder = builder.with_protocol_versions(&self.versions).expect("versions");
        let builder = if self.careless {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Anything { rsa: self.rsa }))
        } else {
            let mut roots = RootCertStore::empty();
            roots.add(self.ca.clone()).expect("a root");
            builder.with_root_certificates(roots)
        };
        let mut config = match &self.identity {
            Some(identity) => {
                builder.with_client_auth_cert(vec![identity.der()], identity.private()).expect("an identity")
            }
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols.clone_from(&self.alpn);
        config.enable_sni = self.named;
        config.enable_early_data = self.early;
        if self.mixed_up {
            config.resumption = Resumption::store(Arc::new(sessions::MixedUp::default()));
        }
        config
    }

    /// A client that has not shaken hands.
    pub fn begin(&self, gate: &Gate, name: &str) -> Secured {
        Client::over(TcpStream::connect(gate.tls_addr).expect("the proxy listens")).securing(self, name)
    }

    /// A client that has.
    pub fn connect(&self, gate: &Gate, name: &str) -> Secured {
        let mut client = self.begin(gate, name);
        client.shake().expect("a handshake");
        client
    }

    /// The alert that a handshake ends with.
    pub fn alert(&self, gate: &Gate, name: &str) -> AlertDescription {
        let mut client = self.begin(gate, name);
        // with TLS 1.3 a client is through before the proxy has seen its certificate
        let ended = client.shake().and_then(|()| client.try_rest().map(|_| ()));
        let error = ended.expect_err("an alert");
        match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
            Some(Error::AlertReceived(alert)) => *alert,
            _ => panic!("no alert: {error:?}"),
        }
    }

    /// What a client says first, as bytes.
    pub fn hello(&self, name: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.connection(name).write_tls(&mut bytes).expect("a hello");
        bytes
    }

    fn connection(&self, name: &str) -> ClientConnection {
        let name = ServerName::try_from(name.to_owned()).expect("a name");
        ClientConnection::new(self.config(), name).expect("a client")
    }
}

impl Client<TcpStream> {
    /// The same connection, on which TLS begins.
    pub fn securing(self, tls: &Tls, name: &str) -> Secured {
        Client::of(StreamOwned::new(tls.connection(name), self.into_io()))
    }
}

impl Secured {
    /// Shakes hands.
    pub fn shake(&mut self) -> io::Result<()> {
        let StreamOwned { conn, sock } = self.io();
        while conn.is_handshaking() {
            if conn.complete_io(sock)?.0 == 0 && conn.is_handshaking() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(())
    }

    pub fn is_resumed(&mut self) -> bool {
        self.io().conn.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    pub fn version(&mut self) -> ProtocolVersion {
        self.io().conn.protocol_version().expect("a handshake")
    }

    pub fn protocol(&mut self) -> Option<String> {
        self.io().conn.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned())
    }

    /// In which way keys were exchanged.
    pub fn group(&mut self) -> NamedGroup {
        self.io().conn.negotiated_key_exchange_group().expect("a full handshake").name()
    }

    /// The certificate that was shown.
    pub fn shown(&mut self) -> CertificateDer<'static> {
        self.io().conn.peer_certificates().expect("a handshake")[0].clone().into_owned()
    }

    /// No more bytes from this side: `close_notify`, without a FIN.
    pub fn close_notify(&mut self) -> &mut Self {
        let StreamOwned { conn, sock } = self.io();
        conn.send_close_notify();
        while conn.wants_write() {
            conn.write_tls(sock).expect("the proxy takes the alert");
        }
        self
    }
}

/// Takes every certificate.
#[derive(Debug)]
struct Anything {
    rsa: bool,
}

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &PROVIDER.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &PROVIDER.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = PROVIDER.signature_verification_algorithms.supported_schemes();
        schemes.retain(|scheme| !self.rsa || format!("{scheme:?}").starts_with("RSA"));
        schemes
    }
}

impl Gate {
    /// This host shows this certificate to everybody.
    pub fn certificate(&self, name: &str, identity: &Identity) {
        self.host(name, &[identity], &Clients::Anyone);
    }

    /// This host shows one of these certificates, to these clients.
    pub fn host(&self, name: &str, identities: &[&Identity], clients: &Clients) {
        let certificates = identities.iter().map(|identity| identity.read()).collect();
        let host = self.maker.host(certificates, clients).expect("a host");
        self.store(|store| store.with(name, Some(Arc::new(host))));
    }

    /// Those who name nobody, or nobody that is known, get what this host shows.
    pub fn default_host(&self, name: &str) {
        self.store(|store| store.with_default(store.find(name).cloned()));
    }

    /// Publishes the next store.
    pub fn store(&self, next: impl FnOnce(&Store) -> Store) {
        let current = self.certificates.current().expect("a store");
        self.certificates.publish(next(&current));
    }
}
