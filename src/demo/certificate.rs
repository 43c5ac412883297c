//! The demo's own authority and the certificate that it gives the demo's hosts: made anew at each start, gone at its end.
//! The authority's key is never written down.
//!
//! One door: [`write()`].

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// Names that the certificate is for.
const HOSTS: [&str; 3] = ["hello.localhost", "echo.localhost", "localhost"];

/// What `curl --cacert` is given.
pub(super) const AUTHORITY: &str = "ca.pem";

/// The section that names the files, for the end of the routes file.
pub(super) const SECTION: &str = "
# The certificate of the demo, made at its start by an authority of its own. In a cluster it is a Secret:
# `kubectl -n gatepost create secret tls my-site --cert=chain.pem --key=key.pem`, and here `secret: my-site`.
tls:
  certificates:
    - hosts: [hello.localhost, echo.localhost]
      files: {certificate: certificate.pem, key: key.pem}
";

/// Writes `ca.pem`, `certificate.pem` and `key.pem` into the folder.
pub(super) fn write(folder: &Path) -> io::Result<()> {
    let (authority, certificate, key) = make().map_err(io::Error::other)?;
    for (name, text, mode) in
        [(AUTHORITY, authority, 0o644), ("certificate.pem", certificate, 0o644), ("key.pem", key, 0o600)]
    {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(folder.join(name))?;
        file.write_all(text.as_bytes())?;
    }
    Ok(())
}

fn make() -> Result<(String, String, String), rcgen::Error> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "gatepost demo");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let key = KeyPair::generate()?;
    let authority = params.self_signed(&key)?.pem();
    let issuer = Issuer::new(params, key);

    let mut params = CertificateParams::new(HOSTS.map(str::to_owned))?;
    params.distinguished_name.push(DnType::CommonName, HOSTS[0]);
    let key = KeyPair::generate()?;
    let certificate = params.signed_by(&key, &issuer)?.pem();
    Ok((authority, certificate, key.serialize_pem()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::certs::Certificate;

    #[test]
    fn the_certificate_covers_the_hosts_of_the_section_and_the_key_is_for_nobody_else() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path()).unwrap();
        let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let certificate = Certificate::read(&read("certificate.pem"), &read("key.pem"), &provider).unwrap();
        assert!(HOSTS.iter().all(|host| certificate.covers(host)));
        let mode = std::os::unix::fs::MetadataExt::mode(&folder.path().join("key.pem").metadata().unwrap());
        assert_eq!(mode & 0o777, 0o600);
    }
}
