//! The last good routes on disk, so that a restarted process serves before it has spoken to the API server. One door:
//! [`State`]. The write happens on a thread of its own: a slow disk must not hold up a probe.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};

const FILE: &str = "routes.json";

/// Texts kept. More than one is there only when a text was partly bad, see [`Saved::texts`].
const TEXTS: usize = 8;

/// What is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Saved {
    /// Of the table these texts make.
    pub(super) generation: u64,
    /// Where they came from. Those of another ConfigMap are of no use.
    pub(super) source: String,
    /// Applied one after the other they make the table: a text that was good, and those after it that were partly bad
    /// and lean on it.
    pub(super) texts: Vec<String>,
}

impl Saved {
    /// Adds a text that was applied; a whole one makes those before it needless.
    pub(super) fn push(&mut self, text: &str, generation: u64, whole: bool) {
        if whole {
            self.texts.clear();
        } else if self.texts.len() >= TEXTS {
            // the first is the one that was whole; a route that was last good in the second is lost after a restart
            self.texts.remove(1);
        }
        self.texts.push(text.to_owned());
        self.generation = generation;
    }
}

/// A folder that holds [`Saved`], and the thread that writes it.
#[derive(Debug)]
pub(super) struct State {
    file: PathBuf,
    slot: Arc<Slot>,
    writer: Option<JoinHandle<()>>,
}

/// What is to be written next. Only the newest counts.
#[derive(Debug, Default)]
struct Slot {
    next: Mutex<Next>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Next {
    saved: Option<Saved>,
    end: bool,
}

impl State {
    /// The folder is made when it is missing.
    pub(super) fn open(dir: &Path) -> io::Result<State> {
        fs::create_dir_all(dir)?;
        let file = dir.join(FILE);
        let slot = Arc::new(Slot::default());
        let (path, theirs) = (file.clone(), Arc::clone(&slot));
        let writer = std::thread::Builder::new().name("state".to_owned()).spawn(move || theirs.run(&path))?;
        Ok(State { file, slot, writer: Some(writer) })
    }

    /// What an earlier process left; `None` when there is nothing.
    pub(super) fn load(&self) -> io::Result<Option<Saved>> {
        match fs::read(&self.file) {
            Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(io::Error::from),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes it soon.
    pub(super) fn save(&self, saved: Saved) {
        self.slot.lock().saved = Some(saved);
        self.slot.news.notify_one();
    }
}

impl Drop for State {
    /// What was saved last is on disk afterwards.
    fn drop(&mut self) {
        self.slot.lock().end = true;
        self.slot.news.notify_one();
        if let Some(writer) = self.writer.take() {
            // a panic of the writer has been printed; nothing is left to do about it
            let _ = writer.join();
        }
    }
}

impl Slot {
    fn run(&self, file: &Path) {
        loop {
            let mut next = self.lock();
            while next.saved.is_none() && !next.end {
                next = self.news.wait(next).unwrap_or_else(PoisonError::into_inner);
            }
            let Some(saved) = next.saved.take() else { return };
            drop(next);
            if let Err(error) = write(file, &saved) {
                tracing::warn!(file = %file.display(), %error, "The routes could not be kept on disk");
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Next> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whole or not at all, also when the power goes: the new file is on disk before it takes the old one's name, and the
/// folder after.
fn write(file: &Path, saved: &Saved) -> io::Result<()> {
    let new = file.with_extension("tmp");
    let mut out = File::create(&new)?;
    out.write_all(&serde_json::to_vec(saved)?)?;
    out.sync_all()?;
    fs::rename(&new, file)?;
    match file.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(generation: u64, texts: &[&str]) -> Saved {
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        Saved { generation, source: "a/b".to_owned(), texts }
    }

    #[test]
    fn what_was_saved_last_is_what_the_next_process_loads() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(&dir.path().join("new")).unwrap();
        assert_eq!(state.load().unwrap(), None);
        for generation in 1..=50 {
            state.save(saved(generation, &["text"]));
        }
        drop(state);
        let state = State::open(&dir.path().join("new")).unwrap();
        assert_eq!(state.load().unwrap(), Some(saved(50, &["text"])));
        let names: Vec<_> =
            fs::read_dir(dir.path().join("new")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [FILE]);
    }

    #[test]
    fn a_damaged_file_is_an_error_and_not_an_empty_state() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(FILE), "{\"generation\": 3, \"sour").unwrap();
        assert!(State::open(dir.path()).unwrap().load().is_err());
    }

    #[test]
    fn a_write_that_fails_leaves_the_old_file_whole() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(FILE);
        write(&file, &saved(1, &["old"])).unwrap();
        // the name of the new file is taken by a folder
        fs::create_dir(file.with_extension("tmp")).unwrap();
        assert!(write(&file, &saved(2, &["new"])).is_err());
        assert_eq!(State::open(dir.path()).unwrap().load().unwrap(), Some(saved(1, &["old"])));
    }

    #[test]
    fn a_whole_text_makes_those_before_it_needless_and_their_number_is_bounded() {
        let mut state = Saved::default();
        state.push("good", 1, true);
        for generation in 2..30 {
            state.push(&format!("partly {generation}"), generation, false);
        }
        assert_eq!(state.texts.len(), TEXTS);
        assert_eq!((state.texts[0].as_str(), state.texts[TEXTS - 1].as_str()), ("good", "partly 29"));
        state.push("good again", 30, true);
        assert_eq!(state, Saved { generation: 30, source: String::new(), texts: vec!["good again".to_owned()] });
    }
}
