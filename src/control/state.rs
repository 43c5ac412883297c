//! The last good routes on disk, so that a restarted process serves before it has spoken to the API server. One door:
//! [`StateDir`]. The write happens on a thread of its own: a slow disk must not hold up a probe.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use serde::{Deserialize, Serialize};

use super::whole_file;

const FILE: &str = "routes.json";

/// Of what is in the file. A program that writes other fields, or means something else by them, has another number.
const VERSION: u32 = 1;

/// Bytes of the file. A ConfigMap has at most 1 MiB, and one text nearly always is all there is.
const MOST: u64 = 8 * 1024 * 1024;

/// Bytes of all texts together. What JSON adds to YAML is far from doubling it.
const MOST_TEXT: usize = 4 * 1024 * 1024;

/// Texts kept. More than one is there only when a text was partly bad, see [`Saved::texts`].
const TEXTS: usize = 8;

/// What is on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Saved {
    version: u32,
    /// Of the table these texts make.
    pub(super) generation: u64,
    /// Where they came from. Those of another ConfigMap are of no use.
    pub(super) source: String,
    /// Applied one after the other they make the table: a text that was good, and those after it that were partly bad
    /// and lean on it.
    pub(super) texts: Vec<String>,
}

/// What every version has.
#[derive(Debug, Deserialize)]
struct Head {
    version: u32,
}

impl Default for Saved {
    fn default() -> Saved {
        Saved { version: VERSION, generation: 0, source: String::new(), texts: Vec::new() }
    }
}

impl Saved {
    /// Adds a text that was applied; a whole one makes those before it needless.
    pub(super) fn push(&mut self, text: &str, generation: u64, whole: bool) {
        if whole {
            self.texts.clear();
        }
        let is_full = |texts: &[String]| {
            texts.len() >= TEXTS || text.len() + texts.iter().map(String::len).sum::<usize>() > MOST_TEXT
        };
        while self.texts.len() > 1 && is_full(&self.texts) {
            // the first is the one that was whole; a route that was last good in the second is lost after a restart
            self.texts.remove(1);
        }
        self.texts.push(text.to_owned());
        self.generation = generation;
    }
}

/// A folder that holds `Saved`, and the thread that writes it.
#[derive(Debug)]
pub struct StateDir {
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

impl StateDir {
    /// The folder is made when it is missing.
    ///
    /// # Errors
    /// The folder is not there and cannot be made; or the system gives no thread.
    pub fn open(dir: &Path) -> io::Result<StateDir> {
        fs::create_dir_all(dir)?;
        whole_file::sweep(dir);
        let file = dir.join(FILE);
        let slot = Arc::new(Slot::default());
        let (path, theirs) = (file.clone(), Arc::clone(&slot));
        let writer = std::thread::Builder::new().name("state".to_owned()).spawn(move || theirs.run(&path))?;
        Ok(StateDir { file, slot, writer: Some(writer) })
    }

    /// What an earlier process left; `None` when there is nothing.
    ///
    /// # Errors
    /// It cannot be read, or is not what this version writes.
    pub(super) fn load(&self) -> io::Result<Option<Saved>> {
        whole_file::read(&self.file, MOST)?.map(|bytes| parsed(&bytes)).transpose()
    }

    /// The file, for people.
    pub(super) fn place(&self) -> std::path::Display<'_> {
        self.file.display()
    }

    /// Writes it soon.
    pub(super) fn save(&self, saved: Saved) {
        self.slot.lock().saved = Some(saved);
        self.slot.news.notify_one();
    }
}

impl Drop for StateDir {
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

fn parsed(bytes: &[u8]) -> io::Result<Saved> {
    let foreign = |message: String| io::Error::new(io::ErrorKind::InvalidData, message);
    let Head { version } = serde_json::from_slice(bytes)?;
    if version != VERSION {
        return Err(foreign(format!("it is of version {version}, and this gatepost reads version {VERSION}")));
    }
    let saved: Saved = serde_json::from_slice(bytes)?;
    if saved.texts.len() > TEXTS {
        return Err(foreign(format!("it has {} texts, and the most are {TEXTS}", saved.texts.len())));
    }
    Ok(saved)
}

fn write(file: &Path, saved: &Saved) -> io::Result<()> {
    let bytes = serde_json::to_vec(saved)?;
    if bytes.len() as u64 > MOST {
        let message = format!("with {} bytes it is larger than the {MOST} that are kept", bytes.len());
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
    }
    whole_file::write(file, file.parent().unwrap_or(Path::new(".")), &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved(generation: u64, texts: &[&str]) -> Saved {
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        Saved { version: VERSION, generation, source: "a/b".to_owned(), texts }
    }

    #[test]
    fn what_was_saved_last_is_what_the_next_process_loads() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::open(&dir.path().join("new")).unwrap();
        assert_eq!(state.load().unwrap(), None);
        for generation in 1..=50 {
            state.save(saved(generation, &["text"]));
        }
        drop(state);
        let state = StateDir::open(&dir.path().join("new")).unwrap();
        assert_eq!(state.load().unwrap(), Some(saved(50, &["text"])));
        let names: Vec<_> =
            fs::read_dir(dir.path().join("new")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, [FILE]);
    }

    #[test]
    fn what_is_damaged_or_of_another_version_is_an_error_and_not_an_empty_state() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::open(dir.path()).unwrap();
        let many = format!(r#"{{"version":1,"generation":1,"source":"a","texts":[{}""]}}"#, r#""","#.repeat(TEXTS));
        for (text, told) in [
            ("{\"version\": 1, \"generation\": 3, \"sour", "EOF"),
            ("", "EOF"),
            ("[]", "invalid"),
            (r#"{"generation":1,"source":"a","texts":[]}"#, "version"),
            (r#"{"version":2,"tables":{}}"#, "it is of version 2, and this gatepost reads version 1"),
            (r#"{"version":1,"generation":1,"source":"a","texts":"x"}"#, "invalid type"),
            (&many, "it has 9 texts"),
        ] {
            fs::write(dir.path().join(FILE), text).unwrap();
            let error = state.load().unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
    }

    #[test]
    fn a_huge_file_is_not_read_and_none_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join(FILE);
        // no byte of it is on the disk
        fs::File::create(&file).unwrap().set_len(1 << 30).unwrap();
        let state = StateDir::open(dir.path()).unwrap();
        assert_eq!(state.load().unwrap_err().to_string(), "it has more than 8388608 bytes");
        write(&file, &saved(1, &["small"])).unwrap();
        assert!(write(&file, &saved(2, &["\u{1}".repeat(2 << 20).as_str()])).is_err());
        assert_eq!(state.load().unwrap(), Some(saved(1, &["small"])));
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
        assert_eq!(state, Saved { generation: 30, texts: vec!["good again".to_owned()], ..Saved::default() });
        for generation in 31..40 {
            state.push(&"x".repeat(1 << 20), generation, false);
        }
        assert_eq!((state.texts.len(), state.texts[0].as_str()), (4, "good again"), "4 MiB in all");
    }
}
