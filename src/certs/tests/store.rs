//! Which host a name gets, against a map that is as plain as can be.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A host with a certificate, one without, one that lets nobody in.
static HOSTS: LazyLock<[Arc<Host>; 3]> = LazyLock::new(|| {
    let maker = Maker::new(Arc::clone(&PROVIDER), false, Tickets::new(&[]));
    let certificate = Arc::new(certificate(&["a.test"]));
    let host = |certificates, clients: &Clients| Arc::new(maker.host(certificates, clients).unwrap());
    [
        host(vec![Arc::clone(&certificate)], &Clients::Anyone),
        host(vec![], &Clients::Anyone),
        host(vec![certificate], &Clients::Nobody),
    ]
});

const NAMES: [&str; 8] = ["test", "a.test", "b.test", "x.a.test", "*.test", "*.a.test", "*.b.test", "*.x.a.test"];
const ASKED: [&str; 10] =
    ["", ".", "test", "a.test", "b.test", "c.test", "x.a.test", "y.a.test", "y.x.a.test", "z.y.a.test"];

type Model = BTreeMap<&'static str, usize>;

fn built(edits: &[(usize, Option<usize>)]) -> (Store, Model) {
    let (mut store, mut model) = (Store::default(), Model::new());
    for &(name, host) in edits {
        store = store.with(NAMES[name], host.map(|host| Arc::clone(&HOSTS[host])));
        match host {
            Some(host) => model.insert(NAMES[name], host),
            None => model.remove(NAMES[name]),
        };
    }
    (store, model)
}

/// The key of the model under which a name is found.
fn key(model: &Model, name: &str) -> Option<&'static str> {
    let wildcard = || name.split_once('.').map(|(_, parent)| format!("*.{parent}"));
    let found = |name: &str| model.keys().copied().find(|&key| key == name);
    found(name).or_else(|| found(&wildcard()?))
}

fn edits() -> impl Strategy<Value = Vec<(usize, Option<usize>)>> {
    prop::collection::vec((0..NAMES.len(), prop::option::of(0..3usize)), 0..24)
}

proptest! {
    #[test]
    fn a_name_gets_what_a_plain_map_says(edits in edits(), everywhere in prop::option::of(prop::sample::subsequence(&NAMES, 0..8))) {
        let (store, model) = built(&edits);
        let names = everywhere.as_ref().map(|names| Arc::new(names.iter().map(|&name| Box::from(name)).collect()));
        let store = store.with_everywhere(names);
        for asked in ASKED {
            let key = key(&model, asked);
            let found = store.find(asked).map(|host| HOSTS.iter().position(|known| Arc::ptr_eq(known, host)).unwrap());
            prop_assert_eq!(found, key.map(|key| model[key]), "{}", asked);
            let above = (1..4).filter_map(|n| Some(format!("*.{}", asked.splitn(n + 1, '.').nth(n)?)));
            let policy = std::iter::once(asked.to_owned()).chain(above).find_map(|name| model.get(&*name));
            let policy = policy.map_or(Policy::Anyone, |host| HOSTS[*host].policy());
            prop_assert_eq!(store.policy(asked), policy, "{}", asked);
            let loaded = key.is_some_and(|key| model[key] == 0);
            let known = everywhere.as_ref().is_none_or(|names| key.is_some_and(|key| names.contains(&key)));
            prop_assert_eq!(store.is_everywhere(asked), loaded && known, "{}", asked);
        }
        let mut hosts: Vec<String> = store.hosts().map(|(name, _)| name).collect();
        hosts.sort();
        prop_assert_eq!(hosts, model.keys().copied().collect::<Vec<_>>());
        prop_assert_eq!(store.is_empty(), model.is_empty());
    }

    #[test]
    fn the_digest_tells_what_is_loaded_and_not_how_it_came_to_be(one in edits(), other in edits()) {
        let ((first, model), (second, other)) = (built(&one), built(&other));
        let loaded = |model: &Model| model.iter().filter(|(_, host)| **host == 0).map(|(name, _)| *name).collect::<Vec<_>>();
        prop_assert_eq!(first.digest() == second.digest(), loaded(&model) == loaded(&other));
        // only what is there in the end counts
        let straight: Vec<_> = model.iter().rev().map(|(name, host)| {
            (NAMES.iter().position(|known| known == name).unwrap(), Some(*host))
        }).collect();
        prop_assert_eq!(built(&straight).0.digest(), first.digest());
    }

    #[test]
    fn a_store_that_was_published_never_changes(edits in edits(), name in 0..NAMES.len(), host in prop::option::of(0..3usize)) {
        let (before, model) = built(&edits);
        let digest = before.digest();
        let _ = before.with(NAMES[name], host.map(|host| Arc::clone(&HOSTS[host]))).with_default(None);
        prop_assert_eq!(before.digest(), digest);
        for asked in ASKED {
            let found = before.find(asked).map(|host| HOSTS.iter().position(|known| Arc::ptr_eq(known, host)).unwrap());
            prop_assert_eq!(found, key(&model, asked).map(|key| model[key]));
        }
    }
}

#[test]
fn the_digest_is_the_same_on_every_node() {
    let store = Store::default().with("a.test", Some(Arc::clone(&HOSTS[0])));
    // other nodes compare theirs with it: another way to count is another version of the protocol between nodes
    assert_eq!(store.digest(), 15_301_795_639_760_217_654);
}

#[test]
fn the_default_host_is_kept_beside_the_names() {
    let store = Store::default().with_default(Some(Arc::clone(&HOSTS[0])));
    assert!(store.find("").is_none() && store.is_empty());
    assert!(Arc::ptr_eq(store.with("a.test", None).default_host().unwrap(), &HOSTS[0]));
    assert!(store.with_default(None).default_host().is_none());
}
