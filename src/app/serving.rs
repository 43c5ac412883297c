//! From the first client to the last: who watches whom, and how it ends. Doors: [`Serving::start`], then
//! [`Serving::until_the_end`].

use std::time::Duration;

use anyhow::Context;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::bind::{Before, Listeners};
use super::control_plane::ControlPlane;
use super::starting::{LISTENERS, open_admin};
use super::{Ending, Process};
use crate::lifecycle::handover::{Desk, Kind, Succession, name};
use crate::lifecycle::{Ended, Farewell, Open, Signals, Times};
use crate::published::Reader;
use crate::routing::RouteTable;
use crate::{config, proxy, telemetry};

/// Workers that are cut get this long to notice.
const CUT: Duration = Duration::from_secs(1);

/// What lasts to the end.
pub(super) struct End {
    pub(super) control: ControlPlane,
    pub(super) routes: Reader<RouteTable>,
    pub(super) ending: Ending,
}

/// Clients are let in.
pub(super) struct Serving {
    running: proxy::Running,
    succession: Succession,
    /// The talks with the process before and the one after.
    tasks: Vec<JoinHandle<()>>,
    end: End,
}

impl Serving {
    /// Lets clients in, and then tells a predecessor.
    pub(super) fn start(
        process: &Process,
        bound: proxy::Bound,
        setup: proxy::Setup,
        mut listeners: Listeners,
        mut end: End,
    ) -> anyhow::Result<Serving> {
        let endpoints = bound.endpoints();
        for (endpoint, sockets) in bound.sockets() {
            let kind = if endpoint.tls { Kind::Https } else { Kind::Http };
            process.stock.add(kind, endpoint.addr, sockets).context("no copies of the listeners for a successor")?;
        }
        let running = proxy::start(bound, &setup)?;
        drop(setup);
        open_admin(process, &mut listeners, endpoints.clone(), &mut end.control);
        process.readiness.condition(LISTENERS).set(true);
        let (predecessor, session) =
            listeners.predecessor.map(|Before { predecessor, session }| (predecessor, session)).unzip();
        let mut tasks: Vec<JoinHandle<()>> = session.into_iter().collect();
        let succession = match end.ending {
            // a demo is over at once, and nobody waits for it
            Ending::AtOnce => Succession::none(),
            Ending::Orderly => {
                let names = endpoints.iter().map(|endpoint| name(endpoint.addr));
                let duty = process.lifecycle.duty().clone();
                let (desk, succession) =
                    Desk::new(process.stock.clone(), names, listeners.doors, duty, predecessor.clone());
                tasks.push(telemetry::spawn("successor", desk.run()));
                succession
            }
        };
        if let Some(predecessor) = predecessor {
            predecessor.accept();
        }
        Ok(Serving { running, succession, tasks, end })
    }

    /// Stays until everything has ended.
    pub(super) async fn until_the_end(self, process: &Process, mut signals: Signals) -> anyhow::Result<Ended> {
        let Serving { running, mut succession, tasks, end: End { mut control, mut routes, ending } } = self;
        let (gone, drained) = oneshot::channel();
        let open = running.census();
        let workers = async move {
            let result = running.join().await;
            let _ = gone.send(());
            result
        };
        let end = async {
            match ending {
                Ending::Orderly => {
                    let farewell = farewell(process.is_pod, &mut routes, drained, open);
                    process.lifecycle.run(&mut signals, &mut succession, farewell).await
                }
                Ending::AtOnce => {
                    signals.next().await;
                    process.lifecycle.stop();
                    Ended::Drained
                }
            }
        };
        let panicked = panicked(tasks);
        tokio::pin!(workers, end, panicked);
        let mut result = None;
        let ended = loop {
            tokio::select! {
                biased;
                ended = &mut end => break Ok(ended),
                fault = control.fault() => break Err(fault),
                fault = &mut panicked => break Err(fault),
                joined = &mut workers, if result.is_none() => {
                    if process.lifecycle.is_serving() {
                        let unasked = || anyhow::anyhow!("the workers have ended without being asked to");
                        break Err(joined.map_or_else(Into::into, |()| unasked()));
                    }
                    result = Some(joined);
                }
            }
        };
        process.lifecycle.stop();
        if let Ok(Ended::AtOnce(_)) = ended {
            return ended;
        }
        if result.is_none() && ended.is_ok() {
            result = tokio::time::timeout(CUT, workers).await.ok();
        }
        control.stop().await;
        let ended = ended?;
        result.transpose()?;
        Ok(ended)
    }
}

/// What the end depends on, as the routes file has it when it is asked.
fn farewell<O: Fn() -> Open>(
    is_pod: bool,
    routes: &mut Reader<RouteTable>,
    drained: oneshot::Receiver<()>,
    open: O,
) -> Farewell<impl FnMut() -> Times, impl Future<Output = ()>, O> {
    let times = move || {
        let drain = routes.load().map(|table| table.settings().drain.clone());
        // without a table nobody has been served, and nobody has to let go
        let drain = drain.unwrap_or(config::Drain { lame_duck: Duration::ZERO, ..config::Drain::default() });
        Times { lame_duck: drain.lame_duck, tunnels: drain.tunnels }
    };
    let drained = async {
        let _ = drained.await;
    };
    Farewell { is_pod, times, drained, open }
}

/// Waits for a panic in one of them. They end when all has been said.
async fn panicked(tasks: Vec<JoinHandle<()>>) -> anyhow::Error {
    match futures_util::future::try_join_all(tasks).await {
        Ok(_) => std::future::pending().await,
        Err(error) => error.into(),
    }
}
