//! Which names every node has loaded: [`Others`].

use std::sync::Arc;

use serde::Deserialize;
use tokio::sync::watch;

use super::Nodes;
use crate::certs::Store;
use crate::control::certificates::Names;

/// What is known of the other nodes.
pub(in crate::control) struct Others {
    node: String,
    nodes: watch::Receiver<Nodes>,
    /// Of the names that are loaded here, for the other nodes.
    digest: watch::Sender<u64>,
    loaded: Arc<Names>,
    agreed: Arc<Names>,
    told: Option<Option<Arc<Names>>>,
}

/// Of a node's key what is of use to others; what cannot be read is no agreement.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Told {
    pub(super) pod: String,
    certificates: String,
    pub(super) draining: bool,
}

pub(super) fn read(text: &str) -> Told {
    serde_json::from_str(text).unwrap_or_default()
}

impl Others {
    pub(super) fn new(node: String, nodes: watch::Receiver<Nodes>, digest: watch::Sender<u64>) -> Others {
        let (loaded, agreed) = (Arc::default(), Arc::default());
        Others { node, nodes, digest, loaded, agreed, told: None }
    }

    /// Waits until something is new of them.
    pub(in crate::control) async fn changed(&mut self) {
        if self.nodes.changed().await.is_err() {
            // the process ends
            std::future::pending::<()>().await;
        }
    }

    /// What is loaded here now.
    pub(in crate::control) fn loaded(&mut self, store: &Store) {
        let digest = store.digest();
        if *self.digest.borrow() == digest {
            return;
        }
        let loaded = store.hosts().filter(|(_, host)| host.config().is_some());
        self.loaded = Arc::new(loaded.map(|(name, _)| name.into_boxed_str()).collect());
        self.digest.send_replace(digest);
    }

    /// The names that every node has, when that has changed; `None` in it: there are no other nodes.
    ///
    /// Names that all have agreed on stay, also while nodes differ: a node that is late with a renewal or a new name has
    /// the old names still.
    pub(in crate::control) fn everywhere(&mut self) -> Option<Option<Arc<Names>>> {
        let everywhere = match &*self.nodes.borrow_and_update() {
            Nodes::Apart => None,
            Nodes::Unknown => Some(kept(&self.agreed, &self.loaded)),
            Nodes::Told(nodes) => {
                let own = format!("{:016x}", *self.digest.borrow());
                // the own key may be late
                let mut others = nodes.iter().filter(|(node, _)| **node != self.node);
                if others.all(|(_, text)| read(text).certificates == own) {
                    Some(Arc::clone(&self.loaded))
                } else {
                    Some(kept(&self.agreed, &self.loaded))
                }
            }
        };
        self.agreed = everywhere.clone().unwrap_or_default();
        let is_news = self.told.as_ref() != Some(&everywhere);
        is_news.then(|| self.told.insert(everywhere).clone())
    }
}

/// What of `agreed` is loaded still.
fn kept(agreed: &Arc<Names>, loaded: &Names) -> Arc<Names> {
    if agreed.iter().all(|name| loaded.contains(name)) {
        return Arc::clone(agreed);
    }
    Arc::new(agreed.iter().filter(|name| loaded.contains(*name)).cloned().collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rcgen::generate_simple_self_signed;

    use super::*;
    use crate::certs::{Certificate, Clients, Maker, Tickets};

    struct Fixture {
        others: Others,
        nodes: watch::Sender<Nodes>,
        store: Store,
    }

    fn fixture() -> Fixture {
        let (nodes, seen) = watch::channel(Nodes::Unknown);
        let others = Others::new("here".to_owned(), seen, watch::Sender::new(0));
        Fixture { others, nodes, store: Store::default() }
    }

    impl Fixture {
        fn load(&mut self, name: &str) {
            let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
            let made = generate_simple_self_signed(vec![name.to_owned()]).unwrap();
            let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
            let certificate = Certificate::read(chain.as_bytes(), key.as_bytes(), &provider).unwrap();
            let maker = Maker::new(provider, false, Tickets::new(&[]));
            let host = maker.host(vec![Arc::new(certificate)], &Clients::Anyone).unwrap();
            self.store = self.store.with(name, Some(Arc::new(host)));
            self.others.loaded(&self.store);
        }

        fn unload(&mut self, name: &str) {
            self.store = self.store.with(name, None);
            self.others.loaded(&self.store);
        }

        /// The other node has what is loaded in this store.
        fn there(&self, store: &Store) {
            let text = format!("{{\"pod\":\"p\",\"certificates\":\"{:016x}\"}}", store.digest());
            self.nodes.send_replace(Nodes::Told(BTreeMap::from([("there".to_owned(), text)])));
        }

        /// Names that every node has, sorted.
        fn agreed(&mut self) -> Option<Vec<String>> {
            self.others.everywhere();
            let told = self.others.told.clone().unwrap()?;
            let mut names: Vec<String> = told.iter().map(|name| name.to_string()).collect();
            names.sort();
            Some(names)
        }
    }

    #[test]
    fn a_name_is_everywhere_once_all_nodes_have_the_same_and_stays_while_they_differ() {
        let mut fixture = fixture();
        fixture.load("a.example");
        assert_eq!(fixture.agreed().unwrap(), [""; 0], "nobody has answered yet");
        fixture.there(&Store::default());
        assert_eq!(fixture.agreed().unwrap(), [""; 0]);
        fixture.there(&fixture.store);
        assert_eq!(fixture.agreed().unwrap(), ["a.example"]);
        assert!(fixture.others.everywhere().is_none(), "told twice");
        fixture.load("b.example");
        assert_eq!(fixture.agreed().unwrap(), ["a.example"], "the other node is late");
        fixture.there(&fixture.store);
        assert_eq!(fixture.agreed().unwrap(), ["a.example", "b.example"]);
    }

    #[test]
    fn a_name_that_is_unloaded_here_has_to_be_agreed_on_again() {
        let mut fixture = fixture();
        fixture.load("a.example");
        fixture.there(&fixture.store);
        assert_eq!(fixture.agreed().unwrap(), ["a.example"]);
        fixture.there(&Store::default());
        fixture.unload("a.example");
        assert_eq!(fixture.agreed().unwrap(), [""; 0]);
        fixture.load("a.example");
        assert_eq!(fixture.agreed().unwrap(), [""; 0]);
    }

    #[test]
    fn without_the_config_map_there_are_no_others_and_a_key_that_cannot_be_read_agrees_to_nothing() {
        let mut fixture = fixture();
        fixture.load("a.example");
        fixture.nodes.send_replace(Nodes::Apart);
        assert_eq!(fixture.agreed(), None);
        fixture.nodes.send_replace(Nodes::Told(BTreeMap::from([("there".to_owned(), "?".to_owned())])));
        assert_eq!(fixture.agreed().unwrap(), [""; 0]);
        // the own key says what was, until it is written
        fixture.nodes.send_replace(Nodes::Told(BTreeMap::from([("here".to_owned(), "?".to_owned())])));
        assert_eq!(fixture.agreed().unwrap(), ["a.example"]);
    }
}
