//! Which names every node has loaded: [`Others`]. What nodes tell has an end: one that is drained, or has not renewed its
//! word for [`STALE`] seconds because it is gone, keeps no host from being sent to https.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use tokio::sync::watch;

use super::Nodes;
use crate::certs::Store;
use crate::control::certificates::Names;

/// A pod renews its node's key after so long, seconds.
pub(super) const RENEW: i64 = 5 * 60;

/// Three renewals that did not come, seconds. It is told by the wall clocks of two nodes, which differ by less than
/// minutes: with more, certificates and tokens of the cluster itself would not hold.
const STALE: i64 = 3 * RENEW;

/// Every change takes a moment to reach all nodes: one that is late is spoken of after so long, seconds.
const LATE: i64 = 60;

/// What is known of the other nodes.
pub(in crate::control) struct Others {
    node: String,
    nodes: watch::Receiver<Nodes>,
    /// Of the names that are loaded here, for the other nodes.
    digest: watch::Sender<u64>,
    loaded: Arc<Names>,
    agreed: Arc<Names>,
    /// How many names are loaded here and not agreed on.
    waiting: usize,
    late: Late,
    told: Option<Option<Arc<Names>>>,
}

/// Of a node's key what is of use to others; what cannot be read is no word of anybody.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Told {
    pub(super) pod: String,
    certificates: String,
    pub(super) draining: bool,
    /// Unix seconds; 0 from a gatepost that did not renew it.
    at: i64,
}

pub(super) fn read(text: &str) -> Told {
    serde_json::from_str(text).unwrap_or_default()
}

impl Told {
    /// Written a renewal ago, or by a clock that is no more.
    pub(super) fn is_to_be_renewed(&self, now: i64) -> bool {
        !(-RENEW..RENEW).contains(&(now - self.at))
    }
}

impl Others {
    pub(super) fn new(node: String, nodes: watch::Receiver<Nodes>, digest: watch::Sender<u64>) -> Others {
        let (loaded, agreed) = (Arc::default(), Arc::default());
        Others { node, nodes, digest, loaded, agreed, waiting: 0, late: Late::default(), told: None }
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

    /// How many names are loaded here and not known to be everywhere.
    pub(in crate::control) fn waiting(&self) -> usize {
        self.waiting
    }

    /// The names that every node has at `now` (Unix seconds), when that has changed; `None` in it: there are no other
    /// nodes.
    ///
    /// Names that all have agreed on stay, also while nodes differ: a node that is late with a renewal or a new name has
    /// the old names still.
    pub(in crate::control) fn everywhere(&mut self, now: i64) -> Option<Option<Arc<Names>>> {
        let own = format!("{:016x}", *self.digest.borrow());
        let nodes = self.nodes.borrow_and_update();
        let differing = match &*nodes {
            Nodes::Told(nodes) => differing(nodes, &self.node, &own, now),
            Nodes::Apart | Nodes::Unknown => Vec::new(),
        };
        let everywhere = match &*nodes {
            Nodes::Apart => None,
            Nodes::Told(_) if differing.is_empty() => Some(Arc::clone(&self.loaded)),
            Nodes::Told(_) | Nodes::Unknown => Some(kept(&self.agreed, &self.loaded)),
        };
        self.waiting = everywhere.as_ref().map_or(0, |names| self.loaded.len() - names.len());
        let first = differing.first().filter(|_| self.waiting > 0);
        if let Some(node) = self.late.news(first, &own, now) {
            let (hosts, nodes) = (self.waiting, differing.len());
            tracing::info!(node, nodes, hosts, "A node has other certificates, so new hosts are not sent to https yet");
        }
        drop(nodes);
        self.agreed = everywhere.clone().unwrap_or_default();
        let is_news = self.told.as_ref() != Some(&everywhere);
        is_news.then(|| self.told.insert(everywhere).clone())
    }
}

/// A node, and what it says of its certificates.
type Word = (String, String);

/// The nodes beside `node` that do not have what `own` says, of those whose word counts at `now`.
fn differing(nodes: &BTreeMap<String, String>, node: &str, own: &str, now: i64) -> Vec<Word> {
    let told: Vec<(&String, Told)> = nodes.iter().map(|(name, text)| (name, read(text))).collect();
    let is_possible = |told: &Told| told.at <= now + STALE;
    // counted from the newest word there is: while the API server is away nobody can renew his, and nobody is gone
    let newest = told.iter().filter(|(_, told)| is_possible(told)).map(|(_, told)| told.at.min(now)).max();
    let counts = |told: &Told| {
        !told.draining && told.at > 0 && is_possible(told) && newest.is_none_or(|newest| newest - told.at <= STALE)
    };
    let others = told.iter().filter(|(name, told)| *name != node && counts(told));
    let others = others.filter(|(_, told)| told.certificates != own);
    others.map(|(name, told)| ((*name).clone(), told.certificates.clone())).collect()
}

/// What was said of a node that keeps new hosts from https.
#[derive(Debug, Default)]
struct Late {
    since: Option<i64>,
    /// Which node, and what it and we had.
    told: Option<(Word, String)>,
}

impl Late {
    /// The node that is to be spoken of: once it has been late for long, and once for what it and we have.
    fn news<'n>(&mut self, first: Option<&'n Word>, own: &str, now: i64) -> Option<&'n str> {
        let Some(first) = first else {
            *self = Late::default();
            return None;
        };
        let since = *self.since.get_or_insert(now);
        if now - since < LATE {
            return None;
        }
        let is_told = self.told.as_ref().is_some_and(|(word, ours)| (word, &**ours) == (first, own));
        self.told = Some((first.clone(), own.to_owned()));
        (!is_told).then_some(&first.0)
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
    use rcgen::generate_simple_self_signed;

    use super::*;
    use crate::certs::{Certificate, Clients, Maker, Tickets};

    const NOW: i64 = 1_750_000_000;

    struct Fixture {
        others: Others,
        nodes: watch::Sender<Nodes>,
        store: Store,
    }

    /// As a node with this store tells of itself.
    fn word(store: &Store, at: i64, draining: bool) -> String {
        let certificates = format!("{:016x}", store.digest());
        serde_json::json!({"pod": "p", "certificates": certificates, "draining": draining, "at": at}).to_string()
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
            self.nodes.send_replace(Nodes::Told(BTreeMap::from([("there".to_owned(), word(store, NOW, false))])));
        }

        /// Names that every node has, sorted.
        fn agreed(&mut self) -> Option<Vec<String>> {
            self.others.everywhere(NOW);
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
        assert!(fixture.others.everywhere(NOW).is_none(), "told twice");
        fixture.load("b.example");
        assert_eq!(fixture.agreed().unwrap(), ["a.example"], "the other node is late");
        assert_eq!(fixture.others.waiting(), 1);
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
    fn without_the_config_map_there_are_no_others_and_a_key_that_cannot_be_read_is_nobodys_word() {
        let mut fixture = fixture();
        fixture.load("a.example");
        fixture.nodes.send_replace(Nodes::Apart);
        assert_eq!((fixture.agreed(), fixture.others.waiting()), (None, 0));
        for node in ["here", "there"] {
            fixture.nodes.send_replace(Nodes::Told(BTreeMap::from([(node.to_owned(), "?".to_owned())])));
            assert_eq!(fixture.agreed().unwrap(), ["a.example"]);
        }
    }

    #[test]
    fn a_node_that_drains_or_has_not_renewed_its_word_keeps_no_host_from_https() {
        let (nothing, old) = (Store::default(), NOW - STALE - 1);
        let (here, there) = ("here".to_owned(), "there".to_owned());
        for (own_at, their_at, draining, counts) in [
            (NOW, NOW, false, true),
            (NOW, NOW, true, false),
            (NOW, NOW - STALE, false, true),
            (NOW, old, false, false),
            // it was never renewed
            (NOW, 0, false, false),
            // clocks of nodes are not quite the same, and one is quite wrong
            (NOW, NOW + STALE, false, true),
            (NOW, NOW + STALE + 1, false, false),
            // nobody could renew anything for an hour
            (NOW - 3600, NOW - 3600, false, true),
            (NOW - 3600, NOW - 3601 - STALE, false, false),
        ] {
            let mut words = BTreeMap::from([(there.clone(), word(&nothing, their_at, draining))]);
            words.insert(here.clone(), word(&nothing, own_at, false));
            // one of a gatepost that is gone for ever
            words.insert("past".to_owned(), r#"{"pod":"p","certificates":"00000000000000ff"}"#.to_owned());
            let found = differing(&words, "here", "00000000000000aa", NOW);
            let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
            let wanted = if counts { vec!["there"] } else { Vec::new() };
            assert_eq!(names, wanted, "{own_at} {their_at} {draining}");
        }
    }

    #[test]
    fn the_time_alone_ends_the_word_of_a_node_that_is_gone() {
        let mut fixture = fixture();
        fixture.load("a.example");
        let words = |own_at: i64| {
            let gone = ("there".to_owned(), word(&Store::default(), NOW, false));
            Nodes::Told(BTreeMap::from([gone, ("here".to_owned(), word(&Store::default(), own_at, false))]))
        };
        for (now, waiting) in [(NOW, 1), (NOW + STALE, 1), (NOW + STALE + 1, 0)] {
            fixture.nodes.send_replace(words(now));
            fixture.others.everywhere(now);
            assert_eq!(fixture.others.waiting(), waiting, "{}", now - NOW);
        }
    }

    #[test]
    fn a_late_node_is_named_after_a_minute_and_once_for_what_it_and_we_have() {
        let mut late = Late::default();
        let word = |node: &str, theirs: &str| (node.to_owned(), theirs.to_owned());
        let (one, two) = (word("one", "a"), word("two", "a"));
        for (second, first, own, named) in [
            (0, Some(&one), "b", None),
            (LATE - 1, Some(&one), "b", None),
            (LATE, Some(&one), "b", Some("one")),
            (2 * LATE, Some(&one), "b", None),
            (2 * LATE, Some(&one), "c", Some("one")),
            (2 * LATE, Some(&two), "c", Some("two")),
            (2 * LATE, None, "c", None),
            (2 * LATE, Some(&two), "c", None),
            (3 * LATE, Some(&two), "c", Some("two")),
        ] {
            assert_eq!(late.news(first, own, NOW + second), named, "{second} {first:?} {own}");
        }
    }
}
