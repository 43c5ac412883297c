//! Claims about certificates that are files, made here with real keys, and about hosts that have none.

use std::fs;

use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P521_SHA512, date_time_ymd};

use super::*;
use crate::cli::check::check;

/// 2026-01-01, in the middle of the certificates below.
const NOW: i64 = 1_767_225_600;
const DAY: i64 = 86_400;

/// A folder with `NAME.crt` and `NAME.key`, valid from 2025-01-01 to 2027-01-01.
fn folder(certificates: &[(&str, &[&str])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, hosts) in certificates {
        write(dir.path(), name, hosts, &KeyPair::generate().unwrap());
    }
    dir
}

fn write(dir: &Path, name: &str, hosts: &[&str], key: &KeyPair) {
    let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).unwrap();
    params.not_before = date_time_ymd(2025, 1, 1);
    params.not_after = date_time_ymd(2027, 1, 1);
    fs::write(dir.join(format!("{name}.crt")), params.self_signed(key).unwrap().pem()).unwrap();
    fs::write(dir.join(format!("{name}.key")), key.serialize_pem()).unwrap();
}

/// Every problem as one line, with `DIR` in place of the folder.
fn told(dir: &Path, tls: &str, now: i64) -> Vec<String> {
    let text = format!("routes: [{{host: a.example, backend: \"a:80\"}}]\ntls:\n  certificates:\n{tls}");
    let problems = check(&text, "r.yaml", dir, now).problems;
    problems.iter().map(|p| format!("{}: {p}", p.severity.as_str()).replace(&*dir.to_string_lossy(), "DIR")).collect()
}

fn entry(host: &str, certificate: &str, key: &str) -> String {
    format!("  - {{host: \"{host}\", files: {{certificate: {certificate}, key: {key}}}}}\n")
}

#[test]
fn good_files_are_found_beside_the_routes_file_and_nothing_is_said() {
    let dir = folder(&[("a", &["a.example", "*.a.example"])]);
    let text = entry("a.example", "a.crt", "a.key") + &entry("*.a.example", "a.crt", "a.key");
    assert_eq!(told(dir.path(), &text, NOW), [""; 0]);
    // a Secret is known to the cluster alone
    assert_eq!(told(dir.path(), "  - {host: a.example, secret: nobody-knows}\n", NOW), [""; 0]);
}

#[test]
fn files_that_cannot_be_used_for_their_host_are_an_error_with_its_line() {
    let dir = folder(&[("a", &["a.example"]), ("b", &["b.example"])]);
    fs::write(dir.path().join("text"), "hello").unwrap();
    for (host, certificate, key, said) in [
        (
            "a.example",
            "gone.crt",
            "a.key",
            "DIR/gone.crt: cannot be read: No such file or directory (os error 2) (relative names are below the folder of the routes file)",
        ),
        (
            "a.example",
            "a.crt",
            "gone.key",
            "DIR/gone.key: cannot be read: No such file or directory (os error 2) (relative names are below the folder of the routes file)",
        ),
        (
            "a.example",
            ".",
            "a.key",
            "DIR/.: cannot be read: it is no file (relative names are below the folder of the routes file)",
        ),
        (
            "a.example",
            "text",
            "a.key",
            "DIR/text: there is no certificate in it (`-----BEGIN CERTIFICATE-----`) (the file must hold certificates in PEM, the host's own first)",
        ),
        (
            "a.example",
            "a.crt",
            "text",
            "DIR/text: there is no private key in it (`-----BEGIN PRIVATE KEY-----`) (the file must hold an ECDSA, Ed25519 or RSA (2048 bits and more) key in PEM, not encrypted)",
        ),
        (
            "a.example",
            "a.crt",
            "b.key",
            "DIR/a.crt: the private key does not fit the certificate (key DIR/b.key) (name the key that the certificate was made for)",
        ),
        (
            "b.example",
            "a.crt",
            "a.key",
            "DIR/a.crt: it does not cover b.example (its names: a.example) (it would not be shown for this host: leave the host out, or name a certificate that has it)",
        ),
        (
            "*.example",
            "a.crt",
            "a.key",
            "DIR/a.crt: it does not cover *.example (its names: a.example) (it would not be shown for this host: leave the host out, or name a certificate that has it)",
        ),
    ] {
        let told = told(dir.path(), &entry(host, certificate, key), NOW);
        assert_eq!(told, [format!("error: r.yaml:4:5: tls.certificates[0]: {said}")], "{host} {certificate} {key}");
    }
}

#[test]
fn a_certificate_is_judged_by_the_time() {
    let dir = folder(&[("a", &["a.example", "b.example"])]);
    let text = "  - {hosts: [a.example, b.example], files: {certificate: a.crt, key: a.key}}\n";
    let end = NOW + 365 * DAY;
    for (now, said) in [
        (NOW, None),
        (
            NOW - 367 * DAY,
            Some(
                "error: r.yaml:4:5: tls.certificates[0]: DIR/a.crt: it is not valid for another 2 days (name one that holds now)",
            ),
        ),
        (end - 15 * DAY, None),
        (
            end - 13 * DAY,
            Some("warning: r.yaml:4:5: tls.certificates[0]: DIR/a.crt: it expires in 13 days (replace it)"),
        ),
        (
            end + 3 * DAY,
            Some("error: r.yaml:4:5: tls.certificates[0]: DIR/a.crt: it expired 3 days ago (name one that holds now)"),
        ),
    ] {
        assert_eq!(told(dir.path(), text, now), Vec::from_iter(said), "{now}");
    }
}

#[test]
fn a_key_that_not_all_clients_speak_is_a_warning() {
    let dir = folder(&[]);
    write(dir.path(), "a", &["a.example"], &KeyPair::generate_for(&PKCS_ECDSA_P521_SHA512).unwrap());
    let said = "warning: r.yaml:4:5: tls.certificates[0]: DIR/a.crt: not all clients speak its kind of key (ECDSA P-521) (replace it)";
    assert_eq!(told(dir.path(), &entry("a.example", "a.crt", "a.key"), NOW), [said]);
}

#[test]
fn the_file_of_a_client_ca_is_read_too() {
    let dir = folder(&[("ca", &["ca.example"])]);
    let text = |file: &str| format!("  - {{host: a.example, secret: a, clientCa: {{file: {file}}}}}\n");
    assert_eq!(told(dir.path(), &text("ca.crt"), NOW), [""; 0]);
    let told = told(dir.path(), &text("ca.key"), NOW);
    let said = "error: r.yaml:4:5: tls.certificates[0]: `clientCa`: DIR/ca.key: there is no certificate in it";
    assert!(told.len() == 1 && told[0].starts_with(said), "{told:?}");
}

#[test]
fn the_line_of_the_entry_is_shown() {
    let dir = folder(&[]);
    let text = "tls:\n  certificates:\n    - host: a.example\n      files: {certificate: a, key: b}\n";
    let problems = check(text, "r.yaml", dir.path(), NOW).problems;
    let snippet = problems.iter().find(|problem| problem.line == 3).unwrap().snippet();
    assert!(snippet.contains("3 |     - host: a.example\n  |       ^^^^^^^^^^^^^^^\n"), "{snippet}");
}

#[test]
fn a_host_that_leads_to_https_without_a_certificate_is_a_warning() {
    let text = "\
routes:
- {hosts: [a.example, www.b.example, c.example], backend: \"a:80\", https: redirect}
- {host: c.example, path: /x, backend: \"a:80\", https: only}
- {host: d.example, backend: \"a:80\", https: only}
- {hosts: [e.example, \"*.f.example\"], backend: \"a:80\"}
- {host: a.b.b.example, backend: \"a:80\", https: allow}
";
    let tls = "tls: {certificates: [{hosts: [a.example, \"*.b.example\"], secret: ab}]}\n";
    let told = |text: &str| -> Vec<String> {
        check(text, "r.yaml", Path::new(""), NOW).problems.iter().map(Problem::to_string).collect()
    };
    assert_eq!(
        told(&format!("{text}{tls}")),
        [
            "r.yaml:2:3: `https: redirect` wants a certificate for `c.example`, and no entry of `tls` is for it (add it to `tls.certificates`, or write `https: allow`)",
            "r.yaml:4:3: `https: only` wants a certificate for `d.example`, and no entry of `tls` is for it (add it to `tls.certificates`, or write `https: allow`)",
        ]
    );
    // without the section somebody in front speaks TLS
    assert_eq!(told(text), [""; 0]);
}
