//! What a certificate is read from, which names it covers, and what is wrong with it.

use rcgen::date_time_ymd;

use super::*;

fn read(chain: impl AsRef<[u8]>, key: impl AsRef<[u8]>) -> Result<Certificate, Bad> {
    Certificate::read(chain.as_ref(), key.as_ref(), &PROVIDER)
}

#[test]
fn a_text_that_is_no_certificate_is_refused_for_what_is_wrong_with_it() {
    let (own, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let (chain, key) = (signed(&["a.test"], &own), own.serialize_pem());
    for nothing in ["", "hello", &key] {
        assert_eq!(read(nothing, &key).unwrap_err(), Bad::NoCertificate, "{nothing}");
    }
    for nothing in ["", "hello", &chain, "-----BEGIN PRIVATE KEY-----\n", &pem("ENCRYPTED PRIVATE KEY", b"x")] {
        assert_eq!(read(&chain, nothing).unwrap_err(), Bad::NoKey, "{nothing}");
    }
    for broken in [
        "-----BEGIN CERTIFICATE-----\n".to_owned(),
        pem("CERTIFICATE", b"hello"),
        chain.replace("MII", "###"),
        // one behind it, which clients would refuse the first for
        format!("{chain}{}", pem("CERTIFICATE", b"")),
    ] {
        assert!(matches!(read(&broken, &key), Err(Bad::Certificate(_))), "{broken}");
    }
    for broken in [pem("PRIVATE KEY", b"hello"), pem("EC PRIVATE KEY", b""), pem("RSA PRIVATE KEY", &[0x30, 0])] {
        assert!(matches!(read(&chain, &broken), Err(Bad::Key(_))), "{broken}");
    }
    assert_eq!(read(&chain, other.serialize_pem()).unwrap_err(), Bad::KeyDoesNotFit);
    assert_eq!(read(&chain, RSA.serialize_pem()).unwrap_err(), Bad::KeyDoesNotFit);
    assert_eq!(read(signed(&["a.test"], &RSA), &key).unwrap_err(), Bad::KeyDoesNotFit);
}

#[test]
fn the_host_s_own_certificate_stands_first() {
    let (own, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let (first, second) = (signed(&["a.test"], &own), signed(&["ca.test"], &other));
    let chain = read(format!("{first}{second}"), own.serialize_pem()).unwrap();
    assert_eq!(chain.names().collect::<Vec<_>>(), ["a.test"]);
    assert_eq!(chain.key.cert.len(), 2);
    assert_eq!(read(format!("{second}{first}"), own.serialize_pem()).unwrap_err(), Bad::KeyDoesNotFit);
}

#[test]
fn texts_have_a_longest_length_and_chains_a_largest_number() {
    let key = KeyPair::generate().unwrap();
    let one = signed(&["a.test"], &key);
    let padded = |text: &str, len: usize| format!("{text}{}", "\n".repeat(len - text.len()));
    let key = key.serialize_pem();
    read(padded(&one, MAX_PEM), padded(&key, MAX_PEM)).unwrap();
    assert_eq!(read(padded(&one, MAX_PEM + 1), &key).unwrap_err(), Bad::TooLong);
    assert_eq!(read(&one, padded(&key, MAX_PEM + 1)).unwrap_err(), Bad::TooLong);
    read(one.repeat(16), &key).unwrap();
    // not shown by half
    assert!(matches!(read(one.repeat(17), &key), Err(Bad::Certificate(_))));
}

#[test]
fn every_form_of_a_key_is_read() {
    let ecdsa = KeyPair::generate().unwrap();
    let p384 = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
    let ed25519 = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    // what PKCS#8 wraps: SEC1 begins 7 bytes before its secret (RFC 5915 3), PKCS#1 at byte 26 of a 2048-bit key
    let wrapped = ecdsa.serialized_der();
    let at = wrapped.windows(5).position(|part| part == [2, 1, 1, 4, 32]).unwrap() - 2;
    let sec1 = pem("EC PRIVATE KEY", &wrapped[at..]);
    let pkcs1 = pem("RSA PRIVATE KEY", &RSA.serialized_der()[26..]);
    let parameters = pem("EC PARAMETERS", b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07");
    for (pair, key, kind) in [
        (&ecdsa, ecdsa.serialize_pem(), "ECDSA P-256"),
        (&ecdsa, sec1.clone(), "ECDSA P-256"),
        (&ecdsa, format!("{parameters}{sec1}"), "ECDSA P-256"),
        (&ecdsa, format!("{}{}", signed(&[], &ecdsa), ecdsa.serialize_pem()), "ECDSA P-256"),
        (&p384, p384.serialize_pem(), "ECDSA P-384"),
        (&ed25519, ed25519.serialize_pem(), "Ed25519"),
        (&*RSA, RSA.serialize_pem(), "RSA 2048"),
        (&*RSA, pkcs1, "RSA 2048"),
    ] {
        assert_eq!(read(signed(&["a.test"], pair), key).unwrap().key_type().to_string(), kind);
    }
}

#[test]
fn ecdsa_is_tried_before_rsa() {
    let rsa = read(signed(&["a.test"], &RSA), RSA.serialize_pem()).unwrap();
    let maker = Maker::new(Arc::clone(&PROVIDER), false, Tickets::new(&[]));
    let certificates = vec![Arc::new(rsa), Arc::new(certificate(&["a.test"]))];
    let host = maker.host(certificates, &Clients::Anyone).unwrap();
    let kinds: Vec<String> = host.certificates().iter().map(|one| one.key_type().to_string()).collect();
    assert_eq!(kinds, ["ECDSA P-256", "RSA 2048"]);
}

#[test]
fn a_wildcard_covers_exactly_one_label() {
    let certificate = certificate(&["A.test", "*.b.test", "f*.c.test", "*.*.d.test", "192.0.2.1"]);
    for covered in ["a.test", "x.b.test", "xn--4ca.b.test", "*.b.test"] {
        assert!(certificate.covers(covered), "{covered}");
    }
    for not in [
        "",
        ".",
        "test",
        "x.a.test",
        "b.test",
        ".b.tests",
        "x.y.b.test",
        "*.x.b.test",
        "*.a.test",
        "*.test",
        "fx.c.test",
        "x.y.d.test",
        "192.0.2.1",
        "xb.test",
        "a.test.",
        "**.b.test",
    ] {
        assert!(!certificate.covers(not), "{not}");
    }
}

#[test]
fn a_host_is_covered_when_all_of_its_certificates_cover_it() {
    let maker = Maker::new(Arc::clone(&PROVIDER), false, Tickets::new(&[]));
    let host = |names: &[&[&str]]| {
        let certificates = names.iter().map(|names| Arc::new(certificate(names))).collect();
        maker.host(certificates, &Clients::Anyone).unwrap()
    };
    assert!(host(&[&["a.test", "b.test"], &["*.test"]]).covers("b.test"));
    assert!(!host(&[&["a.test", "b.test"], &["a.test"]]).covers("b.test"));
    assert!(!host(&[]).covers("a.test"));
    assert!(host(&[]).config().is_none());
}

#[test]
fn a_fault_is_the_name_before_the_time() {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(["a.test".to_owned()]).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    let certificate = read(params.self_signed(&key).unwrap().pem(), key.serialize_pem()).unwrap();
    let (from, until) = (1_577_836_800, 1_609_459_200);
    assert_eq!((certificate.not_before(), certificate.not_after()), (from, until));
    for (host, now, fault) in [
        ("a.test", from, None),
        ("a.test", until, None),
        ("a.test", from - 1, Some("it is not valid for another 1 second")),
        ("a.test", until + 1, Some("it expired 1 second ago")),
        ("a.test", until + 119, Some("it expired 119 seconds ago")),
        ("a.test", until + 3_599, Some("it expired 59 minutes ago")),
        ("a.test", until + 86_400, Some("it expired 24 hours ago")),
        ("a.test", until + 200_000, Some("it expired 2 days ago")),
        ("a.test", i64::MAX, Some("it expired 106751991148672 days ago")),
        ("b.test", until + 1, Some("it does not cover b.test (its names: a.test)")),
        ("*.test", from, Some("it does not cover *.test (its names: a.test)")),
    ] {
        let found = certificate.fault(host, now).map(|fault| fault.to_string());
        assert_eq!(found.as_deref(), fault, "{host} {now}");
    }
}

#[test]
fn a_certificate_without_names_covers_nothing_and_says_so() {
    let certificate = certificate(&[]);
    assert!(!certificate.covers("a.test") && !certificate.covers(""));
    assert_eq!(certificate.fault("a.test", 0).unwrap().to_string(), "it does not cover a.test (its names: none)");
    let many = super::certificate(&["a.test", "b.test", "c.test", "d.test"]);
    assert_eq!(
        many.fault("x.test", 0).unwrap().to_string(),
        "it does not cover x.test (its names: a.test, b.test, c.test, …)"
    );
}

#[test]
fn no_key_is_in_what_is_printed() {
    let (key, tickets) = (KeyPair::generate().unwrap(), Tickets::new(&[TicketKey::from_bytes(&[77; 48]).unwrap()]));
    let certificate = read(signed(&["a.test"], &key), key.serialize_pem()).unwrap();
    let printed = format!("{certificate:?} {tickets:?} {:?}", TicketKey::from_bytes(&[78; 48]));
    let secret = [78; 17].map(|byte| format!("{byte}")).join(", ");
    assert!(printed.contains("a.test") && !printed.contains(&secret), "{printed}");
    let private: Vec<String> = key.serialized_der()[40..56].iter().map(u8::to_string).collect();
    assert!(!printed.contains(&private.join(", ")), "{printed}");
}
