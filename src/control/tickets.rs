//! The keys of session tickets, shared by all nodes through the Secret `gatepost-tickets`, so that a session resumes on
//! any of them. Doors: [`shared`], and [`local`] for a process without a cluster. Both have no end.

mod keys;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Api;
use kube::api::{Patch, PatchParams};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::client::Asked;
use super::supply::{LOOK, now};
use super::tries::Tries;
use super::watched::{Only, Sink, Watched};
use super::{Error, Kubernetes};
use crate::certs::Tickets;
use keys::Keys;

/// Shipped without data, so that an upgrade takes nothing away.
const NAME: &str = "gatepost-tickets";

/// Its key.
const KEY: &str = "keys";

/// The wait after the first write that fails.
const AGAIN: Duration = Duration::from_millis(200);

/// One process writes no oftener: of two with different clocks each finds the other's key wrong. Keys that are not there
/// at all are written at once.
const APART: Duration = Duration::from_secs(3600);

/// What is known of the shared keys.
#[derive(Clone, Default)]
enum Known {
    /// Nobody has answered yet.
    #[default]
    Unknown,
    /// There is no such Secret, or it may not be read.
    Apart,
    Shared {
        keys: Keys,
        /// Of the Secret: who writes names it, so that of two that write at once one finds out.
        version: Option<String>,
    },
}

/// Keys of this process alone.
pub(super) async fn local(tickets: Arc<Tickets>) {
    let mut keys = Keys::default();
    loop {
        rotate(&mut keys, &tickets);
        tokio::time::sleep(until_due(&keys)).await;
    }
}

/// Keys of all nodes; until they are known, and while they cannot be, those of this process.
pub(super) async fn shared(kubernetes: Kubernetes, tickets: Arc<Tickets>) {
    let namespace = kubernetes.namespace().to_owned();
    let api: Api<Secret> = Api::namespaced(kubernetes.client.clone(), &namespace);
    let asked = Asked::new("secrets", NAME, &namespace);
    let only = Only::named(NAME);
    let watched = Watched { kubernetes, api: api.clone(), only, asked: asked.clone() };
    let (known, seen) = watch::channel(Known::Unknown);
    let watch = watched.run(Reading { known: known.clone(), listed: None });
    let refused = "The next key of session tickets cannot be written: a session resumes on its own node only";
    let tries = Tries::new(asked, refused, AGAIN);
    let follow = Follow { api, tries, known, tickets, own: Keys::default(), wrote: None };
    // neither has an end
    let _ = tokio::join!(watch, follow.run(seen));
}

/// Puts into force what is known of the keys, and writes the next.
struct Follow {
    api: Api<Secret>,
    tries: Tries,
    known: watch::Sender<Known>,
    tickets: Arc<Tickets>,
    /// Of this process alone.
    own: Keys,
    /// When it wrote a key.
    wrote: Option<Instant>,
}

impl Follow {
    async fn run(mut self, mut seen: watch::Receiver<Known>) {
        loop {
            let state = seen.borrow_and_update().clone();
            let wait = match state {
                Known::Unknown | Known::Apart => {
                    rotate(&mut self.own, &self.tickets);
                    until_due(&self.own)
                }
                Known::Shared { keys, version } if keys.is_old(now()) => self.succeed(&keys, version).await,
                Known::Shared { keys, .. } => {
                    self.tickets.replace(&keys.in_force(now()));
                    until_due(&keys)
                }
            };
            // either is a reason to look
            let _ = timeout(wait, seen.changed()).await;
        }
    }

    /// The newest of the shared keys is too old. How long to wait.
    async fn succeed(&mut self, keys: &Keys, version: Option<String>) -> Duration {
        self.use_old(keys);
        if let Some(wait) = self.wrote.and_then(|wrote| APART.checked_sub(wrote.elapsed()))
            && *keys != Keys::default()
        {
            return wait.min(LOOK);
        }
        match self.write(keys, version).await {
            Some(written) => {
                self.wrote = Some(Instant::now());
                self.known.send_replace(written);
                Duration::ZERO
            }
            None => {
                self.use_old(keys);
                self.tries.next_wait()
            }
        }
    }

    /// Until a successor is there the old ones are good enough. Who may not write one may wait for ever, and a key must
    /// not be in use for ever: then sessions resume here at least.
    fn use_old(&mut self, keys: &Keys) {
        if self.tries.is_refused() || *keys == Keys::default() {
            rotate(&mut self.own, &self.tickets);
        } else {
            self.tickets.replace(&keys.in_force(now()));
        }
    }

    /// `None` when it came to nothing: mostly because another node was faster, and then the watch brings its key.
    async fn write(&mut self, keys: &Keys, version: Option<String>) -> Option<Known> {
        let text = keys.next(now()).ok()?.write().ok()?;
        let metadata = ObjectMeta { resource_version: version, ..ObjectMeta::default() };
        let data = BTreeMap::from([(KEY.to_owned(), ByteString(text.to_vec()))]);
        let patch = Patch::Merge(Secret { metadata, data: Some(data), ..Secret::default() });
        let written = self.tries.patch(self.api.patch(NAME, &PatchParams::default(), &patch)).await;
        if let Patch::Merge(secret) = patch {
            super::secrets::wipe(secret);
        }
        let written = written?;
        tracing::info!("The key of session tickets has a successor");
        Some(Known::of(written))
    }
}

fn rotate(keys: &mut Keys, tickets: &Tickets) {
    if keys.is_old(now()) {
        match keys.next(now()) {
            Ok(next) => *keys = next,
            Err(error) => tracing::error!(%error, "No new key for session tickets can be made"),
        }
    }
    tickets.replace(&keys.in_force(now()));
}

/// Not at once: that a key cannot be made is no reason to spin.
fn until_due(keys: &Keys) -> Duration {
    Duration::from_secs(keys.until_due(now()).max(1)).min(LOOK)
}

impl Known {
    fn of(mut secret: Secret) -> Known {
        let text = secret.data.as_ref().and_then(|data| data.get(KEY));
        let keys = text.map(|ByteString(text)| Keys::read(text)).unwrap_or_default();
        let version = secret.metadata.resource_version.take();
        super::secrets::wipe(secret);
        Known::Shared { keys, version }
    }
}

/// Reads the shared keys.
struct Reading {
    known: watch::Sender<Known>,
    listed: Option<Secret>,
}

impl Reading {
    fn apart(&self, why: &str) {
        let before = self.known.send_replace(Known::Apart);
        if !matches!(before, Known::Apart) {
            tracing::info!(why, "Keys of session tickets are not shared: a session resumes on its own node only");
        }
    }
}

impl Sink<Secret> for Reading {
    fn listing(&mut self) {
        self.listed = None;
    }

    fn found(&mut self, found: Secret) {
        self.listed = Some(found);
    }

    fn listed(&mut self) {
        match self.listed.take() {
            Some(found) => self.applied(found),
            None => self.apart("there is no Secret gatepost-tickets"),
        }
    }

    fn applied(&mut self, found: Secret) {
        self.known.send_replace(Known::of(found));
    }

    fn deleted(&mut self, last: Secret) {
        super::secrets::wipe(last);
        self.apart("the Secret gatepost-tickets is gone");
    }

    fn away(&mut self, error: &str, _elsewhere: bool) {
        tracing::debug!(error, "The keys of session tickets cannot be watched");
    }

    fn back(&mut self) {}

    fn refused(&mut self, error: Error, is_news: bool) -> Result<(), Error> {
        if is_news {
            self.apart(&error.to_string());
        }
        Ok(())
    }
}
