//! From the first look at the addresses until clients can be let in. One door: [`begin`].

use std::time::Duration;

use tokio::time::timeout;

use super::Process;
use super::bind::{Again, Before, Listeners, TRIES, Wanted};
use super::control_plane::{ControlPlane, Opened};
use super::feed::Routes;
use crate::backoff::Backoff;
use crate::lifecycle::Signals;
use crate::lifecycle::handover::Standing;
use crate::proxy::{self, Endpoint};

/// The condition of readiness that is met when clients are let in.
pub(super) const LISTENERS: &str = "listeners";
/// How often a hand-over that has ended in between is begun anew.
const HANDOVERS: usize = 3;
/// Once there is no predecessor any more, or there is one that gives nothing, clients that come wait for the rest to be
/// loaded, but no longer than that: then they are told that there is nothing yet.
const ALONE: Duration = Duration::from_secs(5);

/// Everything that has to be there before the first client.
pub(super) struct Beginning {
    pub(super) control: ControlPlane,
    pub(super) namespace: String,
    pub(super) listeners: Listeners,
    pub(super) bound: proxy::Bound,
}

/// Gets the listeners and starts the control plane. With a predecessor, which serves meanwhile, it waits until all is
/// loaded; without one clients are let in as soon as they can be answered at all. `None`: a signal came before.
pub(super) async fn begin(
    process: &Process,
    wanted: &Wanted,
    routes: Routes,
    signals: &mut Signals,
) -> anyhow::Result<Option<Beginning>> {
    process.readiness.condition(LISTENERS);
    // outside a pod a port that is taken or forbidden is told before anything is started
    let listeners = tokio::select! {
        listeners = wanted.get() => listeners?,
        _ = signals.next() => {
            process.lifecycle.stop();
            return Ok(None);
        }
    };
    let mut control = ControlPlane::start(process, routes)?;
    let settled = tokio::select! {
        settled = settle(process, wanted, listeners, &mut control) => Some(settled?),
        _ = signals.next() => None,
    };
    let Some((namespace, listeners, bound)) = settled else {
        process.lifecycle.stop();
        control.stop().await;
        return Ok(None);
    };
    Ok(Some(Beginning { control, namespace, listeners, bound }))
}

async fn settle(
    process: &Process,
    wanted: &Wanted,
    mut listeners: Listeners,
    control: &mut ControlPlane,
) -> anyhow::Result<(String, Listeners, proxy::Bound)> {
    open_early(process, wanted, &mut listeners, control);
    let namespace = control.namespace().await?;
    let (mut tries, mut backoff) = (1, Backoff::new(TRIES.0, TRIES.1));
    loop {
        let Some(clients) = listeners.clients.take() else {
            open_early(process, wanted, &mut listeners, control);
            tokio::time::sleep(backoff.next_wait()).await;
            wanted.retry(&mut listeners).await?;
            continue;
        };
        let Some(before) = &listeners.predecessor else {
            if listeners.is_beside {
                loaded(process, control).await?;
            }
            return Ok((namespace, listeners, clients));
        };
        let standing = tokio::select! {
            biased;
            fault = control.fault() => return Err(fault),
            standing = over(before) => standing,
            () = process.readiness.all_but(&[LISTENERS]) => return Ok((namespace, listeners, clients)),
        };
        listeners.clients = Some(clients);
        if standing == Standing::Lost {
            let again = if tries < HANDOVERS {
                wanted.again(listeners).await?
            } else {
                drop(listeners);
                Again::New(wanted.beside()?)
            };
            tries += 1;
            match again {
                Again::New(new) => {
                    listeners = new;
                    continue;
                }
                Again::Kept(kept) => listeners = kept,
            }
        }
        // who comes now waits for this process alone
        loaded(process, control).await?;
        listeners.predecessor = None;
    }
}

/// Waits for all that is loaded, while clients wait.
async fn loaded(process: &Process, control: &mut ControlPlane) -> anyhow::Result<()> {
    tokio::select! {
        fault = control.fault() => Err(fault),
        _ = timeout(ALONE, process.readiness.all_but(&[LISTENERS])) => Ok(()),
    }
}

/// Waits until the predecessor serves on as if nobody had asked it, or has left or died.
async fn over(before: &Before) -> Standing {
    let mut standing = before.predecessor.standing();
    let over = standing.wait_for(|standing| matches!(standing, Standing::Lost | Standing::Alone)).await;
    // a session that ends says how
    over.map_or(Standing::Lost, |standing| *standing)
}

/// Lets the admin surface answer before clients are let in, unless a predecessor does.
fn open_early(process: &Process, wanted: &Wanted, listeners: &mut Listeners, control: &mut ControlPlane) {
    if listeners.has_admin() {
        let endpoints = listeners.clients.as_ref().map_or_else(|| wanted.endpoints.clone(), proxy::Bound::endpoints);
        open_admin(process, listeners, endpoints, control);
    }
}

/// Lets the admin surface answer, if it does not yet.
pub(super) fn open_admin(
    process: &Process,
    listeners: &mut Listeners,
    endpoints: Vec<Endpoint>,
    control: &mut ControlPlane,
) {
    if let Some(admin) = listeners.admin.take() {
        let (stock, leftover) = (process.stock.clone(), listeners.leftover.clone());
        control.open(Opened { admin, endpoints, stock, leftover });
    }
}
