//! A real etcd and a real kube-apiserver, started once for all tests of this binary. Doors: [`shared`] for a test that
//! does it no harm, [`alone`] for one that stops or kills it; while the latter runs no other does.
//!
//! Who may what is what users get: the tests run gatepost under a copy of `deploy/base/rbac.yaml`.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Sender};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

use k8s_openapi::api::authentication::v1::TokenRequest;
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::ClusterRoleBinding;
use kube::Client;
use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams,
    ValidationDirective,
};
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};

/// Whatever is waited for is there within this time, or the test has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

static LOCK: RwLock<()> = RwLock::new(());

pub(crate) struct Testbed {
    folder: PathBuf,
    port: u16,
    binary: PathBuf,
    api: Mutex<Child>,
    /// Ends with this process.
    _etcd: Child,
    spawner: Spawner,
}

/// A test's hold on the API server.
pub(crate) struct Shared {
    _guard: RwLockReadGuard<'static, ()>,
}

/// The API server for one test alone. Afterwards it runs again, whatever the test did to it.
pub(crate) struct Alone {
    _guard: RwLockWriteGuard<'static, ()>,
}

/// A namespace of its own, with the shipped Role and account in it.
pub(crate) struct Namespace {
    pub(crate) name: String,
    pub(crate) admin: Client,
    /// Of the shipped account.
    pub(crate) kubeconfig: PathBuf,
}

pub(crate) fn shared() -> Shared {
    let guard = LOCK.read().unwrap_or_else(PoisonError::into_inner);
    testbed();
    Shared { _guard: guard }
}

pub(crate) fn alone() -> Alone {
    let guard = LOCK.write().unwrap_or_else(PoisonError::into_inner);
    testbed();
    Alone { _guard: guard }
}

fn testbed() -> &'static Testbed {
    static TESTBED: OnceLock<Testbed> = OnceLock::new();
    TESTBED.get_or_init(Testbed::start)
}

// === impl Testbed ===

impl Testbed {
    fn start() -> Testbed {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR"));
        // what earlier runs left, they had no end to clean up in
        for old in fs::read_dir(home).unwrap().flatten() {
            let name = old.file_name();
            let pid = name.to_str().and_then(|name| name.strip_prefix("kube-"));
            if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
                let _ = fs::remove_dir_all(old.path());
            }
        }
        let folder = home.join(format!("kube-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        run(Command::new(source("tests/testbed/certs.sh")).arg(&folder));
        let binary = api_server();
        let spawner = Spawner::start();
        let [clients, peers, port] = free_ports();
        let etcd = format!("http://127.0.0.1:{clients}");
        let peer = format!("http://127.0.0.1:{peers}");
        let mut command = logged("etcd", &folder, "etcd");
        command.arg("--data-dir").arg(folder.join("etcd")).args(["--listen-client-urls", &etcd]);
        command.args(["--advertise-client-urls", &etcd, "--listen-peer-urls", &peer]);
        command.args(["--initial-advertise-peer-urls", &peer, "--initial-cluster", &format!("default={peer}")]);
        // what is written is thrown away soon
        command.arg("--unsafe-no-fsync");
        let etcd_process = spawner.spawn(command);
        fs::write(folder.join("etcd.url"), &etcd).unwrap();
        let api = Mutex::new(spawner.spawn(api_command(&binary, &folder, port)));
        let testbed = Testbed { folder, port, binary, api, _etcd: etcd_process, spawner };
        testbed.wait();
        testbed
    }

    /// Until the API server says that it is ready.
    fn wait(&self) {
        let end = Instant::now() + PATIENCE;
        loop {
            let out = Command::new("curl")
                .args(["-sf", "--max-time", "5", "--cacert"])
                .arg(self.folder.join("ca.crt"))
                .arg("--cert")
                .arg(self.folder.join("admin.crt"))
                .arg("--key")
                .arg(self.folder.join("admin.key"))
                .arg(format!("https://127.0.0.1:{}/readyz", self.port))
                .output()
                .expect("curl");
            if out.status.success() {
                return;
            }
            let log = || fs::read_to_string(self.folder.join("kube-apiserver.log")).unwrap_or_default();
            assert!(Instant::now() < end, "the API server does not become ready:\n{}", last_lines(&log()));
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn api(&self) -> MutexGuard<'_, Child> {
        self.api.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A kubeconfig with the given user in it.
    fn kubeconfig(&self, name: &str, user: &Value) -> PathBuf {
        let path = self.folder.join(format!("{name}.kubeconfig"));
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "testbed",
            "clusters": [{"name": "testbed", "cluster": {
                "server": format!("https://127.0.0.1:{}", self.port), "certificate-authority": self.folder.join("ca.crt")}}],
            "users": [{"name": "user", "user": user}],
            "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": "user"}}],
        });
        // tests of several threads ask for the same one: none may see it half written
        let new = path.with_extension(format!("{:?}", std::thread::current().id()));
        fs::write(&new, config.to_string()).unwrap();
        fs::rename(&new, &path).unwrap();
        path
    }

    async fn admin(&self) -> Client {
        let user =
            json!({"client-certificate": self.folder.join("admin.crt"), "client-key": self.folder.join("admin.key")});
        client(&self.kubeconfig("admin", &user)).await
    }
}

/// A client of the settings in a kubeconfig.
pub(crate) async fn client(kubeconfig: &Path) -> Client {
    // a second one changes nothing
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

fn api_command(binary: &Path, folder: &Path, port: u16) -> Command {
    let etcd = fs::read_to_string(folder.join("etcd.url")).unwrap();
    let mut command = logged(binary.to_str().unwrap(), folder, "kube-apiserver");
    let file = |name: &str| folder.join(name).display().to_string();
    let flags = [
        ("etcd-servers", etcd),
        ("bind-address", "127.0.0.1".to_owned()),
        ("secure-port", port.to_string()),
        ("advertise-address", "127.0.0.1".to_owned()),
        ("cert-dir", folder.display().to_string()),
        ("tls-cert-file", file("apiserver.crt")),
        ("tls-private-key-file", file("apiserver.key")),
        ("client-ca-file", file("ca.crt")),
        ("authorization-mode", "Node,RBAC".to_owned()),
        ("service-cluster-ip-range", "10.96.0.0/16".to_owned()),
        ("service-account-issuer", "https://kubernetes.default.svc".to_owned()),
        ("service-account-key-file", file("sa.pub")),
        ("service-account-signing-key-file", file("sa.key")),
        // a loopback address is no endpoint that others could use
        ("endpoint-reconciler-type", "none".to_owned()),
    ];
    command.args(flags.map(|(name, value)| format!("--{name}={value}")));
    command
}

/// A command that dies with the thread that starts it, its output in a file.
fn logged(program: &str, folder: &Path, name: &str) -> Command {
    let log = fs::OpenOptions::new().create(true).append(true).open(folder.join(format!("{name}.log"))).unwrap();
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", program]).stdin(Stdio::null());
    command.stdout(log.try_clone().unwrap()).stderr(log);
    command
}

fn api_server() -> PathBuf {
    let out = Command::new(source("tests/testbed/build.sh")).output().expect("tests/testbed/build.sh");
    assert!(out.status.success(), "no API server: {}", String::from_utf8_lossy(&out.stderr));
    PathBuf::from(String::from_utf8(out.stdout).unwrap().trim())
}

/// A file of this repository.
pub(crate) fn source(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn run(command: &mut Command) {
    let out = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(out.status.success(), "{command:?}: {}", String::from_utf8_lossy(&out.stderr));
}

/// Ports that nobody has, below those that the system gives to who asks for any: a restarted server finds its own free.
fn free_ports<const N: usize>() -> [u16; N] {
    let first = 20_000 + u16::try_from(std::process::id() % 1_000).unwrap() * 10;
    let mut free = (first..32_000).filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    std::array::from_fn(|_| free.next().expect("a free port"))
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}

fn signal(pid: u32, name: &str) {
    run(Command::new("kill").args(["-s", name, &pid.to_string()]));
}

// === impl Spawner ===

/// Starts processes from a thread that lives as long as the test binary: the system kills them when that thread ends.
struct Spawner(Mutex<Sender<Order>>);

type Order = (Command, Sender<Child>);

impl Spawner {
    fn start() -> Spawner {
        let (sender, orders) = mpsc::channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, reply) in orders {
                let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
                let _ = reply.send(child);
            }
        });
        Spawner(Mutex::new(sender))
    }

    fn spawn(&self, command: Command) -> Child {
        let (reply, child) = mpsc::channel();
        self.0.lock().unwrap().send((command, reply)).unwrap();
        child.recv().expect("the process starts")
    }
}

// === impl Alone ===

impl Alone {
    /// Takes connections from now on and says nothing.
    pub(crate) fn freeze(&self) {
        signal(testbed().api().id(), "STOP");
    }

    pub(crate) fn thaw(&self) {
        signal(testbed().api().id(), "CONT");
    }

    /// Gone without a word.
    pub(crate) fn kill(&self) {
        let mut api = testbed().api();
        api.kill().unwrap();
        api.wait().unwrap();
    }

    /// Runs again after [`kill`](Alone::kill).
    pub(crate) fn restart(&self) {
        let testbed = testbed();
        *testbed.api() = testbed.spawner.spawn(api_command(&testbed.binary, &testbed.folder, testbed.port));
        testbed.wait();
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // a second panic here would hide the first; the next test finds a running server all the same
            let mut api = testbed().api();
            let _ = api.kill();
            let _ = api.wait();
            drop(api);
            self.restart();
            return;
        }
        let ended = testbed().api().try_wait().unwrap().is_some();
        if ended {
            self.restart();
        } else {
            self.thaw();
        }
    }
}

// === impl Namespace ===

impl Namespace {
    /// A new one, with what is in `deploy/base/serviceaccount.yaml` and `deploy/base/rbac.yaml`.
    pub(crate) async fn new(name: &str) -> Namespace {
        let namespace = Namespace::without_role(name).await;
        namespace.grant().await;
        namespace
    }

    /// A new one, with the shipped account that may do nothing.
    pub(crate) async fn without_role(name: &str) -> Namespace {
        let admin = testbed().admin().await;
        apply(&admin, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})).await;
        for account in manifests("deploy/base/serviceaccount.yaml") {
            apply(&admin, moved(account, name)).await;
        }
        let kubeconfig = testbed().kubeconfig(name, &json!({"token": token(&admin, name).await}));
        Namespace { name: name.to_owned(), admin, kubeconfig }
    }

    /// Gives the account what `deploy/base/rbac.yaml` gives, and what pods tell one another a place.
    pub(crate) async fn grant(&self) {
        self.apply_all("deploy/base/rbac.yaml").await;
        self.apply_all("deploy/base/state.yaml").await;
    }

    /// Takes from the account what it may read of the whole cluster.
    pub(crate) async fn without_the_cluster(&self) {
        let bindings: Api<ClusterRoleBinding> = Api::all(self.admin.clone());
        let deleted = bindings.delete(&format!("gatepost-{}", self.name), &DeleteParams::default()).await;
        deleted.expect("the binding was there");
    }

    /// Puts an object into this namespace.
    pub(crate) async fn apply(&self, object: Value) {
        apply(&self.admin, moved(object, &self.name)).await;
    }

    /// Puts what is in a file of this repository into this namespace.
    async fn apply_all(&self, path: &str) {
        for object in manifests(path) {
            apply(&self.admin, moved(object, &self.name)).await;
        }
    }
}

/// A client with all rights.
pub(crate) async fn admin() -> Client {
    testbed().admin().await
}

async fn token(admin: &Client, namespace: &str) -> String {
    let accounts: Api<ServiceAccount> = Api::namespaced(admin.clone(), namespace);
    let request = TokenRequest::default();
    let made = accounts.create_token_request("gatepost", &PostParams::default(), &request).await.unwrap();
    made.status.and_then(|status| status.token).expect("a token")
}

/// The objects of a file of this repository.
pub(crate) fn manifests(path: &str) -> Vec<Value> {
    let text = fs::read_to_string(source(path)).unwrap();
    let objects: Vec<Value> = text.split("\n---\n").map(|text| serde_yaml::from_str(text).unwrap()).collect();
    assert!(objects.iter().all(Value::is_object), "{path}");
    objects
}

/// The same object in another namespace; for a binding the accounts in it too. What is in no namespace gets a name of its
/// own for this one, so that a test takes nothing away from others.
fn moved(mut object: Value, namespace: &str) -> Value {
    let of_its_own = |name: &Value| json!(format!("{}-{namespace}", name.as_str().unwrap()));
    match object["kind"].as_str() {
        Some("ClusterRole") => object["metadata"]["name"] = of_its_own(&object["metadata"]["name"]),
        Some("ClusterRoleBinding") => {
            object["metadata"]["name"] = of_its_own(&object["metadata"]["name"]);
            object["roleRef"]["name"] = of_its_own(&object["roleRef"]["name"]);
        }
        _ => object["metadata"]["namespace"] = json!(namespace),
    }
    for subject in object.get_mut("subjects").and_then(Value::as_array_mut).into_iter().flatten() {
        subject["namespace"] = json!(namespace);
    }
    object
}

/// Server-side apply; a key that the API server does not know is an error.
pub(crate) async fn apply(client: &Client, object: Value) -> DynamicObject {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let (kind, name) = (text("/kind").unwrap(), text("/metadata/name").unwrap());
    let version = text("/apiVersion").unwrap();
    let (group, version) = version.split_once('/').unwrap_or(("", &version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &kind));
    let api: Api<DynamicObject> = match text("/metadata/namespace") {
        Some(namespace) => Api::namespaced_with(client.clone(), &namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    };
    let params = PatchParams::apply("tests").force().validation(ValidationDirective::Strict);
    api.patch(&name, &params, &Patch::Apply(&object)).await.unwrap_or_else(|error| panic!("{kind} {name}: {error}"))
}
