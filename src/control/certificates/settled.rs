//! What a change of certificates came to: [`Settled`].

use super::{Finding, Pem};
use crate::config::{CertificateSource, ClientCaSource, Severity};

/// Findings logged one by one; a change with more has one cause.
const LOGGED: usize = 20;

/// What came of [`Certificates::settle`](super::Certificates::settle).
#[derive(Debug, Default)]
pub struct Settled {
    /// What is wrong and was not told before.
    pub findings: Vec<Finding>,
    /// Sources whose content serves now, for whoever keeps it for the next process.
    pub taken: Vec<Taken>,
    /// CA sets that are in force now; `None`: this one is not any more.
    pub authorities: Vec<(ClientCaSource, Option<Vec<u8>>)>,
    /// A store was published.
    pub is_published: bool,
}

/// A source whose content serves.
#[derive(Debug)]
pub struct Taken {
    /// Which.
    pub source: CertificateSource,
    /// What it holds.
    pub pem: Pem,
    /// All hosts that name it are served with it.
    pub is_whole: bool,
}

impl Settled {
    /// One line a finding.
    pub(super) fn log(&self) {
        for finding in self.findings.iter().take(LOGGED) {
            let source = &finding.source;
            match finding.severity {
                Severity::Error => tracing::warn!(%source, problem = %finding, "Certificate rejected"),
                Severity::Warning => tracing::warn!(%source, problem = %finding, "Certificate needs attention"),
            }
        }
        if self.findings.len() > LOGGED {
            tracing::warn!(more = self.findings.len() - LOGGED, "More certificates are rejected");
        }
    }
}
