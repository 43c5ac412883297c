//! How the process comes to its listeners: from the process that serves there, or by binding. Outside a pod what cannot
//! be had is told at once; in a pod, where a slow predecessor may still have the port, it is tried again and again while the
//! process is not ready.
//!
//! One door: [`Wanted::get`].

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::time::Duration;

use anyhow::Context;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{debug, info, warn};

use super::{Process, owner};
use crate::backoff::Backoff;
use crate::lifecycle::Readiness;
use crate::lifecycle::handover::{self, Asked, Duty, Kind, Predecessor, Session, Sockets};
use crate::proxy::{self, BindError, Endpoint, Inherited};
use crate::{admin, telemetry};

/// Waits between tries in a pod.
pub(super) const TRIES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

/// What the process is to listen on.
pub(super) struct Wanted {
    pub(super) endpoints: Vec<Endpoint>,
    admin: Vec<SocketAddr>,
    workers: usize,
    is_pod: bool,
    /// Whether a process that serves there is asked for its sockets.
    take_over: bool,
    readiness: Readiness,
}

/// What it has.
pub(super) struct Listeners {
    /// `None`: to be tried again, in a pod.
    pub(super) clients: Option<proxy::Bound>,
    /// `None`: it answers already.
    pub(super) admin: Option<Admin>,
    pub(super) admin_addrs: Vec<SocketAddr>,
    /// Where a predecessor was asked, and this process will be.
    pub(super) doors: Vec<(String, OwnedFd)>,
    pub(super) predecessor: Option<Before>,
    /// Whether somebody serves there who has given nothing.
    pub(super) is_beside: bool,
    /// Of sockets that only the predecessor wanted.
    pub(super) leftover: watch::Receiver<Duty>,
}

/// The process that this one takes the place of.
pub(super) struct Before {
    pub(super) predecessor: Predecessor,
    pub(super) session: JoinHandle<()>,
}

/// The admin addresses, perhaps not to be had yet.
pub(super) struct Admin {
    wanted: Vec<SocketAddr>,
    /// Of a predecessor, for when the others are to be had.
    given: Vec<TcpListener>,
    bound: Option<admin::Bound>,
}

/// What comes of asking once more.
pub(super) enum Again {
    /// Nobody is there: what was got is this process's alone.
    Kept(Listeners),
    /// Others, from whoever is there, or beside him.
    New(Listeners),
}

/// What a predecessor has given, by what it is for.
#[derive(Default)]
struct Given {
    clients: Vec<Inherited>,
    admin: Vec<TcpListener>,
    doors: Vec<(String, OwnedFd)>,
    predecessor: Option<(Predecessor, Session)>,
    /// Nothing: whoever has it serves on.
    is_beside: bool,
}

impl Wanted {
    pub(super) fn new(
        process: &Process,
        endpoints: Vec<Endpoint>,
        admin: Vec<SocketAddr>,
        workers: usize,
        take_over: bool,
    ) -> Wanted {
        let (is_pod, readiness) = (process.is_pod, process.readiness.clone());
        Wanted { endpoints, admin, workers, is_pod, take_over, readiness }
    }

    /// The first try.
    pub(super) async fn get(&self) -> anyhow::Result<Listeners> {
        self.first(self.ask().await)
    }

    /// Once more, after a hand-over that has ended too early. While it asks it keeps what it got: if nobody is there any
    /// more, clients wait in those queues whom nobody else would let in.
    pub(super) async fn again(&self, mut kept: Listeners) -> anyhow::Result<Again> {
        // else it would ask itself
        kept.doors.clear();
        let asked = handover::ask(&self.addrs()).await;
        if matches!(asked, Asked::Nobody) {
            kept.doors = handover::reserve(&self.addrs());
            return Ok(Again::Kept(kept));
        }
        drop(kept);
        self.first(Given::by(asked)).map(Again::New)
    }

    fn addrs(&self) -> Vec<SocketAddr> {
        self.endpoints.iter().map(|endpoint| endpoint.addr).collect()
    }

    /// The same without asking, beside whoever serves.
    pub(super) fn beside(&self) -> anyhow::Result<Listeners> {
        self.first(Given::nothing())
    }

    fn first(&self, given: Given) -> anyhow::Result<Listeners> {
        let (clients, given) = match self.bind(given)? {
            Ok((clients, given)) => (Some(clients), given),
            Err(error) => {
                let owner = if let BindError::InUse(addr) = &error { owner::of(*addr) } else { None };
                warn!(%error, owner, "Cannot listen yet, trying again");
                // a predecessor serves on, and answers admin requests: nothing of what it gave is kept
                (None, Given::default())
            }
        };
        let admin = self.bind_admin(given.admin)?;
        let admin_addrs = admin.local_addrs();
        let (predecessor, leftover) = self.speak(given.predecessor);
        let (admin, doors, is_beside) = (Some(admin), given.doors, given.is_beside);
        Ok(Listeners { clients, admin, admin_addrs, doors, predecessor, is_beside, leftover })
    }

    /// One more try for the clients' listeners, and for the admin addresses unless they are had.
    pub(super) async fn retry(&self, listeners: &mut Listeners) -> anyhow::Result<()> {
        let given = match self.bind(self.ask().await)? {
            Ok((clients, given)) => {
                listeners.clients = Some(clients);
                given
            }
            Err(error) => {
                debug!(%error, "Cannot listen yet");
                Given::default()
            }
        };
        listeners.doors = given.doors;
        listeners.is_beside = given.is_beside;
        (listeners.predecessor, listeners.leftover) = self.speak(given.predecessor);
        if let Some(admin) = listeners.admin.as_mut().filter(|admin| admin.bound.is_none()) {
            admin.given = given.admin;
            admin.bound = admin.bind().ok();
            listeners.admin_addrs = admin.local_addrs();
        }
        Ok(())
    }

    /// What whoever serves there gives.
    async fn ask(&self) -> Given {
        if self.take_over { Given::by(handover::ask(&self.addrs()).await) } else { Given::default() }
    }

    /// Binds what was not given. The inner error is one to be tried again after, the outer one ends the process.
    fn bind(&self, mut given: Given) -> anyhow::Result<Result<(proxy::Bound, Given), BindError>> {
        let clients = std::mem::take(&mut given.clients);
        // in a pod there may always be one that has not answered
        let shared = self.is_pod || given.is_beside;
        given.doors.extend(handover::reserve(&self.addrs()));
        match proxy::Bound::complete(clients, &self.endpoints, self.workers, shared) {
            Ok(clients) => Ok(Ok((clients, given))),
            Err(error) if self.is_pod => Ok(Err(error)),
            Err(error) => Err(error).context("cannot listen for clients (--http and --https name other places)"),
        }
    }

    /// From now on the predecessor hears of this process, and nobody listens for long where only that one did.
    fn speak(&self, predecessor: Option<(Predecessor, Session)>) -> (Option<Before>, watch::Receiver<Duty>) {
        let (relieve, leftover) = watch::channel(Duty::Active);
        let before = predecessor.map(|(predecessor, session)| {
            let readiness = self.readiness.clone();
            let session = telemetry::spawn("predecessor", async move {
                session.run(readiness).await;
                // whoever still comes there is the last
                relieve.send_replace(Duty::Relieved);
            });
            Before { predecessor, session }
        });
        (before, leftover)
    }

    fn bind_admin(&self, given: Vec<TcpListener>) -> anyhow::Result<Admin> {
        let mut admin = Admin { wanted: self.admin.clone(), given, bound: None };
        match admin.bind() {
            Ok(bound) => admin.bound = Some(bound),
            Err((addr, error)) if self.is_pod => {
                warn!(%addr, %error, "Cannot listen for admin requests yet, trying again");
            }
            Err((addr, error)) => {
                return Err(error)
                    .with_context(|| format!("cannot listen for admin requests on {addr} (--admin changes it)"));
            }
        }
        Ok(admin)
    }
}

impl Given {
    /// What came of asking.
    fn by(asked: Asked) -> Given {
        match asked {
            Asked::Nobody => Given::default(),
            Asked::Failed(why) => {
                warn!(
                    why,
                    "Listens beside the process that serves: connections that wait there when it ends may be lost"
                );
                Given::nothing()
            }
            Asked::Taken(sockets, predecessor, session) => {
                info!(sockets = sockets.iter().map(|some| some.fds.len()).sum::<usize>(), "Took over the listeners");
                Given { predecessor: Some((predecessor, session)), ..Given::of(sockets) }
            }
        }
    }

    /// Of somebody who has it all.
    fn nothing() -> Given {
        Given { is_beside: true, ..Given::default() }
    }

    fn of(sockets: Vec<Sockets>) -> Given {
        let mut given = Given::default();
        for some in sockets {
            let addr = some.address();
            let Sockets { kind, addr: name, fds } = some;
            let clients = |endpoint, fds: Vec<OwnedFd>| Inherited {
                endpoint,
                sockets: fds.into_iter().map(Into::into).collect(),
            };
            match (kind, addr) {
                (Kind::Http, Some(addr)) => given.clients.push(clients(Endpoint::http(addr), fds)),
                (Kind::Https, Some(addr)) => given.clients.push(clients(Endpoint::https(addr), fds)),
                (Kind::Admin, _) => given.admin.extend(fds.into_iter().map(TcpListener::from)),
                (Kind::Handover, _) => given.doors.extend(fds.into_iter().map(|fd| (name.clone(), fd))),
                (Kind::Http | Kind::Https | Kind::Unknown, _) => {}
            }
        }
        given
    }
}

impl Listeners {
    /// Whether the admin surface can answer, and nobody but this process is to.
    pub(super) fn has_admin(&self) -> bool {
        let is_had = self.admin.as_ref().is_some_and(|admin| admin.bound.is_some());
        // without a predecessor nobody gives the addresses, and they are tried for while clients are served
        self.predecessor.is_none() && (is_had || self.clients.is_some())
    }
}

impl Admin {
    fn local_addrs(&self) -> Vec<SocketAddr> {
        self.bound.as_ref().map(admin::Bound::local_addrs).unwrap_or_default()
    }

    /// Tries until it works.
    pub(super) async fn get(mut self) -> admin::Bound {
        let mut backoff = Backoff::new(TRIES.0, TRIES.1);
        loop {
            match self.bound {
                Some(bound) => return bound,
                None => tokio::time::sleep(backoff.next_wait()).await,
            }
            self.bound = self.bind().ok();
        }
    }

    fn bind(&mut self) -> Result<admin::Bound, (SocketAddr, io::Error)> {
        admin::Bound::complete(&mut self.given, &self.wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_asks_before_clients_are_let_in_waits_for_this_process() {
        let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let endpoints = vec![Endpoint::http(addr)];
        let readiness = Readiness::new();
        let wanted = Wanted { endpoints, admin: Vec::new(), workers: 1, is_pod: false, take_over: true, readiness };
        let listeners = wanted.get().await.unwrap();
        assert!(matches!(handover::ask(&[addr]).await, Asked::Failed(_)), "somebody is there, and will answer");
        drop(listeners);
        assert!(matches!(handover::ask(&[addr]).await, Asked::Nobody));
    }
}
