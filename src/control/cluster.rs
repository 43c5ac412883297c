//! Certificates of a cluster: what their Secrets have, what an earlier process kept of them, and what is told of them on
//! the ConfigMap. One door: [`Cluster`].

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use k8s_openapi::api::core::v1::ObjectReference;
use tokio::sync::{oneshot, watch};

use super::certificates::{Finding, Names, Settled, SourceName, Taken};
use super::events::{self, Events};
use super::news::News;
use super::secret_dir::SecretDir;
use super::secrets::Secrets;
use super::status::{self, Node, Others};
use super::{Kubernetes, Section, tickets};
use crate::certs::{Store, Tickets};
use crate::lifecycle::{Readiness, Stage};

/// Findings that wait for the ConfigMap to be known, and for room among the Events.
const UNTOLD: usize = 1024;

pub(super) struct Cluster {
    secrets: Secrets,
    kept: Option<SecretDir>,
    /// What an earlier process kept and nobody has fetched yet.
    restored: Vec<News>,
    /// A section has named sources, and what was kept of them was loaded.
    is_restored: bool,
    /// Begins what goes on among nodes, with the first section.
    begin: Option<oneshot::Sender<()>>,
    events: Events,
    /// Writes Events, the own status and keys of tickets.
    background: Pin<Box<dyn Future<Output = ()> + Send>>,
    /// What Events are about.
    subject: watch::Receiver<Option<ObjectReference>>,
    untold: Untold,
    others: Others,
}

/// What a certificate task in a cluster is told.
pub struct InCluster {
    /// Where the Secrets are.
    pub kubernetes: Kubernetes,
    /// What keeps the last good ones.
    pub kept: Option<SecretDir>,
    /// Who this process is to other nodes.
    pub node: Node,
    /// Of the routes that serve.
    pub generations: watch::Receiver<u64>,
    /// Where the process stands.
    pub stage: watch::Receiver<Stage>,
    /// Before it has been ready it tells other nodes nothing.
    pub readiness: Readiness,
    /// Is told the networks of Cloudflare, as the leader has written them for all nodes; `None`: it has not.
    pub networks: watch::Sender<Option<String>>,
}

impl Cluster {
    pub(super) fn new(told: InCluster, tickets: Arc<Tickets>) -> Cluster {
        let InCluster { kubernetes, kept, node, generations, stage, readiness, networks } = told;
        let (events, writer) = events::channel(kubernetes.client.clone());
        let (others, board) = status::channel(kubernetes.clone(), node, generations, stage, readiness, networks);
        let tickets = tickets::shared(kubernetes.clone(), tickets);
        let (begin, begun) = oneshot::channel();
        let with_others = async move {
            // without routes there is nothing to tell others, and nobody to resume a session
            let _ = begun.await;
            tokio::join!(board.run(), tickets);
        };
        let background = async move {
            tokio::join!(writer.run(), with_others);
        };
        Cluster {
            kept: kept.map(|kept| kept.with_namespace(kubernetes.namespace())),
            restored: Vec::new(),
            is_restored: false,
            begin: Some(begin),
            events,
            background: Box::pin(background),
            subject: kubernetes.subject.subscribe(),
            untold: Untold::default(),
            others,
            secrets: Secrets::new(kubernetes),
        }
    }

    /// Looks at the Secrets of this section from now on.
    pub(super) fn section(&mut self, section: &Section) {
        if let Some(kept) = &mut self.kept {
            let named: Vec<SourceName> = SourceName::all(&section.tls).collect();
            if !named.is_empty() && !std::mem::replace(&mut self.is_restored, true) {
                self.restored = named.iter().filter_map(|source| kept.load(source)).collect();
                tracing::info!(count = self.restored.len(), "Certificates that an earlier process kept");
            }
            if section.is_whole {
                kept.retain(named.iter());
            }
        }
        // the other end waits for as long as this is here
        self.begin.take().map(|begin| begin.send(()));
        self.secrets.section(&section.tls);
    }

    /// Waits for what is new of them, or for something to be told. It may be dropped and called again.
    pub(super) async fn next(&mut self) -> Vec<News> {
        if !self.restored.is_empty() {
            return std::mem::take(&mut self.restored);
        }
        let is_waiting = !self.untold.all.is_empty() && self.subject.borrow().is_some();
        tokio::select! {
            news = self.secrets.next() => news,
            () = self.events.room(), if is_waiting => Vec::new(),
            Ok(()) = self.subject.changed() => Vec::new(),
            () = self.others.changed() => Vec::new(),
            // it has no end
            () = &mut self.background => Vec::new(),
        }
    }

    /// The names that every node has at `now` (Unix seconds), when that has changed.
    pub(super) fn everywhere(&mut self, store: &Store, now: i64) -> Option<Option<Arc<Names>>> {
        self.others.loaded(store);
        self.others.everywhere(now)
    }

    /// How many names are loaded here and not known to be everywhere.
    pub(super) fn waiting(&self) -> usize {
        self.others.waiting()
    }

    /// Keeps what is good and tells what is not.
    pub(super) fn settled(&mut self, settled: Settled) {
        let Settled { findings, taken, authorities, is_published: _ } = settled;
        if let Some(kept) = &mut self.kept {
            for Taken { source, pem, is_whole } in taken {
                kept.keep(&SourceName::Certificate(source), &pem, is_whole);
            }
            for (source, pem) in authorities {
                let source = SourceName::ClientCa(source);
                match pem {
                    Some(pem) => kept.keep_authority(&source, &pem),
                    // a restart while the API server is away must not open what was closed
                    None => kept.forget(&source),
                }
            }
        }
        self.untold.add(findings);
        if let Some(subject) = &*self.subject.borrow_and_update() {
            self.untold.tell(|finding| self.events.tell_finding(subject, finding));
        }
    }
}

/// Findings that are told when somebody takes them.
#[derive(Default)]
struct Untold {
    all: VecDeque<Finding>,
}

impl Untold {
    /// Of too many the oldest are lost: each has had its line in the log.
    fn add(&mut self, findings: Vec<Finding>) {
        self.all.extend(findings);
        let lost = self.all.len().saturating_sub(UNTOLD);
        if lost > 0 {
            self.all.drain(..lost);
            tracing::debug!(lost, "Events are lost: too many wait");
        }
    }

    /// Until `take` says that it takes no more.
    fn tell(&mut self, take: impl Fn(&Finding) -> bool) {
        while self.all.front().is_some_and(&take) {
            self.all.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::config::{CertificateSource, SecretName};

    #[test]
    fn findings_wait_until_there_is_room_and_of_too_many_the_newest_are_kept() {
        let finding = |number: usize| {
            let name = SecretName { namespace: None, name: number.to_string() };
            let source = SourceName::Certificate(CertificateSource::Secret(name));
            Finding::absent(source)
        };
        let mut untold = Untold::default();
        untold.add((0..UNTOLD + 10).map(finding).collect());
        let (mut told, room) = (0, Cell::new(0_usize));
        while !untold.all.is_empty() {
            room.set(16);
            let before = untold.all.len();
            untold.tell(|_| room.replace(room.get().saturating_sub(1)) > 0);
            assert!(before - untold.all.len() <= 16);
            told += before - untold.all.len();
        }
        assert_eq!(told, UNTOLD);
    }
}
