//! What an operator applies: `deploy/` as it is shipped, with the names of images and, for the tests, another Cloudflare.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime};

use super::{Bed, NODES, Pod, fed, source, until};
use crate::cloudflare::{Cloudflare, TOKEN};

/// The host of the seed's story.
pub(crate) const HOST: &str = "www.example.com";
/// The host of the load: also served in clear.
pub(crate) const LOAD_HOST: &str = "load.example.com";
/// Where the nodes are found.
pub(crate) const DNS_NAME: &str = "nodes.example.com";

/// Of the example.
pub(crate) const APP: &str = "deployment/crystal-www-example";

/// What has been ready for so long is available (`minReadySeconds`), and a second late the controller has looked at it.
const AVAILABLE: Duration = Duration::from_secs(4);

/// Over `deploy/`, beside a copy of it.
const OVERLAY: &str = "apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [base]
images:
  - {name: gatepost, newName: gatepost.test/gatepost, newTag: '1'}
patches:
  - target: {kind: DaemonSet, name: gatepost}
    patch: |
      - op: add
        path: /spec/template/spec/containers/0/env/-
        value: {name: CF_API_URL, value: '{url}'}
";

/// Over `deploy/example/app.yaml`: one pod more than nodes, and time for the others to see that one goes.
const APP_OVERLAY: &str = "apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [app.yaml]
images:
  - {name: crystal-www-example, newName: gatepost.test/app, newTag: '1'}
replicas:
  - {name: crystal-www-example, count: 3}
patches:
  - target: {kind: Deployment, name: crystal-www-example}
    patch: |
      - op: add
        path: /spec/template/spec/containers/0/lifecycle
        value: {preStop: {sleep: {seconds: 5}}}
";

impl Bed {
    /// Everything, as the first scenario finds it. Again is no harm.
    pub(crate) fn install(&self) {
        self.write_overlays();
        self.kubectl(&["apply", "-k", self.overlay("app").to_str().unwrap()]);
        self.select("null");
        self.kubectl(&["apply", "-f", source("deploy/base/namespace.yaml").to_str().unwrap()]);
        self.certificate();
        self.apply(&format!(
            "{{apiVersion: v1, kind: Secret, metadata: {{name: cloudflare, namespace: gatepost}}, \
             stringData: {{api-token: {TOKEN}}}}}"
        ));
        self.route("");
        self.kubectl(&["apply", "-k", self.overlay("gatepost").to_str().unwrap()]);
        // what a scenario that failed has left may stand
        self.seen_through();
        self.available();
        self.app_rolled_out();
    }

    pub(crate) fn overlay(&self, name: &str) -> std::path::PathBuf {
        self.state.join("overlays").join(name)
    }

    fn write_overlays(&self) {
        let (gatepost, app) = (self.overlay("gatepost"), self.overlay("app"));
        let _ = fs::remove_dir_all(&gatepost);
        fs::create_dir_all(&gatepost).unwrap();
        fs::create_dir_all(&app).unwrap();
        let mut copy = Command::new("cp");
        copy.arg("-r").arg(source("deploy")).arg(gatepost.join("base"));
        fed(copy, "").unwrap();
        write(&gatepost, OVERLAY.replace("{url}", &Cloudflare::url()));
        fs::copy(source("deploy/example/app.yaml"), app.join("app.yaml")).unwrap();
        write(&app, APP_OVERLAY.to_owned());
    }

    /// The Secret with the certificate of both hosts.
    fn certificate(&self) {
        let pki = self.state.join("pki");
        let mut certs = Command::new(source("tests/testbed/certs.sh"));
        certs.arg(&pki).args(["www", &format!("/CN={HOST}"), &format!("DNS:{HOST},DNS:{LOAD_HOST}")]);
        fed(certs, "").unwrap();
        let made = self.kubectl(&[
            "-n",
            "gatepost",
            "create",
            "secret",
            "tls",
            "www-example-com",
            &format!("--cert={}", pki.join("www.crt").display()),
            &format!("--key={}", pki.join("www.key").display()),
            "--dry-run=client",
            "-o=yaml",
        ]);
        self.apply(&made);
    }

    /// The routes, and this one more (a line of YAML).
    pub(crate) fn route(&self, more: &str) {
        self.routes(more, &format!("dns: {{names: [{DNS_NAME}], ttl: 60, nodes: {{addresses: internal}}}}"));
    }

    /// The routes without the DNS sync.
    pub(crate) fn release_dns(&self) {
        self.routes("", "");
    }

    fn routes(&self, more: &str, dns: &str) {
        let tunnels = self.bounds.tunnels.as_secs();
        self.apply(&format!(
            "apiVersion: v1
kind: ConfigMap
metadata: {{name: gatepost, namespace: gatepost}}
data:
  routes.yaml: |
    routes:
      - {{host: {HOST}, backend: 'crystal-www-example.default:8080'}}
      - {{host: {LOAD_HOST}, https: allow, log: false, backend: 'crystal-www-example.default:8080'}}
      {more}
    tls:
      certificates: [{{hosts: [{HOST}, {LOAD_HOST}], secret: www-example-com}}]
    drain: {{tunnels: {tunnels}s, lameDuck: 5s}}
    {dns}
"
        ));
    }

    /// Waits until the app has its pods, and none of before.
    pub(crate) fn app_rolled_out(&self) {
        self.kubectl(&["-n", "default", "rollout", "status", APP, "--timeout=120s"]);
        until("the end of the app's old pods", || {
            let pods = self.kubectl(&["-n", "default", "get", "pods", "-o", "name"]);
            (pods.lines().count() == 3).then_some(())
        });
    }

    /// The app runs on this node alone.
    pub(crate) fn place_app(&self, node: &str) {
        self.select(&format!("{{\"kubernetes.io/hostname\": \"{node}\"}}"));
        self.app_rolled_out();
    }

    /// The app may run everywhere.
    pub(crate) fn free_app(&self) {
        self.select("null");
        self.kubectl(&["-n", "default", "rollout", "status", APP, "--timeout=120s"]);
    }

    fn select(&self, selector: &str) {
        let patch = format!("{{\"spec\": {{\"template\": {{\"spec\": {{\"nodeSelector\": {selector}}}}}}}}}");
        self.kubectl(&["-n", "default", "patch", APP, "-p", &patch]);
    }

    /// A rolling update to the same: a new pod on every node.
    pub(crate) fn renew(&self) {
        self.begin_renewal();
        self.rolled_out();
    }

    pub(crate) fn begin_renewal(&self) {
        self.kubectl(&["-n", "gatepost", "rollout", "restart", "daemonset/gatepost"]);
    }

    /// What docs/operate.md does with a rolling update that stands: the controller looks once more.
    fn nudge(&self) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let note = format!("nudged={now}");
        self.kubectl(&["-n", "gatepost", "annotate", "--overwrite", "daemonset", "gatepost", &note]);
    }

    /// Waits until every node has its one pod that stays, ready and of the newest kind. `kubectl rollout status` waits for
    /// the end of the old pods too, which is `drain.tunnels` a node.
    pub(crate) fn rolled_out(&self) {
        until("the end of the rolling update", || self.is_rolled_out(&self.staying()).then_some(()));
    }

    /// The same after pods have died in it, as whoever runs the cluster does it: where all pods are ready, nothing happens
    /// for longer than the controller waits and the update is not through, it is told to look again. How often that was.
    pub(crate) fn seen_through(&self) -> usize {
        let (mut stands, mut since, mut nudges) = (Vec::new(), Instant::now(), 0);
        until("the end of the rolling update", || {
            let pods = self.staying();
            if self.is_rolled_out(&pods) {
                return Some(nudges);
            }
            if pods != stands || !pods.iter().all(|pod| pod.is_ready) {
                (stands, since) = (pods, Instant::now());
            } else if since.elapsed() > AVAILABLE {
                self.nudge();
                (since, nudges) = (Instant::now(), nudges + 1);
            }
            None
        })
    }

    /// Waits until the controller takes every node for served. Before, it would update all of them at once, for none has a
    /// pod to lose.
    fn available(&self) {
        let available = ["-n", "gatepost", "get", "daemonset", "gatepost", "-o", "jsonpath={.status.numberAvailable}"];
        until("available pods", || (self.kubectl(&available) == NODES.len().to_string()).then_some(()));
    }

    fn staying(&self) -> Vec<Pod> {
        self.pods().into_iter().filter(|pod| !pod.is_deleted).collect()
    }

    fn is_rolled_out(&self, staying: &[Pod]) -> bool {
        let Some(newest) = self.newest_revision() else { return false };
        staying.len() == NODES.len() && staying.iter().all(|pod| pod.is_ready && pod.revision == newest)
    }

    /// The hash of the pods that the DaemonSet is to have; none before its controller has seen its last change.
    fn newest_revision(&self) -> Option<String> {
        let generations = "jsonpath={.metadata.generation} {.status.observedGeneration}";
        let seen = self.kubectl(&["-n", "gatepost", "get", "daemonset", "gatepost", "-o", generations]);
        seen.split_once(' ').filter(|(now, observed)| now == observed)?;
        let hashes = "jsonpath={.items[*].metadata.labels.controller-revision-hash}";
        let revisions = ["-n", "gatepost", "get", "controllerrevisions", "--sort-by=.revision", "-o", hashes];
        self.kubectl(&revisions).split(' ').next_back().map(str::to_owned)
    }
}

fn write(folder: &Path, kustomization: String) {
    fs::write(folder.join("kustomization.yaml"), kustomization).unwrap();
}
