//! What a test does to the routes of its namespace, and what it reads of their Events.

use futures_util::StreamExt;
use k8s_openapi::api::core::v1::ConfigMap;
use k8s_openapi::api::events::v1::Event;
use kube::api::{Api, DeleteParams, ListParams};
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::json;

use crate::testbed::{Namespace, PATIENCE, apply};

impl Namespace {
    /// Creates or replaces the routes.
    pub(crate) async fn write(&self, routes: &str) {
        self.write_keys(&[("routes.yaml", routes)]).await;
    }

    /// Creates or replaces the ConfigMap; a key that is not given is taken away.
    pub(crate) async fn write_keys(&self, keys: &[(&str, &str)]) {
        let data: serde_json::Map<_, _> = keys.iter().map(|(key, text)| ((*key).to_owned(), json!(text))).collect();
        let metadata = json!({"name": "gatepost", "namespace": self.name});
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data});
        apply(&self.admin, object).await;
    }

    pub(crate) async fn delete_routes(&self) {
        let config_maps: Api<ConfigMap> = Api::namespaced(self.admin.clone(), &self.name);
        config_maps.delete("gatepost", &DeleteParams::default()).await.unwrap();
    }

    /// Waits for the Event with that reason and these words in its note.
    pub(crate) async fn event(&self, reason: &str, words: &str) -> Event {
        let wanted = |event: &Event| {
            event.reason.as_deref() == Some(reason) && event.note.as_deref().is_some_and(|note| note.contains(words))
        };
        let mut events = Box::pin(watcher(self.events_api(), watcher::Config::default()).applied_objects());
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                let event = events.next().await.unwrap().unwrap();
                if wanted(&event) {
                    return event;
                }
            }
        });
        found.await.unwrap_or_else(|_| panic!("no Event {reason} with {words:?}"))
    }

    pub(crate) async fn events(&self) -> Vec<Event> {
        self.events_api().list(&ListParams::default()).await.unwrap().items
    }

    fn events_api(&self) -> Api<Event> {
        Api::namespaced(self.admin.clone(), &self.name)
    }
}
