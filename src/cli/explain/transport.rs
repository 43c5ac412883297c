//! What TLS has to do with a request: what becomes of it in clear, and which certificates its client may be shown. One
//! door: [`Transport::new`].

use serde::Serialize;

use crate::config::{CertificateEntry, ClientAuth, ClientCa, Https, Route, Tls};
use crate::routing::Target;
use crate::routing::https::{self, Way};

/// Of one request, whether or not a route takes it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Transport {
    /// What becomes of it because it came in clear; nothing when it did not, or when no route takes it.
    pub(super) in_clear: Option<String>,
    /// That is all that becomes of it: it stands before everything else that a route does.
    #[serde(skip)]
    pub(super) ends: bool,
    /// The value of `Strict-Transport-Security` in its answer.
    pub(super) hsts: Option<String>,
    /// The certificates that a client may be shown for this host, one of them as it can use them.
    pub(super) certificates: Vec<Shown>,
    /// They are those of `tls.default`: no entry is for this host.
    pub(super) is_default: bool,
    /// What clients must show themselves.
    pub(super) client_certificate: Option<String>,
}

/// An entry of `tls.certificates`.
#[derive(Debug, Serialize)]
pub(super) struct Shown {
    pub(super) line: u32,
    /// The Secret or the files.
    pub(super) source: String,
}

/// How the request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arrival {
    /// Over a handshake with us.
    Tls,
    /// In clear, from a proxy that is believed when it says https.
    Proxy,
    /// In clear.
    Clear,
}

/// Where it goes on. Which certificates are loaded only the cluster knows; where the file names none, there is none.
fn way(rule: &Route, target: &Target, own: &[&CertificateEntry], arrival: Arrival, is_closed: bool) -> Way {
    match arrival {
        Arrival::Tls => Way::On,
        Arrival::Proxy | Arrival::Clear => {
            let way = https::way(rule.https, target, arrival == Arrival::Proxy, is_closed);
            if own.is_empty() { way.settled(false) } else { way }
        }
    }
}

/// The same place under https.
fn secure(target: &Target) -> String {
    format!("https://{}{}", target.host(), target.path_and_query())
}

impl Transport {
    /// `is_closed`: nobody comes to the host without a certificate, as the table says.
    pub(super) fn new(
        tls: &Tls,
        target: &Target,
        rule: Option<&Route>,
        arrival: Arrival,
        is_closed: bool,
    ) -> Transport {
        let own = tls.entries_of(target.host());
        let is_default = own.is_empty() && tls.default.is_some();
        let way = rule.map(|rule| (rule, way(rule, target, &own, arrival, is_closed)));
        let ends = way.is_some_and(|(_, way)| !matches!(way, Way::On | Way::WhenLoaded { else_refused: false }));
        let in_clear =
            way.filter(|_| arrival != Arrival::Tls).and_then(|(rule, way)| told(rule, way, target, &own, arrival));
        let hsts = rule.filter(|_| arrival != Arrival::Clear && !ends).and_then(|rule| rule.hsts);
        let entries = match &tls.default {
            Some(default) if is_default => tls.entries_of(default),
            _ => own,
        };
        Transport {
            in_clear,
            ends,
            hsts: hsts.map(|age| format!("max-age={}", age.as_secs())),
            // the same in all entries of a host
            client_certificate: entries.first().and_then(|entry| entry.client_ca.as_ref()).map(asked_for),
            certificates: entries.into_iter().map(shown).collect(),
            is_default,
        }
    }
}

fn told(rule: &Route, way: Way, target: &Target, own: &[&CertificateEntry], arrival: Arrival) -> Option<String> {
    let loaded =
        || format!("answered 308 to {} when a certificate for this host is loaded on every node", secure(target));
    Some(match way {
        Way::On if arrival == Arrival::Proxy => return None,
        Way::On if rule.https == Https::Allow => "served (`https: allow`)".to_owned(),
        Way::On if own.is_empty() && rule.https == Https::Auto => "served: no certificate is for this host".to_owned(),
        Way::On => "served: an ACME challenge is asked for in clear".to_owned(),
        Way::Https => format!("answered 308 to {} (`https: redirect`)", secure(target)),
        Way::Refused if rule.https == Https::Only && arrival == Arrival::Clear => {
            "answered 403 (`https: only`)".to_owned()
        }
        Way::Refused => "answered 403: clients of this host must show a certificate".to_owned(),
        Way::WhenLoaded { else_refused: false } => format!("{}, else served", loaded()),
        Way::WhenLoaded { else_refused: true } => {
            format!("{}, else 403: clients of this host must show a certificate", loaded())
        }
    })
}

fn shown(CertificateEntry { line, source, .. }: &CertificateEntry) -> Shown {
    Shown { line: *line, source: source.to_string() }
}

fn asked_for(ClientCa { source, mode }: &ClientCa) -> String {
    match mode {
        ClientAuth::Require => format!("required, of the authority in {source}"),
        ClientAuth::Optional => format!("asked for but not required, of the authority in {source}"),
    }
}
