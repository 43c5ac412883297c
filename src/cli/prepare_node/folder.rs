//! One folder for one user and nobody else: look, plan, act, and look whether it has worked. One door: [`prepare`].
//!
//! Root without `CAP_DAC_OVERRIDE` and `CAP_FOWNER` cannot look into the folder of another user, nor change its mode; with
//! `CAP_CHOWN` it can take the folder, change it, and give it back. All of that is done through one descriptor, so that no
//! name can come to mean something else in between. Whoever is killed in between leaves a folder of root's with nothing in
//! it but what is the pod's: the next run finishes that.

use std::fmt;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Uid};

use crate::lifecycle::own_uid;

/// For the owner alone.
const MODE: u32 = 0o700;

/// Whose the folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// What is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    Folder { owner: Owner, mode: u32 },
}

/// What is to be done, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Make it.
    Make,
    /// See that nobody else's work is in it.
    Inspect,
    /// Become its owner, because nobody else may change its mode.
    Take,
    /// Set the mode.
    Close,
    /// Give it to whom it is for.
    Give,
}

/// What was done.
#[derive(Debug)]
pub(super) struct Done {
    before: Found,
    owner: Owner,
}

/// Why a folder cannot be had.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("there is {0} in its place; it is left alone. Move it away")]
    NoFolder(&'static str),
    #[error("it belongs to uid {found}, neither to uid {wanted} nor to who runs this; it is left alone. Move it away")]
    Foreign { found: u32, wanted: u32 },
    #[error("it belongs to uid {uid} and has something in it, such as {entry:?}; it is left alone. Move it away")]
    Used { uid: u32, entry: String },
    #[error("it cannot be {what}: {reason}")]
    Io { what: &'static str, reason: io::Error },
    #[error("it stays at {0}, whatever is asked of the file system")]
    Unchanged(Found),
}

/// Makes the folder if it is missing, and gives it this owner and the mode 0700.
pub(super) fn prepare(dir: &Path, owner: Owner) -> Result<Done, Fault> {
    let own = own_uid();
    let place = Place::of(dir)?;
    let mut at = place.open()?;
    let before = found(at.as_ref())?;
    for step in plan(before, owner, own)? {
        match (step, &at) {
            (Step::Make, _) => {
                place.make()?;
                at = place.open()?;
                // the parent may have given it another group or mode
                return finish(at, owner, own, before);
            }
            (step, Some(folder)) => act(step, folder, owner, own)?,
            (_, None) => {}
        }
    }
    verified(at, owner, before)
}

/// Does for a folder that was just made what else is to be done.
fn finish(at: Option<OwnedFd>, owner: Owner, own: u32, before: Found) -> Result<Done, Fault> {
    let steps = plan(found(at.as_ref())?, owner, own)?;
    if let Some(folder) = &at {
        steps.into_iter().try_for_each(|step| act(step, folder, owner, own))?;
    }
    verified(at, owner, before)
}

fn verified(at: Option<OwnedFd>, owner: Owner, before: Found) -> Result<Done, Fault> {
    match found(at.as_ref())? {
        after if after == (Found::Folder { owner, mode: MODE }) => Ok(Done { before, owner }),
        after => Err(Fault::Unchanged(after)),
    }
}

/// What is to be done about what was found, by somebody with this uid.
fn plan(found: Found, wanted: Owner, own: u32) -> Result<Vec<Step>, Fault> {
    let Found::Folder { owner, mode } = found else { return Ok(vec![Step::Make]) };
    let mut steps = Vec::new();
    if owner.uid != wanted.uid {
        if owner.uid != own {
            return Err(Fault::Foreign { found: owner.uid, wanted: wanted.uid });
        }
        // a kubelet makes it empty, and a run that was cut off may have taken it with what the pod has in it; anything else
        // is perhaps a folder of the system, by a link that somebody has put there
        steps.push(Step::Inspect);
    }
    let is_open = mode != MODE;
    if is_open {
        if owner.uid != own {
            steps.push(Step::Take);
        }
        steps.push(Step::Close);
    }
    if owner != wanted || steps.contains(&Step::Take) {
        steps.push(Step::Give);
    }
    Ok(steps)
}

fn act(step: Step, folder: &OwnedFd, owner: Owner, own: u32) -> Result<(), Fault> {
    match step {
        Step::Make => Ok(()),
        Step::Inspect => inspect(folder, own, owner.uid),
        Step::Take => chown(folder, own, None).map_err(|reason| Fault::Io { what: "taken over", reason }),
        Step::Close => std::fs::set_permissions(through(folder), PermissionsExt::from_mode(MODE))
            .map_err(|reason| Fault::Io { what: "closed to others", reason }),
        Step::Give => {
            let what = "given to who needs it";
            chown(folder, owner.uid, Some(owner.gid)).map_err(|reason| Fault::Io { what, reason })
        }
    }
}

fn inspect(folder: &OwnedFd, uid: u32, wanted: u32) -> Result<(), Fault> {
    let unreadable = |reason| Fault::Io { what: "looked into", reason };
    for entry in std::fs::read_dir(through(folder)).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        if entry.metadata().map_err(unreadable)?.uid() != wanted {
            return Err(Fault::Used { uid, entry: entry.file_name().to_string_lossy().into_owned() });
        }
    }
    Ok(())
}

fn chown(folder: &OwnedFd, uid: u32, gid: Option<u32>) -> io::Result<()> {
    let (uid, gid) = (Some(Uid::from_raw(uid)), gid.map(Gid::from_raw));
    rustix::fs::chownat(folder, "", uid, gid, AtFlags::EMPTY_PATH).map_err(Into::into)
}

/// A descriptor that was opened without a right to the folder takes no mode and lists nothing by itself.
fn through(folder: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", folder.as_raw_fd()))
}

fn found(at: Option<&OwnedFd>) -> Result<Found, Fault> {
    let Some(at) = at else { return Ok(Found::Nothing) };
    let stat = rustix::fs::fstat(at).map_err(|error| Fault::Io { what: "looked at", reason: error.into() })?;
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => {
            let owner = Owner { uid: stat.st_uid, gid: stat.st_gid };
            return Ok(Found::Folder { owner, mode: stat.st_mode & 0o7777 });
        }
        FileType::Symlink => "a symbolic link",
        FileType::RegularFile => "a file",
        FileType::Socket => "a socket",
        FileType::Fifo => "a named pipe",
        _ => "a device",
    };
    Err(Fault::NoFolder(kind))
}

/// A name in a folder that is held open.
struct Place<'d> {
    parent: OwnedFd,
    name: &'d std::ffi::OsStr,
}

impl<'d> Place<'d> {
    fn of(dir: &'d Path) -> Result<Place<'d>, Fault> {
        let what = "found";
        let nameless =
            || io::Error::new(io::ErrorKind::InvalidInput, "expected the path of a folder below another one");
        let name = dir.file_name().ok_or_else(|| Fault::Io { what, reason: nameless() })?;
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let parent = rustix::fs::open(parent, flags, Mode::empty())
            .map_err(|error| Fault::Io { what: "found, nor the folder it should be in", reason: error.into() })?;
        Ok(Place { parent, name })
    }

    /// What has the name, whatever it is: no link is followed, and no right to it is needed.
    fn open(&self) -> Result<Option<OwnedFd>, Fault> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match rustix::fs::openat(&self.parent, self.name, flags, Mode::empty()) {
            Ok(at) => Ok(Some(at)),
            Err(rustix::io::Errno::NOENT) => Ok(None),
            Err(error) => Err(Fault::Io { what: "looked at", reason: error.into() }),
        }
    }

    fn make(&self) -> Result<(), Fault> {
        rustix::fs::mkdirat(&self.parent, self.name, Mode::from_raw_mode(MODE))
            .map_err(|error| Fault::Io { what: "made", reason: error.into() })
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let after = Found::Folder { owner: self.owner, mode: MODE };
        match self.before {
            before if before == after => write!(f, "is there, with {after}"),
            Found::Nothing => write!(f, "made, with {after}"),
            before => write!(f, "had {before}, has {after}"),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Found::Nothing => f.write_str("nothing"),
            Found::Folder { owner: Owner { uid, gid }, mode } => write!(f, "mode {mode:04o} and owner {uid}:{gid}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OURS: Owner = Owner { uid: 64180, gid: 64180 };

    fn planned(uid: u32, gid: u32, mode: u32) -> Result<Vec<Step>, Fault> {
        plan(Found::Folder { owner: Owner { uid, gid }, mode }, OURS, 0)
    }

    #[test]
    fn as_much_is_done_as_is_wrong() {
        use Step::{Close, Give, Inspect, Make, Take};
        assert_eq!(plan(Found::Nothing, OURS, 0).unwrap(), [Make]);
        for (uid, gid, mode, steps) in [
            (64180, 64180, 0o700, vec![]),
            (0, 0, 0o755, vec![Inspect, Close, Give]),
            (0, 0, 0o700, vec![Inspect, Give]),
            (64180, 64180, 0o755, vec![Take, Close, Give]),
            (64180, 64180, 0o2700, vec![Take, Close, Give]),
            (64180, 0, 0o700, vec![Give]),
        ] {
            assert_eq!(planned(uid, gid, mode).unwrap(), steps, "{uid}:{gid} {mode:o}");
        }
    }

    #[test]
    fn who_is_not_root_gives_nothing_to_himself_that_is_his() {
        let own = Found::Folder { owner: OURS, mode: 0o755 };
        assert_eq!(plan(own, OURS, OURS.uid).unwrap(), [Step::Close]);
    }

    #[test]
    fn the_folder_of_another_user_is_left_alone() {
        let fault = planned(1000, 64180, 0o700).unwrap_err();
        assert!(matches!(fault, Fault::Foreign { found: 1000, wanted: 64180 }), "{fault}");
    }
}
