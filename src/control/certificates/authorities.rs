//! The client CAs that the section names: [`Authorities`]. A broken edit of one changes nothing; one that never was good
//! lets nobody in.

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
    version: Option<String>,
    good: Option<Good>,
    wrong: Option<(Kind, String)>,
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

    /// Somebody has looked for each of them.
    pub(super) fn are_known(&self) -> bool {
        self.0.values().all(|authority| authority.is_known)
    }

    /// Takes what a source has now. Whether that is news; the text when it is a good one.
    pub(super) fn take(
        &mut self,
        source: &ClientCaSource,
        material: Material<Vec<u8>>,
        provider: &Arc<CryptoProvider>,
    ) -> (bool, Option<Vec<u8>>) {
        let Some(authority) = self.0.get_mut(source) else { return (false, None) };
        let was_known = std::mem::replace(&mut authority.is_known, true);
        let (wrong, version, good) = match material {
            Material::Absent => (Some((Kind::Absent, "there is none".to_owned())), None, None),
            Material::Hidden => (Some((Kind::Hidden, HIDDEN.to_owned())), None, None),
            Material::Unusable { reason, version } => (Some((Kind::Broken, reason)), Some(version), None),
            Material::Found { content, version } => match Good::read(content, provider) {
                Ok(good) => (None, Some(version), Some(good)),
                Err(reason) => (Some((Kind::Broken, reason)), Some(version), None),
            },
        };
        let same = match (&good, &authority.good) {
            (Some(new), Some(old)) => new.pem == old.pem,
            (None, _) => true,
            _ => false,
        };
        let is_news = !was_known || !same || authority.wrong != wrong || authority.version != version;
        (authority.wrong, authority.version) = (wrong, version);
        let mut taken = None;
        if let Some(good) = good.filter(|_| !same) {
            taken = Some(good.pem.clone());
            authority.good = Some(good);
        }
        (is_news, taken)
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
