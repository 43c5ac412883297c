//! What the leader alone writes to `gatepost-status`: it takes out the keys of nodes that are gone, and puts what every
//! node should know. One door: [`Caretaker`].

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use k8s_openapi::api::core::v1::{self, ConfigMap};
use kube::Api;
use kube::api::{Patch, PatchParams};
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use super::{AGAIN, NAME, NETWORKS, agreement};
use crate::control::client::Asked;
use crate::control::nodes::Part;
use crate::control::tries::Tries;
use crate::control::watched::Only;
use crate::control::{Kubernetes, fresh};
use crate::lifecycle::{Lost, Permit, Right};

/// From one look at the keys to the next.
const EVERY: Duration = Duration::from_secs(10 * 60);

/// A node is gone when two lists so far apart do not have it.
const APART: Duration = Duration::from_secs(30);

/// Both lists of one look have come to their end within this time.
const LISTS: Duration = Duration::from_secs(10);

/// Keys that one line of the log names.
const NAMED: usize = 10;

/// Writes what is the leader's to write, and nothing without its permit. A copy does the same.
#[derive(Clone)]
pub struct Caretaker {
    kubernetes: Kubernetes,
}

/// A node, and nothing of it but its name.
type NodeName = Part<v1::Node, IgnoredAny, IgnoredAny>;

impl Caretaker {
    /// Nothing is asked of the API server yet.
    pub fn new(kubernetes: Kubernetes) -> Caretaker {
        Caretaker { kubernetes }
    }

    /// Takes out the keys of nodes that are gone, whenever this process leads. It has no end.
    pub async fn run(self, mut right: Right) {
        loop {
            let permit = right.gained().await;
            tokio::select! {
                () = self.tend(&permit) => {}
                () = permit.lost() => {}
            }
        }
    }

    /// Puts the networks of Cloudflare there, for every node to read, and tries until it is done. May be dropped at any
    /// time.
    ///
    /// # Errors
    /// The permit has ended; somebody else leads, and has them too.
    pub async fn write_networks(&self, text: &str, permit: &Permit) -> Result<(), Lost> {
        let data = BTreeMap::from([(NETWORKS.to_owned(), Value::from(text))]);
        let mut tries = self.tries("The networks of Cloudflare are not told to other nodes");
        while !self.patch(&data, permit, &mut tries).await? {
            tokio::select! {
                () = tokio::time::sleep(tries.next_wait()) => {}
                () = permit.lost() => {}
            }
        }
        Ok(())
    }

    /// Until the permit has ended.
    async fn tend(&self, permit: &Permit) {
        let mut absences = Absences::default();
        let mut tries = self.tries("Keys of nodes that are gone stay");
        loop {
            let gone =
                match timeout(LISTS, self.look()).await.unwrap_or_else(|_| Err("no answer within 10 s".to_owned())) {
                    Ok((keys, nodes)) => absences.gone(&keys, &nodes, Instant::now()),
                    Err(error) => {
                        tracing::debug!(error, "Which nodes are gone is not known");
                        tokio::time::sleep(APART).await;
                        continue;
                    }
                };
            if !gone.is_empty() {
                let data = gone.iter().map(|key| (key.clone(), Value::Null)).collect();
                match self.patch(&data, permit, &mut tries).await {
                    Ok(true) => tell(&gone),
                    // by the next look: until then a node may have come back
                    Ok(false) => {}
                    Err(Lost) => return,
                }
            }
            tokio::time::sleep(absences.next_look()).await;
        }
    }

    /// The keys as they are, and the nodes that there are.
    async fn look(&self) -> Result<(BTreeMap<String, String>, HashSet<String>), String> {
        let (client, namespace) = (&self.kubernetes.client, self.kubernetes.namespace());
        let (config_maps, only) = (Api::<ConfigMap>::namespaced(client.clone(), namespace), Only::named(NAME));
        let nodes: Api<NodeName> = Api::all(client.clone());
        let of_status = Asked::new("configmaps", NAME, namespace);
        // one after the other: a node that comes now has its key later
        let keys = fresh::list(&config_maps, &only, &of_status, |found| found.data).await?;
        let name = |node: NodeName| Some(node.name().to_owned());
        let nodes = fresh::list(&nodes, &Only::All, &Asked::new("nodes", "", ""), name).await?;
        Ok((keys.into_iter().flatten().collect(), nodes.into_iter().collect()))
    }

    /// Whether it was done.
    async fn patch(&self, data: &BTreeMap<String, Value>, permit: &Permit, tries: &mut Tries) -> Result<bool, Lost> {
        let api: Api<ConfigMap> = Api::namespaced(self.kubernetes.client.clone(), self.kubernetes.namespace());
        let (params, patch) = (PatchParams::default(), Patch::Merge(json!({ "data": data })));
        permit.check()?;
        Ok(tries.patch(api.patch(NAME, &params, &patch)).await.is_some())
    }

    fn tries(&self, refused: &'static str) -> Tries {
        Tries::new(Asked::new("configmaps", NAME, self.kubernetes.namespace()), refused, AGAIN)
    }
}

fn tell(gone: &[String]) {
    let nodes = gone.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    tracing::info!(count = gone.len(), nodes, "Nodes are gone, and their keys of the status too");
}

/// Keys that no node has: what they said, and since when.
#[derive(Debug, Default)]
struct Absences(BTreeMap<String, (String, Instant)>);

impl Absences {
    /// The keys whose node was not there twice, as of `now`. One that was written in between is somebody's who is there.
    fn gone(&mut self, keys: &BTreeMap<String, String>, nodes: &HashSet<String>, now: Instant) -> Vec<String> {
        let absent = keys.iter().filter(|(key, text)| is_entry(key, text) && !nodes.contains(*key));
        let before = std::mem::take(&mut self.0);
        self.0 = absent
            .map(|(key, text)| {
                let since = before.get(key).filter(|(said, _)| said == text).map_or(now, |(_, since)| *since);
                (key.clone(), (text.clone(), since))
            })
            .collect();
        let is_gone = |since: &Instant| now.duration_since(*since) >= APART;
        self.0.iter().filter(|(_, (_, since))| is_gone(since)).map(|(key, _)| key.clone()).collect()
    }

    fn next_look(&self) -> Duration {
        if self.0.is_empty() { EVERY } else { APART }
    }
}

/// A node's, and not what somebody else keeps there.
fn is_entry(key: &str, text: &str) -> bool {
    key != NETWORKS && !agreement::read(text).pod.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORD: &str = r#"{"pod":"gatepost-x","generation":7,"certificates":"ff","draining":false,"at":1750000000}"#;

    fn keys(texts: &[(&str, &str)]) -> BTreeMap<String, String> {
        texts.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect()
    }

    fn nodes(names: &[&str]) -> HashSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_key_goes_once_its_node_was_absent_twice_half_a_minute_apart() {
        let start = Instant::now();
        let mut absences = Absences::default();
        assert_eq!(absences.next_look(), EVERY);
        let all = keys(&[("here", WORD), ("gone", WORD), ("back", WORD)]);
        for (second, there, wanted) in [
            (0, &["here"][..], &[][..]),
            (29, &["here"], &[]),
            (29, &["here", "back"], &[]),
            (30, &["here"], &["gone"]),
            // it could not be written
            (31, &["here"], &["gone"]),
            (60, &["here"], &["back", "gone"]),
        ] {
            let gone = absences.gone(&all, &nodes(there), start + Duration::from_secs(second));
            assert_eq!((gone.iter().map(String::as_str).collect::<Vec<_>>(), second), (wanted.to_vec(), second));
            assert_eq!(absences.next_look(), APART);
        }
    }

    #[test]
    fn a_key_that_is_written_in_between_stays_and_so_does_what_is_no_nodes() {
        let start = Instant::now();
        let mut absences = Absences::default();
        let renewed = WORD.replace("1750000000", "1750000300");
        let networks = r#"{"pod":"not really"}"#;
        for (second, word) in [(0, WORD), (40, renewed.as_str())] {
            let all = keys(&[("outside", word), ("note", "mine"), ("else", "{}"), (NETWORKS, networks)]);
            let gone = absences.gone(&all, &nodes(&[]), start + Duration::from_secs(second));
            assert_eq!(gone, [""; 0], "{second}");
        }
    }
}
