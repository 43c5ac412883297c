//! Routes from a ConfigMap, watched through the API. One door: [`run_config_map`].
//!
//! The API server may be away, stopped or refuse us, at the start and at any time after: then what serves goes on, and
//! the watch is tried again with growing waits.

use std::pin::pin;
use std::time::Instant;

use futures_util::{Stream, StreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::runtime::watcher;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;

use super::client::{ANSWER, refusal, with_causes};
use super::events::{self, Events};
use super::health::{Health, Refusal};
use super::{Applier, ConfigMapName, Error, KEY, Kubernetes, Patience, Verdict};

/// The API server ends a watch after this many seconds without harm, and one that is silent 5 s longer is dead.
const WATCH: u32 = 60;

/// Feeds `applier` from the ConfigMap until the future is dropped. It ends by itself only with `Patience::UntilFault`,
/// when the API server refuses us before anything serves.
pub async fn run_config_map(
    kubernetes: Kubernetes,
    name: ConfigMapName,
    mut applier: Applier,
    patience: Patience,
) -> Result<(), Error> {
    let namespace = name.namespace.as_deref().unwrap_or(kubernetes.namespace()).to_owned();
    let (events, writer) = events::channel(kubernetes.client.clone());
    let what = format!("ConfigMap {namespace}/{}", name.name);
    applier.restore(&what, KEY);
    let source =
        Source { namespace, name: name.name, what, applier, events, patience, kubernetes, health: Health::new() };
    tokio::select! {
        ended = source.run() => ended,
        () = writer.run() => Ok(()),
    }
}

struct Source {
    namespace: String,
    name: String,
    /// For people.
    what: String,
    applier: Applier,
    events: Events,
    patience: Patience,
    kubernetes: Kubernetes,
    health: Health,
}

impl Source {
    async fn run(mut self) -> Result<(), Error> {
        loop {
            let api: Api<ConfigMap> = Api::namespaced(self.kubernetes.client.clone(), &self.namespace);
            let only = format!("metadata.name={}", self.name);
            let watch = watcher(api, watcher::Config::default().fields(&only).timeout(WATCH));
            // ends when the list does not; the next watch begins with a list of its own
            self.follow(pin!(watch)).await?;
        }
    }

    async fn follow(
        &mut self,
        mut watch: impl Stream<Item = watcher::Result<watcher::Event<ConfigMap>>> + Unpin,
    ) -> Result<(), Error> {
        let mut listing = true;
        let mut listed = None;
        loop {
            // what kube says of faults on its own is said here, once and in our words
            let next = watch.next().with_subscriber(Dispatch::none());
            let event = tokio::select! {
                event = next => event,
                // the client limits the time to an answer's head, this the whole list
                () = tokio::time::sleep(ANSWER), if listing => {
                    self.fault("the list did not come to its end within 15 s".to_owned()).await;
                    return Ok(());
                }
                Ok(()) = self.kubernetes.answers.changed(), if self.health.is_said() => {
                    self.health.answered();
                    tracing::info!(source = self.what, generation = self.applier.generation(), "The Kubernetes API answers again");
                    continue;
                }
            };
            match event {
                Some(Ok(watcher::Event::Init)) => (listing, listed) = (true, None),
                Some(Ok(watcher::Event::InitApply(found))) => listed = Some(found),
                Some(Ok(watcher::Event::InitDone)) => {
                    listing = false;
                    match listed.take() {
                        Some(found) => self.apply(&found),
                        None => {
                            self.applier.absent(&self.what);
                        }
                    }
                }
                Some(Ok(watcher::Event::Apply(found))) => self.apply(&found),
                Some(Ok(watcher::Event::Delete(last))) => {
                    let outcome = self.applier.absent(&self.what);
                    if outcome.verdict == Verdict::Refused {
                        self.events.tell(&last, &outcome);
                    }
                }
                Some(Err(error)) => self.failed(&error).await?,
                // the stream of `watcher` has no end
                None => return Ok(()),
            }
        }
    }

    fn apply(&mut self, found: &ConfigMap) {
        let text = found.data.as_ref().and_then(|data| data.get(KEY));
        let outcome = match text {
            Some(text) => self.applier.apply(text, KEY),
            None => self.applier.unusable(&self.what, &without_key(found)),
        };
        self.events.tell(found, &outcome);
    }

    async fn failed(&mut self, error: &watcher::Error) -> Result<(), Error> {
        let (verb, cause) = match error {
            watcher::Error::InitialListFailed(cause) => ("list", Some(cause)),
            watcher::Error::WatchStartFailed(cause) | watcher::Error::WatchFailed(cause) => ("watch", Some(cause)),
            watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => ("watch", None),
        };
        match cause.and_then(|cause| refusal(cause, verb, "configmaps", &self.name, &self.namespace)) {
            Some(refusal) => self.refused(refusal).await,
            None => {
                self.fault(with_causes(error)).await;
                Ok(())
            }
        }
    }

    /// Outside a pod, with nothing that serves, there is nothing to wait for.
    async fn refused(&mut self, error: Error) -> Result<(), Error> {
        match self.health.refusal(Instant::now()) {
            Refusal::Meant { .. } if self.patience == Patience::UntilFault && !self.applier.has_table() => {
                return Err(error);
            }
            Refusal::Meant { is_news: true } => {
                let (source, generation) = (&self.what, self.applier.generation());
                tracing::error!(source, generation, %error, "The Kubernetes API refuses us, what serves goes on");
            }
            Refusal::Meant { is_news: false } | Refusal::Doubtful => {
                tracing::debug!(source = self.what, %error, "The watch is refused");
            }
        }
        self.pause().await;
        Ok(())
    }

    async fn fault(&mut self, error: String) {
        let (source, generation) = (&self.what, self.applier.generation());
        if self.health.fault(Instant::now()) {
            tracing::warn!(source, generation, error, "The Kubernetes API is not there, what serves goes on");
        } else {
            tracing::debug!(source, generation, error, "The watch failed");
        }
        self.pause().await;
    }

    async fn pause(&mut self) {
        // answers from before the fault don't end it
        self.kubernetes.answers.mark_unchanged();
        let wait = self.health.wait();
        tokio::time::sleep(wait).await;
    }
}

/// What is there in place of the key.
fn without_key(found: &ConfigMap) -> String {
    let binary = found.binary_data.iter().flatten().any(|(key, _)| key == KEY);
    if binary {
        return format!("the key {KEY} is binary data: its text is not UTF-8");
    }
    let keys: Vec<&str> = found.data.iter().flatten().map(|(key, _)| key.as_str()).take(10).collect();
    match keys.as_slice() {
        [] => format!("the key {KEY} is missing: it has no keys at all"),
        keys => format!("the key {KEY} is missing: it has {}", keys.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::Readiness;
    use crate::published;
    use crate::telemetry::metrics::Metrics;

    #[tokio::test(start_paused = true)]
    async fn an_api_server_that_takes_connections_and_says_nothing_is_given_up_and_tried_again() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kubeconfig");
        let config = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [{"name": "u", "user": {}}],
            "clusters": [{"name": "c", "cluster": {"server": format!("http://{}", silent.local_addr().unwrap())}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        });
        std::fs::write(&path, config.to_string()).unwrap();
        let kubernetes = Kubernetes::connect(Some(&path), Some("edge")).await.unwrap();
        let (writer, mut reader) = published::channel(None);
        let readiness = Readiness::new();
        let applier = Applier::new(writer, Metrics::new(), readiness.condition("routes"));
        let name = ConfigMapName { namespace: None, name: "gatepost".to_owned() };
        let source = run_config_map(kubernetes, name, applier, Patience::UntilFault);
        let mut held = Vec::new();
        let accepted = async {
            while held.len() < 4 {
                held.push(silent.accept().await.unwrap());
            }
        };
        tokio::select! {
            ended = source => panic!("the source ended: {ended:?}"),
            () = accepted => {}
        }
        assert!(reader.load().is_none() && !readiness.is_ready());
    }

    #[test]
    fn a_missing_key_is_told_with_the_keys_that_are_there() {
        let with = |keys: &[&str]| ConfigMap {
            data: Some(keys.iter().map(|key| ((*key).to_owned(), String::new())).collect()),
            ..ConfigMap::default()
        };
        assert_eq!(without_key(&with(&["routes.yml"])), "the key routes.yaml is missing: it has routes.yml");
        assert_eq!(without_key(&ConfigMap::default()), "the key routes.yaml is missing: it has no keys at all");
    }
}
