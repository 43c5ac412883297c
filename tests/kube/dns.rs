//! The records at Cloudflare, kept by real processes: the nodes of a real API server, under the RBAC that users get, on one
//! side, and the stand-in for Cloudflare behind a socket on the other. [`Edge`] is both, and the words that tests speak.

mod faults;
mod hand;
mod leading;
mod names;
mod networks;

use std::time::Instant;

use gatepost::demo::cloudflare::Access;

use crate::cloudflare::Cloudflare;
use crate::nodes::Nodes;
use crate::process::Gatepost;
use crate::testbed::Namespace;

/// Of the nodes.
const NAME: &str = "kubernetes.example.com";

const ROUTE: &str = "{host: www.example.com, respond: {status: 200}}";

/// An installation: nodes that have numbers, with a pod on each, of which the test starts some.
struct Edge<'n> {
    namespace: &'n Namespace,
    nodes: Nodes<'n>,
    cloudflare: Cloudflare,
}

impl Edge<'_> {
    /// So many nodes that serve, and routes with the section `dns`. Nobody leads yet.
    async fn new(namespace: &Namespace, nodes: u8) -> Edge<'_> {
        let edge = Edge { namespace, nodes: Nodes::new(namespace), cloudflare: Cloudflare::start() };
        namespace.release().await;
        for number in 1..=nodes {
            edge.serves(number).await;
        }
        edge.write("", ROUTE).await;
        edge
    }

    /// Routes, and what else stands in the section `dns`.
    async fn write(&self, dns: &str, routes: &str) {
        self.namespace.write(&self.routes(dns, routes)).await;
    }

    fn routes(&self, dns: &str, routes: &str) -> String {
        let nodes = format!("{{selector: {:?}}}", self.nodes.selector());
        // as long as a test needs a process that has been told to end
        format!("routes: [{routes}]\ndns: {{names: [{NAME}], nodes: {nodes}{dns}}}\ndrain: {{lameDuck: 60s}}\n")
    }

    /// There is such a node, and its pod is ready.
    async fn serves(&self, number: u8) {
        self.nodes.ready(&node(number), &[&address(number)], &["10.0.0.1"]).await;
        self.nodes.pod_ready(&node(number), &pod(number)).await;
    }

    /// The process of a node's pod, with a token of its own.
    fn start(&self, number: u8) -> Gatepost {
        self.start_with(number, &[], &[])
    }

    fn start_with(&self, number: u8, flags: &[&str], more: &[(&str, &str)]) -> Gatepost {
        self.cloudflare.grant(&token(number), Access::Edit);
        self.start_ungranted(number, flags, more)
    }

    /// Its token opens nothing.
    fn start_ungranted(&self, number: u8, flags: &[&str], more: &[(&str, &str)]) -> Gatepost {
        let (pod, node, url, token) =
            (pod(number), self.nodes.name(&node(number)), self.cloudflare.url(), token(number));
        let own = [("POD_NAME", &pod), ("NODE_NAME", &node), ("CF_API_URL", &url), ("CF_API_TOKEN", &token)];
        let mut environment = own.map(|(name, value)| (name, value.as_str())).to_vec();
        environment.extend(more);
        Gatepost::start_with(self.namespace, flags, &environment)
    }

    /// The process of a node's pod, once it leads.
    fn leader(&self, number: u8) -> Gatepost {
        let gatepost = self.start(number);
        gatepost.metric("gatepost_leader", "1");
        gatepost
    }

    /// Waits until the name has the addresses of just these nodes.
    fn points_at(&self, numbers: &[u8]) {
        self.cloudflare
            .holds(NAME, &numbers.iter().map(|number| format!("A {}", address(*number))).collect::<Vec<_>>());
    }

    /// The same, and says how long that took since something happened, a moment ago.
    fn follows(&self, what: &str, numbers: &[u8]) {
        let start = Instant::now();
        self.points_at(numbers);
        println!("{:?} from {what} to Cloudflare's records", start.elapsed());
    }

    /// How many calls that write were made by the process of this node's pod.
    fn writes_of(&self, number: u8) -> usize {
        self.cloudflare.writes_with(&token(number))
    }

    /// How many calls of any kind.
    fn calls_of(&self, number: u8) -> usize {
        self.cloudflare.calls_with(&token(number))
    }
}

fn node(number: u8) -> String {
    format!("n{number}")
}

fn pod(number: u8) -> String {
    format!("gatepost-{number}")
}

fn address(number: u8) -> String {
    format!("192.0.2.{number}")
}

fn token(number: u8) -> String {
    format!("0123456789-the-token-of-pod-{number}")
}
