//! What can end a request early, grouped by who is to blame, and the one table that turns it into an answer.
//!
//! One door: [`Error::verdict`].

use std::io::ErrorKind;

use crate::message::Malformed;
use crate::routing::BadTarget;
use crate::upstream;
use crate::wire::{Fault, Phase};

/// Why a request got no answer from its route.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// The client's request is at fault.
    #[error(transparent)]
    Client(#[from] Blame),
    /// No route takes it.
    #[error(transparent)]
    Route(#[from] Unrouted),
    /// The app, or the way to it.
    #[error(transparent)]
    Upstream(#[from] upstream::Error),
}

/// What a client did wrong.
#[derive(Debug, thiserror::Error)]
pub(super) enum Blame {
    /// Its head is not a message.
    #[error("malformed request: {}", .0.reason())]
    Malformed(Malformed),
    /// Its target or host is not one.
    #[error("bad target: {}", .0.reason())]
    Target(BadTarget),
    /// CONNECT and TRACE are not for proxies like this.
    #[error("the method is refused")]
    Method,
    /// It has been here before (RFC 8586).
    #[error("the request went in a circle")]
    Loop,
    /// It speaks HTTP in clear on a port for TLS.
    #[error("HTTP in clear on a port for TLS")]
    Misplaced,
    /// It came in clear where only https is let.
    #[error("the route wants https")]
    InClear,
    /// Its body is larger than the route allows.
    #[error("the body is larger than the route allows")]
    TooLarge,
    /// It did not come to an end in time.
    #[error("the request did not arrive in time")]
    Slow,
    /// It broke off.
    #[error("the client went away")]
    Gone,
}

/// Why no route took a request.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unrouted {
    /// There is no table yet.
    #[error("no routes have been read yet")]
    NoTable,
    /// The table is empty.
    #[error("there are no routes")]
    Empty,
    /// No route names the host.
    #[error("no route names this host")]
    Host,
    /// Routes of the host don't have the path, or their conditions failed.
    #[error("no route of this host has this path")]
    Path,
    /// It came over a connection that was opened for another host.
    #[error("the connection was opened for another host")]
    Misdirected,
    /// The route could not be read.
    #[error("the route could not be read")]
    Broken,
    /// The route speaks HTTP/2 to its app, which WebSocket over HTTP/1.1 cannot pass.
    #[error("a WebSocket needs an HTTP/1.1 app")]
    Upgrade,
}

/// What the client, the log and the metrics are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Verdict {
    /// 499 = nobody is there to be told.
    pub(super) status: u16,
    /// RFC 9209 2.3 error type.
    pub(super) kind: &'static str,
    /// What the client's connection is good for after it.
    pub(super) close: bool,
    /// One line for the person who sees the page.
    pub(super) text: &'static str,
}

const fn verdict(status: u16, kind: &'static str, text: &'static str) -> Verdict {
    Verdict { status, kind, close: false, text }
}

const fn fatal(status: u16, kind: &'static str, text: &'static str) -> Verdict {
    Verdict { status, kind, close: true, text }
}

impl Error {
    /// The table.
    pub(super) fn verdict(&self) -> Verdict {
        match self {
            Error::Client(blame) => blame.verdict(),
            Error::Route(unrouted) => unrouted.verdict(),
            Error::Upstream(error) => of_upstream(error),
        }
    }
}

impl Blame {
    fn verdict(&self) -> Verdict {
        match self {
            Blame::Malformed(malformed) => fatal(malformed.status(), "http_request_error", malformed.reason()),
            Blame::Target(target) => fatal(400, "http_request_error", target.reason()),
            Blame::Method => fatal(405, "http_request_denied", "This method is not served here."),
            Blame::Loop => {
                verdict(508, "proxy_loop_detected", "The request came back to the proxy that had sent it on.")
            }
            Blame::Misplaced => {
                fatal(400, "http_request_error", "This port speaks TLS: ask for https:// instead of http://.")
            }
            Blame::InClear => verdict(403, "http_request_denied", "This is served over https only."),
            Blame::TooLarge => fatal(413, "http_request_denied", "The request's body is too large."),
            Blame::Slow => fatal(408, "http_request_error", "The request did not arrive in time."),
            Blame::Gone => fatal(499, "http_request_error", ""),
        }
    }
}

impl Unrouted {
    fn verdict(&self) -> Verdict {
        match self {
            Unrouted::NoTable => verdict(503, "proxy_configuration_error", "gatepost has not read its routes yet."),
            Unrouted::Empty => verdict(
                404,
                "destination_not_found",
                "gatepost is running and has no routes yet: create its routes ConfigMap.",
            ),
            Unrouted::Host => verdict(404, "destination_not_found", "No app is served under this host."),
            Unrouted::Path => verdict(404, "destination_not_found", "No app of this host is served under this path."),
            Unrouted::Misdirected => {
                verdict(421, "destination_not_found", "This host is served over a connection of its own.")
            }
            Unrouted::Broken => verdict(503, "proxy_configuration_error", "The route to this app is being repaired."),
            Unrouted::Upgrade => verdict(501, "http_upgrade_failed", "This app does not serve WebSocket."),
        }
    }
}

fn of_upstream(error: &upstream::Error) -> Verdict {
    const AWAY: &str = "The app could not be reached.";
    const BAD: &str = "The app's answer could not be understood.";
    const LATE: &str = "The app did not answer in time.";
    match error {
        upstream::Error::Unresolved { timeout: true, .. } => verdict(504, "dns_timeout", AWAY),
        upstream::Error::Unresolved { .. } => verdict(502, "dns_error", AWAY),
        upstream::Error::Prohibited(_) => verdict(502, "destination_ip_prohibited", AWAY),
        upstream::Error::Connect(error) => match error.kind() {
            ErrorKind::ConnectionRefused => verdict(502, "connection_refused", AWAY),
            ErrorKind::TimedOut => verdict(504, "connection_timeout", LATE),
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
                verdict(502, "destination_ip_unroutable", AWAY)
            }
            _ => verdict(502, "connection_terminated", AWAY),
        },
        upstream::Error::Died => verdict(502, "connection_terminated", "The app closed before it answered."),
        upstream::Error::Broken(_) => verdict(502, "http_protocol_error", BAD),
        upstream::Error::Timeout(phase) => match phase {
            Phase::Connect => verdict(504, "connection_timeout", LATE),
            Phase::Body => fatal(408, "http_request_error", "The request did not arrive in time."),
            Phase::Shutdown => fatal(503, "proxy_internal_response", "gatepost is shutting down."),
            _ => verdict(504, "http_response_timeout", LATE),
        },
        upstream::Error::Unread => fatal(504, "connection_write_timeout", "The app did not take the request in time."),
        upstream::Error::Stalled => verdict(504, "http_response_timeout", LATE),
        upstream::Error::Saturated => verdict(503, "connection_limit_reached", "The app is busy."),
        upstream::Error::Client(Fault::Malformed(malformed)) => Blame::Malformed(*malformed).verdict(),
        upstream::Error::Client(_) | upstream::Error::ClientGone => Blame::Gone.verdict(),
        upstream::Error::TooLarge => Blame::TooLarge.verdict(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_that_is_away_is_502_and_one_that_is_late_504() {
        let refused = upstream::Error::Connect(ErrorKind::ConnectionRefused.into());
        assert_eq!(of_upstream(&refused).status, 502);
        assert_eq!(of_upstream(&refused).kind, "connection_refused");
        assert_eq!(of_upstream(&upstream::Error::Timeout(Phase::FirstByte)).status, 504);
        assert_eq!(of_upstream(&upstream::Error::Timeout(Phase::Connect)).kind, "connection_timeout");
    }

    #[test]
    fn no_text_for_a_client_names_a_name_or_an_address() {
        let error =
            upstream::Error::Unresolved { name: "secret.internal".into(), reason: "no such name", timeout: false };
        assert!(!of_upstream(&error).text.contains("secret"));
        let error = upstream::Error::Prohibited("169.254.169.254".parse().unwrap());
        assert!(!of_upstream(&error).text.contains("169"));
    }
}
