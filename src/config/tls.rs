//! The `tls` section. Each entry of `certificates` is read by itself; what can only be seen with all of them at hand is
//! in `check`.

mod check;
mod entry;

use serde_json::{Value, json};

use self::entry::CertificateKeys;
use super::file::Node;
use super::host::{address, with_port};
use super::problem::Invalid;
use super::read::{Decode, Reader, Step, brief};
use super::record::record;
use super::schema::Definitions;
use super::{CertificateEntry, HostPattern, Tls, TlsVersion};

/// Entries of one file.
const MAX_CERTIFICATES: usize = 10_000;

record! {
    /// Which certificates there are and for whom, and how TLS is spoken.
    TlsKeys("`{certificates: [{host: www.example.com, secret: my-certificate}]}`") {
        /// One entry a certificate. Several may name the same host, such as an ECDSA and an RSA certificate.
        "certificates" certificates: Certificates,
        /// The host whose certificate those get who ask for a name that no entry has, or for none. When it is left out
        /// they get none: the connection ends with an alert.
        "default" default: DefaultHost,
        /// The oldest version of TLS that is spoken: 1.2 or 1.3.
        "minVersion" min_version: TlsVersion = "1.2",
    }
    later ["acme"]
    guessed [
        ("certs certificate cert hosts entries", "`certificates: [{host: …, secret: …}]`"),
        ("secret secretName files", "it into an entry of `certificates`"),
        ("clientCa client_ca clientAuth client_auth mtls", "`clientCa` in an entry of `certificates`"),
        ("default_server defaultCertificate fallback sni", "`default`"),
        ("protocols ssl_protocols minTlsVersion min_protocol_version versions", "`minVersion`"),
        ("redirect forceSSL ssl_redirect", "`https: redirect` in `defaults` or in a route"),
        ("hsts", "`hsts` in a route"),
    ]
    rule json!({})
}

impl Decode for Tls {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Tls> {
        let TlsKeys { certificates, default, min_version } = TlsKeys::decode(node, reader)?;
        // with a bad entry it is not known which hosts there are
        let known = !certificates.is_bad() && !default.is_bad();
        let place = default.place();
        let tls = Tls {
            certificates: certificates.good().map(|Certificates(entries)| entries).unwrap_or_default(),
            default: default.good().map(|DefaultHost(name)| name),
            min_version: min_version.good().unwrap_or_default(),
        };
        if let (Some(place), Some(host), true) = (place, &tls.default, known) {
            reader.within(Step::Key("default"), |reader| check::default(host, place, &tls, reader));
        }
        Some(tls)
    }

    fn schema(definitions: &mut Definitions) -> Value {
        TlsKeys::schema(definitions)
    }

    fn of_nothing() -> Option<Tls> {
        Some(Tls::default())
    }
}

// === certificates ===

struct Certificates(Vec<CertificateEntry>);

impl Decode for Certificates {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Certificates> {
        let nodes = reader.list(node)?;
        if nodes.len() > MAX_CERTIFICATES {
            let message = format!("there are more than {MAX_CERTIFICATES} certificates");
            reader.error(node.place, message, "use certificates with several names, or with a wildcard");
            return None;
        }
        let mut written = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.iter().enumerate() {
            written.extend(reader.within(Step::Index(index), |reader| entry::read(index, node, reader)));
        }
        check::all(&written, reader);
        Some(Certificates(written.into_iter().map(|written| written.entry).collect()))
    }

    fn schema(definitions: &mut Definitions) -> Value {
        json!({"type": "array", "items": CertificateKeys::schema(definitions), "maxItems": MAX_CERTIFICATES})
    }

    fn of_nothing() -> Option<Certificates> {
        Some(Certificates(Vec::new()))
    }
}

// === hosts ===

/// A host or the hosts of a wildcard. `*` alone is none: a certificate names its hosts.
struct CertificateHost(HostPattern);

impl From<CertificateHost> for HostPattern {
    fn from(CertificateHost(pattern): CertificateHost) -> HostPattern {
        pattern
    }
}

/// The pattern of a host that a certificate may have.
fn host_of(text: &str) -> Result<HostPattern, Invalid> {
    if text.strip_prefix("*.").unwrap_or(text).contains('*') {
        let (message, hint) = match text {
            "*" => (
                "a certificate names its hosts, and `*` is no name".to_owned(),
                "write `*.example.com`; for whoever asks for another name there is `default` beside `certificates`",
            ),
            _ => (
                format!("in `{}` the `*` stands where it may not", brief(text)),
                "allowed is `*.example.com` (one label)",
            ),
        };
        return Err(Invalid::new(message, hint));
    }
    match with_port(text)? {
        // RFC 6066 3: there are no addresses in SNI
        (HostPattern::Exact(name), _) if address(&name).is_some() => {
            let message = format!("`{name}` is an address, and clients that ask for one tell no name");
            Err(Invalid::new(
                message,
                "write the name that its clients use; those without a name get that of `default`",
            ))
        }
        (pattern, None) => Ok(pattern),
        (pattern, Some(_)) => {
            let message = "a certificate is for a host on every port";
            Err(Invalid::new(message, format!("write `{pattern}`")))
        }
    }
}

impl Decode for CertificateHost {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<CertificateHost> {
        let text = reader.text(node)?;
        host_of(text).map(CertificateHost).map_err(|error| reader.invalid(node.place, error)).ok()
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({"type": "string", "minLength": 2, "examples": ["www.example.com", "*.example.com"]})
    }
}

struct DefaultHost(String);

impl Decode for DefaultHost {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<DefaultHost> {
        let text = reader.text(node)?;
        let invalid = match host_of(text) {
            Ok(HostPattern::Exact(name)) => return Some(DefaultHost(name)),
            Ok(pattern) => {
                let hint =
                    format!("write one of its hosts, like `www.{}`", pattern.to_string().trim_start_matches("*."));
                Invalid::new("this must be one host", hint)
            }
            Err(_) if text == "*" => Invalid::new("this must be one host", "write one that has a certificate"),
            Err(error) => error,
        };
        reader.invalid(node.place, invalid);
        None
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({"type": "string", "minLength": 1, "examples": ["www.example.com"]})
    }
}

// === minVersion ===

impl Decode for TlsVersion {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<TlsVersion> {
        let text = reader.text(node)?;
        // as other proxies write it: TLSv1.2, TLS 1.2, TLS12
        let plain = text.to_ascii_lowercase().replace([' ', '_', '-'], "");
        let plain = plain.trim_start_matches("tls").trim_start_matches('v');
        let (message, hint) = match (text, plain) {
            ("1.2", _) => return Some(TlsVersion::V12),
            ("1.3", _) => return Some(TlsVersion::V13),
            (_, "1.2" | "12") => (format!("`{}` is not known here", brief(text)), "write `1.2`"),
            (_, "1.3" | "13") => (format!("`{}` is not known here", brief(text)), "write `1.3`"),
            (_, "1" | "1.0" | "10" | "1.1" | "11" | "ssl3" | "sslv3" | "ssl2" | "sslv2") => (
                format!("gatepost does not speak `{}`: it is broken and was withdrawn (RFC 8996)", brief(text)),
                "write `1.2`, which clients of the last ten years speak",
            ),
            _ => (format!("`{}` is no version of TLS", brief(text)), "write `1.2` or `1.3`"),
        };
        reader.error(node.place, message, hint);
        None
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({"enum": [1.2, 1.3, "1.2", "1.3"]})
    }
}
