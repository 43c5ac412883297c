//! What a watch of the DNS sync does with objects: it only says that one is different in what matters. One door:
//! [`Waking`].

use std::collections::BTreeMap;

use tokio::sync::watch;

use crate::control::Error;
use crate::control::watched::Sink;

/// Wakes whoever waits at the other end of `tell` when an object is not what it was.
pub(super) struct Waking<K, R> {
    /// For the log.
    resource: &'static str,
    /// Name, and what is of use of it; what is nothing to us has none.
    read: fn(K) -> (String, Option<R>),
    tell: watch::Sender<()>,
    seen: BTreeMap<String, R>,
    /// Of the list that is being read.
    listed: BTreeMap<String, R>,
    /// The API server did not answer.
    is_away: bool,
    is_refusal_told: bool,
}

impl<K, R: PartialEq> Waking<K, R> {
    pub(super) fn new(
        resource: &'static str,
        read: fn(K) -> (String, Option<R>),
        tell: watch::Sender<()>,
    ) -> Waking<K, R> {
        let (seen, listed) = (BTreeMap::new(), BTreeMap::new());
        Waking { resource, read, tell, seen, listed, is_away: false, is_refusal_told: false }
    }

    fn wake(&self) {
        self.tell.send_replace(());
    }

    /// The watch works.
    fn works(&mut self) {
        (self.is_away, self.is_refusal_told) = (false, false);
    }
}

impl<K, R: PartialEq> Sink<K> for Waking<K, R> {
    fn listing(&mut self) {
        self.listed.clear();
    }

    fn found(&mut self, object: K) {
        let (name, read) = (self.read)(object);
        self.listed.extend(read.map(|read| (name, read)));
    }

    /// Wakes in any case: what was between the last word and this list is not known, and somebody may have looked then.
    fn listed(&mut self) {
        self.works();
        self.seen = std::mem::take(&mut self.listed);
        self.wake();
    }

    fn applied(&mut self, object: K) {
        self.works();
        let (name, read) = (self.read)(object);
        if self.seen.get(&name) == read.as_ref() {
            return;
        }
        match read {
            Some(read) => drop(self.seen.insert(name, read)),
            None => drop(self.seen.remove(&name)),
        }
        self.wake();
    }

    fn deleted(&mut self, last: K) {
        self.works();
        let (name, _) = (self.read)(last);
        if self.seen.remove(&name).is_some() {
            self.wake();
        }
    }

    fn away(&mut self, error: &str, elsewhere: bool) {
        let resource = self.resource;
        if elsewhere && !self.is_away {
            tracing::warn!(
                resource,
                error,
                "The cluster cannot be watched for its DNS records, it is looked at from time to time"
            );
        } else {
            // the watch of the routes has said so
            tracing::debug!(resource, error, "The cluster cannot be watched for its DNS records");
        }
        self.is_away = true;
    }

    /// Whoever could not look meanwhile need not wait any longer.
    fn back(&mut self) {
        if std::mem::take(&mut self.is_away) {
            self.wake();
        }
    }

    fn refused(&mut self, error: Error, _is_news: bool) -> Result<(), Error> {
        // other calls succeed all the time, so it would be news again and again
        if std::mem::replace(&mut self.is_refusal_told, true) {
            tracing::debug!(resource = self.resource, %error, "The cluster still may not be watched");
        } else {
            tracing::error!(%error, "The Kubernetes API does not let DNS records follow the nodes");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name and a number that matters; 0 is nothing to us.
    type Object = (&'static str, u32);

    fn waking() -> (Waking<Object, u32>, impl FnMut() -> bool) {
        let (tell, mut told) = watch::channel(());
        let read = |(name, number): Object| (name.to_owned(), Some(number).filter(|number| *number > 0));
        let wakes = move || {
            let is_woken = told.has_changed().unwrap();
            told.mark_unchanged();
            is_woken
        };
        (Waking::new("nodes", read, tell), wakes)
    }

    fn refusal() -> Error {
        Error::Unauthorized { reason: "no".to_owned() }
    }

    #[test]
    fn only_a_difference_in_what_matters_wakes() {
        let (mut waking, mut wakes) = waking();
        waking.listing();
        waking.found(("a", 1));
        waking.found(("foreign", 0));
        assert!(!wakes(), "a list that has not come to its end");
        waking.listed();
        assert!(wakes());
        for (object, is_gone, is_woken) in [
            // a heartbeat
            (("a", 1), false, false),
            (("a", 2), false, true),
            (("a", 2), false, false),
            (("b", 1), false, true),
            (("foreign", 0), false, false),
            (("foreign", 0), true, false),
            (("b", 1), true, true),
            (("b", 1), true, false),
            // it is no longer ours
            (("a", 0), false, true),
            (("a", 0), false, false),
        ] {
            if is_gone {
                waking.deleted(object)
            } else {
                waking.applied(object)
            }
            assert_eq!(wakes(), is_woken, "{object:?} {is_gone}");
        }
    }

    #[test]
    fn a_list_wakes_also_when_it_is_as_before_and_what_is_not_in_it_is_gone() {
        let (mut waking, mut wakes) = waking();
        for _ in 0..2 {
            waking.listing();
            waking.found(("a", 1));
            waking.listed();
            assert!(wakes());
        }
        // one that is cut off, and the next that is whole
        waking.listing();
        waking.found(("b", 1));
        waking.listing();
        waking.listed();
        assert!(wakes());
        waking.applied(("b", 1));
        assert!(wakes());
    }

    #[test]
    fn it_wakes_when_the_api_server_is_back_and_not_while_it_refuses_us() {
        let (mut waking, mut wakes) = waking();
        waking.away("silence", false);
        assert!(!wakes());
        waking.back();
        assert!(wakes());
        // answers to others come all the time
        for _ in 0..3 {
            waking.refused(refusal(), true).unwrap();
            waking.back();
            assert!(!wakes());
        }
    }
}
