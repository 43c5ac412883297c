//! The order of the house, read from the sources: which room may import which, where foreign crates may be named, that
//! examples work and that the files in the plan exist. Each rule is shown to bite on a made-up text.
#![allow(clippy::unwrap_used, reason = "a test fails where it is wrong")]

use std::path::Path;

use gatepost::config;
use walkdir::WalkDir;

// === the rules ===

/// Floors from the lowest on. A room may import those of lower floors, and what `BESIDE` says.
const FLOORS: [&[&str]; 5] = [
    &["telemetry", "lifecycle", "published", "backoff"],
    &["config", "message", "routing", "certs"],
    &["wire", "upstream", "dns", "acme"],
    &["proxy", "admin", "control"],
    &["app", "cli", "demo", "main", "lib"],
];

/// Rooms of an issue to come.
const PLANNED: [&str; 1] = ["acme"];

/// Imports within a floor.
const BESIDE: [(&str, &str); 6] = [
    ("routing", "config"),
    ("routing", "message"),
    ("upstream", "wire"),
    ("demo", "app"),
    ("cli", "app"),
    ("cli", "demo"),
];

/// Foreign crates, or parts of them, that only some rooms may name.
const OWNERS: [(&str, &[&str]); 13] = [
    ("serde_yaml", &["config"]),
    ("httparse", &["message"]),
    ("hyper::server", &["proxy", "admin", "demo"]),
    ("hyper::client", &["upstream", "dns", "acme"]),
    ("hickory_resolver", &["upstream", "dns"]),
    ("tokio_rustls", &["proxy", "wire", "dns"]),
    ("x509_parser", &["certs"]),
    ("kube", &["control"]),
    ("k8s_openapi", &["control"]),
    ("notify", &["control"]),
    ("tracing_subscriber", &["telemetry"]),
    ("prometheus_client", &["telemetry"]),
    ("anyhow", &["main", "app"]),
];

/// What the floor of values does without: no runtime, no clock, no I/O.
const IMPURE: [&str; 7] = [
    "tokio",
    "std::time::Instant",
    "std::time::SystemTime",
    "std::net::TcpStream",
    "std::net::TcpListener",
    "std::net::UdpSocket",
    "std::fs",
];

/// Names of files that say nothing about what is in them.
const NAMELESS: [&str; 5] = ["utils", "util", "common", "types", "prelude"];

/// Everything that is wrong with a source file; `path` as in `src/proxy/service.rs`.
fn problems(path: &str, source: &str) -> Vec<String> {
    let mut found = Vec::new();
    if !source.starts_with("//! ") {
        found.push(format!("{path}: does not begin with `//!` and what it is"));
    }
    let stem = Path::new(path).file_stem().unwrap().to_str().unwrap();
    if NAMELESS.contains(&stem) {
        found.push(format!("{path}: `{stem}` says nothing about what is in it"));
    }
    let Some(inside) = path.strip_prefix("src/") else { return found };
    let room = inside.split(['/', '.']).next().unwrap();
    let Some(floor) = floor(room) else {
        found.push(format!("{path}: `{room}` has no floor; give it one in tests/tidy.rs"));
        return found;
    };
    let is_test = inside.split(['/', '.']).any(|part| part == "tests");
    for named in paths(&without_tests(&code(source))) {
        let imported = named.strip_prefix("crate::").and_then(|rest| rest.split("::").next());
        if let Some(imported) = imported
            && !may_import(room, imported)
        {
            found.push(format!("{path}: `{room}` may not import `{imported}` ({named})"));
        }
        let names = |what: &str| named == what || named.strip_prefix(what).is_some_and(|rest| rest.starts_with("::"));
        for (part, owners) in OWNERS {
            if names(part) && !owners.contains(&room) {
                found.push(format!("{path}: `{part}` is named only in {owners:?} ({named})"));
            }
        }
        if floor == 1 && !is_test && IMPURE.iter().any(|impure| names(impure)) {
            found.push(format!("{path}: `{room}` holds values: no runtime, no clock, no I/O ({named})"));
        }
    }
    found
}

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|rooms| rooms.contains(&room))
}

fn may_import(room: &str, imported: &str) -> bool {
    match (floor(room), floor(imported)) {
        _ if room == imported || BESIDE.contains(&(room, imported)) => true,
        // main and lib only put the rooms together
        _ if matches!(room, "main" | "lib") => true,
        // values import nothing but values: telemetry has threads and clocks
        (Some(1), _) => false,
        (Some(upper), Some(lower)) => upper > lower,
        // no room but a macro or an item of lib.rs
        (_, None) => true,
        (None, _) => false,
    }
}

/// What is wrong with the question-to-file table in `lib.rs`: files that `exists` does not know.
fn missing_files(lib: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let table = lib.split("# Where is it?").nth(1).unwrap_or_default();
    let rows = table.lines().skip(1).take_while(|line| line.starts_with("//!")).filter(|line| line.contains('|'));
    let named = rows.flat_map(|row| row.split('`').skip(1).step_by(2)).filter(|name| name.contains('/'));
    named.filter(|name| !exists(name)).map(str::to_owned).collect()
}

/// The YAML blocks of a Markdown text that hold routes, without the indentation of a list they stand in.
fn examples(markdown: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        let indent = line.len() - line.trim_start().len();
        if line.trim() != "```yaml" {
            continue;
        }
        let inside = lines.by_ref().take_while(|line| line.trim() != "```");
        let block: String = inside.map(|line| format!("{}\n", line.get(indent..).unwrap_or_default())).collect();
        if block.contains("routes:") {
            blocks.push(block);
        }
    }
    blocks
}

/// Why `config` does not take a text as it stands.
fn refusal(text: &str, origin: &str) -> Option<String> {
    match config::parse(text, origin) {
        Ok(parsed) if parsed.problems.is_empty() => None,
        Ok(parsed) => Some(format!("{:?}", parsed.problems)),
        Err(refused) => Some(format!("{:?}", refused.problems)),
    }
}

// === reading Rust ===

/// The source with the insides of comments, strings and characters blanked out.
fn code(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let skipped = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if first == '"' {
            quoted(rest)
        } else if (rest.starts_with("r\"") || rest.starts_with("r#")) && !out.ends_with(is_word) {
            raw(rest)
        } else if first == '\'' {
            character(rest)
        } else {
            0
        };
        if skipped > 0 {
            out.push(' ');
            rest = &rest[skipped..];
        } else {
            out.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    out
}

fn quoted(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            _ => escaped = c == '\\' && !escaped,
        }
    }
    rest.len()
}

/// `r"…"`, `r#"…"#`; 0 for `r#name`.
fn raw(rest: &str) -> usize {
    let hashes = rest[1..].chars().take_while(|&c| c == '#').count();
    let Some(inside) = rest[1 + hashes..].strip_prefix('"') else { return 0 };
    let end = format!("\"{}", "#".repeat(hashes));
    inside.find(&end).map_or(rest.len(), |at| 1 + hashes + 1 + at + end.len())
}

/// `'x'`, `'\n'`; 0 for a lifetime.
fn character(rest: &str) -> usize {
    let mut chars = rest.char_indices().skip(1);
    match chars.next() {
        Some((_, '\\')) => rest[3..].find('\'').map_or(rest.len(), |at| 3 + at + 1),
        Some(_) if chars.next().is_some_and(|(_, c)| c == '\'') => rest[1..].find('\'').map_or(0, |at| at + 2),
        _ => 0,
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Without the module of tests at the end: those may look further than the code.
fn without_tests(code: &str) -> String {
    let end = code.find("#[cfg(test)]\nmod tests {").unwrap_or(code.len());
    code[..end].to_owned()
}

/// Every path that is named, groups written out: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn paths(code: &str) -> Vec<String> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let begins = tokens[at].starts_with(is_word) && (at == 0 || tokens[at - 1] != "::");
        at = if begins { tree(&tokens, at, "", &mut found) } else { at + 1 };
    }
    found
}

fn tokens(code: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let len = if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else if rest.starts_with("::") {
            2
        } else {
            first.len_utf8()
        };
        tokens.push(&rest[..len]);
        rest = rest[len..].trim_start();
    }
    tokens
}

/// Reads one path or group from `at` on; says where it ends.
fn tree(tokens: &[&str], mut at: usize, prefix: &str, found: &mut Vec<String>) -> usize {
    let mut path = format!("{prefix}{}", tokens[at]);
    at += 1;
    while tokens.get(at) == Some(&"::") {
        match tokens.get(at + 1) {
            Some(&"{") => {
                at += 2;
                while tokens.get(at).is_some_and(|&token| token != "}") {
                    let word = tokens[at].starts_with(is_word);
                    at = if word { tree(tokens, at, &format!("{path}::"), found) } else { at + 1 };
                }
                return at + 1;
            }
            Some(word) if word.starts_with(is_word) => {
                path = format!("{path}::{word}");
                at += 2;
            }
            _ => break,
        }
    }
    found.push(path);
    at
}

// === the house ===

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Path and text of every file below `dir` that ends so.
fn files(dir: &str, ending: &str) -> Vec<(String, String)> {
    let entries = WalkDir::new(root().join(dir)).sort_by_file_name().into_iter().map(Result::unwrap);
    let files: Vec<_> = entries
        .filter(|entry| entry.path().to_str().is_some_and(|path| path.ends_with(ending)))
        .map(|entry| {
            let path = entry.path().strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            (path, std::fs::read_to_string(entry.path()).unwrap())
        })
        .collect();
    assert!(!files.is_empty(), "{dir} has files that end in {ending}");
    files
}

#[test]
fn every_source_file_keeps_the_rules() {
    let sources = ["src", "tests", "benches"].into_iter().flat_map(|dir| files(dir, ".rs"));
    let found: Vec<String> = sources.flat_map(|(path, source)| problems(&path, &source)).collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_room_of_the_plan_exists() {
    let sources = files("src", ".rs");
    let exists = |room: &&str| {
        let (file, dir) = (format!("src/{room}.rs"), format!("src/{room}/"));
        sources.iter().any(|(path, _)| *path == file || path.starts_with(&dir))
    };
    for room in FLOORS.iter().copied().flatten() {
        assert_eq!(exists(room), !PLANNED.contains(room), "{room}");
    }
}

#[test]
fn the_readme_is_short_and_names_the_two_commands() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.lines().count() <= 150);
    assert!(readme.contains("cargo run --release -- demo") && readme.contains("tests/run"));
}

#[test]
fn every_example_is_a_good_routes_file() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let mut texts = files("config", ".yaml");
    texts.extend(files("deploy/example", "routes.yaml"));
    let blocks = examples(&readme);
    assert!(!blocks.is_empty(), "the README shows a route");
    texts.extend(blocks.into_iter().map(|block| ("README.md".to_owned(), block)));
    for (path, text) in texts {
        assert_eq!(refusal(&text, &path), None, "{path}");
    }
}

#[test]
fn the_plan_names_files_that_exist() {
    let lib = std::fs::read_to_string(root().join("src/lib.rs")).unwrap();
    assert!(lib.contains("# Where is it?"));
    assert_eq!(missing_files(&lib, |name| root().join(name).exists()), Vec::<String>::new());
    // the table is not read past: a wrong name in it would be seen
    assert!(!missing_files(&lib, |_| false).is_empty());
}

// === each rule bites ===

fn bites(path: &str, code: &str) -> bool {
    !problems(path, &format!("//! A room.\n{code}")).is_empty()
}

#[test]
fn an_import_upwards_or_sideways_bites() {
    for (path, code) in [
        ("src/telemetry/x.rs", "use crate::config::Config;"),
        ("src/lifecycle/x.rs", "use crate::telemetry::spawn;"),
        ("src/config/x.rs", "use crate::message::Head;"),
        ("src/message/x.rs", "use crate::telemetry::lines;"),
        ("src/config/x.rs", "fn f() { crate::routing::build() }"),
        ("src/routing/x.rs", "use crate::wire::Side;"),
        ("src/wire/x.rs", "use crate::upstream::App;"),
        ("src/upstream/x.rs", "use crate::proxy::Bound;"),
        ("src/proxy/x.rs", "use crate::{config, admin::Status};"),
        ("src/admin.rs", "use crate::control::Applier;"),
        ("src/control/x.rs", "use crate::{\n    config::{self, Config},\n    proxy,\n};"),
        ("src/control/x.rs", "use crate::cli;"),
        ("src/app/x.rs", "use crate::cli;"),
        ("src/helpers/x.rs", ""),
    ] {
        assert!(bites(path, code), "{path}: {code}");
    }
    for (path, code) in [
        ("src/routing/x.rs", "use crate::{config::Route, message::Head};"),
        ("src/upstream/x.rs", "use crate::wire::Side;"),
        ("src/proxy/x.rs", "use crate::{lifecycle, message, routing, telemetry, upstream, wire};"),
        ("src/app/x.rs", "use crate::{admin, control, proxy};"),
        ("src/config/x.rs", "//! See [`crate::proxy`].\nconst S: &str = \"use crate::proxy;\"; // crate::proxy"),
        ("src/wire/x.rs", "#[cfg(test)]\nmod tests {\n    use crate::upstream::App;\n}"),
    ] {
        assert!(!bites(path, code), "{path}: {code}");
    }
}

#[test]
fn a_foreign_crate_outside_its_room_bites() {
    for (path, code) in [
        ("src/control/x.rs", "use serde_yaml::Value;"),
        ("src/proxy/x.rs", "fn f() { httparse::parse_chunk_size(b\"\") }"),
        ("src/upstream/x.rs", "use hyper::{body, server::conn::http1};"),
        ("src/control/x.rs", "use hyper::client::conn;"),
        ("src/proxy/x.rs", "use hickory_resolver::TokioResolver;"),
        ("src/admin/x.rs", "use kube::Api;"),
        ("src/app/x.rs", "use k8s_openapi::api::core::v1::ConfigMap;"),
        ("src/app/x.rs", "tracing_subscriber::fmt().init();"),
        ("src/proxy/x.rs", "use anyhow::Context;"),
        ("src/proxy/x.rs", "use prometheus_client::registry::Registry;"),
    ] {
        assert!(bites(path, code), "{path}: {code}");
    }
    assert!(!bites("src/control/x.rs", "use kube::{Api, runtime::watcher};"));
    assert!(!bites("src/proxy/x.rs", "use hyper::{body::Incoming, server::conn::http2}; mod kube_like {}"));
    assert!(!bites("src/app/x.rs", "control::kube::connect();"));
}

#[test]
fn a_runtime_a_clock_or_io_among_values_bites() {
    for code in [
        "use tokio::sync::watch;",
        "use std::time::{Duration, Instant};",
        "let now = std::time::SystemTime::now();",
        "use std::net::TcpStream;",
        "use std::{fs, io};",
    ] {
        for room in ["config", "message", "routing"] {
            assert!(bites(&format!("src/{room}/x.rs"), code), "{room}: {code}");
        }
        assert!(!bites("src/wire/x.rs", code), "{code}");
    }
    assert!(!bites("src/config/x.rs", "use std::time::Duration; use std::net::IpAddr;"));
    assert!(!bites("src/config/tests.rs", "use std::fs;"));
}

#[test]
fn a_file_without_a_header_or_with_a_name_that_says_nothing_bites() {
    assert!(!problems("src/proxy/x.rs", "use std::fmt;\n").is_empty());
    assert!(!problems("tests/it/x.rs", "#![allow(x)]\n//! Late.\n").is_empty());
    for name in ["src/utils.rs", "src/proxy/common.rs", "src/wire/types.rs", "tests/it/prelude.rs"] {
        assert!(bites(name, ""), "{name}");
    }
}

#[test]
fn a_bad_example_or_a_file_that_is_gone_bites() {
    let markdown =
        "1. so:\n   ```yaml\n   routes:\n     - host: a.test\n       backnd: app:80\n   ```\n```yaml\nkind: Pod\n```\n";
    let blocks = examples(markdown);
    assert_eq!(blocks, ["routes:\n  - host: a.test\n    backnd: app:80\n"]);
    assert!(refusal(&blocks[0], "x").is_some());
    assert!(refusal("routes: [", "x").is_some());
    let lib = "//! `src/other.rs`\n//! # Where is it?\n//! | q | `src/a.rs`, and `src/b.rs` |\n\npub mod x;";
    assert_eq!(missing_files(lib, |name| name == "src/a.rs"), ["src/b.rs"]);
}
