//! The way to the API server. Doors: [`Kubernetes::connect`] reads the settings, [`ConfigMapName`] is what is watched.
//! Every call of this client has a time limit of its own: an API server that is stopped takes connections and never
//! says a byte.

use std::path::{Path, PathBuf};
use std::time::Duration;

use k8s_openapi::api::core::v1::{ConfigMap, ObjectReference};
use kube::Resource;
use kube::client::{Body, ClientBuilder, DynBody};
use kube::config::{KubeConfigOptions, Kubeconfig};
use tokio::sync::watch;
use tower::BoxError;
use tower::util::{BoxService, MapFutureLayer};

use super::{Error, Forbidden};

/// Within this time an answer has begun, connecting and TLS included.
pub(super) const ANSWER: Duration = Duration::from_secs(15);

/// Where a pod finds its service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// A client of the API server, and the namespace that is ours.
#[derive(Clone)]
pub struct Kubernetes {
    pub(super) client: kube::Client,
    /// Changes whenever a call succeeds.
    pub(super) answers: watch::Receiver<()>,
    /// The ConfigMap that the routes come from, once it was read: Events are about it.
    pub(super) subject: watch::Sender<Option<ObjectReference>>,
    namespace: String,
}

/// A ConfigMap, `[NAMESPACE/]NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigMapName {
    /// `None` is the namespace of the process.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl Kubernetes {
    /// Reads the settings: `kubeconfig` if given, else the pod's service account, else the kubeconfig that kubectl
    /// would use. Nothing is asked of the API server yet: it may be away.
    pub async fn connect(kubeconfig: Option<&Path>, namespace: Option<&str>) -> Result<Kubernetes, Error> {
        let mut config = settings(kubeconfig).await?;
        // repeating is ours, with waits that we know
        config.default_retry = false;
        let namespace = namespace.unwrap_or(&config.default_namespace).to_owned();
        let (answered, answers) = watch::channel(());
        let client = client(config, answered)?;
        Ok(Kubernetes { client, answers, subject: watch::Sender::new(None), namespace })
    }

    /// The ConfigMap that the routes come from is this one.
    pub(super) fn is_about(&self, config_map: &ConfigMap) {
        let (name, uid) = (&config_map.metadata.name, &config_map.metadata.uid);
        self.subject.send_if_modified(|subject| {
            let is_news = subject.as_ref().is_none_or(|known| (&known.name, &known.uid) != (name, uid));
            if is_news {
                *subject = Some(config_map.object_ref(&()));
            }
            is_news
        });
    }

    /// The namespace that is meant where none is named.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }
}

/// Whether this process has a service account, as in a pod.
fn in_pod() -> bool {
    std::env::var_os("KUBERNETES_SERVICE_HOST").is_some() && Path::new(SERVICE_ACCOUNT).exists()
}

async fn settings(kubeconfig: Option<&Path>) -> Result<kube::Config, Error> {
    let (from, file) = match kubeconfig {
        Some(path) => (path.display().to_string(), Kubeconfig::read_from(path)),
        None if in_pod() => {
            return kube::Config::incluster().map_err(|error| Error::Settings {
                from: "the pod's service account".to_owned(),
                reason: error.to_string(),
            });
        }
        None => {
            let from = default_kubeconfig();
            if from.as_ref().is_none_or(|path| !path.exists()) {
                let reason = match from {
                    Some(path) => format!("{} does not exist", path.display()),
                    None => "no home directory".to_owned(),
                };
                return Err(Error::NoCluster { reason });
            }
            ("KUBECONFIG or ~/.kube/config".to_owned(), Kubeconfig::read())
        }
    };
    let unusable =
        |error: kube::config::KubeconfigError| Error::Settings { from: from.clone(), reason: with_causes(&error) };
    let file = file.map_err(unusable)?;
    kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await.map_err(unusable)
}

/// The first file of `KUBECONFIG`, else kubectl's own place.
fn default_kubeconfig() -> Option<PathBuf> {
    match std::env::var_os("KUBECONFIG").filter(|value| !value.is_empty()) {
        Some(paths) => std::env::split_paths(&paths).find(|path| !path.as_os_str().is_empty()),
        None => std::env::home_dir().map(|home| home.join(".kube/config")),
    }
}

fn client(config: kube::Config, answered: watch::Sender<()>) -> Result<kube::Client, Error> {
    let from = config.cluster_url.to_string();
    let builder =
        ClientBuilder::try_from(config).map_err(|error| Error::Settings { from, reason: with_causes(&error) })?;
    let in_time = move |answer: Answer| {
        let answered = answered.clone();
        async move {
            let answer = tokio::time::timeout(ANSWER, answer).await.map_err(|_| BoxError::from(NO_ANSWER))??;
            if answer.status().is_success() {
                answered.send_replace(());
            }
            Ok::<_, BoxError>(answer)
        }
    };
    Ok(builder.with_layer(&MapFutureLayer::new(in_time)).build())
}

const NO_ANSWER: &str = "no answer within 15 s";

/// What the service under the client gives for a request.
type Answer = <BoxService<http::Request<Body>, http::Response<Box<DynBody>>, BoxError> as tower::Service<
    http::Request<Body>,
>>::Future;

/// An error with what caused it, in one line; causes that repeat what was said are left out.
pub(super) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        next = cause.source();
    }
    text
}

/// What a call asks for, in the words of RBAC.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) resource: &'static str,
    /// Empty for all of a namespace.
    pub(super) name: String,
    /// Empty for what is in none.
    pub(super) namespace: String,
    /// What grants it.
    pub(super) manifest: &'static str,
}

impl Asked {
    /// What the shipped Role grants.
    pub(super) fn new(resource: &'static str, name: &str, namespace: &str) -> Asked {
        let manifest = "deploy/base/rbac.yaml";
        Asked { resource, name: name.to_owned(), namespace: namespace.to_owned(), manifest }
    }
}

/// What the API server said, when it said that we may not.
pub(super) fn refusal(error: &kube::Error, verb: &'static str, asked: &Asked) -> Option<Error> {
    let kube::Error::Api(status) = error else { return None };
    let reason = status.message.clone();
    match status.code {
        401 => Some(Error::Unauthorized { reason }),
        403 => {
            let Asked { resource, name, namespace, manifest } = asked.clone();
            Some(Error::Forbidden(Forbidden { verb, resource, name, namespace, manifest, reason }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer: inner")]
        struct Outer(#[source] Inner);
        #[derive(Debug, thiserror::Error)]
        #[error("inner")]
        struct Inner(#[source] std::io::Error);
        assert_eq!(with_causes(&Outer(Inner(std::io::Error::other("disk")))), "outer: inner: disk");
    }

    #[tokio::test]
    async fn a_kubeconfig_that_is_not_there_is_named() {
        let path = Path::new("/nonexistent/kubeconfig");
        let error = Kubernetes::connect(Some(path), None).await.err().unwrap().to_string();
        assert!(error.contains("/nonexistent/kubeconfig") && !error.contains('\n'), "{error}");
    }

    #[test]
    fn a_refusal_names_verb_resource_and_the_manifest_that_grants_it() {
        let status =
            kube::core::Status { code: 403, message: "configmaps is forbidden".to_owned(), ..Default::default() };
        let error = refusal(&kube::Error::Api(Box::new(status)), "list", &Asked::new("configmaps", "gatepost", "edge"))
            .unwrap();
        let text = error.to_string();
        for part in
            ["list", "configmaps", "\"gatepost\"", "\"edge\"", "deploy/base/rbac.yaml", "configmaps is forbidden"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
