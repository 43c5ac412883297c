//! Authorities of clients, and by what two are the same.

use super::*;

fn authority() -> String {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
}

fn policy(pem: &str, required: bool) -> Policy {
    ClientCa::read(pem.as_bytes(), required, &PROVIDER).unwrap().policy()
}

#[test]
fn a_set_of_authorities_is_the_same_in_any_order_and_not_under_another_mode() {
    let (one, other) = (authority(), authority());
    let both = policy(&format!("{one}{other}"), true);
    assert_eq!(both, policy(&format!("{other}{one}{one}"), true));
    assert_ne!(both, policy(&format!("{one}{other}"), false));
    assert_ne!(both, policy(&one, true));
    assert_ne!(policy(&one, true), policy(&other, true));
    assert_ne!(policy(&one, false), Policy::Anyone);
}

#[test]
fn all_authorities_of_a_set_count() {
    let many: Vec<String> = (0..20).map(|_| authority()).collect();
    assert_ne!(policy(&many.concat(), true), policy(&many[..19].concat(), true));
}

#[test]
fn a_text_that_names_no_authority_is_refused() {
    let read = |pem: &str| ClientCa::read(pem.as_bytes(), true, &PROVIDER).unwrap_err();
    assert_eq!(read(""), Bad::NoCertificate);
    assert_eq!(read(&KeyPair::generate().unwrap().serialize_pem()), Bad::NoCertificate);
    assert!(matches!(read(&pem("CERTIFICATE", b"hello")), Bad::Certificate(_)));
    assert!(matches!(read(&format!("{}{}", authority(), pem("CERTIFICATE", b"hello"))), Bad::Certificate(_)));
    assert_eq!(read(&"\n".repeat(MAX_PEM + 1)), Bad::TooLong);
}

#[test]
fn a_host_is_closed_to_what_comes_in_clear_when_a_certificate_is_required_or_nobody_is_let_in() {
    let of = |required| policy(&authority(), required);
    for (policy, closed) in [(Policy::Anyone, false), (of(false), false), (of(true), true), (Policy::Nobody, true)] {
        assert_eq!(policy.is_closed(), closed, "{policy:?}");
    }
}

#[test]
fn a_host_that_lets_nobody_in_has_no_handshakes() {
    let maker = Maker::new(Arc::clone(&PROVIDER), false, Tickets::new(&[]));
    let host = maker.host(vec![Arc::new(certificate(&["a.test"]))], &Clients::Nobody).unwrap();
    assert!(host.config().is_none() && host.covers("a.test"));
    assert_eq!(host.policy(), Policy::Nobody);
}
