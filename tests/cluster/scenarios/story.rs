//! The seed's story: what the example says works, on every node.

use std::process::Command;

use crate::bed::{Bed, HOST, NODES, fed, until};
use crate::load::Load;

pub(crate) fn every_node_answers(bed: &Bed, _: &Load) -> String {
    for node in NODES {
        let redirect = curl(bed, node, "http", &["-o", "/dev/null", "-w", "%{http_code} %{redirect_url}"]);
        assert_eq!(redirect, format!("308 https://{HOST}/from-{node}"), "in clear on {node}");
        let answer = curl(bed, node, "https", &[]);
        assert!(answer.contains("Hello from crystal-www-example-"), "{answer}");
        // the bridge, which is where this machine is to the nodes
        assert!(answer.contains("X-Forwarded-For: 10.77.0.1\n"), "{answer}");
        let line = format!("GET /from-{node} client=10.77.0.1");
        until(&format!("{line} in a log of the app"), || {
            let log = bed.kubectl(&["-n", "default", "logs", "-l", "app.kubernetes.io/name=crystal-www-example"]);
            log.contains(&line).then_some(())
        });
    }
    bed.cloudflare.holds(&NODES);
    "http: 308 to https; https: 200; the app's log has the client's address; DNS has both nodes".to_owned()
}

fn curl(bed: &Bed, node: &str, scheme: &str, more: &[&str]) -> String {
    let port = if scheme == "https" { 443 } else { 80 };
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--max-time", "10", "--resolve", &format!("{HOST}:{port}:{}", Bed::address(node))]);
    curl.arg("--cacert").arg(bed.authority()).args(more).arg(format!("{scheme}://{HOST}/from-{node}"));
    fed(curl, "").unwrap_or_else(|error| panic!("{scheme} on {node}: {error}"))
}
