//! Files that somebody else has put there, or may have. One door: [`open`].

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Opens what is a file, to be read, and tells how long it is: a pipe would wait for a writer, and a device has no end.
///
/// # Errors
/// What the system says, or that it is no file.
pub(super) fn open(path: &Path, flags: OFlags) -> io::Result<(File, u64)> {
    // a pipe without a writer would hold up the opening already
    let flags = (flags | OFlags::NONBLOCK).bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    Ok((file, found.len()))
}
