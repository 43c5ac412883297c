//! One watch through the API, with a list at its beginning and after every fault. One door: [`Watched::run`].
//!
//! The API server may be away, stopped or refuse us, at the start and at any time after: then what serves goes on, and
//! the watch is tried again with growing waits. What is to be said of that is the [`Sink`]'s.

use std::fmt::Debug;
use std::pin::pin;
use std::time::Instant;

use futures_util::{Stream, StreamExt};
use kube::runtime::watcher;
use kube::{Api, Resource};
use serde::de::DeserializeOwned;
use tracing::Dispatch;
use tracing::instrument::WithSubscriber;

use super::client::{ANSWER, Asked, refusal, with_causes};
use super::health::{Health, Refusal};
use super::{Error, Kubernetes};

/// The API server ends a watch after this many seconds without harm, and one that is silent 5 s longer is dead.
const WATCH: u32 = 60;

/// Objects in one answer of a list.
pub(super) const PAGE: u32 = 100;

/// Objects to be watched.
pub(super) struct Watched<K> {
    pub(super) kubernetes: Kubernetes,
    pub(super) api: Api<K>,
    pub(super) only: Only,
    /// For the words of a refusal; `verb` is set by the call.
    pub(super) asked: Asked,
}

/// Which objects of a kind, by a selector of the API server's.
#[derive(Debug, Clone)]
pub(super) enum Only {
    /// By their fields, as in `type=kubernetes.io/tls`.
    Fields(String),
    /// By their labels, as in `app.kubernetes.io/name=gatepost`.
    Labels(String),
    /// Every one.
    All,
}

impl Only {
    /// The one of this name.
    pub(super) fn named(name: &str) -> Only {
        Only::Fields(format!("metadata.name={name}"))
    }
}

/// What becomes of the objects.
pub(super) trait Sink<K> {
    /// A list begins; one that had begun before is void.
    fn listing(&mut self);
    /// An object of it.
    fn found(&mut self, object: K);
    /// The list has come to its end: what was not found is not there.
    fn listed(&mut self);
    /// An object is new or has changed.
    fn applied(&mut self, object: K);
    /// An object is gone; this is the last of it.
    fn deleted(&mut self, last: K);
    /// The watch has failed more than once. `elsewhere`: the API server answers others meanwhile.
    fn away(&mut self, error: &str, elsewhere: bool);
    /// The API server answers again, after [`away`](Sink::away) or [`refused`](Sink::refused).
    fn back(&mut self);
    /// The API server says no and means it; `is_news`: that has not been said. An error ends the watch.
    fn refused(&mut self, error: Error, is_news: bool) -> Result<(), Error>;
}

impl<K> Watched<K>
where
    K: Resource + Clone + DeserializeOwned + Debug + Send + 'static,
{
    /// Feeds the sink until the future is dropped, or the sink wants an end.
    pub(super) async fn run(self, sink: impl Sink<K>) -> Result<(), Error> {
        let Watched { kubernetes, api, only, asked } = self;
        let mut running = Running { kubernetes, asked, sink, health: Health::new(), kind: std::marker::PhantomData };
        loop {
            let config = watcher::Config::default().timeout(WATCH).page_size(PAGE);
            let config = match &only {
                Only::Fields(selector) => config.fields(selector),
                Only::Labels(selector) => config.labels(selector),
                Only::All => config,
            };
            // ends when the list does not; the next watch begins with a list of its own
            running.follow(pin!(watcher(api.clone(), config))).await?;
        }
    }
}

struct Running<K, S> {
    kubernetes: Kubernetes,
    asked: Asked,
    sink: S,
    health: Health,
    kind: std::marker::PhantomData<fn(K)>,
}

impl<K: Send, S: Sink<K>> Running<K, S> {
    async fn follow(
        &mut self,
        mut watch: impl Stream<Item = watcher::Result<watcher::Event<K>>> + Unpin,
    ) -> Result<(), Error> {
        let mut listing = true;
        loop {
            // what kube says of faults on its own is said here, once and in our words
            let next = watch.next().with_subscriber(Dispatch::none());
            let event = tokio::select! {
                event = next => event,
                // the client limits the time to an answer's head, this the whole list
                () = tokio::time::sleep(ANSWER), if listing => {
                    self.fault("the list did not come to its end within 15 s").await;
                    return Ok(());
                }
                Ok(()) = self.kubernetes.answers.changed(), if self.health.is_said_away() => {
                    self.answered();
                    continue;
                }
            };
            // that a list begins says nothing yet
            if self.health.is_said() && matches!(&event, Some(Ok(event)) if !matches!(event, watcher::Event::Init)) {
                self.answered();
            }
            match event {
                Some(Ok(watcher::Event::Init)) => {
                    listing = true;
                    self.sink.listing();
                }
                Some(Ok(watcher::Event::InitApply(object))) => self.sink.found(object),
                Some(Ok(watcher::Event::InitDone)) => {
                    listing = false;
                    self.sink.listed();
                }
                Some(Ok(watcher::Event::Apply(object))) => self.sink.applied(object),
                Some(Ok(watcher::Event::Delete(last))) => self.sink.deleted(last),
                Some(Err(error)) => self.failed(&error).await?,
                // the stream of `watcher` has no end
                None => return Ok(()),
            }
        }
    }

    fn answered(&mut self) {
        self.health.answered();
        self.sink.back();
    }

    async fn failed(&mut self, error: &watcher::Error) -> Result<(), Error> {
        let (verb, cause) = match error {
            watcher::Error::InitialListFailed(cause) => ("list", Some(cause)),
            watcher::Error::WatchStartFailed(cause) | watcher::Error::WatchFailed(cause) => ("watch", Some(cause)),
            watcher::Error::WatchError(_) | watcher::Error::NoResourceVersion => ("watch", None),
        };
        match cause.and_then(|cause| refusal(cause, verb, &self.asked)) {
            Some(refusal) => self.refused(refusal).await,
            None => {
                self.fault(&with_causes(error)).await;
                Ok(())
            }
        }
    }

    async fn refused(&mut self, error: Error) -> Result<(), Error> {
        match self.health.refusal(Instant::now()) {
            Refusal::Meant { is_news } => self.sink.refused(error, is_news)?,
            Refusal::Doubtful => tracing::debug!(%error, "The watch is refused"),
        }
        self.pause().await;
        Ok(())
    }

    async fn fault(&mut self, error: &str) {
        if self.health.fault(Instant::now()) {
            // what is dropped with the sender is an answer of nobody
            let elsewhere = self.kubernetes.answers.has_changed().unwrap_or_default();
            self.sink.away(error, elsewhere);
        } else {
            tracing::debug!(resource = self.asked.resource, name = self.asked.name, error, "The watch failed");
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
