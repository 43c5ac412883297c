//! What somebody who looked at a source has found: [`News`].

use super::certificates::{Certificates, Material, Pem, SourceName};
use crate::config::{CertificateSource, ClientCaSource};

/// What a source has now.
#[derive(Debug)]
pub(super) enum News {
    Certificate(CertificateSource, Material<Pem>),
    Authority(ClientCaSource, Material<Vec<u8>>),
}

/// That a source has nothing, in one of four ways.
#[derive(Debug, Clone)]
pub(super) enum Nothing {
    Absent,
    Hidden,
    Refused { reason: String, is_ours: bool },
    Unusable { reason: String, version: String },
}

impl News {
    /// There is nothing to be had of `source`.
    pub(super) fn nothing(source: SourceName, nothing: &Nothing) -> News {
        match source {
            SourceName::Certificate(source) => News::Certificate(source, nothing.into()),
            SourceName::ClientCa(source) => News::Authority(source, nothing.into()),
        }
    }

    /// Which state of its source was found.
    pub(super) fn version(&self) -> Option<&str> {
        match self {
            News::Certificate(_, material) => material.version(),
            News::Authority(_, material) => material.version(),
        }
    }
}

impl Nothing {
    pub(super) fn unusable(reason: &str, version: &str) -> Nothing {
        Nothing::Unusable { reason: reason.to_owned(), version: version.to_owned() }
    }
}

impl<T> From<&Nothing> for Material<T> {
    fn from(nothing: &Nothing) -> Material<T> {
        match nothing.clone() {
            Nothing::Absent => Material::Absent,
            Nothing::Hidden => Material::Hidden,
            Nothing::Refused { reason, is_ours } => Material::Refused { reason, is_ours },
            Nothing::Unusable { reason, version } => Material::Unusable { reason, version },
        }
    }
}

impl Certificates {
    /// A source has this now.
    pub(super) fn take(&mut self, news: News) {
        match news {
            News::Certificate(source, material) => self.material(&source, material),
            News::Authority(source, material) => self.authority(&source, material),
        }
    }
}
