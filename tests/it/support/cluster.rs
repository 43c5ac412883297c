//! The cluster as the DNS sync sees it, and as a test edits it: [`Cluster`].

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use gatepost::dns::{Node, Observer, Unobserved, World};
use tokio::sync::watch;

/// The cluster as a test edits it.
#[derive(Clone)]
pub struct Cluster(Arc<watch::Sender<Seen>>);

#[derive(Default)]
struct Seen {
    nodes: BTreeMap<String, Node>,
    is_failing: bool,
    looks: usize,
}

/// Looks at it.
pub struct Looking {
    cluster: Cluster,
    news: watch::Receiver<Seen>,
}

impl Cluster {
    pub fn new(nodes: BTreeMap<String, Node>) -> Cluster {
        Cluster(Arc::new(watch::Sender::new(Seen { nodes, ..Seen::default() })))
    }

    pub fn edit(&self, change: impl FnOnce(&mut BTreeMap<String, Node>)) {
        self.0.send_modify(|seen| change(&mut seen.nodes));
    }

    /// From now on its lists fail, or do not any more.
    pub fn fails(&self, is_failing: bool) {
        self.0.send_modify(|seen| seen.is_failing = is_failing);
    }

    /// News that change nothing.
    pub fn stirs(&self) {
        self.edit(|_| {});
    }

    /// How often it was looked at since the last time.
    pub fn looks(&self) -> usize {
        let mut looks = 0;
        self.0.send_if_modified(|seen| {
            looks = std::mem::take(&mut seen.looks);
            false
        });
        looks
    }

    /// Somebody who looks at it.
    pub fn look(&self) -> Looking {
        Looking { cluster: self.clone(), news: self.0.subscribe() }
    }
}

impl Observer for Looking {
    async fn observe(&mut self) -> Result<World, Unobserved> {
        self.cluster.0.send_if_modified(|seen| {
            seen.looks += 1;
            false
        });
        let seen = self.news.borrow_and_update();
        if seen.is_failing {
            return Err(Unobserved("the nodes: 503".to_owned()));
        }
        Ok(World { nodes: seen.nodes.values().cloned().collect() })
    }

    async fn changed(&mut self) {
        self.news.changed().await.expect("the cluster is there");
    }
}

/// One that serves, with external addresses, by blanks apart.
pub fn node(name: &str, addresses: &str) -> Node {
    let external = addresses.split_whitespace().map(|address| address.parse::<IpAddr>().expect("an address"));
    Node { name: name.to_owned(), external: external.collect(), is_ready: true, serves: true, ..Node::default() }
}
