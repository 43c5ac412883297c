//! What feeds [`Certificates`]: the section as it changes, what its sources have, and the time. One door:
//! [`run_certificates`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::watch;

use super::certificate_files::Files;
use super::certificates::{Certificates, Material, Pem, Settled};
use crate::config::{CertificateSource, ClientCaSource, Tls};
use crate::lifecycle::Condition;

/// The time is looked at so often at least: the clock may have been set.
const LOOK: Duration = Duration::from_secs(60);

/// The `tls` section of the configuration that serves; `None` before there is one.
pub type Sections = watch::Receiver<Option<Arc<Tls>>>;

/// Where certificates come from.
#[derive(Debug)]
pub enum Place {
    /// Files, those of a relative path in this folder.
    Files(PathBuf),
}

/// What somebody who looked at a source has found.
#[derive(Debug)]
pub(super) enum News {
    Certificate(CertificateSource, Material<Pem>),
    Authority(ClientCaSource, Material<Vec<u8>>),
}

impl News {
    /// Which state of its source was found.
    pub(super) fn version(&self) -> Option<&str> {
        match self {
            News::Certificate(_, material) => material.version(),
            News::Authority(_, material) => material.version(),
        }
    }
}

/// Feeds `keeper` until the future is dropped. `ready` is set once every source of the first section is known.
pub async fn run_certificates(mut keeper: Certificates, mut sections: Sections, ready: Condition, place: Place) {
    let mut supply = Supply::new(place);
    loop {
        tokio::select! {
            section = next(&mut sections) => {
                keeper.section(&section);
                supply.section(&section);
            }
            news = supply.next() => news.into_iter().for_each(|news| keeper.take(news)),
            () = tokio::time::sleep(until(keeper.due())) => {}
        }
        let settled = keeper.settle(now());
        supply.settled(settled);
        if sections.borrow().is_some() && keeper.is_complete() {
            ready.set(true);
        }
    }
}

/// The next section; never, once nobody makes one any more.
async fn next(sections: &mut Sections) -> Arc<Tls> {
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
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn until(due: i64) -> Duration {
    let seconds = u64::try_from(due.saturating_sub(now())).unwrap_or_default();
    Duration::from_secs(seconds).min(LOOK)
}

impl Certificates {
    fn take(&mut self, news: News) {
        match news {
            News::Certificate(source, material) => self.material(&source, material),
            News::Authority(source, material) => self.authority(&source, material),
        }
    }
}

/// Who looks at sources.
enum Supply {
    Files(Files),
}

impl Supply {
    fn new(place: Place) -> Supply {
        match place {
            Place::Files(folder) => Supply::Files(Files::new(folder)),
        }
    }

    /// Looks at the sources of this section from now on.
    fn section(&mut self, section: &Tls) {
        match self {
            Supply::Files(files) => files.section(section),
        }
    }

    /// Waits for what a source has. It may be dropped and called again.
    async fn next(&mut self) -> Vec<News> {
        match self {
            Supply::Files(files) => files.next().await,
        }
    }

    /// Does what is to be done about a change.
    fn settled(&mut self, _settled: Settled) {
        match self {
            // it has been logged, and the files are kept by who owns them
            Supply::Files(_) => {}
        }
    }
}
