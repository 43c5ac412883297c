//! Small files that are whole or not there, whoever writes them at the same time: the pods of a rollout share the folders
//! of their node. Doors: [`read`], [`write()`], [`sweep`].

use std::fs::{self, File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rustix::fs::OFlags;

use super::plain_file;

/// What the name of a file begins with until it is whole.
const NEW: &str = "new-";

/// A file that is not whole after this time belongs to a process that is gone: writing one takes no second.
const STALE: Duration = Duration::from_secs(60);

/// What is in it; `None` when it is not there.
///
/// # Errors
/// It is longer than `most`, or no plain file: what else has the name is not waited for and not followed.
pub(super) fn read(file: &Path, most: u64) -> io::Result<Option<Vec<u8>>> {
    let (opened, length) = match plain_file::open(file, OFlags::NOFOLLOW) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let too_large = || io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {most} bytes"));
    if length > most {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    // it may grow meanwhile
    opened.take(most + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > most { Err(too_large()) } else { Ok(Some(bytes)) }
}

/// Whole or not at all, also when the power goes: the new file is on disk before it takes the old one's name, and the
/// folder after. Until then it is in `beside`, a folder of the same file system.
///
/// # Errors
/// As the system says; then the old file is as it was.
pub(super) fn write(file: &Path, beside: &Path, bytes: &[u8]) -> io::Result<()> {
    // of a name of its own for each process; a number of the process would not do, which is 1 in every pod
    let new = beside.join(format!("{NEW}{:016x}", RandomState::new().hash_one(0u8)));
    let written = create(&new, bytes).and_then(|()| fs::rename(&new, file));
    if written.is_err() {
        // what is half of it takes room from the next try
        let _ = fs::remove_file(&new);
    }
    written?;
    match file.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

fn create(new: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(new)?;
    out.write_all(bytes)?;
    out.sync_all()
}

/// Removes what processes that are gone have left half written in this folder.
pub(super) fn sweep(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let is_stale = || entry.metadata().ok()?.modified().ok()?.elapsed().ok().map(|age| age > STALE);
        if entry.file_name().as_encoded_bytes().starts_with(NEW.as_bytes()) && is_stale().unwrap_or_default() {
            // the next process tries again
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn a_write_that_fails_leaves_the_old_file_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("kept");
        write(&file, dir.path(), b"old").unwrap();
        // a folder cannot be replaced by a file
        let folder = dir.path().join("folder");
        fs::create_dir(&folder).unwrap();
        assert!(write(&folder, dir.path(), b"new").is_err());
        assert_eq!(read(&file, 3).unwrap().unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn processes_that_write_at_the_same_time_do_not_mix() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("kept");
        std::thread::scope(|scope| {
            for byte in [b'a', b'b', b'c'] {
                let (file, beside) = (&file, dir.path());
                scope.spawn(move || {
                    for _ in 0..50 {
                        write(file, beside, &vec![byte; 100_000]).unwrap();
                        let found = read(file, 100_000).unwrap().unwrap();
                        assert!(found.len() == 100_000 && found.iter().all(|other| *other == found[0]));
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_is_no_plain_file_or_too_long_is_refused_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("long"), [0; 11]).unwrap();
        fs::create_dir(at("folder")).unwrap();
        std::os::unix::fs::symlink(at("long"), at("link")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        for name in ["long", "folder", "link", "pipe"] {
            assert!(read(&at(name), 10).is_err(), "{name}");
        }
        assert!(read(&at("long"), 11).unwrap().is_some() && read(&at("other"), 10).unwrap().is_none());
    }

    #[test]
    fn only_what_is_old_and_half_written_is_swept() {
        let dir = tempfile::tempdir().unwrap();
        let old = SystemTime::now() - 2 * STALE;
        for (name, is_old) in [("new-1", true), ("new-2", false), ("kept", true)] {
            let file = File::create(dir.path().join(name)).unwrap();
            if is_old {
                file.set_modified(old).unwrap();
            }
        }
        sweep(dir.path());
        let mut left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["kept", "new-2"]);
    }
}
