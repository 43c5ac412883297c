//! The stand-in behind a real listener: [`serve`].

use std::convert::Infallible;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{Answer, Server};

/// Connections at once; more wait in the listener.
const CONNECTIONS: usize = 64;
/// Bytes of a request.
const BODY: usize = 4 * 1024 * 1024;
/// Between tries to accept, when the system has no descriptor left.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers until it is dropped, and all connections with it.
pub async fn serve(listener: TcpListener, server: Arc<Mutex<Server>>) -> Infallible {
    let started = Instant::now();
    let mut connections = JoinSet::new();
    loop {
        if connections.len() >= CONNECTIONS {
            connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let server = Arc::clone(&server);
        connections.spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&server), request, started));
            let mut http = http1::Builder::new();
            // how a connection of a stand-in ends is nobody's concern
            let _ = http.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(
    server: Arc<Mutex<Server>>,
    request: Request<Incoming>,
    started: Instant,
) -> io::Result<Response<Full<Bytes>>> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY).collect().await.map_err(io::Error::other)?.to_bytes();
    let request = Request::from_parts(head, body);
    // a panic while it was held has failed a test already
    let answer = server.lock().unwrap_or_else(PoisonError::into_inner).answer(&request, started.elapsed());
    match answer {
        Answer::Reply(response) => Ok(response.map(Full::new)),
        // hyper ends the connection without an answer
        Answer::Cut => Err(io::ErrorKind::ConnectionReset.into()),
        Answer::Silence => std::future::pending().await,
    }
}
