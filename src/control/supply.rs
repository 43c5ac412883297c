//! What feeds [`Certificates`]: the section as it changes, what its sources have, and the time. One door:
//! [`run_certificates`].

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use super::certificate_files::Files;
use super::certificates::{Certificates, Names, Settled};
use super::cluster::{Cluster, InCluster};
use super::look::folder;
use super::news::News;
use super::tickets;
use crate::certs::{Store, Tickets};
use crate::config::Tls;
use crate::lifecycle::Condition;

/// The time is looked at so often at least: the clock may have been set.
pub(super) const LOOK: Duration = Duration::from_secs(60);

/// The `tls` section of the configuration that serves; `None` before there is one.
pub type Sections = watch::Receiver<Option<Section>>;

/// One state of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// What it says.
    pub tls: Arc<Tls>,
    /// Somebody has written just that. Else there was no text, or something in it was wrong: what is not named here may be
    /// named again a moment later.
    pub is_whole: bool,
}

/// Where certificates come from.
pub enum Place {
    /// Files, those of a relative path in this folder.
    Files(PathBuf),
    /// Secrets.
    Secrets(Box<InCluster>),
}

impl Place {
    /// Files beside the routes file.
    pub fn beside(routes: &Path) -> Place {
        Place::Files(folder(routes).to_owned())
    }
}

/// Feeds `keeper` until the future is dropped. `ready` is set once every source of the first section is known.
pub async fn run_certificates(mut keeper: Certificates, mut sections: Sections, ready: Condition, place: Place) {
    let mut supply = Supply::new(place, keeper.tickets());
    // before the first certificate: with other nodes it is not known yet what they have
    if let Some(names) = supply.everywhere(keeper.store()) {
        keeper.everywhere(names);
    }
    let mut has_section = false;
    loop {
        tokio::select! {
            section = next(&mut sections) => {
                has_section = true;
                keeper.section(&section.tls);
                supply.section(&section);
            }
            news = supply.next() => news.into_iter().for_each(|news| keeper.take(news)),
            () = tokio::time::sleep(until(keeper.due())) => {}
        }
        let settled = keeper.settle(now());
        supply.settled(settled);
        if let Some(names) = supply.everywhere(keeper.store()) {
            keeper.everywhere(names);
            keeper.settle(now());
        }
        keeper.waiting(supply.waiting());
        if has_section && keeper.is_complete() {
            ready.set(true);
        }
    }
}

/// The next section; never, once nobody makes one any more.
async fn next(sections: &mut Sections) -> Section {
    loop {
        if sections.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
        if let Some(section) = sections.borrow_and_update().clone() {
            return section;
        }
    }
}

/// Unix seconds.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn until(due: i64) -> Duration {
    let seconds = u64::try_from(due.saturating_sub(now())).unwrap_or_default();
    Duration::from_secs(seconds).min(LOOK)
}

/// Who looks at sources.
enum Supply {
    Files(Box<Files>, Pin<Box<dyn Future<Output = ()> + Send>>),
    Cluster(Box<Cluster>),
}

impl Supply {
    fn new(place: Place, tickets: Arc<Tickets>) -> Supply {
        match place {
            Place::Files(folder) => Supply::Files(Box::new(Files::new(folder)), Box::pin(tickets::local(tickets))),
            Place::Secrets(told) => Supply::Cluster(Box::new(Cluster::new(*told, tickets))),
        }
    }

    /// Looks at the sources of this section from now on.
    fn section(&mut self, section: &Section) {
        match self {
            Supply::Files(files, _) => files.section(&section.tls),
            Supply::Cluster(cluster) => cluster.section(section),
        }
    }

    /// Waits for what a source has. It may be dropped and called again.
    async fn next(&mut self) -> Vec<News> {
        match self {
            Supply::Files(files, tickets) => tokio::select! {
                news = files.next() => news,
                // it has no end
                () = tickets => Vec::new(),
            },
            Supply::Cluster(cluster) => cluster.next().await,
        }
    }

    /// The names that every node has, when that has changed.
    fn everywhere(&mut self, store: &Store) -> Option<Option<Arc<Names>>> {
        match self {
            Supply::Files(..) => None,
            Supply::Cluster(cluster) => cluster.everywhere(store, now()),
        }
    }

    /// How many names are loaded here and not known to be everywhere.
    fn waiting(&self) -> usize {
        match self {
            Supply::Files(..) => 0,
            Supply::Cluster(cluster) => cluster.waiting(),
        }
    }

    /// Does what is to be done about a change.
    fn settled(&mut self, settled: Settled) {
        match self {
            // it has been logged, and the files are kept by who owns them
            Supply::Files(..) => {}
            Supply::Cluster(cluster) => cluster.settled(settled),
        }
    }
}
