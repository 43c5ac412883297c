//! Which host a name gets: [`Store::find`]. A value; the next store shares all but one shard with the one before it.

use std::collections::HashMap;
use std::hash::{BuildHasher, DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::clients::Policy;
use super::host::Host;

/// Parts of a map of names. 256 x some 40 names at 10,000: one changed Secret copies 256 pointers and 40 entries.
const SHARDS: usize = 256;

type Shard = HashMap<Box<str>, Arc<Host>, RandomState>;

/// Every host of the `tls` section by name.
#[derive(Debug, Clone)]
pub struct Store {
    exact: Names,
    /// Held without `*.`.
    wildcard: Names,
    /// For a name that nobody has, or none.
    default: Option<Arc<Host>>,
    /// Which hosts every node has; `None` = all that are loaded here.
    everywhere: Option<Arc<foldhash::HashSet<Box<str>>>>,
    /// Over the names that are loaded, the same on every node that has the same ones.
    digest: u64,
}

#[derive(Debug, Clone)]
struct Names {
    shards: Vec<Arc<Shard>>,
    hasher: RandomState,
    len: usize,
}

impl Default for Store {
    fn default() -> Store {
        let (exact, wildcard) = (Names::default(), Names::default());
        Store { exact, wildcard, default: None, everywhere: None, digest: 0 }
    }
}

impl Store {
    /// The host of a lower-case name: the exact one, else the wildcard in whose one label it differs.
    pub fn find(&self, name: &str) -> Option<&Arc<Host>> {
        self.exact.get(name).or_else(|| self.wildcard.get(name.split_once('.')?.1))
    }

    /// Whom a name lets in. A route's wildcard has deeper names than a certificate's: they are as closed as the nearest
    /// wildcard above them, so that an app is not reached around it.
    pub fn policy(&self, name: &str) -> Policy {
        if let Some(host) = self.exact.get(name) {
            return host.policy();
        }
        let mut name = name;
        while self.wildcard.len > 0
            && let Some((_, parent)) = name.split_once('.')
        {
            if let Some(host) = self.wildcard.get(parent) {
                return host.policy();
            }
            name = parent;
        }
        Policy::Anyone
    }

    /// The host of those who ask for a name that nobody has, or for none.
    pub fn default_host(&self) -> Option<&Arc<Host>> {
        self.default.as_ref()
    }

    /// No host is named at all.
    pub fn is_empty(&self) -> bool {
        self.hosts().next().is_none()
    }

    /// Every host: its name or wildcard like `*.example.com`.
    pub fn hosts(&self) -> impl Iterator<Item = (String, &Arc<Host>)> {
        let exact = self.exact.iter().map(|(name, host)| (name.to_owned(), host));
        exact.chain(self.wildcard.iter().map(|(name, host)| (format!("*.{name}"), host)))
    }

    /// Whether a client that is sent from http to https for this name arrives: a certificate is loaded for it, here and
    /// on every other node.
    pub fn is_everywhere(&self, name: &str) -> bool {
        let key = match (self.exact.get(name), name.split_once('.')) {
            (Some(host), _) if host.config().is_some() => name.to_owned(),
            (Some(_), _) | (None, None) => return false,
            (None, Some((_, parent))) => match self.wildcard.get(parent) {
                Some(host) if host.config().is_some() => format!("*.{parent}"),
                _ => return false,
            },
        };
        self.everywhere.as_ref().is_none_or(|hosts| hosts.contains(&*key))
    }

    /// The names that are loaded as one number, for comparison with those of other nodes.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// The next store, in which `name` (or wildcard, `*.example.com`) has this host, or none.
    #[must_use]
    pub fn with(&self, name: &str, host: Option<Arc<Host>>) -> Store {
        let mut next = self.clone();
        let (names, key) = match name.strip_prefix("*.") {
            Some(parent) => (&mut next.wildcard, parent),
            None => (&mut next.exact, name),
        };
        let is_loaded = |host: Option<&Arc<Host>>| host.is_some_and(|host| host.config().is_some());
        if is_loaded(names.get(key)) != is_loaded(host.as_ref()) {
            next.digest ^= digest(name);
        }
        names.set(key, host);
        next
    }

    /// The next store, with another host for those who ask for none.
    #[must_use]
    pub fn with_default(&self, default: Option<Arc<Host>>) -> Store {
        Store { default, ..self.clone() }
    }

    /// The next store, with what is known of the other nodes: the names that all of them have. `None`: there are no
    /// others.
    #[must_use]
    pub fn with_everywhere(&self, everywhere: Option<Arc<foldhash::HashSet<Box<str>>>>) -> Store {
        Store { everywhere, ..self.clone() }
    }
}

/// The same on every node and in every run: `DefaultHasher::new` has fixed keys.
fn digest(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

impl Default for Names {
    fn default() -> Names {
        let hasher = RandomState::default();
        // one empty shard for all: the first name of each makes its own
        let empty = Arc::new(Shard::with_hasher(hasher.clone()));
        Names { shards: std::iter::repeat_n(empty, SHARDS).collect(), hasher, len: 0 }
    }
}

impl Names {
    fn shard(&self, name: &str) -> usize {
        // bits of the middle: the map takes the lowest for the place and the highest seven to tell names apart
        (self.hasher.hash_one(name) >> 32) as usize % SHARDS
    }

    fn get(&self, name: &str) -> Option<&Arc<Host>> {
        self.shards[self.shard(name)].get(name)
    }

    fn set(&mut self, name: &str, host: Option<Arc<Host>>) {
        let shard = self.shard(name);
        let shard = Arc::make_mut(&mut self.shards[shard]);
        let before = shard.len();
        match host {
            Some(host) => shard.insert(name.into(), host),
            None => shard.remove(name),
        };
        self.len = self.len + shard.len() - before;
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &Arc<Host>)> {
        self.shards.iter().flat_map(|shard| shard.iter()).map(|(name, host)| (&**name, host))
    }
}
