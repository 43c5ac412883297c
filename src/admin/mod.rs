//! What the process tells about itself over HTTP: `/livez`, `/readyz`, `/metrics`, `/status`. Read-only.
//!
//! Doors: [`Bound::bind`], then [`Bound::run`] on the control plane's runtime. `answer` has every rule of who may read
//! what. An address of a predecessor that is none of this process's is answered too, until that one has ended. [`probe`]
//! tells the same to a kubelet, for this pod alone.

mod answer;
pub mod probe;

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::JoinSet;
use tracing::debug;

use crate::lifecycle::handover::Duty;
use crate::lifecycle::{Readiness, Stage};
use crate::telemetry::metrics::Metrics;

/// Connections at once on all admin addresses; further ones wait in the kernel's queue.
const CONNECTIONS: usize = 64;
/// For a whole head, counted also while a kept connection is idle.
const HEAD: Duration = Duration::from_secs(10);
/// No connection is kept longer, so that nobody can hold all of them.
const KEEP: Duration = Duration::from_secs(60);
/// For the answer that is under way when [`KEEP`] is over.
const FINISH: Duration = Duration::from_secs(5);
/// After a failed accept, for instance when no descriptor is free.
const PAUSE: Duration = Duration::from_millis(100);

/// Listening, not yet answering.
#[derive(Debug)]
pub struct Bound {
    wanted: Vec<StdListener>,
    /// Only a predecessor was to listen there, and it does not answer any more.
    leftover: Vec<StdListener>,
}

/// What the answers are made of.
#[derive(Debug)]
pub struct Setup {
    /// For `/readyz`.
    pub readiness: Readiness,
    /// Of the process.
    pub stage: watch::Receiver<Stage>,
    /// For `/metrics`, and the generation of the routes.
    pub metrics: Arc<Metrics>,
    /// Name and bound address of every listener of the process.
    pub listeners: Vec<(String, SocketAddr)>,
    /// When the process began.
    pub started: Instant,
}

impl Bound {
    /// Binds every address.
    ///
    /// # Errors
    /// The first address that cannot be had, with the reason.
    pub fn bind(addrs: &[SocketAddr]) -> Result<Bound, (SocketAddr, io::Error)> {
        Bound::complete(&mut Vec::new(), addrs)
    }

    /// The same, with a predecessor's sockets where it has given some. They are left for another try unless all is had.
    ///
    /// # Errors
    /// The first address that cannot be had, with the reason.
    pub fn complete(inherited: &mut Vec<StdListener>, addrs: &[SocketAddr]) -> Result<Bound, (SocketAddr, io::Error)> {
        let is_at = |listener: &StdListener, addr: &SocketAddr| listener.local_addr().is_ok_and(|at| at == *addr);
        let mut wanted = Vec::new();
        for addr in addrs.iter().filter(|addr| !inherited.iter().any(|listener| is_at(listener, addr))) {
            let listener = StdListener::bind(addr).map_err(|error| (*addr, error))?;
            listener.set_nonblocking(true).map_err(|error| (*addr, error))?;
            wanted.push(listener);
        }
        let is_wanted = |listener: &StdListener| addrs.iter().any(|addr| is_at(listener, addr));
        let (known, leftover) = inherited.drain(..).partition::<Vec<_>, _>(is_wanted);
        wanted.extend(known);
        Ok(Bound { wanted, leftover })
    }

    /// The sockets, for a successor.
    pub fn listeners(&self) -> &[StdListener] {
        &self.wanted
    }

    /// The addresses with the ports that were given for port 0.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.wanted.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// Answers until `end` is done. New connections are accepted while that is this process's duty; it has one of its own
    /// where only a predecessor was to listen.
    ///
    /// # Errors
    /// When the runtime can't take a listener.
    pub async fn run(
        self,
        setup: Setup,
        [duty, leftover]: [watch::Receiver<Duty>; 2],
        end: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let setup = Arc::new(setup);
        let slots = Arc::new(Semaphore::new(CONNECTIONS));
        // dropped at the end, and every loop and connection with it
        let mut loops = JoinSet::new();
        for (listeners, duty) in [(self.wanted, duty), (self.leftover, leftover)] {
            for listener in listeners {
                loops.spawn(follow(listener, setup.clone(), slots.clone(), duty.clone()));
            }
        }
        let lost = async {
            while let Some(ended) = loops.join_next().await {
                ended.map_err(io::Error::other)??;
            }
            std::future::pending().await
        };
        tokio::select! {
            () = end => Ok(()),
            lost = lost => lost,
        }
    }
}

/// One listening socket: looked at while it is this process's duty, and only kept on standby.
async fn follow(
    mut listener: StdListener,
    setup: Arc<Setup>,
    slots: Arc<Semaphore>,
    mut duty: watch::Receiver<Duty>,
) -> io::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        let now = *duty.borrow_and_update();
        match now {
            Duty::Active => {
                let active = TcpListener::from_std(listener)?;
                tokio::select! {
                    () = Duty::changed(&mut duty) => {}
                    () = accept(&active, &setup, &slots, &mut connections) => {}
                }
                listener = active.into_std()?;
            }
            Duty::Standby => Duty::changed(&mut duty).await,
            Duty::Relieved => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
    Ok(())
}

async fn accept(listener: &TcpListener, setup: &Arc<Setup>, slots: &Arc<Semaphore>, connections: &mut JoinSet<()>) {
    loop {
        let Ok(slot) = slots.clone().acquire_owned().await else { return };
        while connections.try_join_next().is_some() {}
        match listener.accept().await {
            Ok((stream, _)) => _ = connections.spawn(serve(stream, setup.clone(), slot)),
            Err(error) => {
                debug!(%error, "Admin connection not accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// One connection.
async fn serve(stream: TcpStream, setup: Arc<Setup>, _slot: OwnedSemaphorePermit) {
    let Ok(local) = stream.local_addr() else { return };
    let is_loopback = is_loopback(local.ip());
    let service = service_fn(|request| {
        let answer = answer::answer(&request, is_loopback, &setup);
        async { Ok::<_, std::convert::Infallible>(answer) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = tokio::time::sleep(KEEP) => {
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(FINISH, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = result {
        debug!(%error, "Admin connection ended");
    }
}

fn is_loopback(address: IpAddr) -> bool {
    // a dual-stack listener shows IPv4 clients as mapped addresses
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests;
