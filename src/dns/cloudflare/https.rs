//! The real way to Cloudflare: [`Https`], a [`Transport`] of name servers, TCP, TLS and HTTP/1.1.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::LookupIpStrategy;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::Endpoint;
use crate::dns::{Connection, Fault, MAX_ANSWER, Transport};

/// Addresses that are tried for one connection.
const TRIES: usize = 4;
/// What one address is given to accept and shake hands; a call has four seconds in all.
const TRY: Duration = Duration::from_millis(1500);
/// One try at one name server, of two.
const LOOKUP: Duration = Duration::from_secs(1);

/// Connects to an [`Endpoint`].
pub struct Https {
    endpoint: Endpoint,
    /// Made when it is first needed: few processes ever lead.
    tls: Option<Arc<ClientConfig>>,
    resolver: Option<TokioResolver>,
}

/// One connection. It makes progress only while something is sent, so there is no task of it that outlives a call.
pub struct Link {
    sender: SendRequest<Full<Bytes>>,
    /// Gone when it has ended.
    connection: Option<Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>>,
}

trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

impl Https {
    /// With the CAs that the system trusts, and its name servers.
    pub fn new(endpoint: Endpoint) -> Https {
        Https { endpoint, tls: None, resolver: None }
    }

    /// With these CAs alone.
    ///
    /// # Errors
    /// The TLS library was built without what it needs.
    pub fn trusting(endpoint: Endpoint, roots: RootCertStore) -> Result<Https, Fault> {
        Ok(Https { endpoint, tls: Some(config(roots)?), resolver: None })
    }

    async fn addresses(&mut self) -> Result<Vec<SocketAddr>, Fault> {
        let (host, port) = (self.endpoint.host().to_owned(), self.endpoint.port());
        let ips = if let Ok(ip) = host.parse::<IpAddr>() {
            vec![ip]
        } else if host == "localhost" || host.ends_with(".localhost") {
            // RFC 6761 6.3: no question of a name server
            vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
        } else {
            let resolver = self.resolver()?;
            // the dot keeps the search list out of it
            let found = resolver.lookup_ip(format!("{host}."));
            let found = found.await.map_err(|error| Fault::Connect(format!("{host} is not resolved: {error}")))?;
            found.iter().take(TRIES).collect()
        };
        Ok(ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
    }

    fn resolver(&mut self) -> Result<&TokioResolver, Fault> {
        let resolver = match self.resolver.take() {
            Some(resolver) => resolver,
            None => resolver().map_err(|error| Fault::Connect(format!("no resolver: {error}")))?,
        };
        Ok(self.resolver.insert(resolver))
    }

    async fn tls(&mut self) -> Result<Arc<ClientConfig>, Fault> {
        if let Some(config) = &self.tls {
            return Ok(Arc::clone(config));
        }
        // reading some hundred files must not hold up what else runs here
        let roots = tokio::task::spawn_blocking(system_roots).await;
        let made = config(roots.map_err(|error| Fault::Connect(format!("no CAs: {error}")))??)?;
        Ok(Arc::clone(self.tls.insert(made)))
    }

    async fn dial(&self, address: SocketAddr, tls: Option<&Arc<ClientConfig>>) -> io::Result<Link> {
        let socket = TcpStream::connect(address).await?;
        socket.set_nodelay(true)?;
        let Some(config) = tls else { return Link::over(socket).await };
        let name = ServerName::try_from(self.endpoint.host().to_owned()).map_err(io::Error::other)?;
        let stream = TlsConnector::from(Arc::clone(config)).connect(name, socket).await?;
        Link::over(stream).await
    }
}

impl Transport for Https {
    type Connection = Link;

    async fn connect(&mut self) -> Result<Link, Fault> {
        let tls = if self.endpoint.is_tls() { Some(self.tls().await?) } else { None };
        let mut last = Fault::Connect(format!("{} has no address", self.endpoint.host()));
        for address in self.addresses().await? {
            let dialed = tokio::time::timeout(TRY, self.dial(address, tls.as_ref())).await;
            match dialed.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(link) => return Ok(link),
                Err(error) => {
                    tracing::debug!(addr = %address, %error, "An address of Cloudflare did not accept");
                    last = Fault::Connect(format!("{address}: {error}"));
                }
            }
        }
        Err(last)
    }
}

impl Link {
    async fn over(stream: impl Stream + 'static) -> io::Result<Link> {
        let stream: Box<dyn Stream> = Box::new(stream);
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(io::Error::other)?;
        Ok(Link { sender, connection: Some(Box::pin(connection)) })
    }

    /// Lets the connection read and write. Whether it has ended.
    fn advance(
        connection: &mut Option<Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>>,
        cx: &mut Context<'_>,
    ) -> bool {
        if let Some(running) = connection
            && running.as_mut().poll(cx).is_ready()
        {
            // why it ended is told to whoever waits for an answer
            *connection = None;
        }
        connection.is_none()
    }
}

impl Connection for Link {
    async fn send(&mut self, request: Request<Bytes>) -> Result<Response<Bytes>, Fault> {
        let Link { sender, connection } = self;
        let mut exchange = pin!(exchange(sender, request.map(Full::new)));
        poll_fn(|cx| {
            if let Poll::Ready(answered) = exchange.as_mut().poll(cx) {
                return Poll::Ready(answered);
            }
            if !Link::advance(connection, cx) {
                return Poll::Pending;
            }
            match exchange.as_mut().poll(cx) {
                Poll::Pending => Poll::Ready(Err(Fault::Broken("it was closed".to_owned()))),
                answered => answered,
            }
        })
        .await
    }
}

async fn exchange(
    sender: &mut SendRequest<Full<Bytes>>,
    request: Request<Full<Bytes>>,
) -> Result<Response<Bytes>, Fault> {
    let response = sender.try_send_request(request).await.map_err(|mut error| {
        let reason = error.error().to_string();
        // the request comes back when nothing of it was sent: the connection ended while nobody looked
        if error.take_message().is_some() { Fault::Connect(reason) } else { Fault::Broken(reason) }
    })?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| {
        if error.is::<LengthLimitError>() {
            Fault::Malformed(format!("more than {MAX_ANSWER} bytes"))
        } else {
            Fault::Malformed(format!("it is cut: {error}"))
        }
    })?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

fn resolver() -> Result<TokioResolver, hickory_resolver::net::NetError> {
    let (config, mut options) = hickory_resolver::system_conf::read_system_conf()?;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.timeout = LOOKUP;
    options.attempts = 2;
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()).with_options(options).build()
}

fn system_roots() -> Result<RootCertStore, Fault> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // a system may have some that nobody can read any more
    let (good, bad) = roots.add_parsable_certificates(found.certs);
    tracing::debug!(good, bad, errors = found.errors.len(), "The CAs of the system were read");
    if good == 0 {
        return Err(Fault::Connect("the system has no CAs: install its package `ca-certificates`".to_owned()));
    }
    Ok(roots)
}

fn config(roots: RootCertStore) -> Result<Arc<ClientConfig>, Fault> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Fault::Connect(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
