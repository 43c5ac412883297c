//! Looking at the cluster for the DNS sync. Doors: [`Observing`] tells what the nodes are like, and when that may have
//! changed; [`cluster_uid`] tells this cluster from all others.

mod waking;

use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::Instrument;

use super::client::{Asked, refusal, with_causes};
use super::nodes::{self, NodePart, PodPart};
use super::watched::{Only, Watched};
use super::{Error, Kubernetes, fresh, status};
use crate::dns::{Observer, Unobserved, World};
use waking::Waking;

/// All lists of one look have come to their end within this time, or nothing was seen.
const LOOK: Duration = Duration::from_secs(10);

/// The namespace that every cluster has, and none twice.
const OF_THE_CLUSTER: &str = "kube-system";

/// Looks at the nodes, at the own pods and at what they tell of themselves.
///
/// The watches begin with the first look and end when this is dropped: a process that does not lead has none, so that the
/// API server does not tell every node of every node.
pub struct Observing {
    kubernetes: Kubernetes,
    /// Of the watches. This end is there for as long as the other.
    tell: watch::Sender<()>,
    /// What they told and nobody has looked at since.
    news: watch::Receiver<()>,
    watches: JoinSet<()>,
}

impl Observing {
    /// Nothing is asked of the API server before the first look.
    pub fn new(kubernetes: Kubernetes) -> Observing {
        let (tell, news) = watch::channel(());
        Observing { kubernetes, tell, news, watches: JoinSet::new() }
    }

    /// Begins the watches, once.
    fn begin(&mut self) {
        if !self.watches.is_empty() {
            return;
        }
        let Places { nodes, pods, status } = Places::of(&self.kubernetes);
        self.watch(nodes, |node| (node.name().to_owned(), Some(nodes::node(node))));
        self.watch(pods, |pod| (pod.name().to_owned(), nodes::own_pod(pod)));
        self.watch(status, |status| {
            let name = status.metadata.name.unwrap_or_default();
            (name, Some(status::draining(&status.data.unwrap_or_default())))
        });
    }

    fn watch<K, R>(&mut self, place: Place<K>, read: fn(K) -> (String, Option<R>))
    where
        K: Resource + Clone + DeserializeOwned + std::fmt::Debug + Send + Sync + 'static,
        R: PartialEq + Send + 'static,
    {
        let Place { api, only, asked } = place;
        let waking = Waking::new(asked.resource, read, self.tell.clone());
        let watched = Watched { kubernetes: self.kubernetes.clone(), api, only, asked };
        let span = tracing::info_span!("task", task = "observe");
        let task = async move {
            // the sink never wants an end
            let _ = watched.run(waking).await;
        };
        self.watches.spawn(task.instrument(span));
    }
}

impl Observer for Observing {
    /// When it fails, what was told of until then is the caller's to look at again: it is not told twice.
    async fn observe(&mut self) -> Result<World, Unobserved> {
        self.begin();
        let mut news = self.news.clone();
        // what is told from here on may be missing from the lists
        news.mark_unchanged();
        let looked = timeout(LOOK, look(&self.kubernetes)).await;
        self.news = news;
        looked.unwrap_or_else(|_| Err("the lists did not come to their end within 10 s".to_owned())).map_err(Unobserved)
    }

    async fn changed(&mut self) {
        self.begin();
        loop {
            tokio::select! {
                // the other end is here
                _ = self.news.changed() => return,
                // none ends by itself
                Some(ended) = self.watches.join_next() => {
                    if let Some(panic) = ended.err().and_then(|error| error.try_into_panic().ok()) {
                        std::panic::resume_unwind(panic);
                    }
                }
            }
        }
    }
}

/// Objects of one kind, where we look for them.
struct Place<K> {
    api: Api<K>,
    only: Only,
    asked: Asked,
}

struct Places {
    nodes: Place<NodePart>,
    pods: Place<PodPart>,
    status: Place<ConfigMap>,
}

impl Places {
    fn of(kubernetes: &Kubernetes) -> Places {
        let (client, namespace) = (&kubernetes.client, kubernetes.namespace());
        Places {
            nodes: Place { api: Api::all(client.clone()), only: Only::All, asked: Asked::new("nodes", "", "") },
            pods: Place {
                api: Api::namespaced(client.clone(), namespace),
                only: Only::Labels(nodes::OWN.to_owned()),
                asked: Asked::new("pods", "", namespace),
            },
            status: Place {
                api: Api::namespaced(client.clone(), namespace),
                only: Only::named(status::NAME),
                asked: Asked::new("configmaps", status::NAME, namespace),
            },
        }
    }
}

impl<K: Resource + Clone + DeserializeOwned + std::fmt::Debug> Place<K> {
    async fn list<R>(&self, read: impl Fn(K) -> Option<R>) -> Result<Vec<R>, String> {
        fresh::list(&self.api, &self.only, &self.asked, read).await
    }
}

/// From three lists of now. A ConfigMap that is not there tells of nobody who drains.
async fn look(kubernetes: &Kubernetes) -> Result<World, String> {
    let Places { nodes, pods, status } = Places::of(kubernetes);
    let (nodes, pods, status) = tokio::try_join!(
        nodes.list(|node| Some(nodes::node(node))),
        pods.list(nodes::own_pod),
        status.list(|status| status.data),
    )?;
    let draining = status.iter().map(status::draining).next().unwrap_or_default();
    Ok(nodes::join(nodes, &pods, &draining))
}

/// The uid of the namespace `kube-system`, which tells this cluster from every other.
///
/// # Errors
/// The API server says no, or nothing that makes sense within 10 s.
pub async fn cluster_uid(kubernetes: &Kubernetes) -> Result<String, Error> {
    let untold = |reason: String| Error::Untold { what: "which cluster this is", reason };
    let namespaces: Api<Namespace> = Api::all(kubernetes.client.clone());
    let asked = Asked::new("namespaces", OF_THE_CLUSTER, "");
    let found = match timeout(LOOK, namespaces.get(OF_THE_CLUSTER)).await {
        Ok(Ok(found)) => found,
        Ok(Err(error)) => {
            return Err(refusal(&error, "get", &asked).unwrap_or_else(|| untold(with_causes(&error))));
        }
        Err(_) => return Err(untold("no answer within 10 s".to_owned())),
    };
    found.metadata.uid.ok_or_else(|| untold("the namespace kube-system has no uid".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Duration = Duration::from_secs(1);

    /// An API server that takes connections and says nothing, for as long as the listener is there.
    async fn silent() -> (tokio::net::TcpListener, Kubernetes) {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kubeconfig");
        let server = format!("http://{}", listener.local_addr().unwrap());
        let config = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [{"name": "u", "user": {}}],
            "clusters": [{"name": "c", "cluster": {"server": server}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        });
        std::fs::write(&path, config.to_string()).unwrap();
        (listener, Kubernetes::connect(Some(&path), Some("edge")).await.unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_told_during_a_look_is_news_after_it_and_what_was_told_before_is_not() {
        let (_listener, kubernetes) = silent().await;
        let mut observing = Observing::new(kubernetes);
        let tell = observing.tell.clone();
        tell.send_replace(());
        let looked = observing.observe().await;
        assert_eq!(looked, Err(Unobserved("the lists did not come to their end within 10 s".to_owned())));
        assert!(timeout(MOMENT, observing.changed()).await.is_err(), "that was before the look");

        let during = async {
            tokio::time::sleep(MOMENT).await;
            tell.send_replace(());
        };
        let (_, ()) = tokio::join!(observing.observe(), during);
        timeout(MOMENT, observing.changed()).await.unwrap();
        assert!(timeout(MOMENT, observing.changed()).await.is_err(), "it is told once");

        tell.send_replace(());
        assert!(timeout(MOMENT, observing.observe()).await.is_err(), "a look that is given up");
        timeout(MOMENT, observing.changed()).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn the_watches_begin_with_the_first_look_and_end_with_their_owner() {
        let (listener, kubernetes) = silent().await;
        let mut observing = Observing::new(kubernetes);
        assert!(timeout(MOMENT, listener.accept()).await.is_err(), "nobody has looked");
        assert!(timeout(MOMENT, observing.observe()).await.is_err());
        assert_eq!(observing.watches.len(), 3);
        let mut news = observing.news.clone();
        assert!(timeout(MOMENT, news.changed()).await.is_err());
        drop(observing);
        // each watch had a sender of its own
        timeout(MOMENT, news.changed()).await.unwrap().unwrap_err();
    }
}
