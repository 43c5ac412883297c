//! What requests travel on: a socket, or TLS over one.
//!
//! One door: [`Transport::connect`].

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use anyhow::{Context as _, ensure};
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
pub(super) enum Transport {
    Clear(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// How handshakes are made.
pub(crate) struct Tls {
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

impl Tls {
    /// Believes the authorities of a PEM file, or those of the system. Without `resume` every handshake is a full one.
    pub(crate) fn new(name: &str, authorities: Option<&Path>, resume: bool, http2: bool) -> anyhow::Result<Tls> {
        let roots = match authorities {
            Some(file) => named(file)?,
            None => trusted()?,
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let name = name.trim_start_matches('[').trim_end_matches(']');
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        // a server that has only HTTP/1.1 can say so
        let spoken: &[&[u8]] = if http2 { &[b"h2", b"http/1.1"] } else { &[b"http/1.1"] };
        config.alpn_protocols = spoken.iter().map(|protocol| protocol.to_vec()).collect();
        if !resume {
            config.resumption = Resumption::disabled();
        }
        Ok(Tls { config: Arc::new(config), name: ServerName::try_from(name.to_owned())? })
    }
}

fn named(file: &Path) -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let unread = || format!("{}: no certificates can be read from it", file.display());
    for authority in CertificateDer::pem_file_iter(file).with_context(unread)? {
        roots.add(authority.with_context(unread)?).with_context(unread)?;
    }
    Ok(roots)
}

fn trusted() -> anyhow::Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    ensure!(!roots.is_empty(), "this system trusts no certificate authority: --cacert FILE names one");
    Ok(roots)
}

impl Transport {
    /// Connects, and shakes hands where that is asked for.
    pub(super) async fn connect(target: SocketAddr, tls: Option<&Tls>) -> Result<Transport, Failure> {
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

    /// Agreed in the handshake; in clear there is none, and the user knows.
    pub(super) fn speaks_http2(&self) -> bool {
        match self {
            Transport::Clear(_) => true,
            Transport::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }

    /// Nothing to read, no end and no error. Costs no system call while the socket is quiet.
    pub(super) fn is_quiet(&mut self) -> bool {
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
