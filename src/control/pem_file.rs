//! PEM text from a file that somebody else has named. One door: [`read_pem`].

use std::io::{self, Read};
use std::path::Path;

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use super::plain_file;
use crate::certs::MAX_PEM;

/// Reads no more than one byte over what a PEM text may have, by which who judges it sees that it is too long; and only
/// of what is a file: a pipe would wait for a writer, and a device has no end.
///
/// # Errors
/// What the system says.
pub fn read_pem(path: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let (file, length) = plain_file::open(path, OFlags::empty())?;
    let most = MAX_PEM as u64 + 1;
    // all of it at once, so that no part of a key is left where a smaller buffer was
    let length = usize::try_from(length.saturating_add(1).min(most)).unwrap_or(MAX_PEM);
    let mut bytes = Zeroizing::new(Vec::with_capacity(length));
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn what_is_no_file_is_refused_at_once_and_of_a_long_one_only_the_beginning_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        for path in [&pipe, Path::new("/dev/zero"), dir.path()] {
            assert_eq!(read_pem(path).unwrap_err().to_string(), "it is no file", "{}", path.display());
        }
        let long = dir.path().join("long");
        for (length, read) in [(0, 0), (MAX_PEM, MAX_PEM), (MAX_PEM + 1, MAX_PEM + 1), (5 * MAX_PEM, MAX_PEM + 1)] {
            std::fs::write(&long, vec![b'x'; length]).unwrap();
            assert_eq!(read_pem(&long).unwrap().len(), read);
        }
        assert_eq!(read_pem(&dir.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
