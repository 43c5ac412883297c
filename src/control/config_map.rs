//! Routes from a ConfigMap, watched through the API. One door: [`run_config_map`].

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;

use tokio::sync::watch;
use tokio::time::{Duration, Instant};

use super::client::Asked;
use super::events::{self, Events};
use super::fresh;
use super::outcome::Outcome;
use super::watched::{Only, Sink, Watched};
use super::{Applier, ConfigMapName, Error, KEY, Kubernetes, Patience, Verdict};
use crate::lifecycle::Leadership;

/// A process that becomes leader tells what was applied within this time before it: whoever led then may be gone. It is
/// the longest that a leader may be missing, and if that one has told it, it is the same Event.
const UNTOLD: Duration = Duration::from_secs(60);

/// Feeds `applier` from the ConfigMap until the future is dropped. It ends by itself only with `Patience::UntilFault`,
/// when the API server refuses us before anything serves. That a text was applied is told by the leader alone, as far as
/// there is one; what is wrong with it, by everybody.
pub async fn run_config_map(
    kubernetes: Kubernetes,
    name: ConfigMapName,
    mut applier: Applier,
    patience: Patience,
    leadership: watch::Receiver<Leadership>,
) -> Result<(), Error> {
    let namespace = name.namespace.as_deref().unwrap_or(kubernetes.namespace()).to_owned();
    let (events, writer) = events::channel(kubernetes.client.clone());
    let what = format!("ConfigMap {namespace}/{}", name.name);
    applier.restore(&what, KEY);
    let watched = Watched {
        api: Api::namespaced(kubernetes.client.clone(), &namespace),
        only: Only::named(&name.name),
        asked: Asked::new("configmaps", &name.name, &namespace),
        kubernetes: kubernetes.clone(),
    };
    let (untold, later) = watch::channel(None);
    let told_later = tell_later(later, leadership.clone(), events.clone());
    let routes = Routes { what, applier, events, leadership, untold, patience, kubernetes, listed: None };
    tokio::select! {
        ended = watched.run(routes) => ended,
        () = writer.run() => Ok(()),
        () = told_later => Ok(()),
    }
}

/// The text of the routes as it is now, for whoever reads it once.
///
/// # Errors
/// The API server does not give it, or there is none.
pub async fn read_routes(kubernetes: &Kubernetes, name: &ConfigMapName) -> Result<String, Error> {
    let namespace = name.namespace.as_deref().unwrap_or(kubernetes.namespace());
    let api: Api<ConfigMap> = Api::namespaced(kubernetes.client.clone(), namespace);
    let only = Only::named(&name.name);
    let asked = Asked::new("configmaps", &name.name, namespace);
    let found = fresh::list(&api, &only, &asked, Some).await;
    let untold = |reason| Error::Untold { what: "the routes", reason };
    let what = format!("ConfigMap {namespace}/{}", name.name);
    let Some(found) = found.map_err(untold)?.pop() else { return Err(untold(format!("there is no {what}"))) };
    match found.data.as_ref().and_then(|data| data.get(KEY)) {
        Some(text) => Ok(text.clone()),
        None => Err(untold(format!("{what}: {}", without_key(&found)))),
    }
}

/// What was applied while another process led.
type Untold = Option<(ConfigMap, Outcome, Instant)>;

/// Tells the newest of what was not told, once this process leads. It has no end.
async fn tell_later(untold: watch::Receiver<Untold>, mut leadership: watch::Receiver<Leadership>, events: Events) {
    let leads = |leadership: &Leadership| matches!(leadership, Leadership::Leader { .. });
    while leadership.wait_for(|now| leads(now)).await.is_ok() {
        if let Some((regarding, outcome, at)) = &*untold.borrow()
            && at.elapsed() < UNTOLD
        {
            events.tell(regarding, outcome);
        }
        if leadership.wait_for(|now| !leads(now)).await.is_err() {
            break;
        }
    }
    // without an election nothing comes
    std::future::pending().await
}

struct Routes {
    /// For people.
    what: String,
    applier: Applier,
    events: Events,
    leadership: watch::Receiver<Leadership>,
    untold: watch::Sender<Untold>,
    patience: Patience,
    kubernetes: Kubernetes,
    listed: Option<ConfigMap>,
}

impl Sink<ConfigMap> for Routes {
    fn listing(&mut self) {
        self.listed = None;
    }

    fn found(&mut self, object: ConfigMap) {
        self.listed = Some(object);
    }

    fn listed(&mut self) {
        match self.listed.take() {
            Some(found) => self.applied(found),
            None => {
                self.applier.absent(&self.what);
            }
        }
    }

    fn applied(&mut self, found: ConfigMap) {
        self.kubernetes.is_about(&found);
        let text = found.data.as_ref().and_then(|data| data.get(KEY));
        let outcome = match text {
            Some(text) => self.applier.apply(text, KEY),
            None => self.applier.unusable(&self.what, &without_key(&found)),
        };
        self.tell(found, outcome);
    }

    fn deleted(&mut self, last: ConfigMap) {
        let outcome = self.applier.absent(&self.what);
        if outcome.verdict == Verdict::Refused {
            self.events.tell(&last, &outcome);
        }
    }

    fn away(&mut self, error: &str, _elsewhere: bool) {
        let (source, generation) = (&self.what, self.applier.generation());
        tracing::warn!(source, generation, error, "The Kubernetes API is not there, what serves goes on");
    }

    fn back(&mut self) {
        tracing::info!(source = self.what, generation = self.applier.generation(), "The Kubernetes API answers again");
    }

    /// Outside a pod, with nothing that serves, there is nothing to wait for.
    fn refused(&mut self, error: Error, is_news: bool) -> Result<(), Error> {
        if self.patience == Patience::UntilFault && !self.applier.has_table() {
            return Err(error);
        }
        if is_news {
            let (source, generation) = (&self.what, self.applier.generation());
            tracing::error!(source, generation, %error, "The Kubernetes API refuses us, what serves goes on");
        }
        Ok(())
    }
}

impl Routes {
    /// Every process has the same to tell, and a cluster may have hundreds. One that does not know of a leader tells it.
    fn tell(&self, found: ConfigMap, outcome: Outcome) {
        let follows = *self.leadership.borrow() == Leadership::Follower;
        if follows && outcome.verdict == Verdict::Applied {
            self.untold.send_replace(Some((found, outcome, Instant::now())));
        } else {
            self.events.tell(&found, &outcome);
        }
    }
}

/// What is there in place of the key.
fn without_key(found: &ConfigMap) -> String {
    let binary = found.binary_data.iter().flatten().any(|(key, _)| key == KEY);
    if binary {
        return format!("the key {KEY} is binary data: its text is not UTF-8");
    }
    let keys: Vec<&str> = found.data.iter().flatten().map(|(key, _)| key.as_str()).take(10).collect();
    match keys.as_slice() {
        [] => format!("the key {KEY} is missing: it has no keys at all"),
        keys => format!("the key {KEY} is missing: it has {}", keys.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::Readiness;
    use crate::published;
    use crate::telemetry::metrics::Metrics;

    #[tokio::test(start_paused = true)]
    async fn an_api_server_that_takes_connections_and_says_nothing_is_given_up_and_tried_again() {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kubeconfig");
        let config = serde_json::json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [{"name": "u", "user": {}}],
            "clusters": [{"name": "c", "cluster": {"server": format!("http://{}", silent.local_addr().unwrap())}}],
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        });
        std::fs::write(&path, config.to_string()).unwrap();
        let kubernetes = Kubernetes::connect(Some(&path), Some("edge")).await.unwrap();
        let (writer, mut reader) = published::channel(None);
        let readiness = Readiness::new();
        let applier = Applier::new(writer, Metrics::new(), readiness.condition("routes"));
        let name = ConfigMapName { namespace: None, name: "gatepost".to_owned() };
        let (_, leadership) = watch::channel(Leadership::Unknown);
        let source = run_config_map(kubernetes, name, applier, Patience::UntilFault, leadership);
        let mut held = Vec::new();
        let accepted = async {
            while held.len() < 4 {
                held.push(silent.accept().await.unwrap());
            }
        };
        tokio::select! {
            ended = source => panic!("the source ended: {ended:?}"),
            () = accepted => {}
        }
        assert!(reader.load().is_none() && !readiness.is_ready());
    }

    #[test]
    fn a_missing_key_is_told_with_the_keys_that_are_there() {
        let with = |keys: &[&str]| ConfigMap {
            data: Some(keys.iter().map(|key| ((*key).to_owned(), String::new())).collect()),
            ..ConfigMap::default()
        };
        assert_eq!(without_key(&with(&["routes.yml"])), "the key routes.yaml is missing: it has routes.yml");
        assert_eq!(without_key(&ConfigMap::default()), "the key routes.yaml is missing: it has no keys at all");
    }
}
