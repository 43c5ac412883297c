//! What an edit of the ConfigMap does, good or bad.

use std::process::Command;

use crate::app::App;
use crate::process::Gatepost;
use crate::testbed::{Namespace, shared};

/// Routes of one host each.
fn routes(of: &[(&str, &App)]) -> String {
    let lines = of.iter().map(|(host, app)| format!("- {{host: {host}, backend: '{}'}}\n", app.backend()));
    format!("routes:\n{}", lines.collect::<String>())
}

/// Status and body of one request.
fn ask(gatepost: &Gatepost, host: &str) -> (u16, String) {
    let answer = gatepost.client().get(host, "/x").unwrap();
    (answer.status, answer.text())
}

#[tokio::test]
async fn the_first_table_and_an_edit_of_it_are_live() {
    let _shared = shared();
    let namespace = Namespace::new("edit").await;
    let (one, two) = (App::start("one"), App::start("two"));
    namespace.write(&routes(&[("www.example.com", &one)])).await;
    let gatepost = Gatepost::start(&namespace);
    gatepost.applied(1);
    gatepost.ready();
    assert_eq!(ask(&gatepost, "www.example.com"), (200, "one /x".to_owned()));
    assert_eq!(ask(&gatepost, "new.example.com").0, 404);

    namespace.write(&routes(&[("www.example.com", &two), ("new.example.com", &one)])).await;
    gatepost.applied(2);
    assert_eq!(ask(&gatepost, "www.example.com"), (200, "two /x".to_owned()));
    assert_eq!(ask(&gatepost, "new.example.com"), (200, "one /x".to_owned()));
    assert!(gatepost.metrics().contains("gatepost_config_generation 2"));
}

#[tokio::test]
async fn a_bad_route_keeps_its_last_version_a_new_one_is_a_tombstone_and_the_others_go_live() {
    let _shared = shared();
    let namespace = Namespace::new("partly").await;
    let (one, two) = (App::start("one"), App::start("two"));
    namespace.write(&routes(&[("a.example.com", &one), ("b.example.com", &one)])).await;
    let gatepost = Gatepost::start(&namespace);
    gatepost.applied(1);

    let bad = format!(
        "routes:\n- {{host: a.example.com, backend: 'no-port'}}\n- {{host: b.example.com, backend: '{two}'}}\n- {{host: c.example.com, backed: '{two}'}}\n- {{host: '*', backend: '{two}'}}\n",
        two = two.backend()
    );
    namespace.write(&bad).await;
    let line = gatepost.told("Routes partly applied", 2);
    let problems = line["problems"].as_str().unwrap();
    assert!(problems.contains("routes.yaml:2:") && problems.contains("routes.yaml:4:"), "{problems}");
    assert_eq!(ask(&gatepost, "a.example.com"), (200, "one /x".to_owned()));
    assert_eq!(ask(&gatepost, "b.example.com"), (200, "two /x".to_owned()));
    assert_eq!(ask(&gatepost, "any.example.com"), (200, "two /x".to_owned()));
    // never the route for every host: what failed may have been its `deny`
    let answer = gatepost.client().get("c.example.com", "/x").unwrap();
    assert_eq!(answer.status, 503);
    let status = answer.field("proxy-status").unwrap_or_default();
    assert!(status.contains("error=proxy_configuration_error"), "{status}");
    namespace.event("RoutesPartlyApplied", "routes.yaml:4:").await;
    assert!(gatepost.metrics().contains("gatepost_config_ok 0"));
}

#[tokio::test]
async fn a_text_that_is_no_yaml_changes_nothing_and_is_told_with_its_place() {
    let _shared = shared();
    let namespace = Namespace::new("no-yaml").await;
    let one = App::start("one");
    namespace.write(&routes(&[("www.example.com", &one)])).await;
    let gatepost = Gatepost::start(&namespace);
    gatepost.applied(1);
    namespace.event("RoutesApplied", "Generation 1 serves 1 routes").await;

    namespace.write("routes:\n- host: [www.example.com\n").await;
    gatepost.told("Routes rejected", 1);
    let event = namespace.event("RoutesRejected", "routes.yaml:").await;
    assert_eq!(event.type_.as_deref(), Some("Warning"));
    assert_eq!(event.regarding.and_then(|object| object.name).as_deref(), Some("gatepost"));
    assert_eq!(ask(&gatepost, "www.example.com"), (200, "one /x".to_owned()));
    gatepost.ready();
}

#[tokio::test]
async fn a_deleted_config_map_keeps_everything_and_says_so() {
    let _shared = shared();
    let namespace = Namespace::new("deleted").await;
    let (one, two) = (App::start("one"), App::start("two"));
    namespace.write(&routes(&[("www.example.com", &one)])).await;
    let gatepost = Gatepost::start(&namespace);
    gatepost.applied(1);

    namespace.delete_routes().await;
    gatepost.told("Routes rejected", 1);
    namespace.event("RoutesRejected", "is gone").await;
    assert_eq!(ask(&gatepost, "www.example.com"), (200, "one /x".to_owned()));
    gatepost.ready();

    namespace.write(&routes(&[("www.example.com", &two)])).await;
    gatepost.applied(2);
    assert_eq!(ask(&gatepost, "www.example.com"), (200, "two /x".to_owned()));
}

#[tokio::test]
async fn without_a_config_map_every_host_is_404_and_the_process_is_ready() {
    let _shared = shared();
    let namespace = Namespace::new("absent").await;
    let gatepost = Gatepost::start(&namespace);
    gatepost.ready();
    assert_eq!(ask(&gatepost, "www.example.com").0, 404);

    let one = App::start("one");
    namespace.write(&routes(&[("www.example.com", &one)])).await;
    gatepost.applied(2);
    assert_eq!(ask(&gatepost, "www.example.com"), (200, "one /x".to_owned()));
}

#[tokio::test]
async fn a_config_map_without_the_key_is_told_and_changes_nothing() {
    let _shared = shared();
    let namespace = Namespace::new("no-key").await;
    let one = App::start("one");
    namespace.write(&routes(&[("www.example.com", &one)])).await;
    let gatepost = Gatepost::start(&namespace);
    gatepost.applied(1);

    namespace.write_keys(&[("routes.yml", "routes: []")]).await;
    namespace.event("RoutesRejected", "the key routes.yaml is missing: it has routes.yml").await;
    assert_eq!(ask(&gatepost, "www.example.com"), (200, "one /x".to_owned()));
}

#[tokio::test]
async fn an_edit_that_leaves_the_routes_alone_makes_no_new_generation() {
    let _shared = shared();
    let namespace = Namespace::new("unchanged").await;
    let (one, two) = (App::start("one"), App::start("two"));
    let before = routes(&[("www.example.com", &one)]);
    namespace.write(&before).await;
    let gatepost = Gatepost::start(&namespace);
    gatepost.applied(1);

    namespace.write_keys(&[("routes.yaml", &before), ("notes", "not ours")]).await;
    namespace.write(&routes(&[("www.example.com", &two)])).await;
    // the edits arrive in order: had the first of them made a generation, this would be the third
    gatepost.applied(2);
    assert_eq!(gatepost.count("Routes applied"), 2);
}

#[tokio::test]
async fn two_nodes_tell_an_edit_in_one_event() {
    let _shared = shared();
    let namespace = Namespace::new("two-nodes").await;
    let app = App::start("one");
    namespace.write(&routes(&[("www.example.com", &app)])).await;
    let nodes = [Gatepost::start(&namespace), Gatepost::start(&namespace)];
    for generation in 1..=3 {
        nodes.iter().for_each(|node| drop(node.applied(generation)));
        namespace.event("RoutesApplied", &format!("Generation {generation} ")).await;
        let more = format!("{}# edit {generation}\n", routes(&[("www.example.com", &app)]));
        namespace.write(&more).await;
    }
    nodes.iter().for_each(|node| drop(node.applied(4)));
    namespace.event("RoutesApplied", "Generation 4 ").await;
    let events = namespace.events().await;
    assert_eq!(events.iter().filter(|event| event.reason.as_deref() == Some("RoutesApplied")).count(), 4);
}

#[tokio::test]
async fn a_config_map_cannot_point_at_the_node_unless_that_is_allowed() {
    let _shared = shared();
    let namespace = Namespace::new("local").await;
    let one = App::start("one");
    namespace.write(&routes(&[("www.example.com", &one)])).await;
    let gatepost = Gatepost::start_with(&namespace, &[], &[]);
    gatepost.told("Routes partly applied", 1);
    assert_eq!(ask(&gatepost, "www.example.com").0, 503);
}

#[tokio::test]
async fn a_refusal_by_rbac_names_what_is_missing_and_ends_the_process_outside_a_pod() {
    let _shared = shared();
    let namespace = Namespace::without_role("refused").await;
    let (status, said) = Gatepost::start(&namespace).ended();
    assert_eq!(status.code(), Some(1), "{said}");
    let lines: Vec<&str> = said.lines().filter(|line| line.contains("RBAC")).collect();
    let [line] = lines.as_slice() else { panic!("{said}") };
    for part in ["list", "configmaps", "gatepost", "refused", "deploy/base/rbac.yaml"] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

#[tokio::test]
async fn a_refusal_by_rbac_is_told_once_and_waited_out_in_a_pod() {
    let _shared = shared();
    let namespace = Namespace::without_role("waits").await;
    let one = App::start("one");
    namespace.write(&routes(&[("www.example.com", &one)])).await;
    let pod = [("KUBERNETES_SERVICE_HOST", "127.0.0.1")];
    let gatepost = Gatepost::start_with(&namespace, &["--allow-local-backends"], &pod);
    let line = gatepost.line("of the refusal", |line| line["error"].as_str().is_some_and(|text| text.contains("RBAC")));
    assert!(line["error"].as_str().unwrap().contains("deploy/base/rbac.yaml"), "{line}");
    assert!(!gatepost.is_ready());

    namespace.grant().await;
    gatepost.applied(1);
    gatepost.ready();
    assert_eq!(ask(&gatepost, "www.example.com"), (200, "one /x".to_owned()));
    assert_eq!(gatepost.count("The Kubernetes API refuses us"), 1);
}

#[test]
fn without_a_cluster_the_process_says_so_in_one_line_and_ends() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
    command.args([
        "serve",
        "--http",
        "127.0.0.1:0",
        "--https",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
        "--log",
        "text",
    ]);
    let out = command.env_clear().env("HOME", "/nonexistent").output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert_eq!(out.status.code(), Some(1), "{said}");
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("gatepost: ")).collect();
    let [line] = lines.as_slice() else { panic!("{said}") };
    assert!(
        line.contains("no Kubernetes cluster") && line.contains("--kubeconfig") && line.contains("--routes"),
        "{line}"
    );
}
