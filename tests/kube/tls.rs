//! Certificates to put into Secrets, and a client that looks at what it is shown.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, HandshakeKind, SignatureScheme, StreamOwned,
};

use crate::testbed::PATIENCE;

/// A certificate with its key, PEM, and what a client gets to see of it.
pub(crate) struct Certificate {
    pub(crate) chain: String,
    pub(crate) key: String,
    der: Vec<u8>,
}

impl Certificate {
    /// From 1975 to 4096.
    pub(crate) fn of(host: &str) -> Certificate {
        Certificate::until(host, 4096)
    }

    /// Until the first day of that year.
    pub(crate) fn until(host: &str, year: i32) -> Certificate {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![host.to_owned()]).unwrap();
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        let made = params.self_signed(&key).unwrap();
        Certificate { chain: made.pem(), key: key.serialize_pem(), der: made.der().to_vec() }
    }
}

/// An authority for clients, and one client of it.
pub(crate) struct Authority {
    pub(crate) pem: String,
    client: (CertificateDer<'static>, PrivateKeyDer<'static>),
}

impl Authority {
    pub(crate) fn new() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let made = params.self_signed(&key).unwrap();
        let issuer = Issuer::new(params, key);
        let own = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["client.example.com".to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let client = params.signed_by(&own, &issuer).unwrap();
        let key = PrivateKeyDer::try_from(own.serialize_der()).unwrap();
        Authority { pem: made.pem(), client: (client.der().clone(), key) }
    }
}

/// Waits until a client that asks for `name` is shown this certificate; gives how long that took.
pub(crate) fn shows(addr: SocketAddr, name: &str, certificate: &Certificate) -> Duration {
    let start = Instant::now();
    loop {
        let shown = shown(addr, name);
        if shown.as_ref().is_ok_and(|shown| *shown == certificate.der) {
            return start.elapsed();
        }
        assert!(start.elapsed() < PATIENCE, "another certificate of {name}: {:?}", shown.map(|shown| shown.len()));
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What a client that asks for `name` is shown now.
pub(crate) fn shown(addr: SocketAddr, name: &str) -> io::Result<Vec<u8>> {
    let client = Client::new();
    client.connect(addr, name)?;
    let seen = client.seen.0.lock().unwrap().take();
    seen.ok_or_else(|| io::Error::other("no certificate"))
}

/// A client that keeps the tickets it is given.
pub(crate) struct Client {
    config: Arc<ClientConfig>,
    seen: Arc<Curious>,
}

impl Client {
    pub(crate) fn new() -> Client {
        Client::with(None)
    }

    /// One that shows a certificate of this authority.
    pub(crate) fn of(authority: &Authority) -> Client {
        Client::with(Some(authority))
    }

    fn with(authority: Option<&Authority>) -> Client {
        let seen = Arc::new(Curious::default());
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.dangerous().with_custom_certificate_verifier(seen.clone());
        let config = match authority.map(|authority| &authority.client) {
            Some((shown, key)) => config.with_client_auth_cert(vec![shown.clone()], key.clone_key()).unwrap(),
            None => config.with_no_client_auth(),
        };
        Client { config: Arc::new(config), seen }
    }

    /// One request over a new connection: tickets come before its answer.
    pub(crate) fn visit(&self, addr: SocketAddr, name: &str) -> io::Result<HandshakeKind> {
        let mut open = self.open(addr, name)?;
        open.get(name)?;
        Ok(open.0.conn.handshake_kind().unwrap())
    }

    pub(crate) fn open(&self, addr: SocketAddr, name: &str) -> io::Result<Open> {
        let (connection, stream) = self.connect(addr, name)?;
        Ok(Open(StreamOwned::new(connection, stream)))
    }

    fn connect(&self, addr: SocketAddr, name: &str) -> io::Result<(ClientConnection, TcpStream)> {
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let mut connection = ClientConnection::new(Arc::clone(&self.config), name).unwrap();
        let mut stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        while connection.is_handshaking() {
            connection.complete_io(&mut stream)?;
        }
        Ok((connection, stream))
    }
}

/// A connection for as many requests as it is good for.
pub(crate) struct Open(StreamOwned<ClientConnection, TcpStream>);

impl Open {
    /// A request; an answer without a body is waited for.
    pub(crate) fn get(&mut self, host: &str) -> io::Result<()> {
        self.0.write_all(format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes())?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            let mut piece = [0; 1024];
            match self.0.read(&mut piece)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => answer.extend_from_slice(&piece[..read]),
            }
        }
        let text = String::from_utf8_lossy(&answer);
        if text.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(io::Error::other(text.into_owned())) }
    }
}

/// Believes everything and remembers it.
#[derive(Debug, Default)]
struct Curious(Mutex<Option<Vec<u8>>>);

impl ServerCertVerifier for Curious {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        *self.0.lock().unwrap() = Some(end_entity.to_vec());
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms.supported_schemes()
    }
}
