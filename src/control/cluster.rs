//! Certificates of a cluster: what their Secrets have, what an earlier process kept of them, and what is told of them on
//! the ConfigMap. One door: [`Cluster`].

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use tokio::sync::watch;

use super::Kubernetes;
use super::certificates::{Finding, Settled, SourceName, Taken};
use super::events::{self, Events};
use super::news::News;
use super::secret_dir::SecretDir;
use super::secrets::Secrets;
use crate::config::{ClientCaSource, Tls};

/// Findings that wait for the ConfigMap to be known.
const UNTOLD: usize = 64;

pub(super) struct Cluster {
    secrets: Secrets,
    kept: Option<SecretDir>,
    /// What an earlier process kept and nobody has fetched yet.
    restored: Vec<News>,
    had_section: bool,
    events: Events,
    /// Writes what is handed in to `events`.
    writing: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// What Events are about.
    subject: watch::Receiver<Option<ObjectReference>>,
    untold: VecDeque<Finding>,
}

impl Cluster {
    pub(super) fn new(kubernetes: Kubernetes, kept: Option<SecretDir>) -> Cluster {
        let (events, writer) = events::channel(kubernetes.client.clone());
        Cluster {
            kept: kept.map(|kept| kept.with_namespace(kubernetes.namespace())),
            restored: Vec::new(),
            had_section: false,
            events,
            writing: Box::pin(writer.run()),
            subject: kubernetes.subject.subscribe(),
            untold: VecDeque::new(),
            secrets: Secrets::new(kubernetes),
        }
    }

    /// Looks at the Secrets of this section from now on.
    pub(super) fn section(&mut self, section: &Arc<Tls>) {
        if let Some(kept) = &mut self.kept {
            let named: Vec<SourceName> = SourceName::all(section).collect();
            if !std::mem::replace(&mut self.had_section, true) {
                self.restored = named.iter().filter_map(|source| kept.load(source)).collect();
                let count = self.restored.len();
                if count > 0 {
                    tracing::info!(count, "Serves the certificates that an earlier process kept");
                }
            }
            kept.retain(named.iter());
        }
        self.secrets.section(section);
    }

    /// Waits for what is new of them, or for something to be told. It may be dropped and called again.
    pub(super) async fn next(&mut self) -> Vec<News> {
        if !self.restored.is_empty() {
            return std::mem::take(&mut self.restored);
        }
        tokio::select! {
            news = self.secrets.next() => news,
            Ok(()) = self.subject.changed() => Vec::new(),
            // ends with `events` alone
            () = &mut self.writing => Vec::new(),
        }
    }

    /// Keeps what is good and tells what is not.
    pub(super) fn settled(&mut self, settled: Settled) {
        let Settled { findings, taken, authorities, is_published: _ } = settled;
        if let Some(kept) = &mut self.kept {
            for Taken { source, pem, is_whole } in taken {
                kept.keep(&SourceName::Certificate(source), &pem, is_whole);
            }
            for (source, pem) in authorities {
                let source: ClientCaSource = source;
                kept.keep_authority(&SourceName::ClientCa(source), &pem);
            }
        }
        self.untold.extend(findings);
        while self.untold.len() > UNTOLD {
            self.untold.pop_front();
        }
        if let Some(subject) = &*self.subject.borrow_and_update() {
            for finding in self.untold.drain(..) {
                self.events.tell_finding(subject, &finding);
            }
        }
    }
}
