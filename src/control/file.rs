//! Routes from a file, watched for change. One door: [`run_file`].
//!
//! The folder is watched, not the file, so that a file that is replaced by another (as editors and `mv` do) stays in
//! sight. What counts is the content: a save without a change changes nothing.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout, timeout_at};

use super::{Applier, Error, Patience, Verdict};

/// An editor that writes in place truncates first: the file is read when nothing has happened for so long.
const QUIET: Duration = Duration::from_millis(50);

/// But no later than this after the first change.
const LATEST: Duration = Duration::from_millis(500);

/// Where no notice comes (network file systems, a link whose target is elsewhere) the file is looked at so often.
const LOOK: Duration = Duration::from_secs(2);

/// Files over this size are not read: a ConfigMap has at most 1 MiB, and nobody writes 64 by hand.
const MOST: u64 = 64 * 1024 * 1024;

/// Feeds `applier` from the file until the future is dropped. With [`Patience::UntilFault`] it ends when there is
/// nothing to begin with: a file that is not there, or nothing in it that can be served.
pub async fn run_file(path: PathBuf, applier: Applier, patience: Patience) -> Result<(), Error> {
    // who can write this file is on the node already
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut applier = applier.allow_local_backends(true).allow_files(folder);
    let changed = Arc::new(Notify::new());
    // before the first look, so that no change falls between
    let _watcher = watch(&path, Arc::clone(&changed));
    first(&path, &mut applier, patience)?;
    let mut stamp = Stamp::of(&path);
    let mut unreadable = false;
    loop {
        if timeout(LOOK, changed.notified()).await.is_ok() {
            settle(&changed).await;
        } else if Stamp::of(&path) == stamp {
            continue;
        }
        stamp = Stamp::of(&path);
        look(&path, &mut applier, &mut unreadable);
    }
}

fn first(path: &Path, applier: &mut Applier, patience: Patience) -> Result<(), Error> {
    let refused = match read(path) {
        Ok(text) => {
            let outcome = applier.apply(&text, &path.display().to_string());
            let refused = outcome.verdict == Verdict::Refused;
            refused.then(|| Error::Refused { path: path.to_owned(), problems: outcome.problems })
        }
        Err(reason) => Some(Error::File { path: path.to_owned(), reason }),
    };
    match (refused, patience) {
        (Some(error), Patience::UntilFault) => Err(error),
        (Some(Error::File { path, reason }), Patience::Endless) => {
            tracing::error!(source = %path.display(), error = %reason, "The routes file cannot be read yet");
            Ok(())
        }
        // the applier has said what is wrong with the text
        _ => Ok(()),
    }
}

fn look(path: &Path, applier: &mut Applier, unreadable: &mut bool) {
    let name = path.display().to_string();
    match read(path) {
        Ok(text) => {
            *unreadable = false;
            applier.apply(&text, &name);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // before there was one, it has been said that it is missing
            if applier.has_table() {
                applier.gone(&name);
            }
        }
        Err(error) if !std::mem::replace(unreadable, true) => {
            applier.unusable(&name, &format!("it cannot be read: {error}"));
        }
        Err(_) => {}
    }
}

fn read(path: &Path) -> io::Result<String> {
    if std::fs::metadata(path)?.len() > MOST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 64 MiB"));
    }
    std::fs::read_to_string(path)
}

/// Waits until nothing has happened for a while.
async fn settle(changed: &Notify) {
    let latest = Instant::now() + LATEST;
    let quiet = async { while timeout(QUIET, changed.notified()).await.is_ok() {} };
    // either end is fine
    let _ = timeout_at(latest, quiet).await;
}

/// Wakes `changed` when something happens in the file's folder. Without a watcher (no inotify instance left) the look
/// every two seconds has to do.
fn watch(path: &Path, changed: Arc<Notify>) -> Option<RecommendedWatcher> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let wake = move |event: notify::Result<notify::Event>| {
        // our own reading is an event too
        if !event.is_ok_and(|event| event.kind.is_access() && !is_write(&event.kind)) {
            changed.notify_one();
        }
    };
    let watcher = notify::recommended_watcher(wake).and_then(|mut watcher| {
        watcher.watch(folder, RecursiveMode::NonRecursive)?;
        Ok(watcher)
    });
    match watcher {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            tracing::warn!(folder = %folder.display(), %error, "No notice of changes comes, so the routes file is looked at every 2 s");
            None
        }
    }
}

fn is_write(kind: &notify::EventKind) -> bool {
    use notify::event::{AccessKind, AccessMode};
    matches!(kind, notify::EventKind::Access(AccessKind::Close(AccessMode::Write)))
}

/// What tells two states of a file apart without reading it.
#[derive(PartialEq)]
struct Stamp(Option<(std::time::SystemTime, u64)>);

impl Stamp {
    fn of(path: &Path) -> Stamp {
        let data = std::fs::metadata(path).and_then(|data| Ok((data.modified()?, data.len())));
        Stamp(data.ok())
    }
}

#[cfg(test)]
mod tests;
