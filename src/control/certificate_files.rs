//! Certificates and client CAs from files. One door: [`Files`].
//!
//! Certificate and key are two files, written one after the other: what does not fit is looked at once more before
//! anybody hears of it.

use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use super::certificates::{Material, Pem, SourceName};
use super::look::Look;
use super::news::{News, Nothing};
use super::pem_file::read_pem;
use crate::certs::{Certificate, ClientCa};
use crate::config::{CertificateSource, ClientCaSource, Tls};

/// So long may what was good be bad before that is told.
const DOUBT: Duration = Duration::from_secs(1);

/// The files that the section names.
pub(super) struct Files {
    /// Of relative paths.
    folder: PathBuf,
    sources: Vec<Source>,
    look: Look,
    /// The section has changed.
    is_new: bool,
    /// Until when bad files get the benefit of it.
    doubt: Option<Instant>,
    hasher: RandomState,
    provider: Arc<CryptoProvider>,
}

struct Source {
    name: SourceName,
    /// What was told of it.
    told: Option<String>,
    is_good: bool,
}

impl Files {
    pub(super) fn new(folder: PathBuf) -> Files {
        Files {
            folder,
            sources: Vec::new(),
            look: Look::at(Vec::new()),
            is_new: false,
            doubt: None,
            hasher: RandomState::new(),
            provider: Arc::new(rustls::crypto::aws_lc_rs::default_provider()),
        }
    }

    /// Looks at the files of this section from now on.
    pub(super) fn section(&mut self, section: &Tls) {
        let mut before = std::mem::take(&mut self.sources);
        for name in SourceName::all(section) {
            if self.sources.iter().all(|known| known.name != name) {
                let known = before.iter().position(|known| known.name == name).map(|place| before.swap_remove(place));
                self.sources.push(known.unwrap_or(Source { name, told: None, is_good: false }));
            }
        }
        let paths = self.sources.iter().flat_map(|source| paths(&source.name));
        self.look = Look::at(paths.map(|path| self.folder.join(path)).collect());
        self.is_new = true;
    }

    /// Waits for what is new in them. It may be dropped and called again.
    pub(super) async fn next(&mut self) -> Vec<News> {
        loop {
            if !std::mem::take(&mut self.is_new) {
                match self.doubt {
                    None => self.look.changed().await,
                    // either is a reason to look
                    Some(until) => {
                        let _ = timeout_at(until, self.look.changed()).await;
                    }
                }
            }
            let news = self.read();
            if !news.is_empty() {
                return news;
            }
        }
    }

    fn read(&mut self) -> Vec<News> {
        let is_over = self.doubt.is_some_and(|until| Instant::now() >= until);
        let mut is_doubtful = false;
        let mut news = Vec::new();
        for place in 0..self.sources.len() {
            let found = self.look_at(&self.sources[place].name);
            let source = &mut self.sources[place];
            let version = found.version().unwrap_or_default().to_owned();
            if source.told.as_ref() == Some(&version) {
                continue;
            }
            let is_good = is_good(&found, &self.provider);
            if source.is_good && !is_good && !is_over {
                is_doubtful = true;
                continue;
            }
            (source.told, source.is_good) = (Some(version), is_good);
            news.push(found);
        }
        self.doubt = is_doubtful.then(|| self.doubt.unwrap_or_else(|| Instant::now() + DOUBT));
        news
    }

    /// What one of them has.
    fn look_at(&self, name: &SourceName) -> News {
        let file = |path: &Path| read_pem(&self.folder.join(path));
        match name {
            SourceName::Certificate(source @ CertificateSource::Files { certificate, key }) => {
                let material = self.pair((certificate, file(certificate)), (key, file(key)));
                News::Certificate(source.clone(), material)
            }
            SourceName::ClientCa(source @ ClientCaSource::File(path)) => {
                let material = match file(path) {
                    Ok(pem) => Material::Found { version: self.version(&[&pem]), content: pem.to_vec() },
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Material::Absent,
                    Err(error) => self.unusable(path, &error),
                };
                News::Authority(source.clone(), material)
            }
            SourceName::Certificate(CertificateSource::Secret(_)) | SourceName::ClientCa(ClientCaSource::Secret(_)) => {
                let reason = "there are no Secrets with --routes: name files";
                News::nothing(name.clone(), &Nothing::unusable(reason, "none"))
            }
        }
    }

    fn pair(&self, certificate: (&Path, Read), key: (&Path, Read)) -> Material<Pem> {
        let is_missing = |read: &Read| read.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        match (certificate, key) {
            ((_, Ok(chain)), (_, Ok(key))) => {
                Material::Found { version: self.version(&[&chain, &key]), content: Pem { chain, key } }
            }
            ((_, chain), (_, key)) if is_missing(&chain) && is_missing(&key) => Material::Absent,
            ((path, Err(error)), _) | (_, (path, Err(error))) => self.unusable(path, &error),
        }
    }

    fn unusable<T>(&self, path: &Path, error: &io::Error) -> Material<T> {
        let reason = format!("{} cannot be read: {error}", path.display());
        Material::Unusable { version: self.version(&[reason.as_bytes()]), reason }
    }

    fn version(&self, parts: &[&[u8]]) -> String {
        format!("{:016x}", self.hasher.hash_one(parts))
    }
}

type Read = io::Result<Zeroizing<Vec<u8>>>;

fn is_good(news: &News, provider: &Arc<CryptoProvider>) -> bool {
    match news {
        News::Certificate(_, Material::Found { content, .. }) => {
            Certificate::read(&content.chain, &content.key, provider).is_ok()
        }
        News::Authority(_, Material::Found { content, .. }) => ClientCa::read(content, true, provider).is_ok(),
        News::Certificate(..) | News::Authority(..) => false,
    }
}

/// The files of a source.
fn paths(name: &SourceName) -> Vec<&Path> {
    match name {
        SourceName::Certificate(CertificateSource::Files { certificate, key }) => vec![certificate, key],
        SourceName::ClientCa(ClientCaSource::File(path)) => vec![path],
        SourceName::Certificate(CertificateSource::Secret(_)) | SourceName::ClientCa(ClientCaSource::Secret(_)) => {
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests;
