//! Claims about certificates in files. Every wait is for an event: the store that is published next.

use std::fs;
use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use super::super::{Certificates, Place, Section, run_certificates};
use super::*;
use crate::certs::{Policy, Store, Tickets};
use crate::config::{CertificateEntry, ClientAuth, ClientCa, HostPattern};
use crate::lifecycle::{Condition, Readiness};
use crate::published::{self, Reader};
use crate::telemetry::metrics::Metrics;

/// A test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

struct Fixture {
    dir: tempfile::TempDir,
    reader: Reader<Store>,
    published: Arc<Notify>,
    ready: Condition,
    metrics: Arc<Metrics>,
    sections: watch::Sender<Option<Section>>,
    keeper: Option<Certificates>,
}

fn fixture() -> Fixture {
    let (writer, reader) = published::channel(None);
    let (published, metrics) = (Arc::new(Notify::new()), Metrics::new());
    let hook = Arc::clone(&published);
    writer.on_publish(Box::new(move || hook.notify_one()));
    let keeper = Some(Certificates::new(writer, Arc::clone(&metrics), Tickets::new(&[])));
    let ready = Readiness::new().condition("certificates");
    let sections = watch::Sender::new(None);
    Fixture { dir: tempfile::tempdir().unwrap(), reader, published, ready, metrics, sections, keeper }
}

impl Fixture {
    /// Runs `steps` beside the task.
    async fn beside(&mut self, steps: impl AsyncFnOnce(&mut Fixture)) {
        let (keeper, sections) = (self.keeper.take().unwrap(), self.sections.subscribe());
        let place = Place::Files(self.dir.path().to_owned());
        let task = run_certificates(keeper, sections, self.ready.clone(), place);
        tokio::select! {
            () = task => panic!("the task ended"),
            () = steps(self) => {}
        }
    }

    /// Writes a file as `mv` would put it there.
    fn write(&self, name: &str, text: &str) {
        let new = self.dir.path().join("new");
        fs::write(&new, text).unwrap();
        fs::rename(&new, self.dir.path().join(name)).unwrap();
    }

    /// Waits until the host is served with this chain.
    async fn serves(&mut self, chain: &str) {
        let wanted = rustls_pem(chain);
        let found = async {
            loop {
                let host = self.reader.load().and_then(|store| store.find("a.example"));
                if host.is_some_and(|host| host.certificates().iter().any(|one| format!("{one:?}") == wanted)) {
                    return;
                }
                self.published.notified().await;
            }
        };
        timeout(PATIENCE, found).await.expect("the certificate");
    }

    fn errors(&self) -> u64 {
        let text = self.metrics.encode();
        let value = text.lines().find_map(|line| line.strip_prefix("gatepost_certificate_errors "));
        value.unwrap().parse().unwrap()
    }
}

/// What tells one test certificate from another.
fn rustls_pem(pair: &str) -> String {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    format!("{:?}", Certificate::read(pair.as_bytes(), pair.as_bytes(), &provider).unwrap())
}

/// Chain and key in one text; `extra` is one more name, by which it is known.
fn pem(extra: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["a.example".to_owned(), extra.to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

fn whole(tls: Tls) -> Section {
    Section { tls: Arc::new(tls), is_whole: true }
}

fn section() -> Tls {
    let source = CertificateSource::Files { certificate: "a.crt".into(), key: "a.key".into() };
    let hosts = vec![HostPattern::Exact("a.example".to_owned())];
    Tls { certificates: vec![CertificateEntry { line: 1, hosts, source, client_ca: None }], ..Tls::default() }
}

#[tokio::test]
async fn a_certificate_is_loaded_and_each_way_of_renewing_it_is_seen() {
    let mut fixture = fixture();
    fixture
        .beside(async |fixture| {
            let (first, second, third) = (pem("one.example"), pem("two.example"), pem("three.example"));
            fixture.write("a.crt", &first.0);
            fixture.write("a.key", &first.1);
            fixture.sections.send_replace(Some(whole(section())));
            fixture.serves(&format!("{}{}", first.0, first.1)).await;
            assert!(fixture.ready.holds());
            // one after the other, by rename: between the two nothing fits, and nothing is told
            fixture.write("a.crt", &second.0);
            fixture.write("a.key", &second.1);
            fixture.serves(&format!("{}{}", second.0, second.1)).await;
            assert_eq!(fixture.errors(), 0);
            // in place
            fs::write(fixture.dir.path().join("a.key"), &third.1).unwrap();
            fs::write(fixture.dir.path().join("a.crt"), &third.0).unwrap();
            fixture.serves(&format!("{}{}", third.0, third.1)).await;
        })
        .await;
}

#[tokio::test]
async fn a_key_that_does_not_fit_for_longer_is_told_and_the_old_certificate_serves_on() {
    let mut fixture = fixture();
    fixture
        .beside(async |fixture| {
            let (first, second) = (pem("one.example"), pem("two.example"));
            fixture.write("a.crt", &first.0);
            fixture.write("a.key", &first.1);
            fixture.sections.send_replace(Some(whole(section())));
            fixture.serves(&format!("{}{}", first.0, first.1)).await;
            fixture.write("a.crt", &second.0);
            let told = async {
                while fixture.errors() == 0 {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            };
            timeout(PATIENCE, told).await.expect("it is told");
            fixture.serves(&format!("{}{}", first.0, first.1)).await;
            fixture.write("a.key", &second.1);
            fixture.serves(&format!("{}{}", second.0, second.1)).await;
            assert_eq!(fixture.errors(), 0);
        })
        .await;
}

#[tokio::test]
async fn what_is_not_there_is_known_to_be_absent_and_a_secret_has_no_place_here() {
    let mut fixture = fixture();
    fixture
        .beside(async |fixture| {
            let mut tls = section();
            let secret = crate::config::SecretName { namespace: None, name: "web".to_owned() };
            let mut other = tls.certificates[0].clone();
            other.source = CertificateSource::Secret(secret);
            tls.certificates.push(other);
            assert!(!fixture.ready.holds());
            fixture.sections.send_replace(Some(whole(tls)));
            timeout(PATIENCE, fixture.published.notified()).await.unwrap();
            let told = async {
                while !fixture.ready.holds() {
                    tokio::task::yield_now().await;
                }
            };
            timeout(PATIENCE, told).await.expect("ready");
            assert_eq!(fixture.errors(), 2);
        })
        .await;
}

#[tokio::test]
async fn a_client_ca_is_a_file_too() {
    let mut fixture = fixture();
    fixture
        .beside(async |fixture| {
            let own = pem("one.example");
            fixture.write("a.crt", &own.0);
            fixture.write("a.key", &own.1);
            fixture.write("ca.crt", &pem("ca.example").0);
            let mut tls = section();
            let source = ClientCaSource::File("ca.crt".into());
            tls.certificates[0].client_ca = Some(ClientCa { source, mode: ClientAuth::Require });
            fixture.sections.send_replace(Some(whole(tls)));
            fixture.serves(&format!("{}{}", own.0, own.1)).await;
            let policy = fixture.reader.load().unwrap().find("a.example").unwrap().policy();
            assert!(matches!(policy, Policy::Shown { required: true, .. }), "{policy:?}");
        })
        .await;
}

#[tokio::test]
async fn a_device_in_place_of_a_file_holds_up_nothing_and_is_told() {
    let mut fixture = fixture();
    fixture
        .beside(async |fixture| {
            std::os::unix::fs::symlink("/dev/zero", fixture.dir.path().join("a.crt")).unwrap();
            fixture.sections.send_replace(Some(whole(section())));
            let told = async {
                while !fixture.ready.holds() {
                    tokio::task::yield_now().await;
                }
            };
            timeout(PATIENCE, told).await.expect("ready");
            assert_eq!(fixture.errors(), 1);
        })
        .await;
}
