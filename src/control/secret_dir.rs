//! The last good certificates in memory that outlives the process, so that a restarted one serves before it has spoken
//! to the API server. One door: [`SecretDir`].
//!
//! Keys must not reach a disk, so the folder has to be on a tmpfs. What is in it is small, and gone when nobody names it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::certificates::{Material, Pem, SourceName};
use super::news::News;
use super::whole_file;
use crate::certs::MAX_PEM;
use crate::lifecycle::{is_trusted, own_uid};

/// `TMPFS_MAGIC` of Linux.
const TMPFS: i64 = 0x0102_1994;

/// Bytes of all files together: they count against the memory of the pod.
const MOST: u64 = 8 * 1024 * 1024;

/// The state of a source that was kept.
const VERSION: &str = "kept";

/// A folder on a tmpfs that is ours alone.
#[derive(Debug)]
pub struct SecretDir {
    dir: PathBuf,
    /// Of a Secret that names none.
    namespace: String,
    /// Files by their place in `dir`, with their lengths.
    held: BTreeMap<PathBuf, u64>,
    is_full: bool,
}

/// Why a folder cannot keep secrets.
#[derive(Debug, thiserror::Error)]
pub enum SecretDirError {
    /// It is on a disk, or on something that may be one.
    #[error("{} is not on a tmpfs, and keys of certificates must not reach a disk", .0.display())]
    NoTmpfs(PathBuf),
    /// It cannot be used at all.
    #[error("{} cannot be used: {reason}", dir.display())]
    Io {
        /// As given.
        dir: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
}

impl SecretDir {
    /// The folder is made when it is missing.
    pub fn open(dir: &Path) -> Result<SecretDir, SecretDirError> {
        let unusable = |reason: io::Error| SecretDirError::Io { dir: dir.to_owned(), reason };
        make(dir).map_err(unusable)?;
        let found = rustix::fs::statfs(dir).map_err(|error| unusable(error.into()))?;
        // the type differs from one architecture to another
        #[allow(clippy::useless_conversion, clippy::unnecessary_cast, reason = "the type is another on some machines")]
        let is_tmpfs = found.f_type as i64 == TMPFS;
        if !is_tmpfs {
            return Err(SecretDirError::NoTmpfs(dir.to_owned()));
        }
        is_kept_from_others(&fs::metadata(dir).map_err(unusable)?).map_err(unusable)?;
        // the folder itself may be the kubelet's, which lets everybody in
        let dir = dir.join("certificates");
        make(&dir).map_err(unusable)?;
        is_own(&fs::symlink_metadata(&dir).map_err(unusable)?).map_err(unusable)?;
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).map_err(unusable)?;
        whole_file::sweep(&dir);
        let held = listed(&dir);
        Ok(SecretDir { dir, namespace: String::new(), held, is_full: false })
    }

    /// The namespace of Secrets that name none.
    pub(super) fn with_namespace(mut self, namespace: &str) -> SecretDir {
        namespace.clone_into(&mut self.namespace);
        self
    }

    /// What an earlier process kept of a source.
    pub(super) fn load(&self, source: &SourceName) -> Option<News> {
        let bytes = self.read(source)?;
        let version = VERSION.to_owned();
        Some(match source {
            SourceName::Certificate(name) => {
                let content = unpacked(&bytes)?;
                News::Certificate(name.clone(), Material::Found { content, version })
            }
            SourceName::ClientCa(name) => {
                News::Authority(name.clone(), Material::Found { content: bytes.to_vec(), version })
            }
        })
    }

    /// Keeps a certificate with its key. One that serves but some of its hosts takes the place of none.
    pub(super) fn keep(&mut self, source: &SourceName, pem: &Pem, is_whole: bool) {
        let is_held = self.file(source).is_some_and(|file| self.held.contains_key(&file));
        if is_whole || !is_held {
            self.write(source, &packed(pem));
        }
    }

    /// Keeps a CA set.
    pub(super) fn keep_authority(&mut self, source: &SourceName, pem: &[u8]) {
        self.write(source, pem);
    }

    /// Removes what is of none of these.
    pub(super) fn retain<'s>(&mut self, named: impl Iterator<Item = &'s SourceName>) {
        let named: BTreeSet<PathBuf> = named.filter_map(|source| self.file(source)).collect();
        let gone: Vec<PathBuf> = self.held.keys().filter(|file| !named.contains(*file)).cloned().collect();
        gone.iter().for_each(|file| self.remove(file));
    }

    /// Removes what was kept of a source.
    pub(super) fn forget(&mut self, source: &SourceName) {
        if let Some(file) = self.file(source) {
            self.remove(&file);
        }
    }

    fn remove(&mut self, file: &Path) {
        match fs::remove_file(self.dir.join(file)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                tracing::warn!(file = %file.display(), %error, "What was kept for a restart cannot be removed");
            }
            _ => drop(self.held.remove(file)),
        }
    }

    /// The file of a Secret, below the folder.
    fn file(&self, source: &SourceName) -> Option<PathBuf> {
        let secret = source.secret()?;
        let namespace = secret.namespace.as_deref().unwrap_or(&self.namespace);
        // names of Kubernetes; anything else would be a way out of the folder
        let is_name = |name: &str| {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
            !name.is_empty() && name.bytes().all(plain) && !name.starts_with('.')
        };
        let kind = match source {
            SourceName::Certificate(_) => "tls",
            SourceName::ClientCa(_) => "ca",
        };
        (is_name(namespace) && is_name(&secret.name)).then(|| Path::new(kind).join(namespace).join(&secret.name))
    }

    fn read(&self, source: &SourceName) -> Option<Zeroizing<Vec<u8>>> {
        let file = self.dir.join(self.file(source)?);
        // a chain, a key, and the line before them
        let most = 2 * MAX_PEM as u64 + 32;
        match whole_file::read(&file, most) {
            Ok(bytes) => bytes.map(Zeroizing::new),
            Err(error) => {
                tracing::warn!(%source, %error, "What an earlier process kept of a certificate cannot be read");
                None
            }
        }
    }

    fn write(&mut self, source: &SourceName, bytes: &[u8]) {
        let Some(file) = self.file(source) else { return };
        if self.read(source).is_some_and(|held| *held == bytes) {
            return;
        }
        let before = self.held.get(&file).copied().unwrap_or_default();
        let after = self.held.values().sum::<u64>() - before + bytes.len() as u64;
        if after > MOST {
            if !std::mem::replace(&mut self.is_full, true) {
                tracing::warn!("Not all certificates are kept for a restart: they have more than 8 MiB together");
            }
            return;
        }
        match self.replace(&file, bytes) {
            Ok(()) => drop(self.held.insert(file, bytes.len() as u64)),
            Err(error) => tracing::warn!(%source, %error, "A certificate cannot be kept for a restart"),
        }
    }

    /// Whole or not at all.
    fn replace(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        let file = self.dir.join(file);
        if let Some(folder) = file.parent() {
            make(folder)?;
        }
        whole_file::write(&file, &self.dir, bytes)
    }
}

fn make(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Whether nobody else can put a folder of his own in the place of one that is in it.
fn is_kept_from_others(folder: &Metadata) -> io::Result<()> {
    let mode = folder.mode();
    let is_sticky = mode & 0o1000 != 0;
    if is_trusted(folder.uid()) && (mode & 0o022 == 0 || is_sticky) {
        return Ok(());
    }
    let told = format!(
        "others could read what is kept there: it belongs to uid {} with mode {:04o}",
        folder.uid(),
        mode & 0o7777
    );
    Err(io::Error::new(io::ErrorKind::PermissionDenied, told))
}

/// Whether it is a folder, and ours.
fn is_own(folder: &Metadata) -> io::Result<()> {
    if folder.is_dir() && folder.uid() == own_uid() {
        return Ok(());
    }
    let told = format!("what is called \"certificates\" there is of uid {}, or no folder", folder.uid());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, told))
}

/// What is there: `KIND/NAMESPACE/NAME`. What cannot be read is not there: it is written anew when there is reason to.
fn listed(dir: &Path) -> BTreeMap<PathBuf, u64> {
    let below = |place: &Path| fs::read_dir(dir.join(place)).into_iter().flatten().flatten();
    let mut found = BTreeMap::new();
    for kind in ["tls", "ca"].map(Path::new) {
        for namespace in below(kind) {
            let namespace = kind.join(namespace.file_name());
            let files = below(&namespace).filter_map(|file| Some((file.file_name(), file.metadata().ok()?.len())));
            found.extend(files.map(|(name, length)| (namespace.join(name), length)));
        }
    }
    found
}

/// The length of the chain in a line, the chain, the key.
fn packed(pem: &Pem) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(pem.chain.len() + pem.key.len() + 32));
    bytes.extend_from_slice(format!("{}\n", pem.chain.len()).as_bytes());
    bytes.extend_from_slice(&pem.chain);
    bytes.extend_from_slice(&pem.key);
    bytes
}

fn unpacked(bytes: &[u8]) -> Option<Pem> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let length: usize = std::str::from_utf8(&bytes[..end]).ok()?.parse().ok()?;
    let (chain, key) = bytes[end + 1..].split_at_checked(length)?;
    Some(Pem { chain: Zeroizing::new(chain.to_vec()), key: Zeroizing::new(key.to_vec()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{CertificateSource, ClientCaSource, SecretName};

    /// Every Linux has a tmpfs there.
    fn folder() -> tempfile::TempDir {
        tempfile::tempdir_in("/dev/shm").unwrap()
    }

    fn open(dir: &Path) -> SecretDir {
        SecretDir::open(dir).unwrap().with_namespace("edge")
    }

    fn name(namespace: Option<&str>, name: &str) -> SecretName {
        SecretName { namespace: namespace.map(str::to_owned), name: name.to_owned() }
    }

    fn tls(secret: SecretName) -> SourceName {
        SourceName::Certificate(CertificateSource::Secret(secret))
    }

    fn pem(chain: &str, key: &str) -> Pem {
        let bytes = |text: &str| Zeroizing::new(text.as_bytes().to_vec());
        Pem { chain: bytes(chain), key: bytes(key) }
    }

    fn loaded(dir: &SecretDir, source: &SourceName) -> Option<Pem> {
        match dir.load(source)? {
            News::Certificate(_, Material::Found { content, .. }) => Some(content),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_kept_is_there_for_the_next_process_and_for_nobody_else() {
        let dir = folder();
        let (one, two) = (tls(name(None, "web")), tls(name(Some("other"), "web")));
        let ca = SourceName::ClientCa(ClientCaSource::Secret(name(None, "web")));
        let mut before = open(dir.path());
        before.keep(&one, &pem("chain 1\n", "key 1"), true);
        before.keep(&two, &pem("", "key 2"), true);
        before.keep_authority(&ca, b"ca");
        let after = open(dir.path());
        assert_eq!(loaded(&after, &one), Some(pem("chain 1\n", "key 1")));
        assert_eq!(loaded(&after, &tls(name(Some("edge"), "web"))), Some(pem("chain 1\n", "key 1")));
        assert_eq!(loaded(&after, &two), Some(pem("", "key 2")));
        let Some(News::Authority(_, Material::Found { content, .. })) = after.load(&ca) else { panic!("a CA") };
        assert_eq!(content, b"ca");
        assert!(after.load(&tls(name(None, "other"))).is_none());
        for entry in walkdir::WalkDir::new(dir.path().join("certificates")) {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, if entry.file_type().is_dir() { 0o700 } else { 0o600 }, "{entry:?}");
        }
    }

    #[test]
    fn a_partly_good_one_replaces_nothing_and_what_nobody_names_goes() {
        let dir = folder();
        let mut kept = open(dir.path());
        let source = tls(name(None, "web"));
        kept.keep(&source, &pem("partly", "1"), false);
        kept.keep(&source, &pem("whole", "2"), true);
        kept.keep(&source, &pem("partly", "3"), false);
        assert_eq!(loaded(&kept, &source), Some(pem("whole", "2")));
        kept.retain([&source].into_iter());
        assert!(kept.load(&source).is_some());
        let ca = SourceName::ClientCa(ClientCaSource::Secret(name(None, "web")));
        kept.keep_authority(&ca, b"ca");
        kept.forget(&ca);
        assert!(kept.load(&ca).is_none() && kept.load(&source).is_some());
        kept.retain(std::iter::empty());
        assert!(kept.load(&source).is_none() && open(dir.path()).held.is_empty());
    }

    #[test]
    fn all_of_it_together_is_bounded_and_no_name_leads_out_of_it() {
        let dir = folder();
        let mut kept = open(dir.path());
        let large = "x".repeat(MAX_PEM);
        for number in 0..40 {
            kept.keep(&tls(name(None, &format!("web-{number}"))), &pem(&large, ""), true);
        }
        assert!(kept.held.values().sum::<u64>() <= MOST && kept.held.len() == 31, "{}", kept.held.len());
        for bad in ["..", "../web", "", "a/b", "Web"] {
            assert_eq!(kept.file(&tls(name(None, bad))), None, "{bad}");
            assert_eq!(kept.file(&tls(name(Some(bad), "web"))), None, "{bad}");
        }
    }

    #[test]
    fn what_is_no_folder_among_those_of_namespaces_takes_nothing_from_the_others() {
        let dir = folder();
        let source = tls(name(None, "web"));
        open(dir.path()).keep(&source, &pem("chain", "key"), true);
        fs::write(dir.path().join("certificates/tls/stray"), "text").unwrap();
        assert!(loaded(&open(dir.path()), &source).is_some());
    }

    #[test]
    fn a_damaged_file_is_as_good_as_none() {
        let dir = folder();
        let mut kept = open(dir.path());
        let source = tls(name(None, "web"));
        kept.keep(&source, &pem("chain", "key"), true);
        for damage in ["", "9", "99\nshort", "x\nchain"] {
            fs::write(dir.path().join("certificates/tls/edge/web"), damage).unwrap();
            assert!(kept.load(&source).is_none(), "{damage}");
        }
    }

    #[test]
    fn keys_are_not_kept_where_another_user_can_get_at_them() {
        let dir = folder();
        let chown = |path: &Path| std::os::unix::fs::chown(path, Some(12345), None).unwrap();
        let refused = || SecretDir::open(dir.path()).unwrap_err().to_string();
        let open_to = |mode| fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
        open_to(0o777);
        assert!(refused().ends_with("with mode 0777"), "{}", refused());
        open_to(0o1777);
        open(dir.path());
        // made before us, by somebody who knew
        let place = dir.path().join("certificates");
        chown(&place);
        assert!(refused().contains("is of uid 12345"), "{}", refused());
        fs::remove_dir(&place).unwrap();
        std::os::unix::fs::symlink("/dev/shm", &place).unwrap();
        assert!(refused().contains("or no folder"), "{}", refused());
        fs::remove_file(&place).unwrap();
        open_to(0o700);
        chown(dir.path());
        assert!(refused().contains("belongs to uid 12345"), "{}", refused());
    }

    #[test]
    fn a_folder_on_a_disk_is_refused_with_its_name() {
        // procfs is no tmpfs on any machine; a folder that is there already is not made
        let error = SecretDir::open(Path::new("/proc")).unwrap_err().to_string();
        assert_eq!(error, "/proc is not on a tmpfs, and keys of certificates must not reach a disk");
    }
}
