//! Claims about the section `tls`.

use super::*;

const ROUTES: &str = "routes: [{host: a.example, backend: \"a:1\"}]\n";

fn tls(text: &str) -> Tls {
    good(&format!("{ROUTES}tls:\n{text}")).tls
}

/// The one problem of a `tls` section, without its place.
fn tls_problem(text: &str) -> String {
    let told = told(&format!("{ROUTES}tls:\n{text}"));
    assert_eq!(told.len(), 1, "{text}: {told:#?}");
    told[0].splitn(4, ':').nth(3).unwrap().trim().to_owned()
}

fn exact(name: &str) -> HostPattern {
    HostPattern::Exact(name.to_owned())
}

fn secret(text: &str) -> SecretName {
    text.parse().unwrap()
}

#[test]
fn an_entry_has_its_line_its_hosts_and_its_source() {
    let tls = tls("  certificates:\n\
                   \x20 - {host: WWW.Example.com., secret: www}\n\
                   \x20 - hosts: [\"*.example.com\", bücher.example]\n\
                   \x20   secret: shop/wild\n\
                   \x20   clientCa: {secret: ca}\n\
                   \x20 - {host: f.example, files: {certificate: tls/f.crt, key: /f.key}, clientCa: {file: ca.crt, mode: optional}}\n\
                   \x20 default: www.example.com\n\
                   \x20 minVersion: 1.3\n");
    assert_eq!((tls.default.as_deref(), tls.min_version), (Some("www.example.com"), TlsVersion::V13));
    let [www, wild, files] = &tls.certificates[..] else { panic!() };
    let source = CertificateSource::Secret(secret("www"));
    assert_eq!(*www, CertificateEntry { line: 4, hosts: vec![exact("www.example.com")], source, client_ca: None });
    assert_eq!(wild.line, 5);
    assert_eq!(wild.hosts, [HostPattern::Wildcard("example.com".to_owned()), exact("xn--bcher-kva.example")]);
    assert_eq!(wild.source, CertificateSource::Secret(secret("shop/wild")));
    // who asks for certificates and does not say more means it
    let source = ClientCaSource::Secret(secret("ca"));
    assert_eq!(wild.client_ca, Some(ClientCa { source, mode: ClientAuth::Require }));
    assert_eq!(files.source, CertificateSource::Files { certificate: "tls/f.crt".into(), key: "/f.key".into() });
    let source = ClientCaSource::File("ca.crt".into());
    assert_eq!(files.client_ca, Some(ClientCa { source, mode: ClientAuth::Optional }));
}

#[test]
fn a_config_map_cannot_make_gatepost_read_files_of_its_node() {
    for (entry, key) in [
        ("{host: a, files: {certificate: a, key: b}}", "files"),
        ("{host: a, secret: a, clientCa: {file: /etc/shadow}}", "clientCa"),
    ] {
        let text = format!("{ROUTES}tls: {{certificates: [{entry}]}}\n");
        assert!(parse(&text, "x").unwrap().is_clean(), "{entry}");
        let options = Options { refuse_files: true, ..Options::default() };
        let parsed = parse_with(&text, "x", &options).unwrap();
        assert_eq!(parsed.problems.len(), 1, "{entry}");
        let told = parsed.problems[0].to_string();
        assert!(told.contains("a ConfigMap cannot make gatepost read files of its node"), "{told}");
        assert!(told.contains(key), "{told}");
        assert!(parsed.settle(None).is_err(), "{entry}");
        // a manifest is one for a ConfigMap, wherever it is read
        let indented = text.lines().map(|line| format!("    {line}\n")).collect::<String>();
        let manifest = format!("kind: ConfigMap\ndata:\n  routes.yaml: |\n{indented}");
        assert!(!parse(&manifest, "x").unwrap().is_clean(), "{entry}");
    }
}

#[test]
fn several_certificates_of_one_host_are_one_for_each_kind_of_key() {
    let tls =
        tls("  certificates: [{host: a, secret: ecdsa}, {host: a, secret: rsa}, {hosts: [b, \"*.a\"], secret: rsa}]\n");
    assert_eq!(tls.entries_of("a").len(), 2);
    assert_eq!(tls.entries_of("b").len(), 1);
}

#[test]
fn a_host_takes_its_exact_entries_else_those_of_the_wildcard_one_label_above() {
    let tls = tls("  certificates:\n\
                   \x20 - {host: \"*.example.com\", secret: wild}\n\
                   \x20 - {host: www.example.com, secret: www}\n");
    for (host, lines) in [
        ("www.example.com", vec![5]),
        ("a.example.com", vec![4]),
        ("a.b.example.com", vec![]),
        ("example.com", vec![]),
        ("com", vec![]),
        ("", vec![]),
    ] {
        assert_eq!(tls.entries_of(host).iter().map(|entry| entry.line).collect::<Vec<_>>(), lines, "{host}");
        assert_eq!(tls.covers(host), !lines.is_empty());
    }
}

#[test]
fn what_is_wrong_with_an_entry_says_what_would_be_right() {
    for (entry, said) in [
        (
            "{host: a}",
            "there is neither `secret` nor `files` here (write `secret: my-certificate` with the name of a Secret)",
        ),
        ("{host: a, secret: a, files: {certificate: a, key: b}}", "`files` stands beside `secret` (keep one of them)"),
        ("{secret: a}", "this certificate has no `host` (write `host: www.example.com` for whom it is)"),
        ("{host: a, hosts: [b], secret: a}", "`host` and `hosts` are the same (keep one of them)"),
        ("{hosts: [a, A.], secret: a}", "the host `a` is named twice here (keep it once)"),
        (
            "{host: \"*\", secret: a}",
            "a certificate names its hosts, and `*` is no name (write `*.example.com`; for whoever asks for another name there is `default` beside `certificates`)",
        ),
        (
            "{host: \"a.*.com\", secret: a}",
            "in `a.*.com` the `*` stands where it may not (allowed is `*.example.com` (one label))",
        ),
        (
            "{host: \"*.*.com\", secret: a}",
            "in `*.*.com` the `*` stands where it may not (allowed is `*.example.com` (one label))",
        ),
        ("{host: \"a:443\", secret: a}", "a certificate is for a host on every port (write `a`)"),
        (
            "{host: \"[fd00::7]:1\", secret: a}",
            "`[fd00::7]` is an address, and clients that ask for one tell no name (write the name that its clients use; those without a name get that of `default`)",
        ),
        ("{host: a, secret: My_Cert}", "`My_Cert` is no name of a Secret in Kubernetes (did you mean `my-cert`?)"),
        ("{host: a, secretName: a}", "there is no key `secretName` here (write `secret`)"),
        (
            "{host: a, certs: a}",
            "there is no key `certs` here (known here: `host`, `hosts`, `secret`, `files`, `clientCa`)",
        ),
        (
            "{host: a, secret: a, namespace: b}",
            "there is no key `namespace` here (write it into `secret`: `my-namespace/my-certificate`)",
        ),
        ("{host: a, files: {certificate: a}}", "there is no `key` here (write `key: FILE`)"),
        ("{host: a, files: {cert: a, key: b}}", "there is no key `cert` here (write `certificate`)"),
        (
            "{host: a, files: {certificate: \"\", key: b}}",
            "this is no name of a file (write it like `tls/www.example.com.crt`)",
        ),
        (
            "{host: a, files: {certificate: \"-----BEGIN CERTIFICATE-----\", key: b}}",
            "this is a certificate or a key itself, not the name of a file (put it into a file, readable by gatepost alone, and write the file's name)",
        ),
        (
            "{host: a, secret: a, clientCa: {mode: require}}",
            "there is neither `secret` nor `file` here (write `secret: my-certificate` with the name of a Secret)",
        ),
        (
            "{host: a, secret: a, clientCa: {secret: b, mode: requre}}",
            "`requre` is not known here (did you mean `require`?)",
        ),
        ("{host: a, secret: a, clientCA: {secret: b}}", "there is no key `clientCA` here (did you mean `clientCa`?)"),
    ] {
        let told = tls_problem(&format!("  certificates: [{entry}]\n"));
        assert!(told.ends_with(&format!(": {said}")), "{told}\nnot {said}");
    }
}

#[test]
fn what_is_wrong_with_the_section_says_what_would_be_right() {
    for (text, said) in [
        (
            "minVersion: 1.1",
            "gatepost does not speak `1.1`: it is broken and was withdrawn (RFC 8996) (write `1.2`, which clients of the last ten years speak)",
        ),
        (
            "minVersion: TLSv1",
            "gatepost does not speak `TLSv1`: it is broken and was withdrawn (RFC 8996) (write `1.2`, which clients of the last ten years speak)",
        ),
        ("minVersion: TLSv1.3", "`TLSv1.3` is not known here (write `1.3`)"),
        ("minVersion: 2", "`2` is no version of TLS (write `1.2` or `1.3`)"),
        (
            "default: a",
            "no entry of `certificates` is for `a` (write `certificates: [{host: a, secret: my-certificate}]` beside it)",
        ),
        ("default: \"*\"", "this must be one host (write one that has a certificate)"),
        ("default: \"*.a\"", "this must be one host (write one of its hosts, like `www.a`)"),
        (
            "{certificates: [{host: www.a, secret: a}], default: ww.a}",
            "no entry of `certificates` is for `ww.a` (did you mean `www.a`?)",
        ),
        (
            "{certificates: [{host: \"*.a\", secret: a}], default: a}",
            "no entry of `certificates` is for `a` (there are certificates for `*.a`)",
        ),
        ("certs: []", "there is no key `certs` here (write `certificates: [{host: …, secret: …}]`)"),
        ("ssl_protocols: x", "there is no key `ssl_protocols` here (write `minVersion`)"),
        (
            "certificates: {host: a}",
            "this must be a list, not a mapping (write it as `[one, two]`, or one entry a line behind `- `)",
        ),
    ] {
        let told = tls_problem(&format!("  {text}\n"));
        assert!(told.ends_with(said), "{told}\nnot {said}");
    }
    let top = told("routes: [{host: a, backend: \"a:1\"}]\nssl: {}\n");
    assert!(top[0].ends_with("there is no key `ssl` here (write `tls: {certificates: …}`)"), "{top:?}");
    for (text, version) in [("1.2", TlsVersion::V12), ("\"1.2\"", TlsVersion::V12), ("1.3", TlsVersion::V13)] {
        assert_eq!(tls(&format!("  minVersion: {text}\n")).min_version, version);
    }
}

#[test]
fn entries_that_contradict_or_repeat_one_another_are_told_with_both_lines() {
    for (second, said) in [
        ("{hosts: [b, a], secret: one}", "line 5 names the certificate of line 4 for `a` again (remove one of them)"),
        (
            "{host: a, secret: two}",
            "for `a` line 5 has no `clientCa`, but line 4 has `clientCa` Secret ca with mode `require` (write the same `clientCa` in all entries of a host, or in none)",
        ),
        (
            "{host: a, secret: two, clientCa: {secret: ca, mode: optional}}",
            "for `a` line 5 has `clientCa` Secret ca with mode `optional`, but line 4 has `clientCa` Secret ca with mode `require` (write the same `clientCa` in all entries of a host, or in none)",
        ),
        (
            "{host: a, secret: two, clientCa: {secret: other/ca}}",
            "for `a` line 5 has `clientCa` Secret other/ca with mode `require`, but line 4 has `clientCa` Secret ca with mode `require` (write the same `clientCa` in all entries of a host, or in none)",
        ),
    ] {
        let first = "{host: a, secret: one, clientCa: {secret: ca}}";
        let told = tls_problem(&format!("  certificates:\n  - {first}\n  - {second}\n"));
        assert!(told.ends_with(said), "{told}\nnot {said}");
    }
    // on one line, too
    let told = tls_problem("  certificates: [{host: a, secret: one}, {host: a, secret: one}]\n");
    assert!(told.contains("tls.certificates[1]: line 3 names the certificate of line 3 for `a` again"), "{told}");
    // an exact name and the wildcard around it are two hosts, each with what it says
    let both = "  certificates: [{host: \"*.a\", secret: one}, {host: b.a, secret: two, clientCa: {secret: ca}}]\n";
    assert_eq!(tls(both).certificates.len(), 2);
}

#[test]
fn secrets_of_other_namespaces_are_at_most_sixty_four() {
    let section = |count: usize| {
        let entry = |n| format!("  - {{host: h{n}.example, secret: other/s{n}, clientCa: {{secret: other/s0}}}}\n");
        let own = (0..100).map(|n| format!("  - {{host: o{n}.example, secret: s{n}}}\n"));
        format!("  certificates:\n{}", (0..count).map(entry).chain(own).collect::<String>())
    };
    assert_eq!(tls(&section(64)).certificates.len(), 164);
    let told = tls_problem(&section(66));
    assert!(told.contains("tls.certificates[64]: there are more than 64 Secrets of other namespaces"), "{told}");
}

#[test]
fn ten_thousand_certificates_are_the_most() {
    let section = |count| {
        let entry = |n| format!("  - {{host: h{n}.example, secret: s}}\n");
        format!("  certificates:\n{}", (0..count).map(entry).collect::<String>())
    };
    assert_eq!(tls(&section(10_000)).certificates.len(), 10_000);
    assert!(tls_problem(&section(10_001)).contains("there are more than 10000 certificates"));
}

#[test]
fn a_bad_tls_section_keeps_its_last_good_version() {
    let before = good(&format!("{ROUTES}tls: {{certificates: [{{host: a, secret: a}}], default: a}}\n"));
    for bad in [
        "{certificates: [{host: a, secret: A}]}",
        "{minVersion: 1.0}",
        "{acme: {}}",
        "5",
        "{certificates: [], default: x}",
    ] {
        let parsed = parse(&format!("{ROUTES}tls: {bad}\n"), "x").unwrap();
        assert_eq!(parsed.settle(Some(&before)).unwrap().0.tls, before.tls, "{bad}");
        assert!(parse(&format!("{ROUTES}tls: {bad}\n"), "x").unwrap().settle(None).is_err(), "{bad}");
    }
    for none in ["", "tls:\n", "tls: {}\n", "tls: {certificates: }\n"] {
        assert_eq!(good(&format!("{ROUTES}{none}")).tls, Tls::default(), "{none:?}");
    }
}

#[test]
fn a_section_of_the_schema_says_what_it_takes() {
    let schema = schema();
    let definitions = &schema["$defs"];
    assert_eq!(definitions["Tls"]["properties"]["minVersion"]["default"], 1.2);
    assert_eq!(definitions["ClientCa"]["properties"]["mode"]["default"], "require");
    assert_eq!(definitions["Tls"]["properties"]["certificates"]["maxItems"], 10_000);
}
