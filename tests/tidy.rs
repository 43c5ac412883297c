//! The rules of the house, read off its sources: imports go down only, a foreign crate has one owner, the pure rooms are
//! pure, every file says what it is, and what the documentation names exists.

use std::fs;
use std::path::{Path, PathBuf};

/// Floor of each room; a room may name rooms of lower floors, and those listed beside it.
const ROOMS: [(&str, u32, &[&str]); 14] = [
    ("telemetry", 0, &[]),
    ("lifecycle", 0, &[]),
    ("backoff", 0, &[]),
    ("config", 1, &[]),
    ("message", 1, &[]),
    ("routing", 1, &["config", "message"]),
    ("wire", 2, &[]),
    ("upstream", 2, &["wire"]),
    ("proxy", 3, &[]),
    ("admin", 3, &[]),
    ("control", 3, &[]),
    ("app", 4, &[]),
    ("demo", 4, &["app"]),
    ("cli", 4, &["app", "demo"]),
];

/// What only the rooms beside it may name.
const OWNERS: [(&str, &[&str]); 11] = [
    ("serde_yaml", &["config"]),
    ("httparse", &["message"]),
    ("hyper::server", &["proxy", "admin", "demo"]),
    ("hyper::client", &["upstream"]),
    ("hickory_resolver", &["upstream"]),
    ("kube::", &["control"]),
    ("k8s_openapi", &["control"]),
    ("notify::", &["control"]),
    ("tracing_subscriber", &["telemetry"]),
    ("prometheus_client", &["telemetry"]),
    ("anyhow::", &["main", "app"]),
];

/// What a value has no use for.
const IMPURE: [&str; 6] = ["tokio::", "std::fs", "std::net::Tcp", "std::net::Udp", "Instant::now", "SystemTime"];

/// Names that say nothing about what is in a file.
const NAMELESS: [&str; 5] = ["utils", "util", "common", "types", "prelude"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every source file with its path below `src` and its text.
fn sources() -> Vec<(PathBuf, String)> {
    let files = walkdir::WalkDir::new(root().join("src")).into_iter().map(Result::unwrap);
    let files = files.filter(|file| file.path().extension().is_some_and(|extension| extension == "rs"));
    let read = |file: walkdir::DirEntry| {
        let below = file.path().strip_prefix(root().join("src")).unwrap().to_owned();
        (below, fs::read_to_string(file.path()).unwrap())
    };
    files.map(read).collect()
}

fn is_test(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs")
}

fn room(path: &Path) -> &str {
    let first = path.components().next().unwrap().as_os_str().to_str().unwrap();
    first.strip_suffix(".rs").unwrap_or(first)
}

/// The code of a file: no comments, and nothing from its tests on.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.collect::<Vec<_>>().join("\n")
}

/// Whether `word` stands in `code` as a path of its own, not as the end of a longer name.
fn names(code: &str, word: &str) -> bool {
    let joined = |before: char| before.is_alphanumeric() || before == '_' || before == ':';
    code.match_indices(word).any(|(at, _)| !code[..at].ends_with(joined))
}

/// What is wrong with a file of this room.
fn faults(room: &str, text: &str) -> Vec<String> {
    let code = code(text);
    let mut faults = Vec::new();
    if let Some((_, floor, beside)) = ROOMS.iter().find(|(name, ..)| *name == room) {
        for (other, theirs, _) in ROOMS.iter().filter(|(other, ..)| *other != room) {
            let may = theirs < floor || beside.contains(other);
            let grouped = code.lines().any(|line| {
                line.trim_start().starts_with("use crate::{")
                    && names(&line.replace(['{', ','], " "), &format!("{other}::"))
            });
            if !may
                && (code.contains(&format!("crate::{other}::"))
                    || code.contains(&format!("crate::{other};"))
                    || grouped)
            {
                faults.push(format!("names `{other}`, which is not below it"));
            }
        }
        if *floor == 1 {
            faults.extend(
                IMPURE.iter().filter(|word| names(&code, word)).map(|word| format!("is a value and names `{word}`")),
            );
        }
    }
    for (word, owners) in OWNERS.iter().filter(|(_, owners)| !owners.contains(&room)) {
        if names(&code, word) {
            faults.push(format!("names `{word}`, which is for {owners:?}"));
        }
    }
    if !text.starts_with("//!") {
        faults.push("does not begin with what it is (`//!`)".to_owned());
    }
    faults
}

#[test]
fn every_file_keeps_the_rules_of_the_house() {
    let sources = sources();
    assert!(sources.len() > 100, "only {} files were found", sources.len());
    let mut wrong = Vec::new();
    for (path, text) in &sources {
        let stem = path.file_stem().unwrap().to_str().unwrap();
        if NAMELESS.contains(&stem) {
            wrong.push(format!("{}: a name that says nothing", path.display()));
        }
        if !is_test(path) {
            wrong.extend(faults(room(path), text).into_iter().map(|fault| format!("src/{}: {fault}", path.display())));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_room_is_in_the_plan_and_every_room_of_the_plan_exists() {
    let sources = sources();
    for (path, _) in &sources {
        let room = room(path);
        assert!(["main", "lib"].contains(&room) || ROOMS.iter().any(|(name, ..)| *name == room), "{room} has no floor");
    }
    for (name, ..) in ROOMS {
        assert!(sources.iter().any(|(path, _)| room(path) == name), "{name} is gone");
    }
}

#[test]
fn each_rule_bites() {
    let told = |room, text| faults(room, text).join("; ");
    assert_eq!(told("wire", "//! x\nuse crate::message::Head;\n"), "");
    assert_eq!(told("routing", "//! x\nuse crate::config::Config;\n"), "");
    assert!(told("telemetry", "//! x\nuse crate::config::Config;\n").contains("`config`"));
    assert!(told("config", "//! x\nfn f() -> crate::routing::Route {}\n").contains("`routing`"));
    assert!(told("wire", "//! x\nuse crate::upstream::App;\n").contains("`upstream`"));
    assert!(told("proxy", "//! x\nuse crate::{control::Applier, wire::Side};\n").contains("`control`"));
    assert!(told("admin", "//! x\nuse crate::proxy::Bound;\n").contains("`proxy`"));
    assert!(told("proxy", "//! x\nuse kube::Client;\n").contains("`kube::`"));
    assert!(told("routing", "//! x\nuse tokio::sync::watch;\n").contains("`tokio::`"));
    assert!(
        told("message", "//! x\nfn f() { std::time::Instant::now(); }\n").is_empty(),
        "only a path of its own counts"
    );
    assert!(told("message", "//! x\nfn f() { Instant::now(); }\n").contains("`Instant::now`"));
    assert!(told("wire", "use crate::message::Head;\n").contains("does not begin"));
    // what a comment or a test says is not an import
    assert_eq!(
        told("config", "//! x\n// see crate::proxy::handle\n#[cfg(test)]\nmod tests {\nuse crate::proxy::Bound;\n}"),
        ""
    );
}

#[test]
fn every_place_the_plan_names_exists() {
    let plan = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let table = plan.split("# Where is it?").nth(1).expect("the table");
    let mut found = 0;
    for name in
        table.lines().filter(|line| line.starts_with("//! |")).flat_map(|line| line.split('`').skip(1).step_by(2))
    {
        if name.contains('/') {
            assert!(root().join(name).exists(), "{name} does not exist");
            found += 1;
        }
    }
    assert!(found > 10, "only {found} places were found");
}

#[test]
fn every_example_of_a_routes_file_is_read_without_a_problem() {
    let mut examples: Vec<(String, String)> = Vec::new();
    for file in fs::read_dir(root().join("config")).unwrap().map(|file| file.unwrap().path()) {
        examples.push((file.display().to_string(), fs::read_to_string(&file).unwrap()));
    }
    let routes = root().join("deploy/example/routes.yaml");
    examples.push((routes.display().to_string(), fs::read_to_string(&routes).unwrap()));
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    for block in readme.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
        if block.contains("routes:") {
            examples.push(("README.md".to_owned(), block.to_owned()));
        }
    }
    assert!(examples.len() >= 5, "only {} examples were found", examples.len());
    for (name, text) in examples {
        match gatepost::config::parse(&text, &name) {
            Ok(parsed) => assert!(parsed.problems.is_empty(), "{}", parsed.problems[0]),
            Err(refused) => panic!("{}", refused.problems[0]),
        }
    }
}

#[test]
fn the_readme_is_short_and_names_the_two_commands() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    assert!(readme.lines().count() <= 150);
    assert!(readme.contains("cargo run --release -- demo") && readme.contains("tests/run"));
}
