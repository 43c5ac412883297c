//! Whether a process may be called ready: [`Certificates::is_complete`].

use super::judge::Newest;
use super::{Certificates, Source};
use crate::config::CertificateSource;

impl Certificates {
    /// Of every source of the section it is known what it has, or a certificate of it serves.
    ///
    /// A refusal in the own namespace tells nothing: the shipped Role was lost, and a pod that is ready without its
    /// certificates would take the place of one that serves them. A refusal elsewhere counts as known: it is about one
    /// Secret, and else one RoleBinding that is missing would hold up every rolling update.
    pub fn is_complete(&self) -> bool {
        let is_known = |(name, source): (&CertificateSource, &Source)| match &source.newest {
            Newest::Pending => false,
            Newest::Hidden | Newest::Refused { is_ours: true, .. } => self.serves(name, source),
            Newest::Refused { is_ours: false, .. } => true,
            Newest::Readable(_) | Newest::Broken(_) | Newest::Absent => true,
        };
        self.authorities.are_known() && self.sources.iter().all(is_known)
    }

    /// Whether something of a source serves one of its hosts, as what an earlier process kept.
    fn serves(&self, name: &CertificateSource, source: &Source) -> bool {
        let named = source.hosts.iter().filter_map(|host| self.hosts.get(host));
        named.flat_map(|named| &named.certificates).any(|(serving, _)| serving == name)
    }
}
