//! Claims about the watched file. Every wait is for an event: the table that is published next.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::*;
use crate::lifecycle::{Condition, Readiness};
use crate::published::{self, Reader};
use crate::routing::RouteTable;
use crate::telemetry::metrics::Metrics;

/// A test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

struct Fixture {
    dir: tempfile::TempDir,
    path: PathBuf,
    reader: Reader<RouteTable>,
    published: Arc<Notify>,
    ready: Condition,
    applier: Option<Applier>,
}

fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("routes.yaml");
    let (writer, reader) = published::channel(None);
    let published = Arc::new(Notify::new());
    let hook = Arc::clone(&published);
    writer.on_publish(Box::new(move || hook.notify_one()));
    let ready = Readiness::new().condition("routes");
    let applier = Some(Applier::new(writer, Metrics::new(), ready.clone()));
    Fixture { dir, path, reader, published, ready, applier }
}

impl Fixture {
    /// Runs `steps` beside the source.
    async fn beside(&mut self, patience: Patience, steps: impl AsyncFnOnce(&mut Fixture)) {
        let source = run_file(self.path.clone(), self.applier.take().unwrap(), patience);
        tokio::select! {
            ended = source => panic!("the source ended: {ended:?}"),
            () = steps(self) => {}
        }
    }

    /// The next table, as the labels of its routes.
    async fn next(&mut self) -> Vec<String> {
        timeout(PATIENCE, self.published.notified()).await.expect("a table");
        labels(self.reader.load().unwrap())
    }
}

fn labels(table: &RouteTable) -> Vec<String> {
    table.routes().iter().map(|route| route.label.to_string()).collect()
}

fn text(host: &str) -> String {
    format!("routes: [{{host: {host}, backend: 'localhost:80'}}]\n")
}

#[tokio::test]
async fn a_local_file_may_name_certificates_that_are_files() {
    let mut fixture = fixture();
    let tls = "tls: {certificates: [{host: a.test, files: {certificate: tls.crt, key: tls.key}}]}\n";
    fs::write(&fixture.path, text("a.test") + tls).unwrap();
    let steps = async |fixture: &mut Fixture| assert_eq!(fixture.next().await, ["a.test/"]);
    fixture.beside(Patience::UntilFault, steps).await;
}

#[tokio::test]
async fn an_edit_in_place_and_a_file_put_in_its_place_are_both_seen() {
    let mut fixture = fixture();
    fs::write(&fixture.path, text("one.example")).unwrap();
    fixture
        .beside(Patience::UntilFault, async |fixture| {
            assert_eq!(fixture.next().await, ["one.example/"]);
            fs::write(&fixture.path, text("two.example")).unwrap();
            assert_eq!(fixture.next().await, ["two.example/"]);
            let new = fixture.dir.path().join(".routes.yaml.swp");
            fs::write(&new, text("three.example")).unwrap();
            fs::rename(&new, &fixture.path).unwrap();
            assert_eq!(fixture.next().await, ["three.example/"]);
        })
        .await;
}

#[tokio::test]
async fn a_file_that_goes_and_comes_back_never_stops_serving() {
    let mut fixture = fixture();
    fs::write(&fixture.path, text("one.example")).unwrap();
    fixture
        .beside(Patience::UntilFault, async |fixture| {
            fixture.next().await;
            fs::remove_file(&fixture.path).unwrap();
            // the next table is the one of the new file: between the two nothing was published
            fs::write(fixture.dir.path().join("new"), text("two.example")).unwrap();
            fs::rename(fixture.dir.path().join("new"), &fixture.path).unwrap();
            assert_eq!(fixture.next().await, ["two.example/"]);
            assert_eq!(fixture.reader.load().unwrap().generation(), 2);
        })
        .await;
}

#[tokio::test]
async fn a_link_whose_target_changes_elsewhere_is_seen() {
    let mut fixture = fixture();
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("real.yaml");
    fs::write(&target, text("one.example")).unwrap();
    std::os::unix::fs::symlink(&target, &fixture.path).unwrap();
    fixture
        .beside(Patience::UntilFault, async |fixture| {
            fixture.next().await;
            fs::write(&target, text("longer-than-before.example")).unwrap();
            assert_eq!(fixture.next().await, ["longer-than-before.example/"]);
        })
        .await;
}

#[tokio::test]
async fn a_missing_file_is_a_clear_error_outside_a_pod_and_waited_for_inside() {
    let mut outside = fixture();
    let error =
        run_file(outside.path.clone(), outside.applier.take().unwrap(), Patience::UntilFault).await.unwrap_err();
    let text_of = error.to_string();
    assert!(text_of.contains(&outside.path.display().to_string()) && !text_of.contains('\n'), "{text_of}");

    let mut inside = fixture();
    inside
        .beside(Patience::Endless, async |fixture| {
            assert!(!fixture.ready.holds());
            fs::write(&fixture.path, text("one.example")).unwrap();
            assert_eq!(fixture.next().await, ["one.example/"]);
            assert!(fixture.ready.holds());
        })
        .await;
}

#[tokio::test]
async fn a_first_text_that_is_refused_names_its_place_outside_a_pod() {
    let mut fixture = fixture();
    fs::write(&fixture.path, "routes: [").unwrap();
    let error =
        run_file(fixture.path.clone(), fixture.applier.take().unwrap(), Patience::UntilFault).await.unwrap_err();
    assert!(error.to_string().contains("routes.yaml:1:"), "{error}");
}
