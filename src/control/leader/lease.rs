//! The election on a real Lease (`coordination.k8s.io/v1`), and what is told of it: a metric, and an Event on the Lease. One
//! door: [`elect`].

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::PostParams;
use kube::{Api, Resource};
use tokio::sync::watch;

use super::record::{Candidate, Change, Claim, Fault, Leases, Record};
use crate::control::Kubernetes;
use crate::control::client::{Asked, refusal, with_causes};
use crate::control::events;
use crate::lifecycle::{Leadership, Stage};
use crate::telemetry::metrics::Metrics;

/// Shipped without a holder; no pod may create one.
const NAME: &str = "gatepost";
/// Has it.
const MANIFEST: &str = "deploy/base/state.yaml";
/// Which life of which process wrote the record last, so that a process knows a write of its own by it.
const PROCESS: &str = "gatepost/process";

/// Takes part in the election on the Lease `gatepost` of the own namespace as that pod, and tells of it, until the stage is
/// no longer `Serving`. It ends when the Lease is released, at most [`RELEASE`](super::RELEASE) later.
pub async fn elect(
    kubernetes: Kubernetes,
    pod: String,
    stage: watch::Receiver<Stage>,
    leadership: watch::Sender<Leadership>,
    metrics: Arc<Metrics>,
) {
    let (events, writer) = events::channel(kubernetes.client.clone());
    let leases = Shared::new(&kubernetes);
    let regarding = Lease::default().object_ref(&());
    let namespace = kubernetes.namespace().to_owned();
    let on_change = |change: Change<'_>| {
        metrics.election().set_leader(matches!(change, Change::Leads(_)));
        if let Change::Leads(record) = change {
            let mut regarding = regarding.clone();
            regarding.name = Some(NAME.to_owned());
            regarding.namespace = Some(namespace.clone());
            regarding.uid = Some(record.uid.clone());
            events.tell_leader(regarding, &record.holder, record.transitions);
        }
    };
    tokio::select! {
        () = super::run(leases, Candidate::new(pod), stage, leadership, on_change) => {}
        // it has no end as long as there is somebody to tell it anything
        () = writer.run() => {}
    }
}

/// The Lease, seen through the API.
struct Shared {
    api: Api<Lease>,
    asked: Asked,
    /// As it was read last: what we have nothing to say about is written back as it was.
    last: Mutex<Option<Lease>>,
}

impl Shared {
    fn new(kubernetes: &Kubernetes) -> Shared {
        let namespace = kubernetes.namespace();
        Shared {
            api: Api::namespaced(kubernetes.client.clone(), namespace),
            asked: Asked::new("leases", NAME, namespace),
            last: Mutex::default(),
        }
    }

    /// Keeps what the API server has answered.
    fn read(&self, verb: &'static str, answer: Result<Lease, kube::Error>) -> Result<Record, Fault> {
        let lease = answer.map_err(|error| fault(&error, verb, &self.asked))?;
        let record = record(&lease);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(lease);
        Ok(record)
    }
}

impl Leases for Shared {
    async fn get(&self) -> Result<Record, Fault> {
        self.read("get", self.api.get(NAME).await)
    }

    async fn replace(&self, old: &Record, new: &Claim) -> Result<Record, Fault> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(mut lease) = last.filter(|last| record(last) == *old) else {
            // it was read anew since
            return Err(Fault::Conflict);
        };
        write(&mut lease, new, MicroTime(Timestamp::now()));
        self.read("update", self.api.replace(NAME, &PostParams::default(), &lease).await)
    }
}

fn record(lease: &Lease) -> Record {
    let Lease { metadata, spec } = lease;
    let spec = spec.clone().unwrap_or_default();
    let process = metadata.annotations.as_ref().and_then(|annotations| annotations.get(PROCESS));
    Record {
        uid: metadata.uid.clone().unwrap_or_default(),
        version: metadata.resource_version.clone().unwrap_or_default(),
        holder: spec.holder_identity.unwrap_or_default(),
        process: process.cloned().unwrap_or_default(),
        seconds: spec.lease_duration_seconds,
        transitions: spec.lease_transitions.unwrap_or_default().into(),
        renewed: spec.renew_time.map(|MicroTime(time)| time.to_string()).unwrap_or_default(),
    }
}

fn write(lease: &mut Lease, claim: &Claim, now: MicroTime) {
    let Claim { holder, process, seconds, transitions, is_new } = claim;
    let annotations = lease.metadata.annotations.get_or_insert_with(BTreeMap::new);
    annotations.insert(PROCESS.to_owned(), process.clone());
    let spec = lease.spec.get_or_insert_with(LeaseSpec::default);
    spec.holder_identity = Some(holder.clone());
    spec.lease_duration_seconds = Some(*seconds);
    // beyond this the number stands still; a change of leaders every second is there after 68 years
    spec.lease_transitions = Some(i32::try_from(*transitions).unwrap_or(i32::MAX));
    if *is_new {
        spec.acquire_time = Some(now.clone());
    }
    spec.renew_time = Some(now);
}

fn fault(error: &kube::Error, verb: &'static str, asked: &Asked) -> Fault {
    if let Some(refusal) = refusal(error, verb, asked) {
        return Fault::Refused(refusal.to_string());
    }
    let kube::Error::Api(status) = error else { return Fault::Unavailable(with_causes(error)) };
    let Asked { name, namespace, .. } = asked;
    match status.code {
        404 => Fault::Missing(format!("there is no Lease {name:?} in namespace {namespace:?}: {MANIFEST} has it")),
        409 => Fault::Conflict,
        // it was understood, and is not taken
        400..=428 | 430..=499 => Fault::Refused(format!("the API server does not {verb} the Lease {name:?}: {error}")),
        _ => Fault::Unavailable(with_causes(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lease() -> Lease {
        let text = serde_json::json!({
            "metadata": {"name": NAME, "uid": "u-1", "resourceVersion": "7", "labels": {"a": "b"}, "annotations": {"c": "d"}},
            "spec": {"holderIdentity": "one", "leaseDurationSeconds": 15, "leaseTransitions": 3,
                "acquireTime": "2026-01-01T00:00:00.000001Z", "renewTime": "2026-01-01T00:00:00.000002Z"},
        });
        serde_json::from_value(text).unwrap()
    }

    fn claim(holder: &str, is_new: bool) -> Claim {
        Claim { holder: holder.to_owned(), process: "p".to_owned(), seconds: 15, transitions: 4, is_new }
    }

    #[test]
    fn a_write_names_the_version_and_leaves_what_is_not_ours() {
        let now = MicroTime("2026-01-02T00:00:00Z".parse().unwrap());
        let mut taken = lease();
        write(&mut taken, &claim("two", true), now.clone());
        let read = record(&taken);
        assert_eq!((read.holder.as_str(), read.process.as_str(), read.version.as_str()), ("two", "p", "7"));
        assert_eq!((read.seconds, read.transitions, read.renewed.as_str()), (Some(15), 4, "2026-01-02T00:00:00Z"));
        assert_eq!(taken.metadata.labels, lease().metadata.labels);
        assert_eq!(taken.metadata.annotations.unwrap()["c"], "d");
        assert_eq!(taken.spec.unwrap().acquire_time, Some(now.clone()));
        let mut renewed = lease();
        write(&mut renewed, &claim("two", false), now);
        assert_eq!(renewed.spec.unwrap().acquire_time, lease().spec.unwrap().acquire_time);
    }

    #[test]
    fn a_lease_as_shipped_has_no_holder_and_is_not_released() {
        let shipped = record(&Lease { spec: None, ..lease() });
        assert!(shipped.holder.is_empty() && !shipped.is_released(), "{shipped:?}");
    }

    #[test]
    fn what_a_person_must_do_is_told_with_the_manifest() {
        let asked = Asked::new("leases", NAME, "edge");
        let of = |code| {
            let status = kube::core::Status { code, ..Default::default() };
            fault(&kube::Error::Api(Box::new(status)), "update", &asked)
        };
        let told = |fault: Fault, manifest: &str| fault.to_string().contains(manifest);
        assert!(matches!(of(404), Fault::Missing(_)) && told(of(404), "deploy/base/state.yaml"));
        assert!(matches!(of(403), Fault::Refused(_)) && told(of(403), "deploy/base/rbac.yaml"));
        assert!(matches!(of(422), Fault::Refused(_)));
        assert_eq!(of(409), Fault::Conflict);
        for code in [429, 500, 503, 504] {
            assert!(matches!(of(code), Fault::Unavailable(_)), "{code}");
        }
    }
}
