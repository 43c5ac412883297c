//! What a worker sees of the values that are published to it: the table, the certificates, Cloudflare's networks.
//!
//! A look costs one atomic load while nothing is new.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use super::Worker;
use crate::certs::Store;
use crate::config::{CloudflareNetworks, Limits};
use crate::proxy::forwarded;
use crate::proxy::table::Table;

impl Worker {
    /// The current generation; one atomic load while nothing changed. `None` before the first.
    pub(in crate::proxy) fn table(&self) -> Option<Rc<Table>> {
        let mut routes = self.routes.borrow_mut();
        let latest = routes.load()?;
        let mut table = self.table.borrow_mut();
        match &*table {
            Some(table) if Arc::ptr_eq(&table.routes, latest) => Some(Rc::clone(table)),
            _ => {
                let fresh = Rc::new(Table::new(Arc::clone(latest)));
                *table = Some(Rc::clone(&fresh));
                Some(fresh)
            }
        }
    }

    /// A look at the certificates, with the number of their publication; `None` before the first.
    pub(in crate::proxy) fn certificates<R>(&self, look: impl FnOnce(&Store, u64) -> R) -> Option<R> {
        let mut reader = self.certificates.borrow_mut();
        reader.load()?;
        let publication = reader.publication();
        reader.load().map(|store| look(store, publication))
    }

    /// A look at the networks that are Cloudflare's. Before the first list nobody is.
    pub(in crate::proxy) fn cloudflare<R>(&self, look: impl FnOnce(&CloudflareNetworks) -> R) -> R {
        match self.cloudflare.borrow_mut().load() {
            Some(networks) => look(networks),
            None => look(&CloudflareNetworks::NONE),
        }
    }

    /// The limits in force.
    pub(in crate::proxy) fn limits(&self) -> Limits {
        self.table().map_or_else(Limits::default, |table| table.routes.settings().limits.clone())
    }

    /// Whether this peer may begin with a PROXY header.
    pub(in crate::proxy) fn may_introduce(&self, peer: IpAddr) -> bool {
        self.table().is_some_and(|table| {
            let trust = &table.routes.settings().trust;
            trust.proxy_protocol && self.cloudflare(|networks| forwarded::trusts(trust, networks, peer))
        })
    }
}
