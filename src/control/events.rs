//! Kubernetes Events on the ConfigMap: what its author sees with `kubectl describe`. Doors: [`Events::tell`], which never
//! waits and never fails, and [`Events::tell_finding`], whose caller may come again. An Event that cannot be written is lost.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, ObjectReference};
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta};
use k8s_openapi::jiff::Timestamp;
use kube::api::{Api, PostParams, Resource};
use tokio::sync::mpsc;

use super::certificates::Finding;
use super::client::{Asked, refusal, with_causes};
use super::outcome::{Outcome, Reason};
use crate::dns::Notice;

/// A write that takes longer is given up.
const WRITE: Duration = Duration::from_secs(3);

/// Events that wait to be written.
const QUEUE: usize = 16;

/// The API server takes no longer note (`events.k8s.io/v1`: "should be less than 1kB").
const NOTE: usize = 1000;

/// Where Events are handed in.
#[derive(Debug, Clone)]
pub(super) struct Events {
    queue: mpsc::Sender<Event>,
}

/// Writes what was handed in. It must be polled for that.
pub(super) struct Writer {
    client: kube::Client,
    queue: mpsc::Receiver<Event>,
}

pub(super) fn channel(client: kube::Client) -> (Events, Writer) {
    let (sender, queue) = mpsc::channel(QUEUE);
    (Events { queue: sender }, Writer { client, queue })
}

impl Events {
    /// Tells the ConfigMap what became of its text.
    pub(super) fn tell(&self, regarding: &ConfigMap, outcome: &Outcome) {
        let Some(reason) = outcome.reason() else { return };
        // kube leaves the version out, and the version tells two edits apart
        let object = ObjectReference {
            resource_version: regarding.metadata.resource_version.clone(),
            ..regarding.object_ref(&())
        };
        let key = object.resource_version.clone();
        let event = event(object, reason, key, &outcome.summary(), &instance(), Timestamp::now());
        self.hand_in(event);
    }

    /// Tells the ConfigMap what is wrong with a Secret that it names. Whether there was room for it.
    pub(super) fn tell_finding(&self, regarding: &ObjectReference, finding: &Finding) -> bool {
        let key = (finding.source.to_string(), &finding.version, finding.kind, &finding.hosts);
        let note = finding.to_string();
        let reason = Reason::CertificateRejected;
        let event = event(regarding.clone(), reason, key, &note, &instance(), Timestamp::now());
        self.queue.try_send(event).is_ok()
    }

    /// Tells the ConfigMap what becomes of its names.
    pub(super) fn tell_notice(&self, regarding: ObjectReference, notice: &Notice) {
        let reason = Reason::Dns { reason: notice.reason(), is_warning: notice.is_warning() };
        // there is one who tells, and it may well say the same an hour later
        let now = Timestamp::now();
        let event = event(regarding, reason, now.as_nanosecond(), &notice.to_string(), &instance(), now);
        self.hand_in(event);
    }

    /// Tells the Lease who leads since this term began.
    pub(super) fn tell_leader(&self, regarding: ObjectReference, leader: &str, term: i64) {
        let reason = Reason::LeaderElected;
        let event = event(regarding, reason, term, &format!("{leader} leads"), &instance(), Timestamp::now());
        self.hand_in(event);
    }

    fn hand_in(&self, event: Event) {
        if let Err(lost) = self.queue.try_send(event) {
            tracing::debug!(reason = lost.into_inner().reason, "An Event is lost: too many wait");
        }
    }

    /// Waits until there is room for one more.
    pub(super) async fn room(&self) {
        if self.queue.reserve().await.is_err() {
            // nobody writes any more
            std::future::pending::<()>().await;
        }
    }
}

impl Writer {
    /// Ends when every [`Events`] is gone.
    pub(super) async fn run(mut self) {
        let mut said = false;
        while let Some(event) = self.queue.recv().await {
            let namespace = event.metadata.namespace.clone().unwrap_or_default();
            let events: Api<Event> = Api::namespaced(self.client.clone(), &namespace);
            match tokio::time::timeout(WRITE, events.create(&PostParams::default(), &event)).await {
                // 409: another node, or this one before its restart, has told the same
                Ok(Err(kube::Error::Api(status))) if status.code == 409 => {}
                Ok(Ok(_)) => said = false,
                Ok(Err(error)) => {
                    let name = event.metadata.name.as_deref().unwrap_or_default();
                    match refusal(&error, "create", &Asked::new("events", name, &namespace)) {
                        Some(error) if !said => {
                            said = true;
                            tracing::warn!(%error, "Events cannot be written");
                        }
                        _ => tracing::debug!(error = with_causes(&error), "An Event is lost"),
                    }
                }
                Err(_) => tracing::debug!("An Event is lost: no answer within 3 s"),
            }
        }
    }
}

/// The name of an Event is made of what it is about, so that many nodes, and a node that restarts, write it once: the
/// ConfigMap, the reason, and what `key` tells apart.
fn event(
    regarding: ObjectReference,
    reason: Reason,
    key: impl Hash,
    note: &str,
    instance: &str,
    now: Timestamp,
) -> Event {
    // DefaultHasher::new has fixed keys: every node gets the same number
    let mut hasher = DefaultHasher::new();
    (&regarding.uid, key, reason).hash(&mut hasher);
    let object = regarding.name.as_deref().unwrap_or("gatepost");
    let (action, warning) = match reason {
        Reason::Applied => ("ApplyRoutes", false),
        Reason::Rejected | Reason::PartlyApplied => ("ApplyRoutes", true),
        Reason::CertificateRejected => ("LoadCertificate", true),
        Reason::LeaderElected => ("ElectLeader", false),
        Reason::Dns { reason: _, is_warning } => ("SyncDns", is_warning),
    };
    Event {
        metadata: ObjectMeta {
            name: Some(format!("{object}.{:016x}", hasher.finish())),
            namespace: regarding.namespace.clone(),
            ..ObjectMeta::default()
        },
        action: Some(action.to_owned()),
        event_time: Some(MicroTime(now)),
        note: Some(shortened(note, NOTE)),
        reason: Some(reason.as_str().to_owned()),
        regarding: Some(regarding),
        reporting_controller: Some("gatepost".to_owned()),
        reporting_instance: Some(instance.to_owned()),
        type_: Some(if warning { "Warning" } else { "Normal" }.to_owned()),
        ..Event::default()
    }
}

/// Who says it: the pod by its downward API, else the host.
fn instance() -> String {
    let host = || std::fs::read_to_string("/proc/sys/kernel/hostname").ok().map(|name| name.trim().to_owned());
    let name = std::env::var("POD_NAME").ok().or_else(host).filter(|name| !name.is_empty());
    // 128 is the longest that the API takes
    shortened(&name.unwrap_or_else(|| "gatepost".to_owned()), 128)
}

fn shortened(text: &str, most: usize) -> String {
    if text.len() <= most {
        return text.to_owned();
    }
    // the ellipsis has three bytes
    let mut end = most - 3;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn regarding(version: &str) -> ObjectReference {
        ObjectReference {
            name: Some("gatepost".to_owned()),
            namespace: Some("edge".to_owned()),
            uid: Some("u-1".to_owned()),
            resource_version: Some(version.to_owned()),
            ..ObjectReference::default()
        }
    }

    fn name(version: &str, reason: Reason, instance: &str) -> String {
        let key = Some(version.to_owned());
        event(regarding(version), reason, key, "note", instance, Timestamp::now()).metadata.name.unwrap()
    }

    #[test]
    fn two_nodes_name_the_same_event_alike_and_another_edit_or_reason_differently() {
        assert_eq!(name("7", Reason::Applied, "node-a"), name("7", Reason::Applied, "node-b"));
        assert_ne!(name("7", Reason::Applied, "a"), name("8", Reason::Applied, "a"));
        assert_ne!(name("7", Reason::Applied, "a"), name("7", Reason::Rejected, "a"));
        assert!(name("7", Reason::Applied, "a").starts_with("gatepost."));
    }

    #[test]
    fn what_is_wrong_is_a_warning_and_a_long_note_is_cut_between_characters() {
        let event = event(regarding("7"), Reason::PartlyApplied, 7, &"ä".repeat(900), "a", Timestamp::now());
        assert_eq!(event.type_.as_deref(), Some("Warning"));
        let note = event.note.unwrap();
        assert!(note.len() <= NOTE && note.ends_with("ä…"), "{} bytes", note.len());
    }
}
