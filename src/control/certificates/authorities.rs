//! The client CAs that the section names: [`Authorities`]. They fail closed: one that is known to be gone or broken lets
//! nobody in. Only while it is not known what its source has, the last good one stays.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::crypto::CryptoProvider;

use super::Material;
use super::judge::{HIDDEN, Kind, Upshot, Wrong};
use crate::certs::{ClientCa, Clients, Policy};
use crate::config::{ClientAuth, ClientCaSource};

/// Every CA by its source.
#[derive(Debug, Default)]
pub(super) struct Authorities(HashMap<ClientCaSource, Authority>);

#[derive(Debug, Default)]
struct Authority {
    /// Somebody has looked.
    is_known: bool,
    /// And was not let in, in the own namespace.
    is_ours_refused: bool,
    version: Option<String>,
    good: Option<Good>,
    wrong: Option<(Kind, String)>,
}

/// What has become known of a source.
enum Now {
    /// This CA.
    Good(Good),
    /// That there is no CA in it.
    Closed,
    /// Nothing: nobody may look.
    Unknown,
}

/// A CA set that was read, for clients that may and for clients that must.
#[derive(Debug)]
struct Good {
    pem: Vec<u8>,
    optional: Arc<ClientCa>,
    required: Arc<ClientCa>,
}

impl Authorities {
    /// Forgets all but these, and awaits those that are new.
    pub(super) fn keep<'s>(&mut self, named: impl Iterator<Item = &'s ClientCaSource>) {
        let mut before = std::mem::take(&mut self.0);
        for source in named {
            let known = before.remove(source);
            self.0.entry(source.clone()).or_insert_with(|| known.unwrap_or_default());
        }
    }

    /// Somebody has looked for each of them. What the shipped Role permits and we may not look at is not known, unless an
    /// earlier process kept it.
    pub(super) fn are_known(&self) -> bool {
        self.0.values().all(|authority| authority.is_known && (authority.good.is_some() || !authority.is_ours_refused))
    }

    /// Takes what a source has now. Whether that is news; and when what is in force has changed, the text of that or
    /// that there is none.
    pub(super) fn take(
        &mut self,
        source: &ClientCaSource,
        material: Material<Vec<u8>>,
        provider: &Arc<CryptoProvider>,
    ) -> (bool, Option<Option<Vec<u8>>>) {
        let Some(authority) = self.0.get_mut(source) else { return (false, None) };
        let was_known = std::mem::replace(&mut authority.is_known, true);
        authority.is_ours_refused = matches!(material, Material::Hidden | Material::Refused { is_ours: true, .. });
        let version = material.version().map(str::to_owned);
        let (now, wrong) = Now::of(material, provider);
        let is_same = match (&now, &authority.good) {
            (Now::Good(new), Some(old)) => new.pem == old.pem,
            (Now::Unknown, _) => true,
            (Now::Closed, old) => was_known && old.is_none(),
            (Now::Good(_), None) => false,
        };
        let is_news = !was_known || !is_same || authority.wrong != wrong || authority.version != version;
        (authority.wrong, authority.version) = (wrong, version);
        // that there is none is told also when none was in force: an earlier process may have kept one
        if is_same && !(is_news && matches!(now, Now::Closed)) {
            return (is_news, None);
        }
        authority.good = match now {
            Now::Good(good) => Some(good),
            Now::Closed | Now::Unknown => None,
        };
        (is_news, Some(authority.good.as_ref().map(|good| good.pem.clone())))
    }

    /// Which clients come with this CA, after `old` was in force, with what is wrong about it and the version of that.
    pub(super) fn clients(
        &self,
        source: &ClientCaSource,
        mode: ClientAuth,
        old: Option<&Clients>,
    ) -> (Clients, Option<(Wrong, Option<String>)>) {
        let Some(authority) = self.0.get(source) else { return (Clients::Nobody, None) };
        let clients = match (&authority.good, mode) {
            (Some(good), ClientAuth::Optional) => Clients::Of(Arc::clone(&good.optional)),
            (Some(good), ClientAuth::Require) => Clients::Of(Arc::clone(&good.required)),
            // until somebody has looked a CA stays in force, but no host that is to have one is open meanwhile
            (None, _) => match old {
                Some(Clients::Of(old)) if !authority.is_known => Clients::Of(Arc::clone(old)),
                _ => Clients::Nobody,
            },
        };
        let wrong = authority.wrong.clone().map(|(kind, reason)| {
            let upshot = if authority.good.is_some() { Upshot::KeepsOld } else { Upshot::Nothing };
            (Wrong { kind, reason, upshot }, authority.version.clone())
        });
        (clients, wrong)
    }
}

impl Now {
    /// With what is wrong about it.
    fn of(material: Material<Vec<u8>>, provider: &Arc<CryptoProvider>) -> (Now, Option<(Kind, String)>) {
        match material {
            Material::Absent => (Now::Closed, Some((Kind::Absent, "there is none".to_owned()))),
            Material::Unusable { reason, .. } => (Now::Closed, Some((Kind::Broken, reason))),
            Material::Hidden => (Now::Unknown, Some((Kind::Hidden, HIDDEN.to_owned()))),
            Material::Refused { reason, .. } => (Now::Unknown, Some((Kind::Refused, reason))),
            Material::Found { content, .. } => match Good::read(content, provider) {
                Ok(good) => (Now::Good(good), None),
                Err(reason) => (Now::Closed, Some((Kind::Broken, reason))),
            },
        }
    }
}

impl Good {
    fn read(pem: Vec<u8>, provider: &Arc<CryptoProvider>) -> Result<Good, String> {
        let read = |required| ClientCa::read(&pem, required, provider).map(Arc::new).map_err(|bad| bad.to_string());
        let (optional, required) = (read(false)?, read(true)?);
        Ok(Good { pem, optional, required })
    }
}

/// Of which policy a host with these clients is.
pub(super) fn policy(clients: &Clients) -> Policy {
    match clients {
        Clients::Anyone => Policy::Anyone,
        Clients::Of(ca) => ca.policy(),
        Clients::Nobody => Policy::Nobody,
    }
}
