//! From the first look at the addresses until clients can be let in. One door: [`begin`].

use super::Process;
use super::bind::{Before, Listeners, Wanted};
use super::control_plane::{ControlPlane, Opened};
use super::feed::Routes;
use crate::lifecycle::Signals;
use crate::lifecycle::handover::Standing;
use crate::proxy::{self, Endpoint};

/// The condition of readiness that is met when clients are let in.
pub(super) const LISTENERS: &str = "listeners";
/// How often a hand-over that has ended in between is begun anew.
const TRIES: usize = 3;

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
    if listeners.predecessor.is_none() {
        let endpoints = listeners.clients.as_ref().map_or_else(|| wanted.endpoints.clone(), proxy::Bound::endpoints);
        open_admin(process, &mut listeners, endpoints, control);
    }
    let namespace = control.namespace().await?;
    let mut tries = 1;
    loop {
        let Some(clients) = listeners.clients.take() else {
            wanted.retry(&mut listeners).await?;
            continue;
        };
        let Some(before) = &listeners.predecessor else { return Ok((namespace, listeners, clients)) };
        let is_kept = tokio::select! {
            biased;
            fault = control.fault() => return Err(fault),
            () = lost(before) => false,
            () = process.readiness.all_but(&[LISTENERS]) => true,
        };
        if is_kept {
            return Ok((namespace, listeners, clients));
        }
        // what was got is closed before, so that nobody waits where nobody will come
        drop((listeners, clients));
        listeners = if tries < TRIES { wanted.get().await? } else { wanted.beside()? };
        tries += 1;
    }
}

/// Waits until the predecessor serves on as if nobody had asked it.
async fn lost(before: &Before) {
    let mut standing = before.predecessor.standing();
    if standing.wait_for(|standing| *standing == Standing::Lost).await.is_err() {
        // the session has ended otherwise, and what was got stays
        std::future::pending().await
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
        control.open(Opened { admin, endpoints, stock: process.stock.clone() });
    }
}
