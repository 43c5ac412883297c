//! What requests travel on: a socket, or TLS over one.
//!
//! One door: [`Transport::connect`].

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::Context as _;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::tally::Failure;

/// A connection.
pub(crate) enum Transport {
    Clear(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// How handshakes are made.
pub(crate) struct Tls {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: ServerName<'static>,
}

impl Tls {
    /// Believes the authorities of a PEM file. Without `resume` every handshake is a full one.
    pub(crate) fn new(name: &str, authorities: &std::path::Path, resume: bool) -> anyhow::Result<Tls> {
        let mut roots = RootCertStore::empty();
        let file = || format!("{}: no certificates can be read from it", authorities.display());
        for authority in CertificateDer::pem_file_iter(authorities).with_context(file)? {
            roots.add(authority.with_context(file)?).with_context(file)?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        if !resume {
            config.resumption = Resumption::disabled();
        }
        Ok(Tls { config: Arc::new(config), name: ServerName::try_from(name.to_owned())? })
    }
}

impl Transport {
    /// Connects, and shakes hands where that is asked for.
    pub(crate) async fn connect(target: std::net::SocketAddr, tls: Option<&Tls>) -> Result<Transport, Failure> {
        let socket = TcpStream::connect(target).await.map_err(|error| match error.kind() {
            io::ErrorKind::ConnectionRefused => Failure::Refused,
            io::ErrorKind::ConnectionReset => Failure::Reset,
            _ => Failure::Connect,
        })?;
        socket.set_nodelay(true).map_err(|_| Failure::Connect)?;
        let Some(tls) = tls else { return Ok(Transport::Clear(socket)) };
        let shaken = TlsConnector::from(Arc::clone(&tls.config)).connect(tls.name.clone(), socket).await;
        shaken.map(|stream| Transport::Tls(Box::new(stream))).map_err(|_| Failure::Handshake)
    }

    /// Nothing to read, no end and no error. Costs no system call while the socket is quiet.
    pub(crate) fn is_quiet(&mut self) -> bool {
        match self {
            Transport::Clear(socket) => {
                matches!(socket.try_read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
            }
            // session tickets may lie there, which are no answer: rustls tells them apart
            Transport::Tls(stream) => {
                let mut byte = [0];
                let mut nothing = Context::from_waker(std::task::Waker::noop());
                Pin::new(stream).poll_read(&mut nothing, &mut ReadBuf::new(&mut byte)).is_pending()
            }
        }
    }
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Transport::Clear(socket) => Pin::new(socket).poll_read(cx, out),
            Transport::Tls(stream) => Pin::new(stream).poll_read(cx, out),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Transport::Clear(socket) => Pin::new(socket).poll_write(cx, bytes),
            Transport::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Transport::Clear(socket) => Pin::new(socket).poll_flush(cx),
            Transport::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Transport::Clear(socket) => Pin::new(socket).poll_shutdown(cx),
            Transport::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
