//! What nodes tell one another: keys of session tickets, and what each has loaded.

use std::time::Duration;

use super::*;

impl Namespace {
    /// Thirteen hours pass for this key of session tickets.
    async fn age_tickets(&self, keys: &[u8]) {
        let mut old: Vec<Value> = serde_json::from_slice(keys).unwrap();
        old[0]["created"] = json!(old[0]["created"].as_i64().unwrap() - 13 * 3600);
        let object = json!({
            "apiVersion": "v1", "kind": "Secret", "metadata": {"name": "gatepost-tickets"},
            "stringData": {"keys": serde_json::to_string(&old).unwrap()},
        });
        self.apply(object).await;
    }
}

#[tokio::test]
async fn two_processes_share_one_key_of_session_tickets_and_one_that_is_old_is_followed_by_one() {
    let _shared = shared();
    let namespace = Namespace::new("secret-tickets").await;
    namespace.write("routes: []").await;
    let both = || ["one", "two"].map(|node| Gatepost::start_with(&namespace, &[], &[("NODE_NAME", node)]));
    let count = |text: &[u8]| serde_json::from_slice::<Vec<Value>>(text).unwrap().len();
    let processes = both();
    let first = namespace.tickets().await;
    // both have looked at the Secret before they tell of themselves
    processes.iter().for_each(Gatepost::ready);
    namespace.status(&["one", "two"], |nodes| nodes.iter().all(|node| node["generation"] == 1)).await;
    assert_eq!((count(&first), namespace.tickets().await == first), (1, true));
    let said: usize = processes.iter().map(|process| process.count("The key of session tickets has a successor")).sum();
    assert_eq!(said, 1);
    drop(processes);

    // thirteen hours later: both find it old, and write at the same time
    namespace.age_tickets(&first).await;
    let processes = both();
    processes.iter().for_each(Gatepost::ready);
    let secrets: Api<Secret> = Api::namespaced(namespace.admin.clone(), &namespace.name);
    let two = await_condition(secrets, "gatepost-tickets", |secret: Option<&Secret>| {
        secret.and_then(|secret| secret.data.as_ref()?.get("keys")).is_some_and(|keys| count(&keys.0) == 2)
    });
    tokio::time::timeout(PATIENCE, two).await.expect("a second key").unwrap();
    let secret = String::from_utf8(namespace.tickets().await).unwrap();
    let newest: Vec<Value> = serde_json::from_str(&secret).unwrap();
    for process in processes {
        let (_, said) = process.terminate();
        for key in &newest {
            assert!(!said.contains(key["key"].as_str().unwrap()), "a key in the log");
        }
    }
    assert_eq!(count(&namespace.tickets().await), 2);
}

#[tokio::test]
async fn a_shared_key_that_is_old_and_may_not_be_followed_by_another_goes_out_of_use() {
    let _shared = shared();
    let namespace = Namespace::new("secret-tickets-read-only").await;
    namespace.certificate("web", &Certificate::of(HOST)).await;
    namespace.write(&routes("web")).await;
    let first = Gatepost::start(&namespace);
    namespace.age_tickets(&namespace.tickets().await).await;
    drop(first);
    // that process may have written one more
    let keys = namespace.tickets().await;
    namespace.age_tickets(&keys).await;
    let mut role = manifests("deploy/base/rbac.yaml").into_iter().find(|object| object["kind"] == "Role").unwrap();
    let may_write = |rule: &Value| rule["resources"][0] == "secrets" && rule["verbs"] == json!(["patch"]);
    role["rules"].as_array_mut().unwrap().retain(|rule| !may_write(rule));
    namespace.apply(role).await;

    let [one, two] = ["one", "two"].map(|node| Gatepost::start_with(&namespace, &[], &[("NODE_NAME", node)]));
    for process in [&one, &two] {
        process.ready();
        process.line("of the refusal", |line| is(line, "The next key of session tickets cannot be written"));
    }
    let client = Client::new();
    assert_eq!(client.visit(one.https(), HOST).unwrap(), HandshakeKind::Full);
    assert_eq!(client.visit(one.https(), HOST).unwrap(), HandshakeKind::Resumed);
    assert_eq!(client.visit(two.https(), HOST).unwrap(), HandshakeKind::Full);
    assert_eq!(one.count("The next key of session tickets cannot be written"), 1);
}

#[tokio::test]
async fn a_client_ca_that_is_not_there_or_broken_or_deleted_lets_nobody_in_until_it_is_good_again() {
    let _shared = shared();
    let namespace = Namespace::new("secret-client-ca").await;
    let (good, ours, strangers) = (Certificate::of(HOST), Authority::new(), Authority::new());
    namespace.certificate("web", &good).await;
    let certificate = format!("{{host: {HOST}, secret: web, clientCa: {{secret: clients}}}}");
    let routes =
        format!("routes: [{{host: {HOST}, respond: {{status: 200}}}}]\ntls: {{certificates: [{certificate}]}}\n");
    namespace.write(&routes).await;
    let gatepost = Gatepost::start_with(&namespace, &[], &[]);
    gatepost.ready();
    let note = namespace.event("CertificateRejected", "client CA Secret clients: there is none").await.note.unwrap();
    assert!(note.ends_with("lets nobody in until there is a good one, or the entry has no `clientCa`"), "{note}");
    assert!(Client::of(&ours).visit(gatepost.https(), HOST).is_err());

    let ca = |text: &str| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "clients"}, "stringData": {"ca.crt": text}});
    namespace.apply(ca(&ours.pem)).await;
    gatepost.metric(ERRORS, "0");
    let comes_in = |client: Client| client.visit(gatepost.https(), HOST).is_ok();
    let right = || comes_in(Client::of(&ours)) && !comes_in(Client::of(&strangers)) && !comes_in(Client::new());
    assert!(right());
    namespace.apply(ca("hello")).await;
    namespace.event("CertificateRejected", "client CA Secret clients: there is no certificate in it").await;
    assert!(!comes_in(Client::of(&ours)));
    namespace.apply(ca(&ours.pem)).await;
    gatepost.metric(ERRORS, "0");
    assert!(right());
    namespace.delete_secret("clients").await;
    gatepost.metric(ERRORS, "1");
    assert!(!comes_in(Client::of(&ours)));
    namespace.apply(ca(&strangers.pem)).await;
    gatepost.metric(ERRORS, "0");
    assert!(comes_in(Client::of(&strangers)) && !comes_in(Client::of(&ours)));
}

#[tokio::test]
async fn a_session_that_began_at_one_process_resumes_at_another_and_after_a_renewal() {
    let _shared = shared();
    let namespace = Namespace::new("secret-resumed").await;
    namespace.certificate("web", &Certificate::of(HOST)).await;
    namespace.write(&routes("web")).await;
    let [one, two] = ["one", "two"].map(|node| Gatepost::start_with(&namespace, &[], &[("NODE_NAME", node)]));
    namespace.tickets().await;
    one.ready();
    two.ready();
    // until both have read the key, which nothing outside tells
    let end = std::time::Instant::now() + PATIENCE;
    loop {
        let client = Client::new();
        assert_eq!(client.visit(one.https(), HOST).unwrap(), HandshakeKind::Full);
        if client.visit(two.https(), HOST).unwrap() == HandshakeKind::Resumed {
            break;
        }
        assert!(std::time::Instant::now() < end, "never resumed");
    }
    let client = Client::new();
    client.visit(one.https(), HOST).unwrap();
    let new = Certificate::of(HOST);
    namespace.certificate("web", &new).await;
    shows(two.https(), HOST, &new);
    assert_eq!(client.visit(two.https(), HOST).unwrap(), HandshakeKind::Resumed);
}

const NOT_EVERYWHERE: &str = "gatepost_certificates_not_everywhere";

/// As a node tells of itself, so many minutes ago.
fn word(certificates: &str, draining: bool, minutes: u64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let at = now - 60 * minutes;
    json!({"pod": "p", "generation": 1, "certificates": certificates, "draining": draining, "at": at}).to_string()
}

#[tokio::test]
async fn nodes_that_drain_or_are_gone_or_were_never_renewed_keep_no_host_from_https() {
    let _shared = shared();
    let namespace = Namespace::new("secret-status-gone").await;
    namespace.certificate("web", &Certificate::of(HOST)).await;
    let nothing = "0000000000000000";
    let past = json!({"pod": "p", "generation": 1, "certificates": nothing, "draining": false}).to_string();
    let mut others = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "gatepost-status"},
        "data": {"drained": word(nothing, true, 0), "gone": word(nothing, false, 16), "past": past, "late": word(nothing, false, 14)},
    });
    namespace.apply(others.clone()).await;
    namespace.write(&routes("web")).await;
    let gatepost = Gatepost::start_with(&namespace, &[], &[("NODE_NAME", "one")]);
    namespace.status(&["one"], |nodes| nodes[0]["certificates"] != nothing).await;
    gatepost.metric(NOT_EVERYWHERE, "1");
    assert_eq!(gatepost.client().get(HOST, "/").unwrap().status, 200);
    others["data"]["late"] = json!(word(nothing, false, 17));
    namespace.apply(others).await;
    gatepost.metric(NOT_EVERYWHERE, "0");
    assert_eq!(gatepost.client().get(HOST, "/").unwrap().status, 308);
}

#[tokio::test]
async fn a_host_is_sent_to_https_once_every_node_has_its_certificate() {
    let _shared = shared();
    let namespace = Namespace::new("secret-status").await;
    let good = Certificate::of(HOST);
    namespace.certificate("web", &good).await;
    // another node that has nothing yet
    let other = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "gatepost-status", "namespace": namespace.name},
        "data": {"late": word("0000000000000000", false, 0)},
    });
    apply(&namespace.admin, other.clone()).await;
    namespace.write(&routes("web")).await;
    let gatepost = Gatepost::start_with(&namespace, &[], &[("NODE_NAME", "one"), ("POD_NAME", "pod-one")]);
    shows(gatepost.https(), HOST, &good);
    let told = namespace.status(&["one"], |nodes| nodes[0]["certificates"] != "0000000000000000").await;
    let (digest, pod) = (&told[0]["certificates"], &told[0]["pod"]);
    assert_eq!((pod, &told[0]["draining"], &told[0]["generation"]), (&json!("pod-one"), &json!(false), &json!(1)));
    assert_eq!(digest.as_str().unwrap().len(), 16);
    assert_eq!(gatepost.client().get(HOST, "/").unwrap().status, 200, "the other node could not answer");
    gatepost.metric(NOT_EVERYWHERE, "1");

    let mut now = other;
    now["data"]["late"] = json!(word(digest.as_str().unwrap(), false, 0));
    apply(&namespace.admin, now).await;
    gatepost.metric(NOT_EVERYWHERE, "0");
    assert_eq!(gatepost.client().get(HOST, "/").unwrap().status, 308);
    let (status, said) = gatepost.terminate();
    assert!(status.success(), "{said}");
}

#[tokio::test]
async fn a_process_that_is_not_ready_says_nothing_of_its_certificates() {
    let _shared = shared();
    let namespace = Namespace::without_role("secret-first-word").await;
    for mut object in manifests("deploy/base/rbac.yaml").into_iter().chain(manifests("deploy/base/state.yaml")) {
        if object["kind"] == "Role" {
            object["rules"].as_array_mut().unwrap().retain(|rule| rule["resources"][0] != "secrets");
        }
        namespace.apply(object).await;
    }
    namespace.certificate("web", &Certificate::of(HOST)).await;
    namespace.write(&routes("web")).await;
    let process = Gatepost::start_with(&namespace, &[], &[("NODE_NAME", "node")]);
    process.applied(1);
    process.line("about tickets", |line| is(line, "Keys of session tickets are not shared"));
    // a word would come within a fraction of that
    let word = tokio::time::timeout(Duration::from_secs(2), namespace.status(&["node"], |_| true)).await;
    assert!(word.is_err(), "{word:?}");
    namespace.grant().await;
    process.ready();
    let empty = format!("{:016x}", gatepost::certs::Store::default().digest());
    let word = namespace.status(&["node"], |_| true).await;
    assert!(word[0]["certificates"] != empty, "{word:?}");
}
