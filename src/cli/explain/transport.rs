//! What TLS has to do with a request: what becomes of it in clear, and which certificates its client may be shown. One
//! door: [`Transport::new`].

use serde::Serialize;

use crate::config::{CertificateEntry, ClientAuth, ClientCa, Https, Route, Tls};
use crate::routing::Target;

/// Of one request, whether or not a route takes it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Transport {
    /// What becomes of it because it came in clear; nothing when it did not, or when no route takes it.
    pub(super) in_clear: Option<String>,
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

/// What a request in clear ends with, when it never gets to what its route does.
pub(super) fn ends_in_clear(rule: &Route, target: &Target, is_clear: bool) -> Option<String> {
    match rule.https {
        Https::Redirect if is_clear => {
            Some(format!("answers 308 to {}, for it came in clear (`https: redirect`)", secure(target)))
        }
        Https::Only if is_clear => Some("answers 403, for it came in clear (`https: only`)".to_owned()),
        _ => None,
    }
}

/// The same place under https.
fn secure(target: &Target) -> String {
    format!("https://{}{}", target.host(), target.path_and_query())
}

impl Transport {
    pub(super) fn new(tls: &Tls, target: &Target, rule: Option<&Route>, is_clear: bool) -> Transport {
        let own = tls.entries_of(target.host());
        let is_default = own.is_empty() && tls.default.is_some();
        let in_clear = rule.filter(|_| is_clear).map(|rule| match rule.https {
            Https::Redirect => "answered 308 (`https: redirect`)".to_owned(),
            Https::Only => "answered 403 (`https: only`)".to_owned(),
            Https::Allow => "served (`https: allow`)".to_owned(),
            Https::Auto if own.is_empty() => "served: no certificate is for this host".to_owned(),
            Https::Auto => format!(
                "answered 308 to {} when a certificate for this host is loaded on every node, else served",
                secure(target)
            ),
        });
        let hsts = rule.filter(|_| !is_clear).and_then(|rule| rule.hsts);
        let entries = match &tls.default {
            Some(default) if is_default => tls.entries_of(default),
            _ => own,
        };
        Transport {
            in_clear,
            hsts: hsts.map(|age| format!("max-age={}", age.as_secs())),
            // the same in all entries of a host
            client_certificate: entries.first().and_then(|entry| entry.client_ca.as_ref()).map(asked_for),
            certificates: entries.into_iter().map(shown).collect(),
            is_default,
        }
    }
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
