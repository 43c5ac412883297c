//! Claims about whom a host lets in when its client CA changes, breaks or is gone.

use super::*;

#[test]
fn a_client_ca_that_never_was_good_lets_nobody_in_and_a_broken_edit_changes_nothing() {
    let mut fixture = fixture(&[]);
    let tls = with_ca(section(&[("web", "a.example")]), "ca", ClientAuth::Require);
    fixture.keeper.section(&tls);
    fixture.set("web", &good("a.example"));
    assert_eq!(fixture.policy("a.example"), Policy::Nobody, "nobody has looked for it yet");
    fixture.keeper.authority(&ca_source("ca"), Material::Absent);
    let settled = fixture.keeper.settle(NOW);
    let text = settled.findings[0].to_string();
    assert_eq!(text, "client CA Secret ca: there is none; a.example lets nobody in");
    assert_eq!((fixture.policy("a.example"), fixture.errors()), (Policy::Nobody, "1".to_owned()));

    let ca = good("ca.example").chain;
    let settled = fixture.set_ca("ca", &ca);
    assert_eq!(settled.authorities, [(ca_source("ca"), ca.to_vec())]);
    let closed = fixture.policy("a.example");
    assert!(matches!(closed, Policy::Shown { required: true, .. }), "{closed:?}");
    for wrong in [b"hello".as_slice(), b""] {
        let settled = fixture.set_ca("ca", wrong);
        assert!(settled.findings[0].to_string().ends_with("a.example keeps the old client CA"));
        assert_eq!((fixture.policy("a.example"), settled.is_published), (closed, false));
    }
    fixture.keeper.authority(&ca_source("ca"), Material::Absent);
    fixture.keeper.settle(NOW);
    assert_eq!(fixture.policy("a.example"), closed);

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
