//! Claims about which certificate serves: what a Secret becomes, and what each host is served with then.

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use zeroize::Zeroizing;

use super::*;
use crate::certs::Policy;
use crate::config::{CertificateEntry, ClientAuth, ClientCa, HostPattern, SecretName, Severity};
use crate::published::{self, Reader};

/// The middle of 2025, Unix seconds.
const NOW: i64 = 1_750_000_000;
/// 2031 and 2041.
const IN_2031: i64 = 1_930_000_000;
const IN_2041: i64 = 2_250_000_000;

mod client_ca;

struct Fixture {
    keeper: Certificates,
    reader: Reader<Store>,
    metrics: Arc<Metrics>,
    versions: u32,
}

fn fixture(entries: &[(&str, &str)]) -> Fixture {
    let (writer, reader) = published::channel(None);
    let metrics = Metrics::new();
    let mut keeper = Certificates::new(writer, Arc::clone(&metrics), Tickets::new(&[]));
    keeper.section(&section(entries));
    keeper.settle(NOW);
    Fixture { keeper, reader, metrics, versions: 0 }
}

/// Entries of Secret and hosts, the latter with spaces between.
fn section(entries: &[(&str, &str)]) -> Tls {
    let entry = |(secret, hosts): &(&str, &str)| CertificateEntry {
        line: 1,
        hosts: hosts.split(' ').map(pattern).collect(),
        source: source(secret),
        client_ca: None,
    };
    Tls { certificates: entries.iter().map(entry).collect(), ..Tls::default() }
}

fn pattern(host: &str) -> HostPattern {
    match host.strip_prefix("*.") {
        Some(parent) => HostPattern::Wildcard(parent.to_owned()),
        None => HostPattern::Exact(host.to_owned()),
    }
}

fn source(secret: &str) -> CertificateSource {
    CertificateSource::Secret(SecretName { namespace: None, name: secret.to_owned() })
}

fn with_ca(mut tls: Tls, secret: &str, mode: ClientAuth) -> Tls {
    for entry in &mut tls.certificates {
        entry.client_ca = Some(ClientCa { source: ca_source(secret), mode });
    }
    tls
}

fn ca_source(secret: &str) -> ClientCaSource {
    ClientCaSource::Secret(SecretName { namespace: None, name: secret.to_owned() })
}

/// A certificate from the first day of one year to that of another.
fn pem(names: &str, from: i32, to: i32) -> Pem {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(names.split(' ').map(str::to_owned).collect::<Vec<_>>()).unwrap();
    (params.not_before, params.not_after) = (date_time_ymd(from, 1, 1), date_time_ymd(to, 1, 1));
    let chain = params.self_signed(&key).unwrap().pem();
    Pem { chain: Zeroizing::new(chain.into_bytes()), key: Zeroizing::new(key.serialize_pem().into_bytes()) }
}

fn good(names: &str) -> Pem {
    pem(names, 2024, 2030)
}

impl Fixture {
    /// The Secret has this from now on.
    fn set(&mut self, secret: &str, pem: &Pem) -> Settled {
        self.versions += 1;
        let version = self.versions.to_string();
        self.keeper.material(&source(secret), Material::Found { content: pem.clone(), version });
        self.keeper.settle(NOW)
    }

    fn delete(&mut self, secret: &str) -> Settled {
        self.keeper.material(&source(secret), Material::Absent);
        self.keeper.settle(NOW)
    }

    fn set_ca(&mut self, secret: &str, pem: &[u8]) -> Settled {
        self.versions += 1;
        let version = self.versions.to_string();
        self.keeper.authority(&ca_source(secret), Material::Found { content: pem.to_owned(), version });
        self.keeper.settle(NOW)
    }

    /// The published certificates of a host; `None` when nobody knows it.
    fn served(&mut self, name: &str) -> Option<Vec<Arc<Certificate>>> {
        Some(self.reader.load()?.find(name)?.certificates().to_vec())
    }

    fn serves(&mut self, name: &str, pem: &Pem) -> bool {
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let wanted = Certificate::read(&pem.chain, &pem.key, &provider).unwrap();
        self.served(name).unwrap_or_default().iter().any(|one| one.is_same(&wanted))
    }

    fn policy(&mut self, name: &str) -> Policy {
        self.reader.load().unwrap().find(name).unwrap().policy()
    }

    fn metric(&self, name: &str) -> Option<String> {
        let text = self.metrics.encode();
        text.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
    }

    fn errors(&self) -> String {
        self.metric("gatepost_certificate_errors").unwrap()
    }
}

fn broken() -> Vec<(&'static str, Pem, Kind)> {
    let (one, other) = (good("a.example"), good("a.example"));
    let text = |chain: &str, key: &str| Pem {
        chain: Zeroizing::new(chain.as_bytes().to_vec()),
        key: Zeroizing::new(key.as_bytes().to_vec()),
    };
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    vec![
        ("no PEM", text("hello", "hello"), Kind::Broken),
        ("PEM of nothing", Pem { chain: text(garbage, "").chain, key: one.key.clone() }, Kind::Broken),
        ("no key", Pem { chain: one.chain.clone(), key: text("", "").key }, Kind::Broken),
        ("another's key", Pem { chain: one.chain, key: other.key }, Kind::Broken),
        ("expired", pem("a.example", 2020, 2021), Kind::Expired),
        ("not yet valid", pem("a.example", 2029, 2031), Kind::NotYet),
        ("another host's", good("b.example"), Kind::NotCovered),
    ]
}

#[test]
fn a_good_certificate_serves_its_hosts_and_their_expiry_is_a_metric() {
    let mut fixture = fixture(&[("web", "a.example *.b.example")]);
    assert!(!fixture.keeper.is_complete());
    assert_eq!(fixture.served("a.example").unwrap().len(), 0, "known, and nothing is loaded");
    let settled = fixture.set("web", &good("a.example *.b.example"));
    assert!(settled.findings.is_empty() && settled.is_published && settled.taken[0].is_whole);
    assert!(fixture.keeper.is_complete());
    for name in ["a.example", "x.b.example"] {
        assert_eq!(fixture.served(name).unwrap().len(), 1, "{name}");
    }
    // 2030-01-01
    for host in ["a.example", "*.b.example"] {
        let metric = format!("gatepost_certificate_not_after_seconds{{host=\"{host}\"}}");
        assert_eq!(fixture.metric(&metric).as_deref(), Some("1893456000"), "{host}");
    }
    assert_eq!(fixture.errors(), "0");
}

#[test]
fn a_broken_certificate_keeps_the_old_one_and_is_told_once_for_each_version() {
    for (what, bad, kind) in broken() {
        let old = good("a.example");
        let mut fixture = fixture(&[("web", "a.example")]);
        fixture.set("web", &old);
        let settled = fixture.set("web", &bad);
        assert_eq!(settled.findings.iter().map(|finding| finding.kind).collect::<Vec<_>>(), [kind], "{what}");
        let text = settled.findings[0].to_string();
        assert!(text.starts_with("Secret web: ") && text.ends_with("a.example keeps its old certificate"), "{text}");
        assert_eq!(settled.findings[0].severity, Severity::Error);
        assert!(settled.taken.is_empty() && !settled.is_published && fixture.serves("a.example", &old), "{what}");
        assert_eq!(fixture.errors(), "1");
        assert!(fixture.keeper.settle(NOW).findings.is_empty(), "{what}: told twice");
        assert_eq!(fixture.set("web", &bad).findings.len(), 1, "{what}: another version");
        let new = good("a.example");
        assert!(fixture.set("web", &new).findings.is_empty() && fixture.serves("a.example", &new), "{what}");
        assert_eq!(fixture.errors(), "0");
    }
}

#[test]
fn with_no_older_one_only_the_time_is_forgiven_with_a_warning() {
    for (what, bad, kind) in broken() {
        let mut fixture = fixture(&[("web", "a.example")]);
        let settled = fixture.set("web", &bad);
        let is_forgiven = matches!(kind, Kind::Expired | Kind::NotYet);
        assert_eq!(fixture.served("a.example").unwrap().len(), usize::from(is_forgiven), "{what}");
        let severity = if is_forgiven { Severity::Warning } else { Severity::Error };
        assert_eq!((settled.findings.len(), settled.findings[0].severity), (1, severity), "{what}");
        assert_eq!(settled.taken.len(), usize::from(is_forgiven), "{what}");
        assert_eq!(fixture.errors(), "1", "{what}");
        assert!(fixture.keeper.is_complete(), "{what}");
    }
}

#[test]
fn a_deleted_secret_keeps_its_certificate_until_that_expires() {
    let mut fixture = fixture(&[("web", "a.example")]);
    let old = good("a.example");
    fixture.set("web", &old);
    let settled = fixture.delete("web");
    assert_eq!((settled.findings[0].kind, settled.findings[0].severity), (Kind::Absent, Severity::Warning));
    assert!(fixture.serves("a.example", &old));
    assert!(fixture.delete("web").findings.is_empty());
    let due = fixture.keeper.due();
    assert!(due > NOW && due < IN_2031);
    let settled = fixture.keeper.settle(due);
    assert_eq!((settled.findings[0].kind, settled.findings[0].severity), (Kind::Absent, Severity::Error));
    assert_eq!(fixture.served("a.example").unwrap().len(), 0);
    assert_eq!(fixture.metric("gatepost_certificate_not_after_seconds{"), None);
}

#[test]
fn a_certificate_that_expires_with_nothing_newer_serves_on_and_is_told() {
    let mut fixture = fixture(&[("web", "a.example")]);
    let old = good("a.example");
    fixture.set("web", &old);
    let settled = fixture.keeper.settle(IN_2031);
    assert_eq!((settled.findings[0].kind, settled.findings[0].severity), (Kind::Expired, Severity::Warning));
    assert!(fixture.serves("a.example", &old) && !settled.is_published);
}

#[test]
fn a_certificate_whose_time_comes_takes_over_then() {
    let mut fixture = fixture(&[("web", "a.example")]);
    let (old, new) = (good("a.example"), pem("a.example", 2029, 2040));
    fixture.set("web", &old);
    assert_eq!(fixture.set("web", &new).findings[0].kind, Kind::NotYet);
    assert!(fixture.serves("a.example", &old));
    let due = fixture.keeper.due();
    assert!(fixture.keeper.settle(due).is_published && fixture.serves("a.example", &new));
    // and of two that are over the newer one serves
    let over = pem("a.example", 2035, 2040);
    fixture.versions += 1;
    let found = Material::Found { content: over.clone(), version: "over".to_owned() };
    fixture.keeper.material(&source("web"), found);
    fixture.keeper.settle(IN_2041);
    assert!(fixture.serves("a.example", &over));
}

#[test]
fn each_host_of_a_secret_is_judged_by_itself_and_hosts_with_the_same_fault_are_told_together() {
    let mut fixture = fixture(&[("web", "a.example b.example c.example")]);
    let (old, new) = (good("a.example b.example c.example"), good("a.example"));
    fixture.set("web", &old);
    let settled = fixture.set("web", &new);
    assert!(fixture.serves("a.example", &new) && fixture.serves("b.example", &old));
    assert!(!settled.taken[0].is_whole);
    let (hosts, texts) = ("b.example, c.example", settled.findings.iter().map(Finding::to_string).collect::<Vec<_>>());
    let told =
        format!("Secret web: it does not cover {hosts} (its names: a.example); {hosts} keeps its old certificate");
    assert_eq!(texts, [told]);
    let settled = fixture.set("web", &pem("a.example b.example c.example", 2020, 2021));
    let text = settled.findings[0].to_string();
    assert!(settled.findings.len() == 1 && text.contains("; a.example, b.example, c.example keeps"), "{text}");
    assert_eq!(fixture.errors(), "1", "one entry");
}

#[test]
fn several_entries_of_a_host_are_joined_and_one_that_breaks_keeps_its_part() {
    let mut fixture = fixture(&[("one", "a.example"), ("two", "a.example b.example")]);
    let (one, two) = (good("a.example"), good("a.example b.example"));
    fixture.set("one", &one);
    fixture.set("two", &two);
    assert_eq!(fixture.served("a.example").unwrap().len(), 2);
    fixture.set("one", &broken()[0].1);
    assert!(fixture.serves("a.example", &one) && fixture.serves("a.example", &two));
    let new = good("a.example b.example");
    fixture.set("two", &new);
    assert!(
        fixture.serves("a.example", &one) && fixture.serves("a.example", &new) && fixture.serves("b.example", &new)
    );
}

#[test]
fn a_change_makes_only_the_hosts_that_name_it_and_a_rewrite_none() {
    let mut fixture = fixture(&[("one", "a.example"), ("two", "b.example")]);
    let one = good("a.example");
    fixture.set("one", &one);
    fixture.set("two", &good("b.example"));
    let before = Arc::clone(fixture.reader.load().unwrap());
    assert!(!fixture.set("one", &one).is_published, "the same content in another version");
    assert!(!fixture.keeper.settle(NOW).is_published);
    fixture.set("one", &good("a.example"));
    let after = Arc::clone(fixture.reader.load().unwrap());
    let same = |name| Arc::ptr_eq(before.find(name).unwrap(), after.find(name).unwrap());
    assert!(!same("a.example") && same("b.example"));
}

#[test]
fn a_host_that_moves_to_another_secret_keeps_its_certificate_until_that_is_there() {
    let mut fixture = fixture(&[("one", "a.example b.example")]);
    let old = good("a.example b.example");
    fixture.set("one", &old);
    fixture.keeper.section(&section(&[("two", "a.example")]));
    let settled = fixture.keeper.settle(NOW);
    assert!(settled.findings.is_empty() && fixture.serves("a.example", &old) && !fixture.keeper.is_complete());
    assert!(fixture.served("b.example").is_none(), "it is not named any more");
    assert_eq!(fixture.metric("gatepost_certificate_not_after_seconds{host=\"b.example\"}"), None);
    fixture.delete("two");
    assert!(fixture.serves("a.example", &old));
    let new = good("a.example");
    fixture.set("two", &new);
    assert!(fixture.serves("a.example", &new) && fixture.served("a.example").unwrap().len() == 1);
}

#[test]
fn the_default_follows_its_host_and_the_oldest_version_remakes_every_host() {
    let mut fixture = fixture(&[("web", "a.example")]);
    fixture.set("web", &good("a.example"));
    assert!(fixture.reader.load().unwrap().default_host().is_none());
    let tls = Tls { default: Some("a.example".to_owned()), ..section(&[("web", "a.example")]) };
    fixture.keeper.section(&tls);
    assert!(fixture.keeper.settle(NOW).is_published);
    fixture.set("web", &good("a.example"));
    let store = Arc::clone(fixture.reader.load().unwrap());
    assert!(Arc::ptr_eq(store.default_host().unwrap(), store.find("a.example").unwrap()));
    fixture.keeper.section(&Tls { min_version: TlsVersion::V13, ..tls.clone() });
    assert!(fixture.keeper.settle(NOW).is_published);
    let remade = Arc::clone(fixture.reader.load().unwrap());
    assert!(!Arc::ptr_eq(store.find("a.example").unwrap(), remade.find("a.example").unwrap()));
    fixture.keeper.section(&Tls { default: None, ..tls });
    fixture.keeper.settle(NOW);
    assert!(fixture.reader.load().unwrap().default_host().is_none());
}

#[test]
fn what_is_known_of_other_nodes_survives_every_change() {
    let mut fixture = fixture(&[("web", "a.example")]);
    fixture.set("web", &good("a.example"));
    assert!(fixture.reader.load().unwrap().is_everywhere("a.example"));
    fixture.keeper.everywhere(Some(Arc::default()));
    assert!(fixture.keeper.settle(NOW).is_published);
    assert!(!fixture.reader.load().unwrap().is_everywhere("a.example"));
    fixture.set("web", &good("a.example"));
    assert!(!fixture.reader.load().unwrap().is_everywhere("a.example"));
    fixture.keeper.everywhere(None);
    fixture.keeper.settle(NOW);
    assert!(fixture.reader.load().unwrap().is_everywhere("a.example"));
}

#[test]
fn nothing_that_is_told_or_shown_has_a_key_in_it() {
    let mut fixture = fixture(&[("web", "a.example")]);
    let own = good("a.example");
    let key = String::from_utf8(own.key.to_vec()).unwrap();
    let line = key.lines().nth(1).unwrap();
    let mixed = Pem { chain: own.key.clone(), key: own.key.clone() };
    let settled = fixture.set("web", &mixed);
    for text in [format!("{settled:?}"), format!("{mixed:?}"), settled.findings[0].to_string()] {
        assert!(!text.contains(line), "{text}");
    }
}

#[test]
fn a_refusal_in_the_own_namespace_makes_nobody_ready_who_has_nothing_to_serve_and_one_elsewhere_holds_up_nothing() {
    let refused = |is_ours| Material::Refused { reason: "RBAC".to_owned(), is_ours };
    for (before, material, complete) in [
        (None, Material::Hidden, false),
        (None, refused(true), false),
        (None, refused(false), true),
        (None, Material::Absent, true),
        (Some(good("a.example")), Material::Hidden, true),
    ] {
        let mut fixture = fixture(&[("web", "a.example b.example")]);
        assert!(!fixture.keeper.is_complete());
        let what = format!("{} then {material:?}", before.is_some());
        before.iter().for_each(|kept| drop(fixture.set("web", kept)));
        fixture.keeper.material(&source("web"), material);
        fixture.keeper.settle(NOW);
        assert_eq!(fixture.keeper.is_complete(), complete, "{what}");
    }
}

#[test]
fn a_clock_that_was_set_back_has_every_host_judged_anew() {
    let mut fixture = fixture(&[("web", "a.example")]);
    fixture.set("web", &pem("a.example", 2024, 2030));
    fixture.set("web", &pem("a.example", 2024, 2040));
    let in_2021 = NOW - 4 * 365 * 86_400;
    let settled = fixture.keeper.settle(in_2021);
    assert_eq!(settled.findings.iter().map(|finding| finding.kind).collect::<Vec<_>>(), [Kind::NotYet]);
    assert!(fixture.keeper.due() > in_2021 && fixture.keeper.due() < NOW, "its time will come again");
    fixture.keeper.settle(NOW);
    assert_eq!(fixture.errors(), "0");
}
