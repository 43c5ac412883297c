//! From a client's first bytes on a TLS port to a secured stream.
//!
//! One door: [`secure`]. The ClientHello is read here, so that its server name decides which certificate is shown, and so
//! that those who name nobody of ours are told so in the way that TLS has for it (RFC 6066 3).

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::server::{Accepted, Acceptor};
use rustls::{HandshakeKind, ProtocolVersion, ServerConnection};
use tokio::net::TcpStream;
use tokio_rustls::server::{StartHandshake, TlsStream};

use super::worker::Worker;
use crate::certs::{self, ALPN_H2, Host, Store};
use crate::wire::{Deadline, Phase, Stream};

/// Most bytes of a ClientHello; one with post-quantum key shares has some 1,800, and a ticket with a client's chain in it
/// some 3,000 more. It is what a stranger can make us hold for ten seconds, twice over.
const HELLO: usize = 8 * 1024;
/// How long, and for how many bytes, a client that was refused may go on sending.
const FAREWELL: Duration = Duration::from_secs(1);
const UNREAD: usize = 64 * 1024;
/// `handshake` as the type of a record (RFC 8446 5.1): what a client on a TLS port begins with.
const HANDSHAKE: u8 = 22;
/// A fatal alert as a record: no host has the name that was asked for (RFC 6066 3).
const UNRECOGNIZED_NAME: [u8; 7] = [21, 3, 3, 0, 2, 2, 112];
/// The same for a host that lets nobody in: `handshake_failure` (RFC 8446 6.2).
const HANDSHAKE_FAILURE: [u8; 7] = [21, 3, 3, 0, 2, 2, 40];

/// What became of a connection to a TLS port.
pub(super) enum Begun {
    /// A handshake has succeeded.
    Secured(Stream, Box<Secured>),
    /// It does not begin like TLS: somebody speaks HTTP in clear here.
    Clear(Stream),
}

/// What is known of a secured connection.
pub(super) struct Secured {
    /// Whose certificate was shown.
    pub(super) host: Arc<Host>,
    /// The name that the client asked for, lower case.
    pub(super) name: Box<str>,
    /// `TLSv1.3`, for the log.
    pub(super) version: &'static str,
    /// HTTP/2 was agreed on.
    pub(super) http2: bool,
    /// The client's certificate as RFC 9440 2.2 writes it; empty when it showed none.
    pub(super) client_cert: Box<[u8]>,
    /// The publication of certificates under which `name` was last found to be covered and to let the same clients in; 0:
    /// not yet, since those whom nobody knows may have been shown the default certificate.
    pub(super) seen: Cell<u64>,
}

/// Reads the ClientHello, picks the certificate, shakes hands. `None`: it has ended, and who is to know does.
pub(super) async fn secure(worker: &Worker, mut stream: Stream, deadline: &Deadline) -> Option<Begun> {
    let (accepted, rest) = match hello(worker, &mut stream, deadline).await {
        Ok(Hello::Whole(accepted, rest)) => (accepted, rest),
        Ok(Hello::Clear) => return Some(Begun::Clear(stream)),
        Ok(Hello::Nothing) => return None,
        Err((kind, alert)) => {
            worker.metrics.client_error(kind);
            farewell(&mut stream, deadline, &alert).await;
            return None;
        }
    };
    let name = accepted.client_hello().server_name().unwrap_or_default().to_ascii_lowercase();
    let host = match worker.certificates(|store, _| host(store, &name))? {
        Ok(host) => host,
        Err(alert) => {
            worker.metrics.client_error("tls_name");
            farewell(&mut stream, deadline, &alert).await;
            return None;
        }
    };
    let config = Arc::clone(host.config()?);
    let socket = stream.into_socket()?;
    let shaken = StartHandshake::from_parts(*accepted, socket).into_stream_with(config, |connection| {
        let mut rest = &*rest;
        // bytes behind the hello are few; rustls takes them or finds fault with them later
        while !rest.is_empty() && connection.read_tls(&mut rest).is_ok_and(|n| n > 0) {}
    });
    match within(deadline, shaken).await {
        Ok(tls) => {
            let Some(secured) = facts(worker, &tls, host, name.into_boxed_str()) else {
                worker.metrics.client_error("tls_client_cert");
                return None;
            };
            Some(Begun::Secured(Stream::secured(tls), Box::new(secured)))
        }
        Err(error) => {
            worker.metrics.client_error("tls_handshake");
            tracing::debug!(%error, "A handshake failed");
            None
        }
    }
}

/// The host of a name, or the alert for those who have none.
fn host(store: &Store, name: &str) -> Result<Arc<Host>, [u8; 7]> {
    let named = store.find(name);
    if named.is_some_and(|host| host.config().is_none() && host.policy().is_closed()) {
        return Err(HANDSHAKE_FAILURE);
    }
    let loaded = |host: &&Arc<Host>| host.config().is_some();
    named.filter(loaded).or(store.default_host().filter(loaded)).cloned().ok_or(UNRECOGNIZED_NAME)
}

enum Hello {
    /// With what came behind it.
    Whole(Box<Accepted>, Vec<u8>),
    Clear,
    /// Not a byte, and the client leaves or the process ends.
    Nothing,
}

/// Why there is no hello, for the metric, and what the client is told.
type NoHello = (&'static str, Vec<u8>);

async fn hello(worker: &Worker, stream: &mut Stream, deadline: &Deadline) -> Result<Hello, NoHello> {
    let mut acceptor = Acceptor::default();
    let mut taken = 0;
    poll_fn(|cx| {
        if deadline.poll_expired(cx).is_ready() {
            return Poll::Ready(Err(("tls_slow", Vec::new())));
        }
        if taken == 0 && worker.closes_silent() && stream.is_silent() {
            return Poll::Ready(Ok(Hello::Nothing));
        }
        loop {
            let mut input = stream.input();
            if taken == 0 && input.first().is_some_and(|&first| first != HANDSHAKE) {
                return Poll::Ready(Ok(Hello::Clear));
            }
            while !input.is_empty() {
                let n = acceptor.read_tls(&mut input).unwrap_or_default();
                taken += n;
                match acceptor.accept() {
                    Ok(Some(accepted)) => return Poll::Ready(Ok(Hello::Whole(Box::new(accepted), input.to_vec()))),
                    Ok(None) if n > 0 && taken <= HELLO => {}
                    Ok(None) => return Poll::Ready(Err(("tls_hello", Vec::new()))),
                    Err((error, mut alert)) => {
                        tracing::debug!(%error, "A ClientHello cannot be read");
                        let mut record = Vec::new();
                        // a Vec takes everything
                        let _ = alert.write_all(&mut record);
                        return Poll::Ready(Err(("tls_hello", record)));
                    }
                }
            }
            let read = stream.input().len();
            stream.consume(read);
            match ready!(stream.poll_fill(cx)) {
                Ok(n) if n > 0 => {}
                _ if taken == 0 => return Poll::Ready(Ok(Hello::Nothing)),
                _ => return Poll::Ready(Err(("tls_gone", Vec::new()))),
            }
        }
    })
    .await
}

/// Runs the handshake until the deadline.
async fn within(
    deadline: &Deadline,
    shaking: impl Future<Output = io::Result<TlsStream<TcpStream>>>,
) -> io::Result<TlsStream<TcpStream>> {
    let mut shaking = pin!(shaking);
    poll_fn(|cx| match deadline.poll_expired(cx) {
        Poll::Ready(_) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
        Poll::Pending => shaking.as_mut().poll(cx),
    })
    .await
}

/// Sends an alert, if there is one, and FIN; then takes what the client still sends for a while, since closing at once would
/// answer that with a reset, which can overtake the alert.
async fn farewell(stream: &mut Stream, deadline: &Deadline, alert: &[u8]) {
    if alert.is_empty() {
        return;
    }
    deadline.arm(Phase::Drain, FAREWELL);
    stream.queue().extend_from_slice(alert);
    let mut left = UNREAD;
    poll_fn(|cx| {
        if deadline.poll_expired(cx).is_ready() || ready!(stream.poll_shutdown(cx)).is_err() {
            return Poll::Ready(());
        }
        loop {
            let n = stream.input().len();
            stream.consume(n);
            match ready!(stream.poll_fill(cx)) {
                Ok(n) if n > 0 && n <= left => left -= n,
                _ => return Poll::Ready(()),
            }
        }
    })
    .await;
}

/// `None`: the client's certificate has expired. A session that resumes brings it along in its ticket, and rustls looks at
/// it in full handshakes only.
fn facts(worker: &Worker, tls: &TlsStream<TcpStream>, host: Arc<Host>, name: Box<str>) -> Option<Secured> {
    let connection: &ServerConnection = tls.get_ref().1;
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        Some(ProtocolVersion::TLSv1_2) => "TLSv1.2",
        _ => "TLS",
    };
    let resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
    let shown = connection.peer_certificates().and_then(<[_]>::first);
    if resumed && shown.is_some_and(|shown| has_expired(shown, worker.unix_seconds())) {
        return None;
    }
    worker.metrics.handshake(version, resumed);
    let client_cert = match shown {
        Some(shown) => format!(":{}:", BASE64.encode(shown)).into_bytes().into_boxed_slice(),
        None => Box::default(),
    };
    let http2 = connection.alpn_protocol() == Some(ALPN_H2);
    Some(Secured { host, name, version, http2, client_cert, seen: Cell::new(0) })
}

/// A certificate in DER at a Unix time. What cannot be read is over, too.
fn has_expired(certificate: &[u8], now: i64) -> bool {
    certs::expiry(certificate).is_none_or(|expiry| expiry < now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_resumes_holds_until_its_last_second() {
        let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
        params.not_after = rcgen::date_time_ymd(2026, 1, 1);
        let certificate = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        let end = params.not_after.unix_timestamp();
        for (now, expired) in [(end - 1, false), (end, false), (end + 1, true)] {
            assert_eq!(has_expired(certificate.der(), now), expired);
        }
        assert!(has_expired(b"no certificate", 0));
    }
}
