//! The two sample apps of the demo, on a thread of their own. The door is [`start`].

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue, UPGRADE};
use http::{Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use super::websocket;

/// The ports that `config/demo.yaml` names; others are taken when these are in use.
pub(super) const HELLO_PORT: u16 = 8081;
/// See [`HELLO_PORT`].
pub(super) const ECHO_PORT: u16 = 8082;

/// The longest that `/slow` waits.
const SLOWEST: Duration = Duration::from_secs(300);

type Body = UnsyncBoxBody<Bytes, hyper::Error>;

/// Where the apps listen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ports {
    pub(super) hello: u16,
    pub(super) echo: u16,
}

/// Starts both; they run until the process ends.
///
/// # Errors
/// When the system gives no port or no thread.
pub(super) fn start() -> io::Result<Ports> {
    let (hello, echo) = (listen(HELLO_PORT)?, listen(ECHO_PORT)?);
    let ports = Ports { hello: hello.local_addr()?.port(), echo: echo.local_addr()?.port() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("demo apps".to_owned()).spawn(move || {
        runtime.block_on(async {
            tokio::join!(serve(hello, |request| std::future::ready(say_hello(&request))), serve(echo, answer_echo),)
        })
    })?;
    Ok(ports)
}

fn listen(port: u16) -> io::Result<StdListener> {
    let listener = StdListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
        .or_else(|_| StdListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

async fn serve<F>(listener: StdListener, app: impl Fn(Request<Incoming>) -> F + Copy + Send + 'static)
where
    F: Future<Output = Response<Body>> + Send + 'static,
{
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let answer = app(request);
                async { Ok::<_, Infallible>(answer.await) }
            });
            let mut http = http1::Builder::new();
            // how a connection of a sample app ends is nobody's concern
            let _ = http.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).with_upgrades().await;
        });
    }
}

// === the hello app ===

fn say_hello(request: &Request<Incoming>) -> Response<Body> {
    let seen = [
        ("path", request.uri().path_and_query().map_or("/", |path| path.as_str())),
        ("host", field(request.headers(), "host")),
        ("client", field(request.headers(), "x-forwarded-for")),
        ("prefix", field(request.headers(), "x-forwarded-prefix")),
        ("request", field(request.headers(), "x-request-id")),
    ];
    let seen = seen.iter().filter(|(_, value)| !value.is_empty());
    if field(request.headers(), "accept").contains("text/html") {
        let rows: String = seen.map(|(name, value)| format!("<dt>{name}</dt><dd>{}</dd>\n", escaped(value))).collect();
        return html(include_str!("hello.html").replace("{rows}", &rows));
    }
    let rows: String = seen.map(|(name, value)| format!("  {name:<8} {value}\n")).collect();
    text(StatusCode::OK, format!("Hello from behind gatepost!\n{rows}"))
}

fn field<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn escaped(value: &str) -> String {
    value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

// === the echo app ===

async fn answer_echo(mut request: Request<Incoming>) -> Response<Body> {
    if let Some(accept) = websocket::accept(request.headers()) {
        let upgrade = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            if let Ok(upgraded) = upgrade.await {
                let _ = websocket::echo(TokioIo::new(upgraded)).await;
            }
        });
        return switching_protocols(accept);
    }
    let query = request.uri().query().unwrap_or_default();
    match request.uri().path() {
        "/" if field(request.headers(), "accept").contains("text/html") => html(include_str!("echo.html").to_owned()),
        "/slow" => {
            let wait = Duration::from_millis(number(query, "ms").unwrap_or(1000)).min(SLOWEST);
            tokio::time::sleep(wait).await;
            text(StatusCode::OK, format!("That took {} ms\n", wait.as_millis()))
        }
        "/fail" => {
            let status = number(query, "status").and_then(|status| u16::try_from(status).ok()).unwrap_or(500);
            match StatusCode::from_u16(status) {
                Ok(status) if status.as_u16() >= 200 => text(status, format!("As you wish: {status}\n")),
                _ => text(StatusCode::BAD_REQUEST, "status is a number from 200 to 999\n".to_owned()),
            }
        }
        "/events" => events(number(query, "count").unwrap_or(u64::MAX)),
        "/ws" => text(StatusCode::UPGRADE_REQUIRED, "This is for a WebSocket\n".to_owned()),
        "/echo" => echo_body(request),
        // whatever else: the request as it came here
        _ => text(StatusCode::OK, shown(&request)),
    }
}

fn switching_protocols(accept: HeaderValue) -> Response<Body> {
    let mut response = text(StatusCode::SWITCHING_PROTOCOLS, String::new());
    let headers = response.headers_mut();
    headers.remove(CONTENT_TYPE);
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert("sec-websocket-accept", accept);
    response
}

/// The request as the app sees it, so that one can see what the proxy changed.
fn shown(request: &Request<Incoming>) -> String {
    let mut text = format!("{} {} {:?}\n", request.method(), request.uri(), request.version());
    for (name, value) in request.headers() {
        text.push_str(&format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes())));
    }
    text
}

/// Both directions at the same time, nothing gathered.
fn echo_body(request: Request<Incoming>) -> Response<Body> {
    let content_type = request.headers().get(CONTENT_TYPE).cloned();
    let mut response = Response::new(request.into_body().boxed_unsync());
    if let Some(content_type) = content_type {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    response
}

/// One event a second.
fn events(count: u64) -> Response<Body> {
    let ticks = stream::unfold(0, move |number| async move {
        if number >= count {
            return None;
        }
        if number > 0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Some((Ok(Frame::data(Bytes::from(format!("id: {number}\ndata: tick {number}\n\n")))), number + 1))
    });
    let mut response = Response::new(StreamBody::new(ticks).boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// A number from the query.
fn number(query: &str, name: &str) -> Option<u64> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')?.parse().ok())
}

fn text(status: StatusCode, body: String) -> Response<Body> {
    full(status, "text/plain; charset=utf-8", body)
}

fn html(body: String) -> Response<Body> {
    full(StatusCode::OK, "text/html; charset=utf-8", body)
}

fn full(status: StatusCode, content_type: &'static str, body: String) -> Response<Body> {
    let mut response = Response::new(Full::new(Bytes::from(body)).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests;
