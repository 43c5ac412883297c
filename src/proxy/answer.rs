//! Answers of our own: fixed ones, redirects, errors.
//!
//! One door for each: [`fixed`], [`error`].

use std::fmt::Write;

use super::client::Client;
use super::error::Verdict;
use super::exchange::Exchange;
use super::headers::{self, expand};
use crate::config::{Action, Redirect, Respond};
use crate::message::{Head, Name, Version};
use crate::routing::Route;
use crate::wire::Fault;

/// What an answer to CONNECT or TRACE says is allowed (RFC 9110 10.2.1).
const ALLOW: &[u8] = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// Step 7: routes that need no app. True: the request has been answered.
pub(super) async fn fixed(client: &mut Client, exchange: &mut Exchange, route: &Route) -> Result<bool, Fault> {
    let body = match &route.rule.action {
        Action::Forward(_) | Action::Broken => return Ok(false),
        Action::Redirect(redirect) => {
            redirect_head(exchange, redirect);
            ""
        }
        Action::Respond(respond) => {
            respond_head(&mut exchange.answer, respond);
            &respond.body
        }
    };
    headers::date(&mut exchange.answer);
    headers::to_client(exchange, &route.rule);
    send(client, exchange, body.as_bytes()).await?;
    Ok(true)
}

/// Step 5: to the same place under https.
pub(super) async fn to_https(client: &mut Client, exchange: &mut Exchange, port: Option<u16>) -> Result<(), Fault> {
    let Exchange { answer, target, scratch, id, .. } = &mut *exchange;
    scratch.clear();
    scratch.extend_from_slice(b"https://");
    scratch.extend_from_slice(target.host().as_bytes());
    if let Some(port) = port.filter(|&port| port != 443) {
        scratch.push(b':');
        scratch.extend_from_slice(itoa::Buffer::new().format(port).as_bytes());
    }
    scratch.extend_from_slice(target.path_and_query().as_bytes());
    answer.start_response(308);
    answer.push(Name::Location, scratch);
    // the certificate may be gone tomorrow: nobody shall remember it
    answer.push(Name::CacheControl, b"no-store");
    answer.push(Name::XRequestId, id.as_bytes());
    headers::date(answer);
    send(client, exchange, b"").await
}

fn redirect_head(exchange: &mut Exchange, redirect: &Redirect) {
    let mut location = std::mem::take(&mut exchange.scratch);
    location.clear();
    expand(&redirect.to, exchange, &mut location);
    exchange.answer.start_response(redirect.status);
    exchange.answer.push(Name::Location, &location);
    // a redirect may be wrong for a moment while routes are edited: nobody shall remember it
    exchange.answer.push(Name::CacheControl, b"no-store");
    exchange.scratch = location;
}

fn respond_head(answer: &mut Head, respond: &Respond) {
    answer.start_response(respond.status);
    for (name, value) in &respond.headers {
        answer.push_str(name, value.as_bytes());
    }
}

/// The answer for a request that ended in an error before any other answer began.
pub(super) async fn error(client: &mut Client, exchange: &mut Exchange, verdict: Verdict) -> Result<(), Fault> {
    // a waiting body is not asked for any more
    client.close |= verdict.close;
    let Exchange { answer, scratch, id, .. } = &mut *exchange;
    answer.start_response(verdict.status);
    scratch.clear();
    scratch.extend_from_slice(b"gatepost; error=");
    scratch.extend_from_slice(verdict.kind.as_bytes());
    answer.push(Name::ProxyStatus, scratch);
    answer.push(Name::ContentType, b"text/plain; charset=utf-8");
    answer.push(Name::CacheControl, b"no-store");
    if verdict.status == 405 {
        answer.push_str("allow", ALLOW);
    }
    if !id.is_empty() {
        answer.push(Name::XRequestId, id.as_bytes());
    }
    headers::date(answer);
    let mut body = String::with_capacity(160);
    let _ = write!(body, "{} {}\n\n{}\n", verdict.status, answer.reason(), verdict.text);
    if !id.is_empty() {
        let _ = write!(body, "\nRequest: {id}\n");
    }
    send(client, exchange, body.as_bytes()).await
}

async fn send(client: &mut Client, exchange: &mut Exchange, body: &[u8]) -> Result<(), Fault> {
    exchange.facts.status = exchange.answer.status();
    exchange.facts.bytes_out = client.send_whole(&mut exchange.answer, body).await?;
    Ok(())
}

/// A request so malformed that nothing of it was understood is answered in our own version.
pub(super) fn unread(exchange: &mut Exchange) {
    exchange.request.start_request("-", "-", Version::Http11);
}
