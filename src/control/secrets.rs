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
use super::watched::Watched;
use crate::config::{SecretName, Tls};
use read::TLS;
pub(super) use read::wipe;
use sink::{Extent, Wishes};

/// Secrets that have a watch of their own: each is a connection to the API server, on every node.
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
        for source in SourceName::all(section) {
            match self.place(&source) {
                Some((scope, name)) => drop(wanted.entry(scope).or_default().entry(name).or_default().insert(source)),
                None => {
                    self.found.nothing([source], &Nothing::unusable("files go with --routes: name a Secret", "files"))
                }
            }
        }
        let too_many: Vec<Scope> = wanted.keys().filter(|scope| **scope != Scope::Own).skip(MOST).cloned().collect();
        for wishes in too_many.iter().filter_map(|scope| wanted.remove(scope)) {
            let reason = "it is one too many: at most 64 may be in other namespaces or of client CAs";
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
            Scope::Own => (own, "", format!("type={TLS}")),
            Scope::One(namespace, name) => (&**namespace, &**name, format!("metadata.name={name}")),
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
