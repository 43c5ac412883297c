//! The stand-in for Cloudflare, behind a listener ([`cloudflare`]) or without one, on a clock of the test ([`Direct`]).

use std::future::pending;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use gatepost::demo::cloudflare::{Access, Answer, Server, serve};
use gatepost::dns::{Cloudflare, Connection, Credentials, Endpoint, Fault, Https, Transport};
use gatepost::lifecycle::{Permit, Right};
use http::{Request, Response};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// A token that may do everything at every stand-in.
pub const TOKEN: &str = "0123456789-the-token-of-the-tests";

/// The stand-in, shared with whoever asks it.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<Server>>);

/// Behind a listener, until it is dropped.
pub struct Listening {
    pub server: Shared,
    pub endpoint: Endpoint,
    addr: SocketAddr,
    task: JoinHandle<()>,
}

/// A transport that is no network: what is asked is answered at once, by the clock of the runtime.
#[derive(Clone)]
pub struct Direct {
    pub server: Shared,
    started: Instant,
    connected: Arc<AtomicUsize>,
    /// Done by each connection that is made.
    on_connect: Arc<dyn Fn() + Send + Sync>,
    /// Done by each request that is on its way; may answer in the stand-in's place.
    on_send: OnSend,
}

type OnSend = Arc<dyn Fn(&Request<Bytes>) -> Option<Answer> + Send + Sync>;

/// A permit that nobody takes away.
pub fn permit() -> Permit {
    Right::own().permit().expect("nobody else may")
}

pub fn credentials(token: &str) -> Credentials {
    Credentials::token(token).expect("a token")
}

/// Two zones, and the token that opens them.
pub fn world() -> Server {
    Server::new().zone("example.com").zone("example.org").with(TOKEN, Access::Edit)
}

pub async fn cloudflare(server: Server) -> Listening {
    listening(Shared(Arc::new(Mutex::new(server))), SocketAddr::from(([127, 0, 0, 1], 0))).await
}

async fn listening(server: Shared, at: SocketAddr) -> Listening {
    let listener = TcpListener::bind(at).await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    let endpoint = format!("http://{addr}/client/v4").parse().expect("an endpoint");
    let serving = serve(listener, Arc::clone(&server.0));
    let task = tokio::spawn(async move {
        serving.await;
    });
    Listening { server, endpoint, addr, task }
}

impl Listening {
    /// Ends it and its connections.
    pub async fn stop(mut self) {
        self.task.abort();
        let ended = (&mut self.task).await.expect_err("it never ends by itself");
        assert!(ended.is_cancelled(), "{ended}");
    }

    /// Ends it and its connections, and puts another one in its place.
    pub async fn restarted(self) -> Listening {
        let (server, addr) = (self.server.clone(), self.addr);
        self.stop().await;
        listening(server, addr).await
    }

    /// Asks over a real connection.
    pub fn client(&self) -> Cloudflare<Https> {
        self.client_with(credentials(TOKEN))
    }

    pub fn client_with(&self, credentials: Credentials) -> Cloudflare<Https> {
        Cloudflare::new(Https::new(self.endpoint.clone()), self.endpoint.clone(), credentials)
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    pub fn tell<R>(&self, what: impl FnOnce(&mut Server) -> R) -> R {
        what(&mut self.0.lock().expect("no panic while it was held"))
    }

    /// What was asked, as `GET /zones`, without queries.
    pub fn asked(&self) -> Vec<String> {
        let shown = |path: &str| path.split('?').next().unwrap_or_default().to_owned();
        self.tell(|server| server.calls().map(|call| format!("{} {}", call.method, shown(&call.path))).collect())
    }
}

impl Direct {
    pub fn new(server: Server) -> Direct {
        let server = Shared(Arc::new(Mutex::new(server)));
        Direct {
            server,
            started: Instant::now(),
            connected: Arc::default(),
            on_connect: Arc::new(|| {}),
            on_send: Arc::new(|_| None),
        }
    }

    pub fn on_connect(mut self, what: impl Fn() + Send + Sync + 'static) -> Direct {
        self.on_connect = Arc::new(what);
        self
    }

    pub fn on_send(mut self, what: impl Fn(&Request<Bytes>) -> Option<Answer> + Send + Sync + 'static) -> Direct {
        self.on_send = Arc::new(what);
        self
    }

    /// The stand-in's time.
    pub fn now(&self) -> Duration {
        self.started.elapsed()
    }

    pub fn client(&self) -> Cloudflare<Direct> {
        Cloudflare::new(self.clone(), Endpoint::default(), credentials(TOKEN))
    }

    /// How many connections were made.
    pub fn connected(&self) -> usize {
        self.connected.load(Ordering::SeqCst)
    }
}

impl Transport for Direct {
    type Connection = Direct;

    async fn connect(&mut self) -> Result<Direct, Fault> {
        self.connected.fetch_add(1, Ordering::SeqCst);
        (self.on_connect)();
        Ok(self.clone())
    }
}

impl Connection for Direct {
    async fn send(&mut self, request: Request<Bytes>) -> Result<Response<Bytes>, Fault> {
        let answer = (self.on_send)(&request);
        match answer.unwrap_or_else(|| self.server.tell(|server| server.answer(&request, self.now()))) {
            Answer::Reply(response) => Ok(response),
            Answer::Cut => Err(Fault::Broken("cut".to_owned())),
            Answer::Silence => pending().await,
        }
    }
}
