//! The connections to one backend, and the addresses they may go to.
//!
//! One door: [`Pool`]. HTTP/1.1 connections wait here between requests, last in first out; HTTP/2 connections stay here
//! while streams run on them.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;

use super::address::Origin;
use super::http2::Connection;
use super::idle::{Idle, Room};
use super::resolve::{Answer, Port};
use super::{Error, Settings, Upstream};
use crate::config::{Backend, BackendName, BackendPort, BackendScheme};
use crate::wire::{Http1, Phase};

/// HTTP/2 connections that are open at once per backend and worker.
pub(super) const CONNECTIONS: usize = 16;
/// How long a failed resolution stands before the name servers are asked again.
const FAILED_FOR: Duration = Duration::from_secs(1);

/// One backend as a worker sees it.
pub struct Pool {
    key: String,
    scheme: BackendScheme,
    target: Target,
    idle: RefCell<Idle>,
    http2: RefCell<Vec<Rc<Connection>>>,
    addresses: RefCell<Addresses>,
    resolved: Notify,
    next: Cell<usize>,
}

enum Target {
    Fixed(SocketAddr),
    Name { name: String, port: Port, origin: Origin },
}

#[derive(Default)]
struct Addresses {
    list: Rc<[SocketAddr]>,
    fresh_until: u64,
    asking: bool,
    failed: Option<Failure>,
}

/// Why there is no address.
#[derive(Clone, Copy)]
enum Failure {
    Unresolved { reason: &'static str, timeout: bool },
    Prohibited(IpAddr),
}

impl Pool {
    pub(super) fn new(backend: &Backend, settings: &Settings, room: Room) -> Self {
        let port = |ip| match &backend.port {
            BackendPort::Number(port) => Target::Fixed(SocketAddr::new(ip, *port)),
            // only a Service has named ports; `config` lets no other be written
            BackendPort::Named(_) => Target::Fixed(SocketAddr::new(ip, 0)),
        };
        let named = |name: String, origin| Target::Name {
            name,
            port: match &backend.port {
                BackendPort::Number(port) => Port::Number(*port),
                BackendPort::Named(port) => Port::Srv(port.clone()),
            },
            origin,
        };
        let target = match &backend.name {
            BackendName::Ip(ip) => port(*ip),
            BackendName::Localhost => port(std::net::Ipv4Addr::LOCALHOST.into()),
            BackendName::Outside(name) => named(format!("{name}."), Origin::Outside),
            BackendName::Service { name, namespace } => {
                let namespace = namespace.as_deref().unwrap_or(&settings.namespace);
                named(format!("{name}.{namespace}.svc.{}.", settings.cluster_domain), Origin::Cluster)
            }
        };
        Pool {
            key: backend.to_string(),
            scheme: backend.scheme,
            target,
            idle: RefCell::new(Idle::new(room)),
            http2: RefCell::default(),
            addresses: RefCell::default(),
            resolved: Notify::new(),
            next: Cell::new(0),
        }
    }

    /// The backend's canonical name, as the log shows it.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// How the app is spoken to.
    pub fn scheme(&self) -> BackendScheme {
        self.scheme
    }

    pub(super) fn connections(&self) -> &RefCell<Vec<Rc<Connection>>> {
        &self.http2
    }

    /// An idle connection that still looks alive and is not older than `idle_for` milliseconds.
    pub fn check_out(&self, now: u64, idle_for: u64) -> Option<(Box<Http1>, SocketAddr)> {
        self.idle.borrow_mut().take(now, idle_for)
    }

    /// Keeps a connection for the next request.
    pub fn check_in(&self, mut http1: Box<Http1>, address: SocketAddr, now: u64) {
        http1.stream().release();
        self.idle.borrow_mut().keep(http1, address, now);
    }

    pub(super) fn sweep(&self, now: u64) {
        self.idle.borrow_mut().sweep(now);
        self.http2.borrow_mut().retain(|connection| !connection.is_over() && !connection.is_idle(now));
    }

    pub(super) fn close(&self) {
        self.idle.borrow_mut().clear();
        self.http2.borrow_mut().retain(|connection| connection.active() > 0);
    }

    /// The addresses to try, beginning with another one each time.
    pub(super) async fn addresses(
        self: &Rc<Self>,
        upstream: &Rc<Upstream>,
    ) -> Result<(Rc<[SocketAddr]>, usize), Error> {
        let (name, port, origin) = match &self.target {
            Target::Fixed(address) => {
                allowed(upstream, address.ip(), Origin::Outside)?;
                return Ok((Rc::from([*address]), 0));
            }
            Target::Name { name, port, origin } => (name, port, *origin),
        };
        let now = upstream.deadlines.clock().coarse();
        if now >= self.addresses.borrow().fresh_until {
            self.refresh(upstream, name, port, origin);
        }
        while self.addresses.borrow().list.is_empty() {
            let arrival = self.resolved.notified();
            let failed = self.addresses.borrow().failed;
            match failed {
                Some(Failure::Unresolved { reason, timeout }) => {
                    return Err(Error::Unresolved { name: name.clone(), reason, timeout });
                }
                Some(Failure::Prohibited(ip)) => return Err(Error::Prohibited(ip)),
                None => {}
            }
            arrival.await;
        }
        let list = Rc::clone(&self.addresses.borrow().list);
        let first = self.next.get();
        self.next.set(first.wrapping_add(1));
        let first = first % list.len();
        Ok((list, first))
    }

    /// Why a wait for a connection that took too long did: while there is no address, it is the name servers' fault.
    pub(super) fn late(&self) -> Error {
        match &self.target {
            Target::Name { name, .. } if self.addresses.borrow().list.is_empty() => {
                let reason = "no name server answered in time";
                Error::Unresolved { name: name.clone(), reason, timeout: true }
            }
            Target::Name { .. } | Target::Fixed(_) => Error::Timeout(Phase::Connect),
        }
    }

    /// Asks the name servers in a task of its own, one at a time for each pool; what was good before is kept until then
    /// and, when the answer is bad, after.
    fn refresh(self: &Rc<Self>, upstream: &Rc<Upstream>, name: &str, port: &Port, origin: Origin) {
        if std::mem::replace(&mut self.addresses.borrow_mut().asking, true) {
            return;
        }
        self.addresses.borrow_mut().failed = None;
        let (pool, upstream, name, port) = (Rc::clone(self), Rc::clone(upstream), name.to_owned(), port.clone());
        tokio::task::spawn_local(async move {
            let answer = upstream.names.resolve(&name, &port).await;
            upstream.metrics.resolved(if answer.is_ok() { "ok" } else { "failed" });
            upstream.deadlines.clock().now();
            pool.learn(answer, &upstream, origin);
            pool.resolved.notify_waiters();
        });
    }

    fn learn(&self, answer: Result<Answer, Error>, upstream: &Upstream, origin: Origin) {
        let mut addresses = self.addresses.borrow_mut();
        addresses.asking = false;
        let (list, fresh_for): (Vec<_>, _) = match answer {
            Ok(Answer { addresses: found, fresh_for, is_alias }) => {
                // whoever may make an ExternalName Service must not reach more by it than by a route
                let origin = if is_alias { Origin::Outside } else { origin };
                let (allowed, refused): (Vec<_>, Vec<_>) =
                    found.into_iter().partition(|address| upstream.settings.policy.allows(address.ip(), origin));
                addresses.failed = refused.first().map(|address| Failure::Prohibited(address.ip()));
                (allowed, fresh_for)
            }
            Err(Error::Unresolved { reason, timeout, .. }) => {
                addresses.failed = Some(Failure::Unresolved { reason, timeout });
                (Vec::new(), FAILED_FOR)
            }
            Err(_) => (Vec::new(), FAILED_FOR),
        };
        addresses.fresh_until = upstream.deadlines.clock().coarse() + fresh_for.as_millis() as u64;
        if list.is_empty() {
            addresses.failed.get_or_insert(Failure::Unresolved { reason: "the name has no address", timeout: false });
        } else if *addresses.list != *list {
            addresses.list = list.into();
            // connections to pods that are gone are not used again
            let known = Rc::clone(&addresses.list);
            self.idle.borrow_mut().retain(&known);
            self.http2.borrow_mut().retain(|connection| connection.address().is_none_or(|ip| known.contains(&ip)));
        }
    }
}

fn allowed(upstream: &Upstream, ip: IpAddr, origin: Origin) -> Result<(), Error> {
    if upstream.settings.policy.allows(ip, origin) { Ok(()) } else { Err(Error::Prohibited(ip)) }
}
