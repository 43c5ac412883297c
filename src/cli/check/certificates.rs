//! What can be said about the certificates of a routes file without a cluster: files are read and judged as the proxy
//! would judge them, and hosts that lead to https are looked for among the entries. One door: [`problems`].

use std::path::Path;
use std::sync::Arc;

use foldhash::HashSet;
use rustls::crypto::CryptoProvider;
use zeroize::Zeroizing;

use crate::certs::{self, Bad, Certificate, Fault};
use crate::config::{
    CertificateEntry, CertificateSource, ClientCa, ClientCaSource, Config, HostPattern, Https, MAX_PROBLEMS, Problem,
    Severity, Tls,
};
use crate::control::read_pem;

/// Everything that is wrong with the certificates of `config` at `now` (Unix seconds). `text` is what it was read from,
/// `file` the name of that, and `folder` what relative names are below.
pub(super) fn problems(config: &Config, text: &str, (file, folder): (&str, &Path), now: i64) -> Vec<Problem> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let means = Means { folder, provider, now };
    let mut report = Report { file, lines: text.lines().collect(), problems: Vec::new(), beyond: 0 };
    for (index, entry) in config.tls.certificates.iter().enumerate() {
        let place = Place { line: entry.line, path: format!("tls.certificates[{index}]") };
        of_entry(entry, &place, &means, &mut report);
    }
    uncovered(config, &mut report);
    report.finish()
}

/// What entries are judged with.
struct Means<'f> {
    folder: &'f Path,
    provider: Arc<CryptoProvider>,
    now: i64,
}

struct Place {
    line: u32,
    path: String,
}

// === entries ===

fn of_entry(entry: &CertificateEntry, place: &Place, means: &Means<'_>, report: &mut Report<'_>) {
    let Means { folder, provider, now } = means;
    let CertificateEntry { line: _, hosts, source, client_ca } = entry;
    match source {
        // what is in a Secret only the cluster knows
        CertificateSource::Secret(_) => {}
        CertificateSource::Files { certificate, key } => {
            let chain = folder.join(certificate);
            match certificate_of(&chain, &folder.join(key), provider) {
                Ok(read) => judge(&read, hosts, &chain, place, *now, report),
                Err((message, hint)) => report.tell(Severity::Error, place, message, hint),
            }
        }
    }
    if let Some(authority @ ClientCa { source: ClientCaSource::File(path), .. }) = client_ca {
        let path = folder.join(path);
        let read = bytes(&path).and_then(|pem| {
            certs::ClientCa::read(&pem, authority.is_required(), provider)
                .map_err(|bad| (named(&path, &bad), hint_of(&bad)))
        });
        if let Err((message, hint)) = read {
            report.tell(Severity::Error, place, format!("`clientCa`: {message}"), hint);
        }
    }
}

type Wrong = (String, &'static str);

fn certificate_of(chain: &Path, key: &Path, provider: &CryptoProvider) -> Result<Certificate, Wrong> {
    let (chain_pem, key_pem) = (bytes(chain)?, bytes(key)?);
    Certificate::read(&chain_pem, &key_pem, provider).map_err(|bad| {
        let message = match bad {
            Bad::NoKey | Bad::Key(_) => named(key, &bad),
            Bad::NoCertificate | Bad::Certificate(_) => named(chain, &bad),
            Bad::KeyDoesNotFit | Bad::TooLong => named(chain, &format_args!("{bad} (key {})", key.display())),
        };
        (message, hint_of(&bad))
    })
}

fn named(path: &Path, what: &dyn std::fmt::Display) -> String {
    format!("{}: {what}", path.display())
}

fn hint_of(bad: &Bad) -> &'static str {
    match bad {
        Bad::NoCertificate | Bad::Certificate(_) => "the file must hold certificates in PEM, the host's own first",
        Bad::NoKey | Bad::Key(_) => {
            "the file must hold an ECDSA, Ed25519 or RSA (2048 bits and more) key in PEM, not encrypted"
        }
        Bad::KeyDoesNotFit => "name the key that the certificate was made for",
        Bad::TooLong => "name the chain of one host, not a bundle",
    }
}

fn bytes(path: &Path) -> Result<Zeroizing<Vec<u8>>, Wrong> {
    let hint = "relative names are below the folder of the routes file";
    read_pem(path).map_err(|error| (named(path, &format_args!("cannot be read: {error}")), hint))
}

fn judge(
    certificate: &Certificate,
    hosts: &[HostPattern],
    path: &Path,
    place: &Place,
    now: i64,
    report: &mut Report<'_>,
) {
    let mut is_told = false;
    for host in hosts {
        match certificate.fault(&host.to_string(), now) {
            None => {}
            Some(fault @ Fault::NotCovered { .. }) => {
                let hint = "it would not be shown for this host: leave the host out, or name a certificate that has it";
                report.tell(Severity::Error, place, named(path, &fault), hint);
            }
            // the time is the same for all hosts
            Some(fault @ (Fault::Expired { .. } | Fault::NotYet { .. })) if !is_told => {
                is_told = true;
                report.tell(Severity::Error, place, named(path, &fault), "name one that holds now");
            }
            Some(Fault::Expired { .. } | Fault::NotYet { .. }) => {}
        }
    }
    for concern in certificate.concerns(now) {
        report.tell(Severity::Warning, place, named(path, &concern), "replace it");
    }
}

// === routes ===

/// Routes that lead or keep their clients to https, on hosts for which there is no certificate. Without a section `tls`
/// somebody in front speaks it.
fn uncovered(config: &Config, report: &mut Report<'_>) {
    if config.tls == Tls::default() {
        return;
    }
    let covered: HashSet<&HostPattern> = config.tls.certificates.iter().flat_map(|entry| &entry.hosts).collect();
    let is_covered = |host: &HostPattern, name: &str| {
        covered.contains(host) || HostPattern::wildcard_above(name).is_some_and(|above| covered.contains(&above))
    };
    let mut told: HashSet<&str> = HashSet::default();
    for route in &config.routes {
        let word = match route.https {
            Https::Redirect => "redirect",
            Https::Only => "only",
            Https::Auto | Https::Allow => continue,
        };
        let place = Place { line: route.line, path: String::new() };
        for host in &route.hosts {
            let HostPattern::Exact(name) = host else { continue };
            if is_covered(host, name) || !told.insert(name) {
                continue;
            }
            let message = format!("`https: {word}` wants a certificate for `{name}`, and no entry of `tls` is for it");
            let hint = "add it to `tls.certificates`, or write `https: allow`";
            report.tell(Severity::Warning, &place, message, hint);
        }
    }
}

// === impl Report ===

struct Report<'t> {
    file: &'t str,
    lines: Vec<&'t str>,
    problems: Vec<Problem>,
    /// How many more there were than are kept.
    beyond: usize,
}

impl Report<'_> {
    /// Only the line is known: all that stands on it is marked.
    fn tell(&mut self, severity: Severity, place: &Place, message: String, hint: &str) {
        if self.problems.len() >= MAX_PROBLEMS {
            self.beyond += 1;
            return;
        }
        let Place { line, path } = place;
        let text = self.lines.get((*line as usize).saturating_sub(1)).copied().unwrap_or_default();
        let marked = text.trim_start().trim_start_matches("- ").trim_end();
        let before = text.trim_end().chars().count() - marked.chars().count();
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        self.problems.push(
            Problem::new(severity, self.file, *line, small(before + 1), message)
                .with_path(path.clone())
                .with_hint(Some(hint.to_owned()))
                .with_excerpt(text, small(marked.chars().count())),
        );
    }

    fn finish(mut self) -> Vec<Problem> {
        if self.beyond > 0 {
            let more = format!("and {} more problems with certificates that are not shown", self.beyond);
            self.problems.push(Problem::new(Severity::Warning, self.file, 0, 0, more));
        }
        self.problems
    }
}

#[cfg(test)]
mod tests;
