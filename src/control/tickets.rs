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
use tokio::time::timeout;

use super::client::{Asked, refusal, with_causes};
use super::supply::now;
use super::watched::{Sink, Watched};
use super::{Error, Kubernetes};
use crate::backoff::Backoff;
use crate::certs::Tickets;
use keys::Keys;

/// Shipped without data, so that an upgrade takes nothing away.
const NAME: &str = "gatepost-tickets";

/// Its key.
const KEY: &str = "keys";

/// A write that takes longer is given up.
const WRITE: Duration = Duration::from_secs(5);

/// Waits between tries.
const TRIES: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(60));

/// The time is looked at so often at least: the clock may have been set.
const LOOK: Duration = Duration::from_secs(60);

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
    let only = format!("metadata.name={NAME}");
    let watched = Watched { kubernetes, api: api.clone(), only, asked: asked.clone() };
    let (known, seen) = watch::channel(Known::Unknown);
    let watch = watched.run(Reading { known: known.clone(), listed: None });
    // neither has an end
    let writer = Writer { api, asked, said: false };
    let _ = tokio::join!(watch, follow(writer, known, seen, tickets));
}

async fn follow(
    mut writer: Writer,
    known: watch::Sender<Known>,
    mut seen: watch::Receiver<Known>,
    tickets: Arc<Tickets>,
) {
    let mut own = Keys::default();
    let mut backoff = Backoff::new(TRIES.0, TRIES.1);
    loop {
        let state = seen.borrow_and_update().clone();
        let wait = match state {
            Known::Unknown | Known::Apart => {
                rotate(&mut own, &tickets);
                until_due(&own)
            }
            Known::Shared { keys, version } if keys.is_old(now()) => {
                tickets.replace(&keys.in_force(now()));
                match writer.write(&keys, version).await {
                    Some(written) => {
                        backoff.reset();
                        known.send_replace(written);
                        continue;
                    }
                    None if keys == Keys::default() => {
                        // the shared ones may never come: sessions resume here at least
                        rotate(&mut own, &tickets);
                        backoff.next_wait()
                    }
                    None => backoff.next_wait(),
                }
            }
            Known::Shared { keys, .. } => {
                tickets.replace(&keys.in_force(now()));
                until_due(&keys)
            }
        };
        // either is a reason to look
        let _ = timeout(wait, seen.changed()).await;
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

/// Writes the next key.
struct Writer {
    api: Api<Secret>,
    asked: Asked,
    /// It has been said that it may not be written.
    said: bool,
}

impl Writer {
    /// `None` when it came to nothing: mostly because another node was faster, and then the watch brings its key.
    async fn write(&mut self, keys: &Keys, version: Option<String>) -> Option<Known> {
        let text = keys.next(now()).ok()?.write().ok()?;
        let metadata = ObjectMeta { resource_version: version, ..ObjectMeta::default() };
        let data = BTreeMap::from([(KEY.to_owned(), ByteString(text.to_vec()))]);
        let patch = Patch::Merge(Secret { metadata, data: Some(data), ..Secret::default() });
        let written = timeout(WRITE, self.api.patch(NAME, &PatchParams::default(), &patch)).await;
        if let Patch::Merge(secret) = patch {
            super::secrets::wipe(secret);
        }
        match written {
            Ok(Ok(written)) => {
                tracing::info!("The key of session tickets has a successor");
                return Some(Known::of(&written));
            }
            Ok(Err(error)) => self.failed(&error),
            Err(_) => tracing::debug!("The next key of session tickets cannot be written: no answer within 5 s"),
        }
        None
    }

    fn failed(&mut self, error: &kube::Error) {
        match refusal(error, "patch", &self.asked) {
            Some(error) if !std::mem::replace(&mut self.said, true) => {
                tracing::info!(%error, "The next key of session tickets cannot be written");
            }
            // 409: another node has written one
            _ => tracing::debug!(error = with_causes(error), "The next key of session tickets is not ours"),
        }
    }
}

impl Known {
    fn of(secret: &Secret) -> Known {
        let text = secret.data.as_ref().and_then(|data| data.get(KEY));
        let keys = text.map(|ByteString(text)| Keys::read(text)).unwrap_or_default();
        Known::Shared { keys, version: secret.metadata.resource_version.clone() }
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
        self.known.send_replace(Known::of(&found));
        super::secrets::wipe(found);
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
