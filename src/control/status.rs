//! What every node has loaded, through the ConfigMap `gatepost-status`: each pod writes its node's key and reads those of
//! the others. Doors: [`channel`] gives both ends; [`Others`] says which names every node has; [`Board::run`] writes and
//! watches; [`Caretaker`] is the leader's, who takes out what is old and puts what all should know.

mod agreement;
mod caretaker;

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde::Serialize;
use serde_json::json;
use tokio::sync::watch;

use super::client::Asked;
use super::supply::{LOOK, now};
use super::tries::Tries;
use super::watched::{Only, Sink, Watched};
use super::{Error, Kubernetes};
use crate::lifecycle::{Readiness, Stage};
pub(super) use agreement::Others;
use agreement::Told;
pub use caretaker::Caretaker;

/// Shipped without data, so that an upgrade takes nothing away.
pub(super) const NAME: &str = "gatepost-status";

/// The key that is no node's: the networks of Cloudflare, as the leader has them from there.
const NETWORKS: &str = "cloudflare-ips";

/// Changes within this time are written as one.
const DEBOUNCE: Duration = Duration::from_millis(200);

/// The wait after the first write that fails.
const AGAIN: Duration = Duration::from_millis(500);

/// This process, as its node's key tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The key.
    pub name: String,
    /// Which pod it is.
    pub pod: String,
}

/// What a node tells of itself; scripts read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Entry {
    pod: String,
    generation: u64,
    /// Over the names that are loaded, 16 hexadecimal digits.
    certificates: String,
    draining: bool,
    /// When it was written, Unix seconds. It is renewed, so that the word of a node that is gone has an end.
    at: i64,
}

/// What is known of the nodes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) enum Nodes {
    /// Nobody has answered yet.
    #[default]
    Unknown,
    /// There is no such ConfigMap, or it may not be read: every node is on its own.
    Apart,
    /// Their keys.
    Told(BTreeMap<String, String>),
}

/// The end that speaks with the API server.
pub(super) struct Board {
    kubernetes: Kubernetes,
    node: Node,
    /// Of the names that are loaded here.
    digest: watch::Receiver<u64>,
    generation: watch::Receiver<u64>,
    stage: watch::Receiver<Stage>,
    readiness: Readiness,
    tell: Tell,
}

/// What is read there goes to these.
#[derive(Clone)]
struct Tell {
    nodes: watch::Sender<Nodes>,
    networks: watch::Sender<Option<String>>,
}

/// Both ends. `networks` is told what the key `cloudflare-ips` says, as it stands there.
pub(super) fn channel(
    kubernetes: Kubernetes,
    node: Node,
    generation: watch::Receiver<u64>,
    stage: watch::Receiver<Stage>,
    readiness: Readiness,
    networks: watch::Sender<Option<String>>,
) -> (Others, Board) {
    let (nodes, seen) = watch::channel(Nodes::Unknown);
    let (tell, digest) = watch::channel(0);
    let others = Others::new(node.name.clone(), seen, tell);
    (others, Board { kubernetes, node, digest, generation, stage, readiness, tell: Tell { nodes, networks } })
}

impl Board {
    /// Writes what changes here and watches what changes elsewhere, until the future is dropped.
    pub(super) async fn run(self) {
        let Board { kubernetes, node, digest, generation, stage, readiness, tell } = self;
        let namespace = kubernetes.namespace().to_owned();
        let api: Api<ConfigMap> = Api::namespaced(kubernetes.client.clone(), &namespace);
        let asked = Asked::new("configmaps", NAME, &namespace);
        let only = Only::named(NAME);
        let watched = Watched { kubernetes, api: api.clone(), only, asked: asked.clone() };
        let seen = tell.nodes.subscribe();
        let watch = watched.run(Reading { tell: tell.clone(), listed: None });
        let tries = Tries::new(asked, "What is loaded here is not told to other nodes", AGAIN);
        let begins = begins(stage.clone(), readiness);
        let writer = Writer { api, tries, node, digest, generation, stage, seen, tell, written: None };
        let writer = async {
            begins.await;
            writer.run().await
        };
        // neither has an end
        let _ = tokio::join!(watch, writer);
    }
}

/// Waits until there is something to tell: this process has been ready once, or it goes. Before that it has not loaded what
/// it will, and clients are sent to the pod before it, if to any: what that one told of the node holds, and a node without a
/// word keeps no host from https.
async fn begins(mut stage: watch::Receiver<Stage>, readiness: Readiness) {
    tokio::select! {
        () = readiness.all_but(&[]) => {}
        Ok(_) = stage.wait_for(|stage| is_leaving(*stage, None)) => {}
    }
}

/// Writes the own key.
struct Writer {
    api: Api<ConfigMap>,
    tries: Tries,
    node: Node,
    digest: watch::Receiver<u64>,
    generation: watch::Receiver<u64>,
    stage: watch::Receiver<Stage>,
    seen: watch::Receiver<Nodes>,
    tell: Tell,
    written: Option<Entry>,
}

impl Writer {
    async fn run(mut self) {
        loop {
            let entry = self.entry();
            let stays = *self.stage.borrow() == Stage::Serving;
            if is_due(&self.seen.borrow_and_update(), &self.node.name, self.written.as_ref(), &entry, stays) {
                self.write(entry).await;
                continue;
            }
            let news = tokio::select! {
                news = self.digest.changed() => news,
                news = self.generation.changed() => news,
                news = self.stage.changed() => news,
                news = self.seen.changed() => news,
                // a renewal may be due
                () = tokio::time::sleep(LOOK) => Ok(()),
            };
            if news.is_err() {
                // the process ends
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(DEBOUNCE).await;
        }
    }

    fn entry(&mut self) -> Entry {
        Entry {
            pod: self.node.pod.clone(),
            generation: *self.generation.borrow_and_update(),
            certificates: format!("{:016x}", *self.digest.borrow_and_update()),
            draining: is_leaving(*self.stage.borrow_and_update(), self.written.as_ref()),
            at: now(),
        }
    }

    async fn write(&mut self, entry: Entry) {
        let data = match serde_json::to_string(&entry) {
            Ok(text) => json!({"data": {self.node.name.as_str(): text}}),
            // it has nothing that cannot be written
            Err(error) => return tracing::error!(%error, "The own status cannot be told"),
        };
        let (params, patch) = (PatchParams::default(), Patch::Merge(data));
        match self.tries.patch(self.api.patch(NAME, &params, &patch)).await {
            Some(now) => {
                self.written = Some(entry);
                // the watch says the same a moment later
                self.tell.told(now.data.unwrap_or_default());
            }
            None => tokio::time::sleep(self.tries.next_wait()).await,
        }
    }
}

impl Entry {
    /// But for the time.
    fn says_the_same(&self, other: &Entry) -> bool {
        *self == Entry { at: self.at, ..other.clone() }
    }
}

/// Whether the node is about to have no proxy. Where a successor has the listeners it keeps one, to the last.
fn is_leaving(stage: Stage, written: Option<&Entry>) -> bool {
    match stage {
        Stage::Serving | Stage::HandingOver | Stage::Draining { has_successor: true, .. } => false,
        Stage::LameDuck | Stage::Draining { has_successor: false, .. } => true,
        Stage::Stopped => written.is_some_and(|written| written.draining),
    }
}

/// Whether the own key has to be written. While a node has two pods both write it: the newer one must have the last word,
/// and they must not write against each other for ever, so what another wrote is replaced only when that one is draining,
/// or has not renewed it. One that goes and leaves the listeners to the other (not `stays`) leaves it the key too.
fn is_due(nodes: &Nodes, node: &str, written: Option<&Entry>, entry: &Entry, stays: bool) -> bool {
    let Nodes::Told(nodes) = nodes else { return false };
    let there = nodes.get(node).map(|text| agreement::read(text));
    if !stays && !entry.draining && there.as_ref().is_some_and(|there| there.pod != entry.pod) {
        return false;
    }
    if !written.is_some_and(|written| written.says_the_same(entry)) {
        return true;
    }
    let is_past = |there: &Told| there.draining && there.pod != entry.pod || there.is_to_be_renewed(entry.at);
    !entry.draining && there.is_none_or(|there| is_past(&there))
}

/// Of each node that drains the pod that says so.
pub(super) fn draining(data: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let told = data.iter().filter(|(node, _)| *node != NETWORKS).map(|(node, text)| (node, agreement::read(text)));
    told.filter(|(_, told)| told.draining).map(|(node, told)| (node.clone(), told.pod)).collect()
}

/// Reads the keys of all.
struct Reading {
    tell: Tell,
    listed: Option<ConfigMap>,
}

impl Tell {
    fn told(&self, mut data: BTreeMap<String, String>) {
        let networks = data.remove(NETWORKS);
        self.networks.send_if_modified(|told| std::mem::replace(told, networks.clone()) != networks);
        let nodes = Nodes::Told(data);
        self.nodes.send_if_modified(|told| std::mem::replace(told, nodes.clone()) != nodes);
    }
}

impl Reading {
    /// What was told of networks holds: they are the same for a node on its own.
    fn apart(&self, why: &str) {
        if self.tell.nodes.send_replace(Nodes::Apart) != Nodes::Apart {
            tracing::info!(
                why,
                "What other nodes have is not known: a host is sent to https once its certificate is loaded here"
            );
        }
    }
}

impl Sink<ConfigMap> for Reading {
    fn listing(&mut self) {
        self.listed = None;
    }

    fn found(&mut self, found: ConfigMap) {
        self.listed = Some(found);
    }

    fn listed(&mut self) {
        match self.listed.take() {
            Some(found) => self.applied(found),
            None => self.apart("there is no ConfigMap gatepost-status"),
        }
    }

    fn applied(&mut self, found: ConfigMap) {
        self.tell.told(found.data.unwrap_or_default());
    }

    fn deleted(&mut self, _last: ConfigMap) {
        self.apart("the ConfigMap gatepost-status is gone");
    }

    fn away(&mut self, error: &str, _elsewhere: bool) {
        tracing::debug!(error, "The status of other nodes cannot be watched");
    }

    fn back(&mut self) {}

    fn refused(&mut self, error: Error, is_news: bool) -> Result<(), Error> {
        if is_news {
            self.apart(&error.to_string());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
