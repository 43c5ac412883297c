//! Claims about whom a host lets in when its client CA changes, breaks or is gone.

use super::*;

const CLOSED: &str = "lets nobody in until there is a good one, or the entry has no `clientCa`";

/// `a.example` with a good certificate, and clients of the CA in the Secret `ca`.
fn with_clients() -> (Fixture, Vec<u8>) {
    let mut fixture = fixture(&[]);
    fixture.keeper.section(&with_ca(section(&[("web", "a.example")]), "ca", ClientAuth::Require));
    fixture.set("web", &good("a.example"));
    let ca = good("ca.example").chain.to_vec();
    fixture.set_ca("ca", &ca);
    assert!(matches!(fixture.policy("a.example"), Policy::Shown { required: true, .. }));
    (fixture, ca)
}

#[test]
fn a_host_lets_nobody_in_before_its_client_ca_is_known() {
    let mut fixture = fixture(&[]);
    fixture.keeper.section(&with_ca(section(&[("web", "a.example")]), "ca", ClientAuth::Require));
    fixture.set("web", &good("a.example"));
    assert_eq!(fixture.policy("a.example"), Policy::Nobody, "nobody has looked for it yet");
    fixture.keeper.authority(&ca_source("ca"), Material::Absent);
    let settled = fixture.keeper.settle(NOW);
    let text = settled.findings[0].to_string();
    assert_eq!(text, format!("client CA Secret ca: there is none; a.example {CLOSED}"));
    assert_eq!((fixture.policy("a.example"), fixture.errors()), (Policy::Nobody, "1".to_owned()));
}

#[test]
fn a_client_ca_that_is_deleted_or_broken_lets_nobody_in_until_it_is_good_again() {
    let (mut fixture, ca) = with_clients();
    let unusable = || Material::Unusable { reason: "the key ca.crt is missing".to_owned(), version: "u".to_owned() };
    let broken = |text: &[u8], version: &str| Material::Found { content: text.to_vec(), version: version.to_owned() };
    for wrong in [Material::Absent, unusable(), broken(b"hello", "x"), broken(b"", "y")] {
        fixture.keeper.authority(&ca_source("ca"), wrong);
        let settled = fixture.keeper.settle(NOW);
        assert_eq!((settled.findings.len(), settled.is_published), (1, true));
        let text = settled.findings[0].to_string();
        assert!(text.ends_with(&format!("a.example {CLOSED}")), "{text}");
        assert_eq!(settled.findings[0].severity, Severity::Error);
        assert_eq!(settled.authorities, [(ca_source("ca"), None)], "the next process must not open it either");
        assert_eq!((fixture.policy("a.example"), fixture.errors()), (Policy::Nobody, "1".to_owned()));
        assert!(fixture.keeper.settle(NOW).findings.is_empty(), "told twice");

        let settled = fixture.set_ca("ca", &ca);
        assert_eq!(settled.authorities, [(ca_source("ca"), Some(ca.clone()))]);
        assert!(matches!(fixture.policy("a.example"), Policy::Shown { required: true, .. }));
        assert_eq!(fixture.errors(), "0");
    }
}

#[test]
fn while_nobody_may_look_the_last_good_client_ca_stays_and_one_that_never_was_lets_nobody_in() {
    let (mut known, _) = with_clients();
    let before = known.policy("a.example");
    let mut new = fixture(&[]);
    new.keeper.section(&with_ca(section(&[("web", "a.example")]), "ca", ClientAuth::Require));
    new.set("web", &good("a.example"));
    let refused = || Material::Refused { reason: "RBAC".to_owned(), is_ours: false };
    for (fixture, policy, end) in [(&mut known, before, "keeps the old client CA"), (&mut new, Policy::Nobody, CLOSED)]
    {
        fixture.keeper.authority(&ca_source("ca"), refused());
        let settled = fixture.keeper.settle(NOW);
        let text = settled.findings[0].to_string();
        assert_eq!(text, format!("client CA Secret ca: RBAC; a.example {end}"));
        assert!(settled.authorities.is_empty());
        assert_eq!(fixture.policy("a.example"), policy);
    }
    // what was closed because it is known to be gone is not opened by a refusal
    known.keeper.authority(&ca_source("ca"), Material::Absent);
    known.keeper.settle(NOW);
    known.keeper.authority(&ca_source("ca"), refused());
    known.keeper.settle(NOW);
    assert_eq!(known.policy("a.example"), Policy::Nobody);
    // nor kept for the next process, when it had been refused from the beginning
    new.keeper.authority(&ca_source("ca"), Material::Absent);
    assert_eq!(new.keeper.settle(NOW).authorities, [(ca_source("ca"), None)]);
}

#[test]
fn a_client_ca_that_is_refused_in_the_own_namespace_is_known_only_when_one_was_kept() {
    let refused = |is_ours| Material::Refused { reason: "RBAC".to_owned(), is_ours };
    for (is_kept, is_ours, complete) in [(false, true, false), (false, false, true), (true, true, true)] {
        let mut fixture = fixture(&[]);
        fixture.keeper.section(&with_ca(section(&[("web", "a.example")]), "ca", ClientAuth::Require));
        fixture.set("web", &good("a.example"));
        if is_kept {
            fixture.set_ca("ca", &good("ca.example").chain);
        }
        fixture.keeper.authority(&ca_source("ca"), refused(is_ours));
        fixture.keeper.settle(NOW);
        assert_eq!(fixture.keeper.is_complete(), complete, "{is_kept} {is_ours}");
    }
}

#[test]
fn whether_clients_must_show_a_certificate_changes_with_the_section() {
    let (mut fixture, _) = with_clients();
    fixture.keeper.section(&with_ca(section(&[("web", "a.example")]), "ca", ClientAuth::Optional));
    fixture.keeper.settle(NOW);
    let open = fixture.policy("a.example");
    assert!(matches!(open, Policy::Shown { required: false, .. }), "{open:?}");
}

#[test]
fn another_client_ca_leaves_the_old_one_in_force_until_somebody_has_looked() {
    let mut fixture = fixture(&[]);
    fixture.keeper.section(&with_ca(section(&[("web", "a.example")]), "one", ClientAuth::Require));
    fixture.set("web", &good("a.example"));
    fixture.set_ca("one", &good("ca.example").chain);
    let before = fixture.policy("a.example");
    fixture.keeper.section(&with_ca(section(&[("web", "a.example")]), "two", ClientAuth::Require));
    fixture.keeper.settle(NOW);
    assert_eq!(fixture.policy("a.example"), before);
    fixture.keeper.authority(&ca_source("two"), Material::Absent);
    fixture.keeper.settle(NOW);
    assert_eq!(fixture.policy("a.example"), Policy::Nobody);
}
