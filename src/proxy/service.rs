//! One request in one straight line, whichever version it came by.
//!
//! One door: [`handle`]. The order of what happens to a request is this function and nowhere else.

use std::fmt::Write;
use std::net::SocketAddr;
use std::rc::Rc;

use super::answer;
use super::client::Client;
use super::clients::Place;
use super::error::{Blame, Error, Unrouted};
use super::exchange::Exchange;
use super::forwarded::Origin;
use super::headers::{self, Departure};
use super::https;
use super::relay::{self, Relay};
use super::table::{RouteState, Table};
use super::tls::Secured;
use super::worker::Worker;
use crate::config::{Action, BackendScheme};
use crate::message::{Framing, Head, Method, Name, Version};
use crate::routing::Route;
use crate::routing::https::Way;
use crate::upstream::{self, Outgoing, Sent};
use crate::wire::{Fault, Pump, Side};

/// Characters that an `X-Request-Id` is kept with; a longer one, or one with others, is replaced.
const ID: usize = 128;

/// What is known of a connection before its first request; an IPv4 client on a dual-stack socket has its IPv4 address.
pub(super) struct Peer {
    pub(super) addr: SocketAddr,
    /// The address without port.
    pub(super) text: Box<str>,
    pub(super) arrival: Arrival,
    /// Among the connections of its client.
    _place: Option<Place>,
}

/// How a connection came.
pub(super) enum Arrival {
    /// In clear.
    Clear,
    /// In clear, to a port for TLS.
    Misplaced,
    /// Over TLS.
    Secured(Box<Secured>),
}

impl Peer {
    /// A client that has said nothing yet.
    pub(super) fn new(addr: SocketAddr, place: Option<Place>) -> Peer {
        Peer { addr, text: addr.ip().to_string().into_boxed_str(), arrival: Arrival::Clear, _place: place }
    }
}

/// Answers a request whose head has been read, or says why not. Once `client.answered`, an error can only cut.
pub(super) async fn handle(
    worker: &Rc<Worker>,
    peer: &Peer,
    client: &mut Client,
    x: &mut Exchange,
) -> Result<(), Error> {
    let table = worker.table().ok_or(Unrouted::NoTable)?; //          1  one generation decides
    identify(worker, &table, peer, x);
    let Exchange { target, request, .. } = &mut *x;
    let asked = target.set(request); //                               2  what was asked for
    refuse(worker, peer, x)?; //                                         what no route can allow
    asked.map_err(Blame::Target)?;
    let closed = table.routes.is_closed(&x.target);
    https::directed(worker, peer, &x.target, closed)?; //                over the right certificate
    let route = find(worker, &table, x)?; //                          4  which route takes it
    drop(table); //                                                      an hour-long tunnel pins one route, not ten thousand
    client.deadline.limit(route.route.rule.timeouts.request);
    if https::way(worker, peer, x, &route.route.rule, closed)? == Way::Https {
        let port = worker.https_port;
        return answer::to_https(client, x, port).await.map_err(lost); // 5  not in clear
    }
    let framing = admit(&route.route, client, x)?; //                 6  may it come in
    if answer::fixed(client, x, &route.route).await.map_err(lost)? {
        return Ok(()); //                                             7  no app is needed
    }
    forward(worker, peer, client, x, &route, framing).await //     8–10  to the app and back
}

/// Steps 8 to 10: the request leaves, its answer comes back, bodies flow both ways.
async fn forward(
    worker: &Rc<Worker>,
    peer: &Peer,
    client: &mut Client,
    x: &mut Exchange,
    route: &Rc<RouteState>,
    framing: Framing,
) -> Result<(), Error> {
    let rule = &route.route.rule;
    let pool = Rc::clone(route.pool(|| worker.roll()).ok_or(Unrouted::Broken)?);
    x.facts.pool = Some(Rc::clone(&pool));
    let http2 = pool.scheme() == BackendScheme::H2c;
    let version = x.request.version();
    let upgrade = version == Version::Http11 && x.request.method() == Method::Get && x.request.upgrade_to_websocket();
    if upgrade && http2 {
        return Err(Unrouted::Upgrade.into());
    }
    let waits = version == Version::Http11 && framing != Framing::None && x.request.get(Name::Expect).is_some();
    if waits && http2 {
        // hyper shows no interim answers: the client is asked for its body at once
        x.answer.start_response(100);
        Client::interim(&mut client.side, version, &x.answer);
        client.flush_now().await;
    }
    let expect = waits && !http2;
    let client_cert = match &peer.arrival {
        Arrival::Secured(secured) => &*secured.client_cert,
        Arrival::Clear | Arrival::Misplaced => &[],
    };
    let (route_of, peer_text, loop_id) = (&route.route, &*peer.text, &*worker.loop_id);
    headers::to_app(x, &Departure { route: route_of, peer: peer_text, loop_id, expect, http2, client_cert });

    let mut upload = Pump::new(rule.max_body);
    let sent = {
        let Exchange { request, answer, .. } = &mut *x;
        let outgoing =
            Outgoing { head: request, framing, method: request.method(), upgrade, expect, timeouts: &rule.timeouts };
        let Client { side, deadline, .. } = &mut *client;
        let mut interim = |side: &mut Side, head: &Head| Client::interim(side, version, head);
        upstream::send(&worker.upstream, &pool, &outgoing, side, &mut upload, answer, deadline, &mut interim).await
    };
    x.facts.bytes_in = upload.bytes();
    let mut relay = answered(worker, client, x, route, upload, sent?)?;
    relay.run(x).await?;
    relay.finish();
    Ok(())
}

/// Step 10: the answer's head goes to the client. No `async`, so that what it takes apart is not part of every
/// connection's task.
fn answered<'r>(
    worker: &'r Rc<Worker>,
    client: &'r mut Client,
    x: &mut Exchange,
    route: &'r Rc<RouteState>,
    upload: Pump,
    sent: Sent,
) -> Result<Relay<'r>, Error> {
    let Exchange { answer, facts, .. } = &mut *x;
    facts.address = Some(sent.app.address());
    facts.retries = sent.retries;
    facts.answered = Some(sent.at);
    facts.status = answer.status();

    let tunnel = answer.status() == 101;
    let reusable = !answer.wants_close() && (answer.version() != Version::Http10 || answer.wants_keep_alive());
    // to HEAD, 204 and 304 careless apps send a body all the same: it would be the next request's answer
    let reusable = reusable && sent.framing != Framing::None;
    let endless = relay::is_endless(answer);
    // who forwards an answer without a Date tells when it came (RFC 9110 6.6.1)
    if answer.get(Name::Date).is_none() {
        headers::date(answer);
    }
    headers::to_client(x, &route.route.rule);
    client.close |= worker.is_draining();
    client.send_head(&x.answer, sent.framing).map_err(lost)?;
    let (app, head_at, endless) = (sent.app, sent.at, tunnel || endless);
    Ok(Relay { worker, route, client, app, head_at, upload, reusable, endless, tunnel })
}

/// For the record of a request that is refused before [`handle`]: who asked, and for what as far as that can be told.
pub(super) fn introduce(worker: &Worker, peer: &Peer, x: &mut Exchange) {
    if let Some(table) = worker.table() {
        identify(worker, &table, peer, x);
    }
    // what could not be read is empty then, and nothing of an earlier request is left
    let _ = x.target.set(&x.request);
}

/// Who asks, under which id.
fn identify(worker: &Worker, table: &Rc<Table>, peer: &Peer, x: &mut Exchange) {
    let Exchange { request, client_text, id, facts, .. } = x;
    let trust = &table.routes.settings().trust;
    facts.origin = worker.cloudflare(|networks| Origin::of(peer.addr.ip(), request, trust, networks));
    if let Arrival::Secured(secured) = &peer.arrival {
        facts.origin.secure = true;
        facts.tls = Some(secured.version);
    }
    facts.table = Some(Rc::clone(table));
    client_text.clear();
    if facts.origin.client == peer.addr.ip() {
        client_text.push_str(&peer.text);
    } else {
        let _ = write!(client_text, "{}", facts.origin.client);
    }
    id.clear();
    match request.get(Name::XRequestId).map(str::from_utf8) {
        Some(Ok(kept)) if !kept.is_empty() && kept.len() <= ID && kept.bytes().all(is_id) => id.push_str(kept),
        _ => {
            let drawn = u128::from(worker.roll()) << 64 | u128::from(worker.roll());
            let mut digits = [0; 32];
            for (pair, byte) in digits.as_chunks_mut().0.iter_mut().zip(drawn.to_be_bytes()) {
                *pair = HEX[usize::from(byte)];
            }
            id.push_str(str::from_utf8(&digits).unwrap_or_default());
        }
    }
}

/// Each byte in two digits.
static HEX: [[u8; 2]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        pairs[byte] = [DIGITS[byte >> 4], DIGITS[byte & 15]];
        byte += 1;
    }
    pairs
};

fn is_id(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~+/=:@".contains(&byte)
}

/// What is refused whatever the routes say.
fn refuse(worker: &Worker, peer: &Peer, x: &Exchange) -> Result<(), Error> {
    if matches!(peer.arrival, Arrival::Misplaced) {
        return Err(Blame::Misplaced.into());
    }
    if matches!(x.request.method(), Method::Connect | Method::Trace) {
        return Err(Blame::Method.into());
    }
    let mut hops = x.request.all(Name::CdnLoop).flat_map(|list| list.split(|&byte| byte == b','));
    let is_ours = |hop: &[u8]| {
        let id = hop.split(|&byte| byte == b';').next().unwrap_or_default();
        id.trim_ascii().eq_ignore_ascii_case(worker.loop_id.as_bytes())
    };
    if hops.any(is_ours) { Err(Blame::Loop.into()) } else { Ok(()) }
}

/// The route that takes the request, as this worker knows it.
fn find(worker: &Worker, table: &Table, x: &mut Exchange) -> Result<Rc<RouteState>, Error> {
    let routes = &table.routes;
    let Some(id) = routes.find(&x.target, &x.request) else {
        let known = routes.knows_host(&x.target);
        let empty = routes.routes().is_empty();
        return Err(if empty {
            Unrouted::Empty
        } else if known {
            Unrouted::Path
        } else {
            Unrouted::Host
        }
        .into());
    };
    let route = Rc::clone(table.route(id, &worker.metrics, &worker.upstream));
    x.facts.route = Some(Rc::clone(&route));
    if matches!(route.route.rule.action, Action::Broken) { Err(Unrouted::Broken.into()) } else { Ok(route) }
}

/// Whether the request may come in; tells how its body is framed.
fn admit(route: &Route, client: &Client, x: &Exchange) -> Result<Framing, Error> {
    let framing = x.request.request_framing().map_err(Blame::Malformed)?;
    match (framing, route.rule.max_body) {
        (Framing::Length(length), Some(most)) if length > most => Err(Blame::TooLarge.into()),
        // a stream that ended with its head has no body; another one without a length ends when it ends
        (Framing::UntilClose, _) if client.side.is_incoming_done() => Ok(Framing::None),
        (Framing::UntilClose, _) => Ok(Framing::Chunked),
        _ => Ok(framing),
    }
}

/// Writing to the client failed.
fn lost(_: Fault) -> Error {
    Blame::Gone.into()
}
