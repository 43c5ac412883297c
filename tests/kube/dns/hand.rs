//! The records by hand: `gatepost dns`, with the rights of the shipped account.

use std::process::{Command, Output, Stdio};

use gatepost::demo::cloudflare::Access;
use serde_json::{Value, json};

use super::{Edge, NAME, ROUTE, address, token};
use crate::testbed::{Namespace, shared};

/// Of no node.
const STRANGE: &str = "192.0.2.99";

/// What a run said, and its exit code.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Edge<'_> {
    /// Runs `gatepost dns` with these words, as somebody whom nobody can ask anything.
    fn dns(&self, words: &[&str]) -> Said {
        self.dns_with(&token(0), words)
    }

    fn dns_with(&self, token: &str, words: &[&str]) -> Said {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatepost"));
        command.arg("dns").args(words).arg("--kubeconfig").arg(&self.namespace.kubeconfig);
        command.args(["--namespace", &self.namespace.name]).env_clear().stdin(Stdio::null());
        command.env("CF_API_URL", self.cloudflare.url()).env("CF_API_TOKEN", token);
        let Output { status, stdout, stderr } = command.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { code: status.code().unwrap(), out: text(stdout), err: text(stderr) }
    }

    /// Two nodes that serve, what the sync program before us left of the first, and somebody's own record.
    async fn by_hand(namespace: &Namespace) -> Edge<'_> {
        let edge = Edge::new(namespace, 2).await;
        edge.cloudflare.grant(&token(0), Access::Edit);
        edge.cloudflare.made_by_hand(NAME, "A", &address(1));
        edge.cloudflare.made_by_hand("mail.example.com", "A", STRANGE);
        edge
    }
}

#[tokio::test]
async fn a_plan_is_shown_to_people_and_to_programs_and_nothing_is_written() {
    let _shared = shared();
    let namespace = Namespace::new("dns-plan").await;
    let edge = Edge::by_hand(&namespace).await;
    let before = edge.cloudflare.everything();
    let text = edge.dns(&["plan"]);
    assert_eq!(text.code, 0, "{text:?}");
    for line in [format!("+ {NAME}  A  {}", address(2)), format!("~ {NAME}  A  {}", address(1))] {
        assert!(text.out.lines().any(|one| one.starts_with(&line)), "no {line:?} in:\n{}", text.out);
    }
    assert!(text.out.contains("records in example.com"), "{}", text.out);
    let plan = edge.dns(&["plan", "--format", "json"]);
    let plan: Value = serde_json::from_str(&plan.out).unwrap_or_else(|_| panic!("{plan:?}"));
    let found = json!([plan["adds"][0]["content"], plan["changes"][0]["reason"], plan["deletes"], plan["conflicts"]]);
    assert_eq!(found, json!([address(2), "adopted", [], []]), "{plan:#}");

    // a process that may write nothing says the same
    let dry = edge.start_with(1, &["--dry-run"], &[]);
    let line =
        dry.line("of a dry run", |line| line["message"].as_str().is_some_and(|text| text.starts_with("A dry run")));
    assert_eq!(json!([line["adds"], line["changes"], line["deletes"]]), json!([1, 1, 0]));
    assert_eq!((edge.writes_of(0), edge.writes_of(1), edge.cloudflare.everything()), (0, 0, before));
    edge.nodes.all_gone().await;
}

#[tokio::test]
async fn records_are_brought_up_to_date_and_taken_away_and_only_ours() {
    let _shared = shared();
    let namespace = Namespace::new("dns-hand").await;
    let edge = Edge::by_hand(&namespace).await;
    let applied = edge.dns(&["apply", "--yes"]);
    assert_eq!((applied.code, applied.out.lines().last()), (0, Some("1 added, 1 changed, 0 deleted")), "{applied:?}");
    edge.points_at(&[1, 2]);
    let again = edge.dns(&["apply", "--yes"]);
    assert_eq!((again.code, again.out.lines().last()), (0, Some("0 added, 0 changed, 0 deleted")), "{again:?}");
    // what the process does is what was done by hand
    let leader = edge.leader(1);
    leader.metric("gatepost_dns_records{zone=\"example.com\"}", "2");
    assert_eq!(edge.writes_of(1), 0);
    drop(leader);

    let asked = edge.dns(&["release"]);
    assert!(
        asked.code == 1 && asked.err.contains("2 records would be deleted, and there is nobody to ask: give --yes"),
        "{asked:?}"
    );
    edge.points_at(&[1, 2]);
    let released = edge.dns(&["release", "--yes"]);
    assert_eq!(
        (released.code, released.out.lines().last()),
        (0, Some("0 added, 0 changed, 2 deleted")),
        "{released:?}"
    );
    edge.points_at(&[]);
    assert_eq!(edge.cloudflare.held_by("mail.example.com"), [format!("A {STRANGE}")]);
    edge.nodes.all_gone().await;
}

#[tokio::test]
async fn routes_of_a_file_take_the_place_of_the_config_map() {
    let _shared = shared();
    let namespace = Namespace::new("dns-file").await;
    let edge = Edge::by_hand(&namespace).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("routes.yaml");
    std::fs::write(&file, edge.routes(", routeHosts: cname", ROUTE)).unwrap();
    let applied = edge.dns(&["apply", "--yes", "--routes", file.to_str().unwrap()]);
    assert_eq!(applied.code, 0, "{applied:?}");
    assert_eq!(edge.cloudflare.held_by("www.example.com"), [format!("CNAME {NAME}")]);
    edge.points_at(&[1, 2]);
    // the ConfigMap does not ask for it
    let asked = edge.dns(&["apply"]);
    assert!(asked.code == 1 && asked.out.contains("- www.example.com  CNAME"), "{asked:?}");
    edge.nodes.all_gone().await;
}

#[tokio::test]
async fn what_cannot_be_done_is_said_in_a_line_and_in_the_exit_code() {
    let _shared = shared();
    let namespace = Namespace::new("dns-refused").await;
    let edge = Edge::by_hand(&namespace).await;
    let before = edge.cloudflare.everything();
    edge.cloudflare.grant("reads-0123456789", Access::Read);
    for (token, words, code, said) in [
        ("nobody-0123456789", &["plan"][..], 1, "Zone:Read and DNS:Edit"),
        ("", &["plan"], 1, "there are no credentials for Cloudflare"),
        ("reads-0123456789", &["apply", "--yes"], 1, "it needs the permission DNS:Edit there"),
        (&token(0), &["plan", "--config-map", "none"], 1, "none"),
        (&token(0), &["plan", "--routes", "/nonexistent"], 1, "cannot read /nonexistent"),
        (&token(0), &["plan", "--dns-name", "https://x"], 2, "this is a URL"),
        (&token(0), &["plan", "--format", "yaml"], 2, "yaml"),
    ] {
        let answer = edge.dns_with(token, words);
        assert!(answer.code == code && answer.err.contains(said), "{words:?}: {answer:?}");
    }
    assert_eq!(edge.cloudflare.everything(), before);
    edge.nodes.all_gone().await;
}
