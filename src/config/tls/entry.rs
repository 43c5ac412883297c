//! One entry of `certificates`: the hosts, and where certificate, key and client CA are. One door: [`read`].

use std::path::PathBuf;

use serde_json::{Value, json};

use super::super::file::Node;
use super::super::problem::Place;
use super::super::read::{Decode, Field, Reader};
use super::super::record::record;
use super::super::route::{all_hosts, has_wrong_key};
use super::super::schema::{Definitions, one_of};
use super::super::secret::is_pem;
use super::super::{CertificateEntry, CertificateSource, ClientAuth, ClientCa, ClientCaSource, SecretName};
use super::CertificateHost;

/// A good entry and where its parts stand.
pub(super) struct Written {
    pub(super) index: usize,
    /// Of `secret` or `files`.
    pub(super) source: Place,
    /// Of `clientCa`, or of the entry when it has none.
    pub(super) client_ca: Place,
    pub(super) entry: CertificateEntry,
}

record! {
    /// A certificate and the hosts it is for. It must have the names of all of them.
    pub(super) CertificateKeys("`host: www.example.com` with `secret: my-certificate` below it") {
        /// Exact name, or `*.example.com`. As in the certificate itself a wildcard is one label: `*.example.com` is
        /// `www.example.com`, not `a.b.example.com` (a route's wildcard has more). An exact name wins over a wildcard.
        "host" host: CertificateHost,
        /// The same for several names.
        "hosts" hosts: Vec<CertificateHost>,
        /// A Secret of type `kubernetes.io/tls`: `name`, or `namespace/name` in another namespace than gatepost's.
        "secret" secret: SecretName,
        /// PEM files in place of a Secret; only in a local routes file.
        "files" files: Files,
        /// Clients show a certificate of this authority. The same in all entries of a host.
        "clientCa" client_ca: ClientCa,
    }
    later ["acme", "letsEncrypt"]
    guessed [
        ("domain domains server_name names sni", "`hosts`"),
        ("secretName secret_name secretRef tls", "`secret`"),
        ("cert certificate key file cert_file key_file ssl_certificate", "`files: {certificate: …, key: …}`"),
        ("client_ca ca clientAuth client_auth mtls ssl_client_certificate", "`clientCa: {secret: …}`"),
        ("namespace", "it into `secret`: `my-namespace/my-certificate`"),
        ("default", "`default: www.example.com` beside `certificates`"),
    ]
    rule json!({"allOf": [one_of(&["host", "hosts"]), one_of(&["secret", "files"])]})
}

/// A good entry; what is wrong is told.
pub(super) fn read<'n>(index: usize, node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Written> {
    let before = reader.errors();
    let CertificateKeys { host, hosts, secret, files, client_ca } = CertificateKeys::decode(node, reader)?;
    // a wrong key or one of a later version is likely what is missing, and has been told
    let missing = (!has_wrong_key(node, CertificateKeys::KEYS, &[])).then_some(node.place);
    let no_host = ("this certificate has no `host`", "write `host: www.example.com` for whom it is");
    let hosts = all_hosts(missing.map(|place| (place, no_host)), host, hosts, reader);
    let ca_place = client_ca.place().unwrap_or(node.place);
    let source = one_source(missing, ("secret", secret), ("files", files), reader);
    let client_ca = client_ca.good();
    let ((source, place), hosts) = (source?, hosts?);
    let line = reader.shown(node.place).line;
    let entry = CertificateEntry { line, hosts, source, client_ca };
    (reader.errors() == before).then_some(Written { index, source: place, client_ca: ca_place, entry })
}

/// Exactly one of a Secret and files, with its place. What is wrong inside of it has been told.
fn one_source<'n, F: Decode, S: From<SecretName> + From<F>>(
    missing: Option<Place>,
    (secret_key, secret): (&str, Field<SecretName>),
    (files_key, files): (&str, Field<F>),
    reader: &mut Reader<'n>,
) -> Option<(S, Place)> {
    match (secret.place(), files.place()) {
        (None, None) => {
            if let Some(place) = missing {
                let message = format!("there is neither `{secret_key}` nor `{files_key}` here");
                reader.error(place, message, "write `secret: my-certificate` with the name of a Secret");
            }
            None
        }
        (Some(_), Some(second)) => {
            reader.error(second, format!("`{files_key}` stands beside `{secret_key}`"), "keep one of them");
            None
        }
        (Some(place), None) => secret.good().map(|secret| (secret.into(), place)),
        (None, Some(place)) => {
            if reader.options.refuse_files {
                let message = "a ConfigMap cannot make gatepost read files of its node";
                reader.error(place, message, "name a Secret: `secret: my-certificate`");
                return None;
            }
            files.good().map(|files| (files.into(), place))
        }
    }
}

impl From<SecretName> for CertificateSource {
    fn from(name: SecretName) -> CertificateSource {
        CertificateSource::Secret(name)
    }
}

impl From<Files> for CertificateSource {
    fn from(Files { certificate, key }: Files) -> CertificateSource {
        CertificateSource::Files { certificate, key }
    }
}

// === files ===

struct FilePath(PathBuf);

impl Decode for FilePath {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<FilePath> {
        let text = reader.text(node)?;
        if is_pem(text) {
            let hint = "put it into a file, readable by gatepost alone, and write the file's name";
            reader.error(node.place, "this is a certificate or a key itself, not the name of a file", hint);
            return None;
        }
        if text.is_empty() || text.contains(char::is_control) {
            reader.error(node.place, "this is no name of a file", "write it like `tls/www.example.com.crt`");
            return None;
        }
        Some(FilePath(PathBuf::from(text)))
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({"type": "string", "minLength": 1, "examples": ["tls/www.example.com.crt", "/etc/tls/tls.crt"]})
    }
}

record! {
    /// A certificate and its key in PEM. Names that do not begin with `/` are relative to the folder of the routes file.
    FilesKeys("`{certificate: tls.crt, key: tls.key}`") {
        /// The chain, the host's own certificate first.
        "certificate" certificate: FilePath,
        /// The private key of the host's own certificate.
        "key" key: FilePath,
    }
    later []
    guessed [
        ("cert crt chain fullchain certFile cert_file ssl_certificate", "`certificate`"),
        ("privateKey private_key privkey keyFile key_file ssl_certificate_key", "`key`"),
        ("ca clientCa", "`clientCa: {file: …}` beside `files`"),
    ]
    rule json!({"required": ["certificate", "key"]})
}

pub(super) struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

impl Decode for Files {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Files> {
        let FilesKeys { certificate, key } = FilesKeys::decode(node, reader)?;
        if !has_wrong_key(node, FilesKeys::KEYS, FilesKeys::LATER) {
            for (name, is_there) in [("certificate", certificate.is_present()), ("key", key.is_present())] {
                if !is_there {
                    let hint = format!("write `{name}: FILE`");
                    reader.error(node.place, format!("there is no `{name}` here"), hint);
                }
            }
        }
        let (FilePath(certificate), FilePath(key)) = (certificate.good()?, key.good()?);
        Some(Files { certificate, key })
    }

    fn schema(definitions: &mut Definitions) -> Value {
        FilesKeys::schema(definitions)
    }
}

// === clientCa ===

record! {
    /// Clients show a certificate of this authority. One that does not hold is refused in any case.
    ClientCaKeys("`{secret: my-client-ca, mode: require}`") {
        /// The key `ca.crt` of this Secret: `name`, or `namespace/name` in another namespace than gatepost's.
        "secret" secret: SecretName,
        /// A PEM file in place of a Secret; only in a local routes file.
        "file" file: FilePath,
        /// What becomes of those who show none: with `require` they are refused, with `optional` they are served.
        "mode" mode: ClientAuth = "require",
    }
    later []
    guessed [
        ("ca caFile ca_file certificate files", "`file`"),
        ("secretName secret_name", "`secret`"),
        ("verify required optional", "`mode: require` or `mode: optional`"),
    ]
    rule one_of(&["secret", "file"])
}

impl From<SecretName> for ClientCaSource {
    fn from(name: SecretName) -> ClientCaSource {
        ClientCaSource::Secret(name)
    }
}

impl From<FilePath> for ClientCaSource {
    fn from(FilePath(path): FilePath) -> ClientCaSource {
        ClientCaSource::File(path)
    }
}

impl Decode for ClientCa {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<ClientCa> {
        let ClientCaKeys { secret, file, mode } = ClientCaKeys::decode(node, reader)?;
        let missing = (!has_wrong_key(node, ClientCaKeys::KEYS, ClientCaKeys::LATER)).then_some(node.place);
        let (source, _) = one_source(missing, ("secret", secret), ("file", file), reader)?;
        // who asks for certificates wants them: less is only for those who say so
        Some(ClientCa { source, mode: mode.good().unwrap_or(ClientAuth::Require) })
    }

    fn schema(definitions: &mut Definitions) -> Value {
        ClientCaKeys::schema(definitions)
    }
}

impl Decode for ClientAuth {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<ClientAuth> {
        reader.one_of(node, &[("optional", ClientAuth::Optional), ("require", ClientAuth::Require)])
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({"enum": ["optional", "require"]})
    }
}
