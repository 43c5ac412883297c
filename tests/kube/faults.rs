//! The API server away, stopped or restarted: what serves goes on.

use crate::app::App;
use crate::process::Gatepost;
use crate::testbed::{Namespace, alone};

fn routes(app: &App) -> String {
    format!("routes:\n- {{host: www.example.com, backend: '{}'}}\n", app.backend())
}

/// So many requests over one connection, every one answered by that app.
fn serves(gatepost: &Gatepost, app: &str, requests: usize) {
    let mut client = gatepost.client();
    for number in 0..requests {
        let answer = client.get("www.example.com", &format!("/{number}")).unwrap();
        assert_eq!((answer.status, answer.text()), (200, format!("{app} /{number}")));
    }
    assert_eq!(client.connections, 1, "a connection was closed");
}

#[tokio::test]
async fn a_thousand_requests_are_served_while_the_api_server_is_frozen() {
    let alone = alone();
    let namespace = Namespace::new("frozen").await;
    let (one, two) = (App::start("one"), App::start("two"));
    namespace.write(&routes(&one)).await;
    let gatepost = Gatepost::start(&namespace);
    gatepost.applied(1);

    alone.freeze();
    serves(&gatepost, "one", 1000);
    gatepost.ready();
    alone.thaw();
    namespace.write(&routes(&two)).await;
    gatepost.applied(2);
    serves(&gatepost, "two", 10);
}

#[tokio::test]
async fn an_edit_after_the_api_server_was_killed_and_came_back_is_live() {
    let alone = alone();
    let namespace = Namespace::new("killed").await;
    let (one, two) = (App::start("one"), App::start("two"));
    namespace.write(&routes(&one)).await;
    let gatepost = Gatepost::start(&namespace);
    gatepost.applied(1);

    alone.kill();
    gatepost.told("The Kubernetes API is not there", 1);
    serves(&gatepost, "one", 1000);
    gatepost.ready();
    alone.restart();
    namespace.write(&routes(&two)).await;
    gatepost.applied(2);
    serves(&gatepost, "two", 10);
    gatepost.line("of the return", |line| line["message"] == "The Kubernetes API answers again");
    assert_eq!(gatepost.count("The Kubernetes API is not there"), 1);
}

#[tokio::test]
async fn a_restarted_process_serves_its_last_good_routes_with_the_api_server_gone() {
    let alone = alone();
    let namespace = Namespace::new("restarted").await;
    let (one, two) = (App::start("one"), App::start("two"));
    let state = tempfile::tempdir().unwrap();
    let flags = ["--allow-local-backends", "--state-dir", state.path().to_str().unwrap()];
    namespace.write(&routes(&two)).await;
    let before = Gatepost::start_with(&namespace, &flags, &[]);
    before.applied(1);
    namespace.write(&routes(&one)).await;
    before.applied(2);
    let (status, said) = before.terminate();
    assert!(status.success(), "{said}");

    alone.kill();
    let after = Gatepost::start_with(&namespace, &flags, &[]);
    after.applied(2);
    after.ready();
    serves(&after, "one", 100);
    alone.restart();
    namespace.write(&routes(&two)).await;
    after.applied(3);
    serves(&after, "two", 10);
}

#[tokio::test]
async fn without_routes_of_its_own_a_process_waits_for_the_api_server() {
    let alone = alone();
    let namespace = Namespace::new("waiting").await;
    let one = App::start("one");
    namespace.write(&routes(&one)).await;
    alone.kill();
    let gatepost = Gatepost::start(&namespace);
    gatepost.told("The Kubernetes API is not there", 0);
    assert!(!gatepost.is_ready());
    alone.restart();
    gatepost.applied(1);
    gatepost.ready();
    serves(&gatepost, "one", 10);
}
