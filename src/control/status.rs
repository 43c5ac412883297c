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
use crate::lifecycle::Stage;
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
    networks: watch::Sender<Option<String>>,
) -> (Others, Board) {
    let (nodes, seen) = watch::channel(Nodes::Unknown);
    let (tell, digest) = watch::channel(0);
    let others = Others::new(node.name.clone(), seen, tell);
    (others, Board { kubernetes, node, digest, generation, stage, tell: Tell { nodes, networks } })
}

impl Board {
    /// Writes what changes here and watches what changes elsewhere, until the future is dropped.
    pub(super) async fn run(self) {
        let Board { kubernetes, node, digest, generation, stage, tell } = self;
        let namespace = kubernetes.namespace().to_owned();
        let api: Api<ConfigMap> = Api::namespaced(kubernetes.client.clone(), &namespace);
        let asked = Asked::new("configmaps", NAME, &namespace);
        let only = Only::named(NAME);
        let watched = Watched { kubernetes, api: api.clone(), only, asked: asked.clone() };
        let seen = tell.nodes.subscribe();
        let watch = watched.run(Reading { tell: tell.clone(), listed: None });
        let tries = Tries::new(asked, "What is loaded here is not told to other nodes", AGAIN);
        let writer = Writer { api, tries, node, digest, generation, stage, seen, tell, written: None };
        // neither has an end
        let _ = tokio::join!(watch, writer.run());
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
mod tests {
    use super::agreement::RENEW;
    use super::*;

    const NOW: i64 = 1_750_000_000;

    fn entry(pod: &str, draining: bool) -> Entry {
        Entry { pod: pod.to_owned(), generation: 7, certificates: "00000000000000ff".to_owned(), draining, at: NOW }
    }

    fn told(entry: &Entry) -> Nodes {
        Nodes::Told(BTreeMap::from([("here".to_owned(), serde_json::to_string(entry).unwrap())]))
    }

    #[test]
    fn a_node_tells_these_keys_and_scripts_read_them() {
        let text = serde_json::to_string(&entry("gatepost-x", false)).unwrap();
        let wanted =
            r#"{"pod":"gatepost-x","generation":7,"certificates":"00000000000000ff","draining":false,"at":1750000000}"#;
        assert_eq!(text, wanted);
    }

    #[test]
    fn a_node_drains_when_its_proxy_goes_and_nobody_takes_its_place() {
        let now = std::time::Instant::now();
        let draining = |has_successor| Stage::Draining { requests_until: now, tunnels_until: now, has_successor };
        let of = |stages: &[Stage]| {
            stages.iter().fold(entry("gatepost-x", false), |before, stage| {
                let draining = is_leaving(*stage, Some(&before));
                Entry { draining, ..before }
            })
        };
        for (stages, drains) in [
            (&[Stage::Serving, Stage::HandingOver][..], false),
            (&[Stage::HandingOver, draining(true), Stage::Stopped], false),
            (&[Stage::HandingOver, Stage::LameDuck], true),
            (&[Stage::Serving, draining(false), Stage::Stopped], true),
        ] {
            assert_eq!(of(stages).draining, drains, "{stages:?}");
        }
    }

    #[test]
    fn the_networks_of_cloudflare_are_no_node_and_are_told_as_they_stand_until_they_are_taken_out() {
        let (nodes, networks) = (watch::Sender::new(Nodes::Unknown), watch::Sender::new(None));
        let mut reading = Reading { tell: Tell { nodes, networks }, listed: None };
        let word = serde_json::to_string(&entry("gatepost-x", true)).unwrap();
        let (here, there) = (("here".to_owned(), word.clone()), (NETWORKS.to_owned(), word.clone()));
        let config_map = |data: [(String, String); 2]| ConfigMap { data: Some(data.into()), ..ConfigMap::default() };
        reading.applied(config_map([here.clone(), there.clone()]));
        assert_eq!(*reading.tell.nodes.borrow(), told(&entry("gatepost-x", true)));
        assert_eq!(reading.tell.networks.borrow().as_ref(), Some(&word));
        let drains = BTreeMap::from([("here".to_owned(), "gatepost-x".to_owned())]);
        assert_eq!(draining(&BTreeMap::from([here.clone(), there])), drains);
        // a node that cannot see the others any more goes on with them
        reading.apart("it may not be read");
        assert_eq!(reading.tell.networks.borrow().as_ref(), Some(&word));
        reading.applied(config_map([here.clone(), here]));
        assert_eq!(*reading.tell.networks.borrow(), None);
    }

    #[test]
    fn of_two_pods_of_a_node_the_one_that_stays_has_the_last_word_and_they_never_write_in_turns() {
        let (new, old) = (entry("new", false), entry("old", false));
        let (new_drains, old_drains) = (entry("new", true), entry("old", true));
        for (there, written, now, due) in [
            (&old, None, &new, true),
            (&new, Some(&new), &new, false),
            // the other pod has written after us, and will go
            (&old, Some(&new), &new, false),
            (&old_drains, Some(&new), &new, true),
            (&new, Some(&old_drains), &old_drains, false),
            (&new_drains, Some(&old_drains), &old_drains, false),
            // a change here is always told
            (&new, Some(&old), &old_drains, true),
        ] {
            assert_eq!(is_due(&told(there), "here", written, now, true), due, "{there:?} {written:?} {now:?}");
        }
        // who goes and has left the listeners to the other one says nothing in its place
        for (there, written, due) in
            [(&new_drains, &old, false), (&new, &old_drains, false), (&old_drains, &old_drains, true)]
        {
            assert_eq!(is_due(&told(there), "here", Some(written), &old, false), due, "{there:?} {written:?}");
        }
        // the same is renewed, by whichever pod is first, and not by one that will go
        for (there, later, is_draining, due) in [
            (&new, RENEW - 1, false, false),
            (&new, RENEW, false, true),
            (&old, RENEW, false, true),
            (&old, RENEW, true, false),
            (&new, -RENEW, false, false),
            (&new, -RENEW - 1, false, true),
        ] {
            let written = entry("new", is_draining);
            let now = Entry { at: NOW + later, ..written.clone() };
            assert_eq!(
                is_due(&told(there), "here", Some(&written), &now, true),
                due,
                "{there:?} {later} {is_draining}"
            );
        }
        // somebody has taken the key away
        assert!(is_due(&Nodes::Told(BTreeMap::new()), "here", Some(&new), &new, true));
        for nodes in [Nodes::Unknown, Nodes::Apart] {
            assert!(!is_due(&nodes, "here", None, &new, true), "{nodes:?}");
        }
    }
}
