//! Routes from a file, watched for change. One door: [`run_file`]. What counts is the content: a save without a change
//! changes nothing.

use std::io;
use std::path::{Path, PathBuf};

use super::look::Look;
use super::{Applier, Error, Patience, Verdict};

/// Files over this size are not read: a ConfigMap has at most 1 MiB, and nobody writes 64 by hand.
const MOST: u64 = 64 * 1024 * 1024;

/// Feeds `applier` from the file until the future is dropped. With [`Patience::UntilFault`] it ends when there is
/// nothing to begin with: a file that is not there, or nothing in it that can be served.
pub async fn run_file(path: PathBuf, applier: Applier, patience: Patience) -> Result<(), Error> {
    // who can write this file is on the node already
    let mut applier = applier.allow_local_backends(true).allow_files(true);
    let mut files = Look::at(vec![path.clone()]);
    first(&path, &mut applier, patience)?;
    let mut unreadable = false;
    loop {
        files.changed().await;
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

#[cfg(test)]
mod tests;
