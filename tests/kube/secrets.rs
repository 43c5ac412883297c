//! Certificates from Secrets, under the RBAC that users get: what a client is shown, what is told, and what nodes tell one
//! another.

mod nodes;
mod renewal;

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::Api;
use kube::api::DeleteParams;
use kube::runtime::wait::await_condition;
use rustls::HandshakeKind;
use serde_json::{Value, json};

use crate::process::Gatepost;
use crate::testbed::{Namespace, PATIENCE, admin, alone, apply, manifests, shared};
use crate::tls::{Authority, Certificate, Client, shown, shows};

const HOST: &str = "www.example.com";
const ERRORS: &str = "gatepost_certificate_errors";

/// Routes with a certificate from this Secret.
fn routes(secret: &str) -> String {
    format!(
        "routes:\n- {{host: {HOST}, respond: {{status: 200}}}}\ntls:\n  certificates:\n  - {{host: {HOST}, secret: {secret}}}\n"
    )
}

impl Namespace {
    /// Creates or replaces a Secret of type `kubernetes.io/tls`.
    async fn secret(&self, name: &str, chain: &str, key: &str) {
        secret(&self.name, name, chain, key).await;
    }

    pub(crate) async fn certificate(&self, name: &str, certificate: &Certificate) {
        self.secret(name, &certificate.chain, &certificate.key).await;
    }

    async fn delete_secret(&self, name: &str) {
        let secrets: Api<Secret> = Api::namespaced(self.admin.clone(), &self.name);
        secrets.delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// Waits until the Secret `gatepost-tickets` has keys, and gives their text.
    async fn tickets(&self) -> Vec<u8> {
        let secrets: Api<Secret> = Api::namespaced(self.admin.clone(), &self.name);
        let keys = |secret: &Secret| Some(secret.data.as_ref()?.get("keys")?.0.clone());
        let there = await_condition(secrets, "gatepost-tickets", |secret: Option<&Secret>| {
            secret.is_some_and(|secret| keys(secret).is_some())
        });
        let found = tokio::time::timeout(PATIENCE, there).await.expect("keys of tickets").unwrap();
        keys(&found.unwrap()).unwrap()
    }

    /// Waits until the keys of these nodes in `gatepost-status` satisfy the test.
    async fn status(&self, nodes: &[&str], wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let config_maps: Api<ConfigMap> = Api::namespaced(self.admin.clone(), &self.name);
        let read = |map: &ConfigMap| -> Option<Vec<Value>> {
            let data = map.data.as_ref()?;
            nodes.iter().map(|node| serde_json::from_str(data.get(*node)?).ok()).collect()
        };
        let there = await_condition(config_maps, "gatepost-status", |map: Option<&ConfigMap>| {
            map.and_then(read).is_some_and(|found| wanted(&found))
        });
        let found = tokio::time::timeout(PATIENCE, there).await.expect("the status of the nodes").unwrap();
        read(&found.unwrap()).unwrap()
    }
}

async fn secret(namespace: &str, name: &str, chain: &str, key: &str) {
    let object = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls",
        "metadata": {"name": name, "namespace": namespace}, "stringData": {"tls.crt": chain, "tls.key": key},
    });
    apply(&admin().await, object).await;
}

#[tokio::test]
async fn a_secret_gives_a_certificate_and_a_renewed_one_is_shown_within_a_second() {
    let _shared = shared();
    let namespace = Namespace::new("secret-renewed").await;
    let (one, two) = (Certificate::of(HOST), Certificate::of(HOST));
    namespace.certificate("web", &one).await;
    namespace.write(&routes("web")).await;
    let gatepost = Gatepost::start(&namespace);
    gatepost.ready();
    assert!(shows(gatepost.https(), HOST, &one).as_secs() < 1);
    gatepost.metric(ERRORS, "0");
    // 4096-01-01
    gatepost.metric(&format!("gatepost_certificate_not_after_seconds{{host=\"{HOST}\"}}"), "67090118400");

    namespace.certificate("web", &two).await;
    let took = shows(gatepost.https(), HOST, &two);
    println!("{took:?} from write to new handshake");
    assert!(took.as_secs() < 1, "{took:?}");
}

#[tokio::test]
async fn a_certificate_that_is_named_before_it_is_there_is_shown_once_it_is() {
    let _shared = shared();
    let namespace = Namespace::new("secret-later").await;
    namespace.write(&routes("web")).await;
    let gatepost = Gatepost::start(&namespace);
    gatepost.ready();
    namespace.event("CertificateRejected", "Secret web: there is none").await;
    assert!(shown(gatepost.https(), HOST).is_err());
    let one = Certificate::of(HOST);
    namespace.certificate("web", &one).await;
    shows(gatepost.https(), HOST, &one);
    // and one that an edit names
    let two = Certificate::of(HOST);
    namespace.certificate("other", &two).await;
    namespace.write(&routes("other")).await;
    shows(gatepost.https(), HOST, &two);
    gatepost.metric(ERRORS, "0");
}

#[tokio::test]
async fn a_broken_secret_keeps_the_old_certificate_and_is_told_with_an_event_a_line_and_a_metric() {
    let _shared = shared();
    let namespace = Namespace::new("secret-broken").await;
    let good = Certificate::of(HOST);
    namespace.certificate("web", &good).await;
    namespace.write(&routes("web")).await;
    let gatepost = Gatepost::start(&namespace);
    shows(gatepost.https(), HOST, &good);
    let other = Certificate::of("other.example.com");
    for (chain, key, words) in [
        (&*good.chain, &*other.key, "the private key does not fit the certificate"),
        ("hello", "hello", "no certificate in it"),
        (&other.chain, &other.key, "does not cover www.example.com"),
    ] {
        namespace.secret("web", chain, key).await;
        let event = namespace.event("CertificateRejected", words).await;
        let note = event.note.unwrap();
        assert!(note.starts_with("Secret web: ") && note.ends_with("keeps its old certificate"), "{note}");
        assert_eq!(event.regarding.unwrap().name.as_deref(), Some("gatepost"));
        assert_eq!(event.type_.as_deref(), Some("Warning"));
        gatepost.metric(ERRORS, "1");
        shows(gatepost.https(), HOST, &good);
    }
    let expired = Certificate::until(HOST, 2020);
    namespace.certificate("web", &expired).await;
    namespace.event("CertificateRejected", "it expired").await;
    shows(gatepost.https(), HOST, &good);
    assert_eq!(gatepost.count("Certificate rejected"), 4);
    let new = Certificate::of(HOST);
    namespace.certificate("web", &new).await;
    shows(gatepost.https(), HOST, &new);
    gatepost.metric(ERRORS, "0");
}

#[tokio::test]
async fn a_deleted_secret_keeps_its_certificate() {
    let _shared = shared();
    let namespace = Namespace::new("secret-deleted").await;
    let good = Certificate::of(HOST);
    namespace.certificate("web", &good).await;
    namespace.write(&routes("web")).await;
    let gatepost = Gatepost::start(&namespace);
    shows(gatepost.https(), HOST, &good);
    namespace.delete_secret("web").await;
    namespace.event("CertificateRejected", "it is gone").await;
    shows(gatepost.https(), HOST, &good);
}

#[tokio::test]
async fn a_secret_of_another_namespace_needs_a_role_there_and_is_shown_once_there_is_one() {
    let _shared = shared();
    let namespace = Namespace::new("secret-elsewhere").await;
    let elsewhere = "secret-elsewhere-app";
    let good = Certificate::of(HOST);
    apply(&namespace.admin, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": elsewhere}})).await;
    secret(elsewhere, "www-example-com", &good.chain, &good.key).await;
    namespace.write(&routes(&format!("{elsewhere}/www-example-com"))).await;
    let gatepost = Gatepost::start(&namespace);
    let note = namespace.event("CertificateRejected", "RBAC does not permit to list secrets").await.note.unwrap();
    assert!(note.contains("deploy/example/secret-elsewhere.yaml"), "{note}");
    gatepost.ready();
    assert!(shown(gatepost.https(), HOST).is_err());

    for mut object in manifests("deploy/example/secret-elsewhere.yaml") {
        object["metadata"]["namespace"] = json!(elsewhere);
        if object["kind"] == "RoleBinding" {
            object["subjects"][0]["namespace"] = json!(namespace.name);
        }
        apply(&namespace.admin, object).await;
    }
    shows(gatepost.https(), HOST, &good);
    assert_eq!(gatepost.count("Certificate rejected"), 1);
}

#[tokio::test]
async fn without_the_right_to_secrets_that_is_said_in_one_line_the_routes_serve_and_the_process_is_not_ready() {
    let _shared = shared();
    let namespace = Namespace::without_role("secret-forbidden").await;
    for mut object in manifests("deploy/base/rbac.yaml") {
        if object["kind"] == "Role" {
            let rules = object["rules"].as_array_mut().unwrap();
            rules.retain(|rule| rule["resources"][0] != "secrets" && rule["resourceNames"][0] != "gatepost-status");
        }
        namespace.apply(object).await;
    }
    namespace.write(&routes("web")).await;
    let gatepost = Gatepost::start(&namespace);
    gatepost.applied(1);
    let line = gatepost.line("of the refusal", |line| {
        line["message"].as_str().is_some_and(|text| text.starts_with("The Kubernetes API refuses the Secrets"))
    });
    let error = line["error"].as_str().unwrap();
    assert!(error.contains("RBAC does not permit to list secrets in namespace"), "{error}");
    assert!(error.contains("deploy/base/rbac.yaml grants it"), "{error}");
    gatepost.metric(ERRORS, "1");
    gatepost.line("about tickets", |line| is(line, "Keys of session tickets are not shared"));
    gatepost.line("about nodes", |line| is(line, "What other nodes have is not known"));
    assert_eq!(gatepost.client().get(HOST, "/").unwrap().status, 200);
    // in a rolling update the old pods, which have certificates, stay
    assert!(!gatepost.is_ready());

    // the right that comes later is used
    namespace.grant().await;
    let good = Certificate::of(HOST);
    namespace.certificate("web", &good).await;
    shows(gatepost.https(), HOST, &good);
    gatepost.ready();
}

fn is(line: &Value, message: &str) -> bool {
    line["message"].as_str().is_some_and(|text| text.starts_with(message))
}

#[tokio::test]
async fn a_restarted_process_shows_its_last_good_certificate_with_the_api_server_gone() {
    let alone = alone();
    let namespace = Namespace::new("secret-kept").await;
    let good = Certificate::of(HOST);
    namespace.certificate("web", &good).await;
    namespace.write(&routes("web")).await;
    let (state, secrets) = (tempfile::tempdir().unwrap(), tempfile::tempdir_in("/dev/shm").unwrap());
    let (state, secrets) = (state.path().to_str().unwrap(), secrets.path().to_str().unwrap());
    let flags = ["--allow-local-backends", "--state-dir", state, "--secret-dir", secrets];
    let before = Gatepost::start_with(&namespace, &flags, &[]);
    shows(before.https(), HOST, &good);
    // a broken edit is not what is kept
    namespace.secret("web", "hello", "hello").await;
    before.metric(ERRORS, "1");
    let (status, said) = before.terminate();
    assert!(status.success(), "{said}");

    alone.kill();
    let after = Gatepost::start_with(&namespace, &flags, &[]);
    after.ready();
    shows(after.https(), HOST, &good);
    alone.restart();
    let new = Certificate::of(HOST);
    namespace.certificate("web", &new).await;
    shows(after.https(), HOST, &new);
    // while the ConfigMap is away, nobody knows what it names
    let kept = std::path::Path::new(secrets).join(format!("certificates/tls/{}/web", namespace.name));
    after.terminate();
    namespace.delete_routes().await;
    let after =
        Gatepost::start_with(&namespace, &["--secret-dir", secrets], &[("NODE_NAME", "node"), ("POD_NAME", "third")]);
    after.ready();
    // it has looked at the section by then
    namespace.status(&["node"], |nodes| nodes[0]["pod"] == "third").await;
    assert!(kept.exists());
    // what nobody names is not kept
    namespace.write("routes: []").await;
    after.applied(2);
    let end = std::time::Instant::now() + PATIENCE;
    while kept.exists() {
        assert!(std::time::Instant::now() < end, "{} stays", kept.display());
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
}

#[tokio::test]
async fn a_folder_for_secrets_that_is_not_in_memory_is_refused() {
    let _shared = shared();
    let namespace = Namespace::new("secret-disk").await;
    let gatepost = Gatepost::start_with(&namespace, &["--secret-dir", "/proc"], &[]);
    let (status, said) = gatepost.ended();
    assert_eq!(status.code(), Some(1));
    assert!(said.contains("--secret-dir: /proc is not on a tmpfs"), "{said}");
}
