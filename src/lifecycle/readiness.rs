//! What must hold before traffic may come. Doors: [`Readiness::condition`] and [`Readiness::missing`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

/// All conditions of the process. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    conditions: Arc<Mutex<Vec<Condition>>>,
    news: watch::Sender<()>,
}

/// One thing that must hold.
#[derive(Debug, Clone)]
pub struct Condition {
    name: &'static str,
    holds: Arc<AtomicBool>,
    news: watch::Sender<()>,
}

impl Readiness {
    /// With no condition yet, so ready.
    pub fn new() -> Readiness {
        Readiness::default()
    }

    /// One more condition, which does not hold yet. The same name gives the same condition.
    pub fn condition(&self, name: &'static str) -> Condition {
        let mut conditions = self.lock();
        if let Some(known) = conditions.iter().find(|known| known.name == name) {
            return known.clone();
        }
        let condition = Condition { name, holds: Arc::default(), news: self.news.clone() };
        conditions.push(condition.clone());
        condition
    }

    /// Whether every condition holds.
    pub fn is_ready(&self) -> bool {
        self.lock().iter().all(Condition::holds)
    }

    /// The names of those that don't, in the order they were made.
    pub fn missing(&self) -> Vec<&'static str> {
        self.lock().iter().filter(|condition| !condition.holds()).map(|condition| condition.name).collect()
    }

    /// Waits until nothing is missing but these. May be dropped and called again.
    pub async fn all_but(&self, expected: &[&str]) {
        let mut news = self.news.subscribe();
        while self.missing().iter().any(|name| !expected.contains(name)) {
            // `self` holds the other end
            let _ = news.changed().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Condition>> {
        self.conditions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Condition {
    /// Tells whether it holds from now on.
    pub fn set(&self, holds: bool) {
        self.holds.store(holds, Ordering::Release);
        self.news.send_replace(());
    }

    /// Whether it holds.
    pub fn holds(&self) -> bool {
        self.holds.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_for_the_rest_is_told_when_it_holds() {
        let readiness = Readiness::new();
        let (listeners, routes) = (readiness.condition("listeners"), readiness.condition("routes"));
        let waiting = tokio::spawn({
            let readiness = readiness.clone();
            async move { readiness.all_but(&["listeners"]).await }
        });
        tokio::task::yield_now().await;
        listeners.set(false);
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        routes.set(true);
        waiting.await.unwrap();
        assert!(!listeners.holds());
    }

    #[test]
    fn ready_is_when_every_condition_holds_and_the_missing_are_named() {
        let readiness = Readiness::new();
        let (listeners, routes) = (readiness.condition("listeners"), readiness.clone().condition("routes"));
        assert_eq!(readiness.missing(), ["listeners", "routes"]);
        listeners.set(true);
        assert!(!readiness.is_ready());
        routes.set(true);
        assert!(readiness.is_ready() && readiness.missing().is_empty());
        readiness.condition("listeners").set(false);
        assert_eq!(readiness.missing(), ["listeners"]);
    }
}
