//! The election on the real Lease, under the RBAC that users get.

use std::time::Instant;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use kube::Api;
use kube::api::DeleteParams;
use kube::runtime::wait::await_condition;
use serde_json::{Value, json};

use crate::process::Gatepost;
use crate::testbed::{Namespace, PATIENCE, alone, manifests, shared};

const LEADER: &str = "gatepost_leader";
const ROUTES: &str = "routes: [{host: www.example.com, respond: {status: 200}}]\n";

impl Namespace {
    fn leases(&self) -> Api<Lease> {
        Api::namespaced(self.admin.clone(), &self.name)
    }

    /// Nobody has the Lease, and it need not grow old.
    pub(crate) async fn release(&self) {
        self.apply(lease(json!({"holderIdentity": "", "leaseDurationSeconds": 1}))).await;
    }

    async fn lease(&self) -> LeaseSpec {
        self.leases().get("gatepost").await.unwrap().spec.unwrap_or_default()
    }

    /// Waits until that one has it.
    async fn is_held_by(&self, holder: &str) -> LeaseSpec {
        let there = await_condition(self.leases(), "gatepost", |lease: Option<&Lease>| {
            lease.and_then(|lease| lease.spec.as_ref()?.holder_identity.as_deref()) == Some(holder)
        });
        let found = tokio::time::timeout(PATIENCE, there).await.expect("a holder").unwrap();
        found.unwrap().spec.unwrap()
    }
}

fn lease(spec: Value) -> Value {
    json!({"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": "gatepost"}, "spec": spec})
}

fn pod(namespace: &Namespace, name: &str) -> Gatepost {
    Gatepost::start_with(namespace, &[], &[("POD_NAME", name), ("NODE_NAME", name)])
}

/// Two, of which the first leads.
async fn pair(namespace: &Namespace) -> (Gatepost, Gatepost) {
    namespace.write(ROUTES).await;
    namespace.release().await;
    let one = pod(namespace, "pod-one");
    one.metric(LEADER, "1");
    let two = pod(namespace, "pod-two");
    two.line("of a follower", |line| line["message"] == "This process follows");
    two.metric(LEADER, "0");
    (one, two)
}

#[tokio::test]
async fn one_of_two_leads_on_the_lease_as_shipped_and_an_event_names_it_once() {
    let _shared = shared();
    let namespace = Namespace::new("leader-shipped").await;
    namespace.write(ROUTES).await;
    let both = [pod(&namespace, "pod-one"), pod(&namespace, "pod-two")];
    let event = namespace.event("LeaderElected", " leads").await;
    let spec = namespace.lease().await;
    let holder = spec.holder_identity.unwrap();
    assert_eq!((spec.lease_duration_seconds, spec.lease_transitions), (Some(15), Some(1)));
    let (leader, other) = if holder == "pod-one" { (&both[0], &both[1]) } else { (&both[1], &both[0]) };
    leader.metric(LEADER, "1");
    leader.line("of the leader", |line| line["message"] == "This process leads" && line["term"] == 1);
    other.line("of the other", |line| line["message"] == "This process follows");
    other.metric(LEADER, "0");
    let regarding = event.regarding.unwrap();
    let uid = namespace.leases().get("gatepost").await.unwrap().metadata.uid;
    assert_eq!((regarding.kind.as_deref(), regarding.uid), (Some("Lease"), uid));
    assert_eq!((event.note.unwrap(), event.type_.as_deref()), (format!("{holder} leads"), Some("Normal")));
    let elected = |event: &&k8s_openapi::api::events::v1::Event| event.reason.as_deref() == Some("LeaderElected");
    assert_eq!(namespace.events().await.iter().filter(elected).count(), 1);
}

#[tokio::test]
async fn a_leader_that_is_told_to_end_releases_the_lease_and_the_other_one_leads() {
    let _shared = shared();
    let namespace = Namespace::new("leader-ends").await;
    let (one, two) = pair(&namespace).await;
    let start = Instant::now();
    one.signal("TERM");
    two.metric(LEADER, "1");
    println!("{:?} from SIGTERM of the leader to the next one", start.elapsed());
    let (status, said) = one.ended();
    assert!(status.success(), "{said}");
    let at = |what: &str| said.find(what).unwrap_or_else(|| panic!("no {what:?} in:\n{said}"));
    assert!(at("This process leads no more") < at("The lease is released"), "{said}");
    let spec = namespace.is_held_by("pod-two").await;
    // not waited for until it was old: that one would have said that it took it from pod-one
    assert_eq!(spec.lease_transitions, Some(2));
    namespace.event("LeaderElected", "pod-two leads").await;

    // the last one has nobody to hand over to, and ends all the same
    let (status, said) = two.terminate();
    assert!(status.success() && said.contains("The lease is released"), "{said}");
    let spec = namespace.lease().await;
    assert_eq!((spec.holder_identity.as_deref(), spec.lease_duration_seconds), (Some(""), Some(1)));
}

#[tokio::test]
async fn a_leader_that_stands_still_is_followed_by_the_other_one_and_follows_it_when_it_wakes() {
    let _shared = shared();
    let namespace = Namespace::new("leader-stopped").await;
    let (one, two) = pair(&namespace).await;
    let start = Instant::now();
    one.signal("STOP");
    two.metric(LEADER, "1");
    println!("{:?} from SIGSTOP of the leader to the next one", start.elapsed());
    one.signal("CONT");
    one.metric(LEADER, "0");
    one.line("of the end", |line| line["message"] == "This process leads no more");
    // it has looked at the Lease, and the other one renews it
    let first = namespace.is_held_by("pod-two").await;
    let renewed = await_condition(namespace.leases(), "gatepost", |lease: Option<&Lease>| {
        lease.and_then(|lease| lease.spec.as_ref()?.renew_time.as_ref()) > first.renew_time.as_ref()
    });
    let lease = tokio::time::timeout(PATIENCE, renewed).await.expect("a renewal").unwrap().unwrap();
    let spec = lease.spec.unwrap();
    assert_eq!((spec.holder_identity.as_deref(), spec.lease_transitions), (Some("pod-two"), Some(2)));
    two.metric(LEADER, "1");
    assert_eq!((one.count("This process leads no more"), one.count("This process leads")), (1, 2));
}

#[tokio::test]
async fn the_right_ends_while_the_api_server_is_frozen_and_requests_are_served_on() {
    let alone = alone();
    let namespace = Namespace::new("leader-frozen").await;
    let (one, two) = pair(&namespace).await;
    alone.freeze();
    one.metric(LEADER, "0");
    two.metric(LEADER, "0");
    let mut client = one.client();
    for _ in 0..100 {
        assert_eq!(client.get("www.example.com", "/").unwrap().status, 200);
    }
    assert!(one.is_ready() && two.is_ready() && client.connections == 1);
    alone.thaw();
    let again = |line: &Value| line["message"] == "This process leads" && line["term"].as_i64() > Some(1);
    let end = Instant::now() + PATIENCE;
    let leaders = || [&one, &two].iter().filter(|one| one.metrics().contains("\ngatepost_leader 1\n")).count();
    while leaders() == 0 {
        assert!(Instant::now() < end, "nobody leads");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    // whichever it is, in a new term
    let leader = if one.metrics().contains("\ngatepost_leader 1\n") { &one } else { &two };
    leader.line("of a new term", again);
}

#[tokio::test]
async fn without_the_lease_or_the_right_to_it_one_line_names_the_manifest_and_nothing_else_suffers() {
    let _shared = shared();
    let namespace = Namespace::new("leader-missing").await;
    namespace.write(ROUTES).await;
    let mut role = manifests("deploy/base/rbac.yaml").into_iter().find(|object| object["kind"] == "Role").unwrap();
    let whole = role.clone();
    role["rules"].as_array_mut().unwrap().retain(|rule| rule["resources"][0] != "leases");
    namespace.apply(role).await;
    let told = |gatepost: &Gatepost, manifest: &str| {
        gatepost.line(&format!("that names {manifest}"), |line| {
            let is_it = line["message"].as_str().is_some_and(|text| text.starts_with("No leader can be elected"));
            is_it && line["fault"].as_str().is_some_and(|text| text.contains(manifest))
        });
    };
    let refused = pod(&namespace, "pod-one");
    told(&refused, "deploy/base/rbac.yaml");
    refused.ready();
    namespace.event("RoutesApplied", "Generation 1 ").await;
    assert_eq!(refused.client().get("www.example.com", "/").unwrap().status, 200);
    drop(refused);

    namespace.apply(whole).await;
    namespace.leases().delete("gatepost", &DeleteParams::default()).await.unwrap();
    let missing = pod(&namespace, "pod-one");
    told(&missing, "deploy/base/state.yaml");
    missing.ready();
    namespace.release().await;
    missing.metric(LEADER, "1");
    missing.line("of the end of that", |line| line["message"] == "The election of a leader goes on");
    assert_eq!(missing.count("No leader can be elected"), 1);
}

#[tokio::test]
async fn the_shipped_role_grants_that_lease_and_no_other() {
    let _shared = shared();
    let namespace = Namespace::new("leader-rights").await;
    let ours: Api<Lease> = Api::namespaced(crate::testbed::client(&namespace.kubeconfig).await, &namespace.name);
    let forbidden = |error: kube::Error| matches!(error, kube::Error::Api(status) if status.code == 403);
    let found = ours.get("gatepost").await.unwrap();
    assert!(forbidden(ours.get("other").await.unwrap_err()));
    assert!(forbidden(ours.list(&Default::default()).await.unwrap_err()));
    assert!(forbidden(ours.create(&Default::default(), &found).await.unwrap_err()));
    assert!(forbidden(ours.delete("gatepost", &Default::default()).await.unwrap_err()));
    ours.replace("gatepost", &Default::default(), &found).await.unwrap();
}
