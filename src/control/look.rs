//! Files on this machine, watched for change. One door: [`Look`].
//!
//! Folders are watched, not files, so that a file that is replaced by another (as editors and `mv` do) stays in sight.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout, timeout_at};

/// An editor that writes in place truncates first: files are read when nothing has happened for so long.
const QUIET: Duration = Duration::from_millis(50);

/// But no later than this after the first change.
const LATEST: Duration = Duration::from_millis(500);

/// Where no notice comes (network file systems, a link whose target is elsewhere) the files are looked at so often.
const EVERY: Duration = Duration::from_secs(2);

/// Some files in sight.
pub(super) struct Look {
    paths: Vec<PathBuf>,
    stamps: Vec<Stamp>,
    changed: Arc<Notify>,
    /// A change was noticed and not told yet.
    is_noticed: bool,
    next: Instant,
    _watcher: Option<RecommendedWatcher>,
}

impl Look {
    /// Looks at these files from now on; to be called before they are read, so that no change falls between.
    pub(super) fn at(paths: Vec<PathBuf>) -> Look {
        let changed = Arc::new(Notify::new());
        let watcher = watch(&paths, Arc::clone(&changed));
        let stamps = stamps(&paths);
        Look { paths, stamps, changed, is_noticed: false, next: Instant::now() + EVERY, _watcher: watcher }
    }

    /// Waits until they may have changed, and then until nothing has happened for a moment. It may be dropped and called
    /// again.
    pub(super) async fn changed(&mut self) {
        loop {
            if !self.is_noticed {
                self.is_noticed = match timeout_at(self.next, self.changed.notified()).await {
                    Ok(()) => true,
                    Err(_) => stamps(&self.paths) != self.stamps,
                };
                self.next = Instant::now() + EVERY;
            }
            if self.is_noticed {
                settle(&self.changed).await;
                self.is_noticed = false;
                self.stamps = stamps(&self.paths);
                return;
            }
        }
    }
}

/// Waits until nothing has happened for a while.
async fn settle(changed: &Notify) {
    let latest = Instant::now() + LATEST;
    let quiet = async { while timeout(QUIET, changed.notified()).await.is_ok() {} };
    // either end is fine
    let _ = timeout_at(latest, quiet).await;
}

/// Wakes `changed` when something happens in the files' folders. Without a watcher (no inotify instance left) the look
/// every two seconds has to do.
fn watch(paths: &[PathBuf], changed: Arc<Notify>) -> Option<RecommendedWatcher> {
    let folders: BTreeSet<&Path> = paths.iter().map(|path| folder(path)).collect();
    if folders.is_empty() {
        return None;
    }
    let wake = move |event: notify::Result<notify::Event>| {
        // our own reading is an event too
        if !event.is_ok_and(|event| event.kind.is_access() && !is_write(&event.kind)) {
            changed.notify_one();
        }
    };
    let mut watcher = notify::recommended_watcher(wake);
    for folder in folders {
        watcher = watcher.and_then(|mut watcher| {
            watcher.watch(folder, RecursiveMode::NonRecursive)?;
            Ok(watcher)
        });
        if let Err(error) = &watcher {
            tracing::warn!(folder = %folder.display(), %error, "No notice of changes comes, so files are looked at every 2 s");
            return None;
        }
    }
    watcher.ok()
}

/// The folder that a file is in.
pub(super) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn is_write(kind: &notify::EventKind) -> bool {
    use notify::event::{AccessKind, AccessMode};
    matches!(kind, notify::EventKind::Access(AccessKind::Close(AccessMode::Write)))
}

/// What tells two states of a file apart without reading it.
#[derive(PartialEq)]
struct Stamp(Option<(std::time::SystemTime, u64)>);

fn stamps(paths: &[PathBuf]) -> Vec<Stamp> {
    paths.iter().map(|path| Stamp::of(path)).collect()
}

impl Stamp {
    fn of(path: &Path) -> Stamp {
        let data = std::fs::metadata(path).and_then(|data| Ok((data.modified()?, data.len())));
        Stamp(data.ok())
    }
}
