//! What one watch of Secrets does with them: [`Wishes`].

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;

use super::{Found, Wanted, read};
use crate::control::Error;
use crate::control::certificates::SourceName;
use crate::control::news::{News, Nothing};
use crate::control::watched::Sink;

/// The Secrets of one watch that somebody wants.
pub(super) struct Wishes {
    wanted: Wanted,
    extent: Extent,
    found: Arc<Found>,
    /// Of the list that is being read.
    listed: Vec<(SourceName, News)>,
    names: BTreeSet<String>,
}

/// What a watch sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// All Secrets of the own namespace, so what befalls it befalls many.
    Own,
    /// One of them.
    OneOfOwn,
    /// One elsewhere.
    Elsewhere,
}

impl Wishes {
    pub(super) fn new(wanted: Wanted, extent: Extent, found: Arc<Found>) -> Wishes {
        Wishes { wanted, extent, found, listed: Vec::new(), names: BTreeSet::new() }
    }

    /// What a Secret is to those who want it.
    fn read(&self, secret: Secret) -> Vec<(SourceName, News)> {
        let name = secret.metadata.name.as_deref().unwrap_or_default();
        let sources = self.wanted.get(name).into_iter().flatten();
        let news = sources.map(|source| {
            let news = match source {
                SourceName::Certificate(name) => News::Certificate(name.clone(), read::certificate(&secret)),
                SourceName::ClientCa(name) => News::Authority(name.clone(), read::authority(&secret)),
            };
            (source.clone(), news)
        });
        let news = news.collect();
        read::wipe(secret);
        news
    }

    fn all(&self) -> impl Iterator<Item = SourceName> {
        self.wanted.values().flatten().cloned()
    }
}

impl Sink<Secret> for Wishes {
    fn listing(&mut self) {
        self.listed.clear();
        self.names.clear();
    }

    fn found(&mut self, secret: Secret) {
        self.names.extend(secret.metadata.name.clone().filter(|name| self.wanted.contains_key(name)));
        let news = self.read(secret);
        self.listed.extend(news);
    }

    fn listed(&mut self) {
        let absent = self.wanted.iter().filter(|(name, _)| !self.names.contains(*name));
        let absent = absent.flat_map(|(_, sources)| sources.iter().cloned());
        let absent = absent.map(|source| (source.clone(), News::nothing(source, &Nothing::Absent)));
        // all at once, so that they are one change
        self.found.tell(std::mem::take(&mut self.listed).into_iter().chain(absent));
    }

    fn applied(&mut self, secret: Secret) {
        self.found.tell(self.read(secret));
    }

    fn deleted(&mut self, last: Secret) {
        let sources = last.metadata.name.as_ref().and_then(|name| self.wanted.get(name));
        self.found.nothing(sources.into_iter().flatten().cloned(), &Nothing::Absent);
        read::wipe(last);
    }

    fn away(&mut self, error: &str, elsewhere: bool) {
        if elsewhere {
            tracing::warn!(error, "Secrets cannot be watched, what serves goes on");
        } else {
            // the watch of the routes has said so
            tracing::debug!(error, "Secrets cannot be watched while the API server is away");
        }
    }

    fn back(&mut self) {
        tracing::debug!("Secrets are watched again");
    }

    fn refused(&mut self, error: Error, is_news: bool) -> Result<(), Error> {
        if !is_news {
            return Ok(());
        }
        if self.extent == Extent::Own {
            tracing::error!(%error, "The Kubernetes API refuses the Secrets, what serves goes on");
            self.found.nothing(self.all(), &Nothing::Hidden);
        } else {
            let (reason, is_ours) = (error.to_string(), self.extent == Extent::OneOfOwn);
            self.found.nothing(self.all(), &Nothing::Refused { reason, is_ours });
        }
        Ok(())
    }
}
