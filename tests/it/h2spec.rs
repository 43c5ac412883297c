//! HTTP/2 over TLS as h2spec judges it (RFC 7540, RFC 7541). It is built by tests/h2spec/build.sh and named in
//! `GATEPOST_H2SPEC`; `tests/run h2spec` does both.

use std::process::Command;

use crate::support::{Ca, gatepost, upstream};

/// What h2spec says in its last line, with these options.
fn verdict(options: &[&str]) -> String {
    let h2spec = std::env::var_os("GATEPOST_H2SPEC").expect("the path of h2spec in GATEPOST_H2SPEC");
    let app = upstream().ok(&"hello".repeat(100));
    let gate = gatepost().route("host: localhost", &app).start();
    gate.certificate("localhost", &Ca::new().issue(&["localhost"]));
    let port = gate.tls_addr.port().to_string();
    let mut command = Command::new(h2spec);
    // it waits for an answer or an end, and only what never comes takes as long
    command.args(["--tls", "--insecure", "--host", "localhost", "--timeout", "10", "--port", &port]).args(options);
    let output = command.output().expect("h2spec runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text.lines().rev().find(|line| line.contains(" tests, ")).expect("a verdict").to_owned()
}

#[test]
#[ignore = "needs h2spec: tests/run h2spec"]
fn all_145_cases_pass() {
    assert_eq!(verdict(&[]), "145 tests, 145 passed, 0 skipped, 0 failed");
}

#[test]
#[ignore = "needs h2spec: tests/run h2spec"]
fn all_146_strict_cases_pass() {
    assert_eq!(verdict(&["--strict"]), "146 tests, 146 passed, 0 skipped, 0 failed");
}
