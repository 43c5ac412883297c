//! Certificates and client CAs from Secrets. One door: [`Secrets`].
//!
//! The own namespace has one watch for all of its Secrets of type `kubernetes.io/tls`; Secrets elsewhere, and those of
//! client CAs, have a watch each. Of what nobody names nothing is kept.

mod read;
mod sink;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tracing::Instrument;

use super::Kubernetes;
use super::certificates::SourceName;
use super::client::Asked;
use super::news::{News, Nothing};
use super::watched::{Only, Watched};
use crate::config::{SecretName, Tls};
use read::TLS;
pub(super) use read::wipe;
use sink::{Extent, Wishes};

/// Secrets that have a watch of their own, elsewhere and in the own namespace: each is a stream of the API server, on
/// every node. Of those elsewhere `config` has said so already: it counts the Secrets that are written with a namespace.
const MOST: usize = 64;

/// What grants a Secret in another namespace.
const ELSEWHERE: &str = "a Role and RoleBinding like those in deploy/example/secret-elsewhere.yaml";

/// The Secrets that the section names, watched.
pub(super) struct Secrets {
    kubernetes: Kubernetes,
    found: Arc<Found>,
    watches: BTreeMap<Scope, (Wanted, AbortHandle)>,
    tasks: JoinSet<()>,
}

/// What one watch is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    /// Every Secret of type `kubernetes.io/tls` in the own namespace.
    Own,
    /// One Secret: namespace and name.
    One(String, String),
}

/// Names of Secrets, with what they are to the section.
type Wanted = BTreeMap<String, BTreeSet<SourceName>>;

/// What the watches have found and nobody has fetched yet: of each source the newest, so that it cannot grow.
#[derive(Default)]
struct Found {
    news: Mutex<HashMap<SourceName, News>>,
    there_are: Notify,
}

impl Secrets {
    pub(super) fn new(kubernetes: Kubernetes) -> Secrets {
        Secrets { kubernetes, found: Arc::default(), watches: BTreeMap::new(), tasks: JoinSet::new() }
    }

    /// Watches the Secrets of this section from now on.
    pub(super) fn section(&mut self, section: &Tls) {
        let mut wanted: BTreeMap<Scope, Wanted> = BTreeMap::new();
        // in file order
        let mut named: Vec<Scope> = Vec::new();
        for source in SourceName::all(section) {
            match self.place(&source) {
                Some((scope, name)) => {
                    if !wanted.contains_key(&scope) {
                        named.push(scope.clone());
                    }
                    wanted.entry(scope).or_default().entry(name).or_default().insert(source);
                }
                None => {
                    self.found.nothing([source], &Nothing::unusable("files go with --routes: name a Secret", "files"))
                }
            }
        }
        for scope in too_many(&named, |scope| self.watches.contains_key(scope), self.kubernetes.namespace()) {
            let wishes = wanted.remove(scope).unwrap_or_default();
            let reason = "it is one too many: at most 64 may be in other namespaces, and 64 of client CAs in this one";
            self.found.nothing(wishes.into_values().flatten(), &Nothing::unusable(reason, "too many"));
        }
        for (scope, (had, watch)) in std::mem::take(&mut self.watches) {
            // a watch has told what it knows, and tells it to nobody who comes later
            let is_enough = wanted.get(&scope).is_some_and(|wants| is_within(wants, &had));
            match wanted.remove(&scope) {
                Some(wants) if is_enough => drop(self.watches.insert(scope, (wants, watch))),
                wants => {
                    watch.abort();
                    wants.into_iter().for_each(|wants| self.start(scope.clone(), wants));
                }
            }
        }
        for (scope, wants) in wanted {
            self.start(scope, wants);
        }
    }

    /// Waits for what is new in them. It may be dropped and called again.
    pub(super) async fn next(&mut self) -> Vec<News> {
        loop {
            let news = self.found.take();
            if !news.is_empty() {
                return news;
            }
            tokio::select! {
                () = self.found.there_are.notified() => {}
                // one that was ended by us is no fault, and none ends by itself
                Some(ended) = self.tasks.join_next() => {
                    if let Some(panic) = ended.err().and_then(|error| error.try_into_panic().ok()) {
                        std::panic::resume_unwind(panic);
                    }
                }
            }
        }
    }

    /// By which watch a source is seen, and its name there; `None` when it is no Secret.
    fn place(&self, source: &SourceName) -> Option<(Scope, String)> {
        let SecretName { namespace, name } = source.secret()?;
        let namespace = namespace.as_deref().unwrap_or(self.kubernetes.namespace());
        let is_own = namespace == self.kubernetes.namespace() && matches!(source, SourceName::Certificate(_));
        let scope = if is_own { Scope::Own } else { Scope::One(namespace.to_owned(), name.clone()) };
        Some((scope, name.clone()))
    }

    fn start(&mut self, scope: Scope, wanted: Wanted) {
        let own = self.kubernetes.namespace();
        let (namespace, name, only) = match &scope {
            Scope::Own => (own, "", Only::Fields(format!("type={TLS}"))),
            Scope::One(namespace, name) => (&**namespace, &**name, Only::named(name)),
        };
        let mut asked = Asked::new("secrets", name, namespace);
        if namespace != own {
            asked.manifest = ELSEWHERE;
        }
        let api: Api<Secret> = Api::namespaced(self.kubernetes.client.clone(), namespace);
        let watched = Watched { kubernetes: self.kubernetes.clone(), api, only, asked };
        let extent = match &scope {
            Scope::Own => Extent::Own,
            Scope::One(namespace, _) if namespace == own => Extent::OneOfOwn,
            Scope::One(..) => Extent::Elsewhere,
        };
        let wishes = Wishes::new(wanted.clone(), extent, Arc::clone(&self.found));
        let span = tracing::info_span!("task", task = "secrets");
        let task = async move {
            // the sink never wants an end
            let _ = watched.run(wishes).await;
        };
        let watch = self.tasks.spawn(task.instrument(span));
        self.watches.insert(scope, (wanted, watch));
    }
}

/// Those beyond what may have a watch of its own. The newest of them: one that is watched already stays, and of the others
/// those that come last in the file go.
fn too_many<'s>(named: &'s [Scope], is_watched: impl Fn(&Scope) -> bool, own: &str) -> Vec<&'s Scope> {
    let (old, new): (Vec<&Scope>, Vec<&Scope>) = named.iter().partition(|scope| is_watched(scope));
    let (mut here, mut elsewhere) = (0, 0);
    let is_beyond = |scope: &&Scope| {
        let count = match scope {
            Scope::Own => return false,
            Scope::One(namespace, _) if namespace == own => &mut here,
            Scope::One(..) => &mut elsewhere,
        };
        *count += 1;
        *count > MOST
    };
    old.into_iter().chain(new).filter(is_beyond).collect()
}

/// Nobody wants what was not wanted before.
fn is_within(wants: &Wanted, had: &Wanted) -> bool {
    wants.iter().all(|(name, sources)| had.get(name).is_some_and(|had| sources.is_subset(had)))
}

impl Found {
    fn tell(&self, news: impl IntoIterator<Item = (SourceName, News)>) {
        self.lock().extend(news);
        self.there_are.notify_one();
    }

    fn nothing(&self, sources: impl IntoIterator<Item = SourceName>, nothing: &Nothing) {
        self.tell(sources.into_iter().map(|source| (source.clone(), News::nothing(source, nothing))));
    }

    fn take(&self) -> Vec<News> {
        std::mem::take(&mut *self.lock()).into_values().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SourceName, News>> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_too_many_secrets_the_newest_have_no_watch_and_client_cas_here_have_a_bound_of_their_own() {
        let one = |namespace: &str, number: usize| Scope::One(namespace.to_owned(), format!("s-{number}"));
        let mut named: Vec<Scope> = (0..MOST).flat_map(|number| [one("edge", number), one("app", number)]).collect();
        named.push(Scope::Own);
        assert!(too_many(&named, |_| false, "edge").is_empty());
        // a new one before all others in the file, and by name
        let new = Scope::One("app".to_owned(), "a".to_owned());
        let mut more = named.clone();
        more.insert(0, new.clone());
        assert_eq!(too_many(&more, |scope| named.contains(scope), "edge"), [&new]);
        // with none watched, it is the last in the file that is new
        assert_eq!(too_many(&more, |_| false, "edge"), [&one("app", MOST - 1)]);
        more.push(one("edge", MOST));
        assert_eq!(too_many(&more, |scope| named.contains(scope), "edge"), [&new, &one("edge", MOST)]);
    }
}
