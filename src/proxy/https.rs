//! Whether a request came the way it should: over a certificate of its host, or in clear where that is let.
//!
//! Doors: [`directed`] is the 421 of a connection that was opened for another host, [`way`] the step from http to https.

use super::error::{Blame, Error, Unrouted};
use super::exchange::Exchange;
use super::service::{Arrival, Peer};
use super::tls::Secured;
use super::worker::Worker;
use crate::certs::Store;
use crate::config;
use crate::routing::Target;
use crate::routing::https::{self, Way};

/// Refuses what came over another host's certificate (RFC 9110 7.4): the client is to open a connection for this host.
/// Also when the certificate covers both and their clients are not the same: who may come to one need not be let into
/// the other. `closed`: nobody comes to this host without a certificate, even if the certificates that say so are late.
pub(super) fn directed(worker: &Worker, peer: &Peer, target: &Target, closed: bool) -> Result<(), Error> {
    let Arrival::Secured(secured) = &peer.arrival else { return Ok(()) };
    if closed && !secured.host.policy().is_closed() {
        return Err(Unrouted::Misdirected.into());
    }
    let host = target.host();
    let is_right = worker.certificates(|store, publication| {
        let is_named = *host == *secured.name;
        if is_named && secured.seen.get() == publication {
            return true;
        }
        let is_right = is_for(secured, store, host);
        if is_named && is_right {
            secured.seen.set(publication);
        }
        is_right
    });
    let is_right = is_right.unwrap_or_default();
    if is_right { Ok(()) } else { Err(Unrouted::Misdirected.into()) }
}

fn is_for(secured: &Secured, store: &Store, host: &str) -> bool {
    // HTTP/1.0 without a Host names nobody, and gets what is for everybody
    let covered = host.is_empty() || secured.host.covers(host);
    covered && store.policy(host) == secured.host.policy()
}

/// Step 5, for the route that takes the request: [`Way::On`] or [`Way::Https`].
pub(super) fn way(
    worker: &Worker,
    peer: &Peer,
    x: &Exchange,
    rule: &config::Route,
    closed: bool,
) -> Result<Way, Error> {
    if matches!(peer.arrival, Arrival::Secured(_)) {
        return Ok(Way::On);
    }
    let host = x.target.host();
    let (shut, everywhere) =
        worker.certificates(|store, _| (store.policy(host).is_closed(), store.is_everywhere(host))).unwrap_or_default();
    let is_loaded = everywhere && worker.https_port.is_some();
    let way = https::way(rule.https, &x.target, x.facts.origin.secure, closed || shut).settled(is_loaded);
    if way == Way::Refused { Err(Blame::InClear.into()) } else { Ok(way) }
}
