//! Claims about the pipeline, with real texts and a real table behind it.

use super::*;
use crate::config::{Action, HostPattern};
use crate::control::Reason;
use crate::lifecycle::Readiness;
use crate::published::{self, Reader};
use crate::routing::RouteTable;

const GOOD: &str = "routes:\n- {host: a.example, backend: 'a:80'}\n- {host: b.example, backend: 'b:80'}\n";
const PARTLY: &str = "routes:\n- {host: a.example, backend: 'a:0'}\n- {host: b.example, backend: 'b2:80'}\n- {host: c.example, bakend: 'c:80'}\n";

struct Fixture {
    applier: Applier,
    reader: Reader<RouteTable>,
    readiness: Readiness,
    metrics: Arc<Metrics>,
}

fn fixture() -> Fixture {
    let (writer, reader) = published::channel(None);
    let (readiness, metrics) = (Readiness::new(), Metrics::new());
    let applier = Applier::new(writer, Arc::clone(&metrics), readiness.condition("routes"));
    Fixture { applier, reader, readiness, metrics }
}

impl Fixture {
    fn apply(&mut self, text: &str) -> Outcome {
        self.applier.apply(text, "routes.yaml")
    }

    /// Host and backend of every route that serves; `!` is a tombstone.
    fn serves(&mut self) -> Vec<String> {
        let table = Arc::clone(self.reader.load().expect("a table"));
        let line = |route: &Arc<crate::routing::Route>| {
            let HostPattern::Exact(host) = &route.host else { panic!("{:?}", route.host) };
            match &route.rule.action {
                Action::Forward(to) => format!("{host} {}", to[0].to),
                Action::Broken => format!("{host} !"),
                other => format!("{host} {other:?}"),
            }
        };
        table.routes().iter().map(line).collect()
    }
}

#[test]
fn a_good_text_is_live_and_makes_the_process_ready() {
    let mut fixture = fixture();
    assert!(fixture.reader.load().is_none() && !fixture.readiness.is_ready());
    let outcome = fixture.apply(GOOD);
    assert_eq!((outcome.verdict, outcome.generation, outcome.routes), (Verdict::Applied, 1, 2));
    assert_eq!(outcome.reason(), Some(Reason::Applied));
    assert_eq!(fixture.serves(), ["a.example a:80", "b.example b:80"]);
    assert!(fixture.readiness.is_ready());
}

#[test]
fn the_same_text_makes_no_new_generation_and_is_told_once() {
    let mut fixture = fixture();
    fixture.apply(GOOD);
    let before = Arc::clone(fixture.reader.load().unwrap());
    let outcome = fixture.apply(GOOD);
    assert_eq!((outcome.verdict, outcome.generation, outcome.reason()), (Verdict::Unchanged, 1, None));
    assert!(Arc::ptr_eq(&before, fixture.reader.load().unwrap()));

    assert_eq!(fixture.apply(PARTLY).reason(), Some(Reason::PartlyApplied));
    assert_eq!(fixture.apply(PARTLY).reason(), None);
    assert_eq!(fixture.apply("routes: [").reason(), Some(Reason::Rejected));
    assert_eq!(fixture.apply("routes: [").reason(), None);
}

#[test]
fn a_bad_route_keeps_its_last_good_version_a_new_one_is_a_tombstone_and_the_rest_is_live() {
    let mut fixture = fixture();
    fixture.apply(GOOD);
    let outcome = fixture.apply(PARTLY);
    assert_eq!((outcome.verdict, outcome.generation), (Verdict::Partly, 2));
    assert_eq!(fixture.serves(), ["a.example a:80", "b.example b2:80", "c.example !"]);
    let summary = outcome.summary();
    assert!(summary.contains("routes.yaml:2:") && summary.contains("routes.yaml:4:"), "{summary}");
    let text = fixture.metrics.encode();
    assert!(text.contains("gatepost_config_ok 0") && text.contains("gatepost_config_route_errors 2"), "{text}");
}

#[test]
fn a_text_that_is_no_yaml_changes_nothing() {
    let mut fixture = fixture();
    fixture.apply(GOOD);
    let before = Arc::clone(fixture.reader.load().unwrap());
    let outcome = fixture.apply("routes: [{host: a.example");
    assert_eq!((outcome.verdict, outcome.generation), (Verdict::Refused, 1));
    assert!(outcome.summary().contains("routes.yaml:1:"), "{}", outcome.summary());
    assert!(Arc::ptr_eq(&before, fixture.reader.load().unwrap()));
    let text = fixture.metrics.encode();
    assert!(text.contains("gatepost_config_ok 0") && text.contains("gatepost_config_generation 1"), "{text}");
    assert_eq!(fixture.apply(GOOD).verdict, Verdict::Applied);
    assert!(fixture.metrics.encode().contains("gatepost_config_ok 1"));
}

#[test]
fn a_bad_first_text_leaves_the_process_not_ready() {
    let mut fixture = fixture();
    assert_eq!(fixture.apply("][").verdict, Verdict::Refused);
    assert!(fixture.reader.load().is_none() && !fixture.readiness.is_ready() && !fixture.applier.has_table());
}

#[test]
fn a_backend_on_the_node_is_refused_unless_it_is_allowed() {
    let local = "routes:\n- {host: a.example, backend: 'localhost:80'}\n- {host: b.example, backend: 'b:80'}\n";
    let mut strict = fixture();
    assert_eq!(strict.apply(local).verdict, Verdict::Partly);
    assert_eq!(strict.serves(), ["a.example !", "b.example b:80"]);

    let mut lax = fixture();
    lax.applier = lax.applier.allow_local_backends(true);
    assert_eq!(lax.apply(local).verdict, Verdict::Applied);
    assert_eq!(lax.serves(), ["a.example localhost:80", "b.example b:80"]);
}

#[test]
fn a_config_map_makes_gatepost_read_no_file_even_where_it_may_go_to_the_node() {
    let files =
        format!("{GOOD}tls: {{certificates: [{{host: a.example, files: {{certificate: tls.crt, key: tls.key}}}}]}}\n");
    let mut fixture = fixture();
    fixture.applier = fixture.applier.allow_local_backends(true);
    let outcome = fixture.apply(&files);
    assert_eq!(outcome.verdict, Verdict::Refused);
    assert!(
        outcome.summary().contains("a ConfigMap cannot make gatepost read files of its node"),
        "{}",
        outcome.summary()
    );
    // with a last good version the routes go live and the section stays
    fixture.apply(GOOD);
    assert_eq!(fixture.apply(&files).verdict, Verdict::Partly);
    assert!(fixture.applier.config().is_some_and(|config| config.tls.certificates.is_empty()));

    fixture.applier = fixture.applier.allow_files(true);
    let relaxed = format!("# again\n{files}");
    assert_eq!(fixture.apply(&relaxed).verdict, Verdict::Applied);
    let source = &fixture.applier.config().unwrap().tls.certificates[0].source;
    assert_eq!(source.to_string(), "files tls.crt and tls.key");
}

#[test]
fn routes_that_are_gone_keep_serving_and_that_is_told_once() {
    let mut fixture = fixture();
    fixture.apply(GOOD);
    let outcome = fixture.applier.absent("ConfigMap edge/gatepost");
    assert_eq!((outcome.verdict, outcome.reason()), (Verdict::Refused, Some(Reason::Rejected)));
    assert!(outcome.summary().contains("ConfigMap edge/gatepost: is gone"), "{}", outcome.summary());
    assert_eq!(fixture.applier.absent("ConfigMap edge/gatepost").reason(), None);
    assert_eq!(fixture.serves(), ["a.example a:80", "b.example b:80"]);
    assert!(fixture.metrics.encode().contains("gatepost_config_ok 0"));
    // back as it was: no new generation
    let outcome = fixture.apply(GOOD);
    assert_eq!((outcome.verdict, outcome.generation), (Verdict::Unchanged, 1));
    assert!(fixture.metrics.encode().contains("gatepost_config_ok 1"));
    // and gone again is told again
    assert_eq!(fixture.applier.absent("ConfigMap edge/gatepost").reason(), Some(Reason::Rejected));
}

#[test]
fn routes_that_never_were_are_an_empty_table_and_ready() {
    let mut fixture = fixture();
    let outcome = fixture.applier.absent("ConfigMap edge/gatepost");
    assert_eq!((outcome.generation, outcome.routes), (1, 0));
    assert!(fixture.readiness.is_ready() && fixture.serves().is_empty());
    assert_eq!(fixture.apply(GOOD).generation, 2);
}

#[test]
fn a_tls_section_is_told_as_whole_only_when_somebody_has_written_it_so() {
    let mut fixture = fixture();
    let sections = fixture.applier.sections();
    let is_whole = || sections.borrow().as_ref().map(|section| section.is_whole);
    assert_eq!(is_whole(), None);
    fixture.applier.absent("ConfigMap edge/gatepost");
    assert_eq!(is_whole(), Some(false));
    fixture.apply(PARTLY);
    assert_eq!(is_whole(), Some(false));
    fixture.apply(GOOD);
    assert_eq!(is_whole(), Some(true));
    fixture.applier.absent("ConfigMap edge/gatepost");
    assert_eq!(is_whole(), Some(true), "nothing has changed");
}

#[test]
fn what_cannot_be_looked_at_changes_nothing_and_is_told_once() {
    let mut fixture = fixture();
    fixture.apply(GOOD);
    let outcome = fixture.applier.unusable("ConfigMap edge/gatepost", "the key routes.yaml is missing");
    assert_eq!((outcome.verdict, outcome.generation), (Verdict::Refused, 1));
    let again = fixture.applier.unusable("ConfigMap edge/gatepost", "the key routes.yaml is missing");
    assert_eq!(again.reason(), None);
    assert_eq!(fixture.serves().len(), 2);
}

#[test]
fn a_restarted_process_serves_what_the_last_one_kept_with_its_last_good_versions() {
    let dir = tempfile::tempdir().unwrap();
    let mut before = fixture();
    before.applier = before.applier.keep_in(StateDir::open(dir.path()).unwrap());
    assert_eq!(before.applier.restore("ConfigMap edge/gatepost", "routes.yaml"), None);
    before.apply(GOOD);
    before.apply(PARTLY);
    before.apply("routes: [");
    let served = before.serves();
    drop(before);

    let mut after = fixture();
    after.applier = after.applier.keep_in(StateDir::open(dir.path()).unwrap());
    let outcome = after.applier.restore("ConfigMap edge/gatepost", "routes.yaml").unwrap();
    assert_eq!((outcome.verdict, outcome.generation), (Verdict::Partly, 2));
    assert_eq!(after.serves(), served);
    assert!(after.readiness.is_ready());
    let told = |fixture: &Fixture, is_kept: u8| {
        let line = format!("gatepost_config_last_known_good {is_kept}");
        fixture.metrics.encode().lines().any(|found| found == line)
    };
    assert!(told(&after, 1));
    // the API server has the same: the generation stays
    assert_eq!(after.apply(PARTLY).verdict, Verdict::Unchanged);
    assert_eq!(after.applier.generation(), 2);
    assert!(told(&after, 0));
}

#[test]
fn what_was_kept_of_another_config_map_or_is_damaged_is_not_served() {
    let dir = tempfile::tempdir().unwrap();
    let mut before = fixture();
    before.applier = before.applier.keep_in(StateDir::open(dir.path()).unwrap());
    before.applier.restore("ConfigMap edge/gatepost", "routes.yaml");
    before.apply(GOOD);
    drop(before);

    let mut other = fixture();
    other.applier = other.applier.keep_in(StateDir::open(dir.path()).unwrap());
    assert_eq!(other.applier.restore("ConfigMap edge/other", "routes.yaml"), None);
    assert!(!other.readiness.is_ready());
    drop(other);

    std::fs::write(dir.path().join("routes.json"), "{").unwrap();
    let mut damaged = fixture();
    damaged.applier = damaged.applier.keep_in(StateDir::open(dir.path()).unwrap());
    assert_eq!(damaged.applier.restore("ConfigMap edge/gatepost", "routes.yaml"), None);
    assert_eq!(damaged.apply(GOOD).generation, 1);
}

/// Hosts of what is told to whoever keeps names, and whether somebody wrote just that; `None` before the source was heard.
fn wish(applier: &Applier) -> Option<(usize, bool)> {
    applier.wishes().borrow().as_ref().map(|wish| (wish.config.routes.len(), wish.is_whole))
}

#[test]
fn names_are_kept_by_what_the_source_says_and_a_text_that_is_partly_bad_or_gone_is_not_taken_for_whole() {
    let mut fixture = fixture();
    assert_eq!(wish(&fixture.applier), None);
    fixture.apply(GOOD);
    assert_eq!(wish(&fixture.applier), Some((2, true)));
    fixture.apply(PARTLY);
    assert_eq!(wish(&fixture.applier), Some((3, false)));
    fixture.apply(GOOD);
    fixture.apply("routes: [");
    assert_eq!(wish(&fixture.applier), Some((2, false)));
    fixture.apply(GOOD);
    assert_eq!(wish(&fixture.applier), Some((2, true)));
    fixture.applier.gone("ConfigMap edge/gatepost");
    assert_eq!(wish(&fixture.applier), Some((2, false)));
    fixture.apply(GOOD);
    assert_eq!(wish(&fixture.applier), Some((2, true)));
    fixture.applier.unusable("ConfigMap edge/gatepost", "the key is missing");
    assert_eq!(wish(&fixture.applier), Some((2, false)));
}

#[test]
fn what_an_earlier_process_kept_is_no_word_of_the_source() {
    let dir = tempfile::tempdir().unwrap();
    let kept = || {
        let Fixture { applier, .. } = fixture();
        applier.keep_in(StateDir::open(dir.path()).unwrap())
    };
    let mut earlier = kept();
    earlier.restore("here", "routes.yaml");
    earlier.apply(GOOD, "routes.yaml");
    drop(earlier);
    let mut later = kept();
    later.restore("here", "routes.yaml");
    assert!(later.has_table());
    assert_eq!(wish(&later), None);
    later.apply(GOOD, "routes.yaml");
    assert_eq!(wish(&later), Some((2, true)));
}
