//! Routes from a ConfigMap, watched through the API. One door: [`run_config_map`].
//!
//! The API server may be away, stopped or refuse us, at the start and at any time after: then what serves goes on, and
//! the watch is tried again with growing waits.

use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::{Stream, StreamExt};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::runtime::watcher;
use tokio::sync::watch;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;

use super::client::{ANSWER, refusal, with_causes};
use super::events::{self, Events};
use super::{Applier, ConfigMapName, Error, KEY, Kubernetes, Patience, Verdict};
use crate::backoff::Backoff;

/// The API server ends a watch after this many seconds without harm, and one that is silent 5 s longer is dead.
const WATCH: u32 = 60;

/// Waits between tries.
const TRIES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// Without a fault for this long the next one waits shortly again.
const CALM: Duration = Duration::from_secs(60);

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
    let source = Source { namespace, name: name.name, what, applier, events, patience, kubernetes };
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
}

/// How the API server has been lately.
struct Health {
    backoff: Backoff,
    last_fault: Option<Instant>,
    /// It has been said that something is wrong.
    said: bool,
    /// Changes whenever a call succeeds.
    answers: watch::Receiver<()>,
}

impl Source {
    async fn run(mut self) -> Result<(), Error> {
        let answers = self.kubernetes.answers.clone();
        let mut health = Health { backoff: Backoff::new(TRIES.0, TRIES.1), last_fault: None, said: false, answers };
        loop {
            let api: Api<ConfigMap> = Api::namespaced(self.kubernetes.client.clone(), &self.namespace);
            let only = format!("metadata.name={}", self.name);
            let watch = watcher(api, watcher::Config::default().fields(&only).timeout(WATCH));
            // ends when the list does not; the next watch begins with a list of its own
            self.follow(pin!(watch), &mut health).await?;
        }
    }

    async fn follow(
        &mut self,
        mut watch: impl Stream<Item = watcher::Result<watcher::Event<ConfigMap>>> + Unpin,
        health: &mut Health,
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
                    self.fault(health, "the list did not come to its end within 15 s".to_owned()).await;
                    return Ok(());
                }
                Ok(()) = health.answers.changed(), if health.said => {
                    health.said = false;
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
                Some(Err(error)) => self.failed(health, &error).await?,
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

    async fn failed(&mut self, health: &mut Health, error: &watcher::Error) -> Result<(), Error> {
        let (verb, cause) = match error {
            watcher::Error::InitialListFailed(cause) => ("list", Some(cause)),
            watcher::Error::WatchStartFailed(cause) => ("watch", Some(cause)),
            watcher::Error::WatchFailed(cause) => ("watch", Some(cause)),
            watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => ("watch", None),
        };
        let refused = cause.and_then(|cause| refusal(cause, verb, "configmaps", &self.name, &self.namespace));
        match refused {
            Some(error) if self.patience == Patience::UntilFault && !self.applier.has_table() => Err(error),
            Some(error) => {
                if health.say() {
                    tracing::error!(source = self.what, generation = self.applier.generation(), %error, "The Kubernetes API refuses us, what serves goes on");
                }
                self.pause(health).await;
                Ok(())
            }
            None => {
                self.fault(health, with_causes(error)).await;
                Ok(())
            }
        }
    }

    /// Waits, and says so when it is not the first in a row: a single one heals by itself within half a second.
    async fn fault(&mut self, health: &mut Health, error: String) {
        let again = health.last_fault.is_some_and(|last| last.elapsed() < CALM) && health.backoff.failures() > 0;
        if again && health.say() {
            tracing::warn!(
                source = self.what,
                generation = self.applier.generation(),
                error,
                "The Kubernetes API is not there, what serves goes on"
            );
        } else {
            tracing::debug!(source = self.what, error, "The watch failed");
        }
        self.pause(health).await;
    }

    async fn pause(&mut self, health: &mut Health) {
        if health.last_fault.is_some_and(|last| last.elapsed() >= CALM) {
            health.backoff.reset();
        }
        let wait = health.backoff.next_wait();
        tokio::time::sleep(wait).await;
        health.last_fault = Some(Instant::now());
    }
}

impl Health {
    /// Whether to speak of a fault: once, until a call has succeeded.
    fn say(&mut self) -> bool {
        self.answers.mark_unchanged();
        !std::mem::replace(&mut self.said, true)
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
