//! What can only be seen with all entries of `certificates` at hand. Doors: [`all`] and [`default`].

use foldhash::{HashMap, HashMapExt, HashSet};

use super::super::problem::Place;
use super::super::read::{Reader, Step, listed};
use super::super::suggest::nearest;
use super::super::{CertificateSource, ClientCa, ClientCaSource, HostPattern, SecretName, Tls};
use super::entry::Written;

/// Secrets in other namespaces than gatepost's: each is watched by its name.
const MAX_FOREIGN: usize = 64;

/// Hosts that are named when none is near.
const MAX_NAMED: usize = 5;

/// Two entries that contradict or repeat one another, and too many Secrets elsewhere.
pub(super) fn all(written: &[Written], reader: &mut Reader<'_>) {
    let mut first: HashMap<&HostPattern, &Written> = HashMap::new();
    let mut named: HashMap<(&HostPattern, &CertificateSource), &Written> = HashMap::new();
    let mut foreign: HashSet<&SecretName> = HashSet::default();
    for this in written {
        let mut problem = None;
        for host in &this.entry.hosts {
            let other = *first.entry(host).or_insert(this);
            let same = *named.entry((host, &this.entry.source)).or_insert(this);
            if other.index != this.index && problem.is_none() {
                problem = against(host, this, other, (same.index != this.index).then_some(same.entry.line));
            }
        }
        reader.within(Step::Index(this.index), |reader| {
            if let Some((place, message, hint)) = problem {
                reader.error(place, message, hint);
            }
            let before = foreign.len();
            foreign.extend(secrets(this).filter(|secret| secret.namespace.is_some()));
            if before <= MAX_FOREIGN && foreign.len() > MAX_FOREIGN {
                let message = format!("there are more than {MAX_FOREIGN} Secrets of other namespaces");
                let hint = "each is watched by itself; put them into the namespace of gatepost";
                reader.error(this.source, message, hint);
            }
        });
    }
}

type Told = (Place, String, &'static str);

/// What two entries of a host have against one another; `same` is the line of one with the same certificate.
fn against(host: &HostPattern, this: &Written, other: &Written, same: Option<u32>) -> Option<Told> {
    let (line, before) = (this.entry.line, other.entry.line);
    if let Some(same) = same {
        let message = format!("line {line} names the certificate of line {same} for `{host}` again");
        return Some((this.source, message, "remove one of them"));
    }
    let (ours, theirs) = (&this.entry.client_ca, &other.entry.client_ca);
    // which of the certificates a client gets is its choice: it would choose the one that asks for nothing
    (ours != theirs).then(|| {
        let message = format!(
            "for `{host}` line {line} has {}, but line {before} has {}",
            described(ours.as_ref()),
            described(theirs.as_ref())
        );
        (this.client_ca, message, "write the same `clientCa` in all entries of a host, or in none")
    })
}

fn described(client_ca: Option<&ClientCa>) -> String {
    match client_ca {
        None => "no `clientCa`".to_owned(),
        Some(ClientCa { source, mode }) => format!("`clientCa` {source} with mode `{mode}`"),
    }
}

fn secrets(Written { entry, .. }: &Written) -> impl Iterator<Item = &SecretName> {
    let certificate = match &entry.source {
        CertificateSource::Secret(name) => Some(name),
        CertificateSource::Files { .. } => None,
    };
    let authority = match entry.client_ca.as_ref().map(|client_ca| &client_ca.source) {
        Some(ClientCaSource::Secret(name)) => Some(name),
        Some(ClientCaSource::File(_)) | None => None,
    };
    certificate.into_iter().chain(authority)
}

/// `tls.default` must have a certificate.
pub(super) fn default(host: &str, place: Place, tls: &Tls, reader: &mut Reader<'_>) {
    if tls.covers(host) {
        return;
    }
    let patterns: Vec<String> =
        tls.certificates.iter().flat_map(|entry| &entry.hosts).map(HostPattern::to_string).collect();
    let names = || patterns.iter().map(String::as_str).filter(|name| !name.starts_with("*."));
    let hint = match nearest(host, names()) {
        Some(right) => format!("did you mean `{right}`?"),
        None if patterns.is_empty() => {
            format!("write `certificates: [{{host: {host}, secret: my-certificate}}]` beside it")
        }
        None if patterns.len() <= MAX_NAMED => {
            let all: Vec<&str> = patterns.iter().map(String::as_str).collect();
            format!("there are certificates for {}", listed(&all))
        }
        None => format!("add an entry with `host: {host}` to `certificates`"),
    };
    reader.error(place, format!("no entry of `certificates` is for `{host}`"), hint);
}
