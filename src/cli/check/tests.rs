//! What the report of `check` claims.

use super::*;

const GOOD: &str = "routes:\n  - host: www.example.com\n    backend: web:8080\n";
const BAD: &str =
    "routes:\n  - host: www.example.com\n    bakend: web:8080\n  - host: b.example.com\n    backend: web:8080\n";

fn report(text: &str) -> Report {
    Report { file: "r.yaml".to_owned(), result: Ok(check(text, "r.yaml", Path::new(""), 0)) }
}

#[test]
fn a_good_file_is_one_line() {
    let report = report(GOOD);
    assert!(report.is_good());
    assert_eq!(human(&[report], false), "r.yaml: 1 route, all is well; 0.1 % of a ConfigMap's 1 MiB\n");
}

#[test]
fn an_error_is_shown_with_its_place_and_its_line() {
    let report = report(BAD);
    assert!(!report.is_good());
    let text = human(&[report], false);
    for part in ["r.yaml:3:", "bakend: web:8080", "^", "backend", "r.yaml: 2 routes, "] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    assert!(!text.contains('\u{1b}'), "{text}");
}

#[test]
fn colours_are_there_when_asked_for() {
    assert!(human(&[report(BAD)], true).contains('\u{1b}'));
}

#[test]
fn programs_get_the_same() {
    let value: serde_json::Value = serde_json::from_str(&machine(&[report(GOOD), report(BAD)])).unwrap();
    assert_eq!(value["ok"], false);
    assert_eq!((&value["files"][0]["ok"], &value["files"][0]["routes"]), (&json!(true), &json!(1)));
    let problems = value["files"][1]["problems"].as_array().unwrap();
    let is_it = |problem: &serde_json::Value| problem["line"] == 3 && problem["severity"] == "error";
    assert!(problems.iter().any(is_it), "{value:#}");
}

#[test]
fn what_cannot_be_read_is_wrong() {
    let report = read(Path::new("/nowhere/routes.yaml"), 0);
    assert!(!report.is_good());
    assert!(human(&[report], false).starts_with("/nowhere/routes.yaml: cannot be read: "));
}

#[test]
fn the_share_is_rounded_up_and_told_when_it_matters() {
    assert_eq!(share(0), "0.0 % of a ConfigMap's 1 MiB");
    assert_eq!(share(1), "0.1 % of a ConfigMap's 1 MiB");
    assert_eq!(share(CONFIG_MAP_BYTES), "100.0 % of a ConfigMap's 1 MiB (apply with `kubectl apply --server-side`)");
    assert_eq!(share(CONFIG_MAP_BYTES + 1), "100.1 % of a ConfigMap's 1 MiB (too much: Kubernetes will refuse it)");
}

#[test]
fn the_examples_have_nothing_to_be_told() {
    for (name, text) in [
        ("full.yaml", include_str!("../../../config/full.yaml")),
        ("minimal.yaml", include_str!("../../../config/minimal.yaml")),
        ("demo.yaml", include_str!("../../../config/demo.yaml")),
    ] {
        assert_eq!(check(text, name, Path::new("/nowhere"), 0).problems, [], "{name}");
    }
}
