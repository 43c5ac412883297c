//! The DNS sync as a whole, on a clock of the test: [`sync`] makes one, between a cluster that the test edits and the
//! stand-in for Cloudflare.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gatepost::config;
use gatepost::demo::cloudflare::{Call, Server};
use gatepost::dns::{Flags, Keeper, Mark, Node, Notice, Sync, Wish};
use gatepost::lifecycle::{Leadership, Right};
use gatepost::telemetry::metrics::Metrics;
use http::Method;
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::cloudflare::{Direct, world};
use super::cluster::{Cluster, node};

/// Longer than any test.
const FOR_EVER: Duration = Duration::from_secs(100_000_000);

/// How a sync begins.
#[derive(Clone)]
pub struct Setup {
    cloud: Direct,
    cluster: String,
    text: Text,
    nodes: BTreeMap<String, Node>,
    is_dry_run: bool,
}

/// What the operator has written.
#[derive(Clone)]
struct Text {
    names: Vec<String>,
    dns: String,
    routes: Vec<String>,
    is_whole: bool,
}

/// A sync that runs, until it is dropped.
pub struct Syncing {
    pub cloud: Direct,
    pub cluster: Cluster,
    text: Text,
    wishes: watch::Sender<Option<Wish>>,
    leads: watch::Sender<Leadership>,
    notices: mpsc::Receiver<Notice>,
    metrics: Arc<Metrics>,
    log: Log,
    _heard: tracing::subscriber::DefaultGuard,
    task: JoinHandle<()>,
}

/// A sync of `k.example.com`, in a cluster without nodes.
pub fn sync() -> Setup {
    let names = vec!["k.example.com".to_owned()];
    let text = Text { names, dns: String::new(), routes: Vec::new(), is_whole: true };
    let cluster = "cluster".to_owned();
    Setup { cloud: Direct::new(world()), cluster, text, nodes: BTreeMap::new(), is_dry_run: false }
}

/// The mark in the records of the sync of this cluster.
pub fn mark(cluster: &str) -> String {
    Mark::new(cluster, "gatepost").to_string()
}

impl Setup {
    pub fn names(mut self, names: &[&str]) -> Setup {
        self.text.names = names.iter().map(|&name| name.to_owned()).collect();
        self
    }

    /// A node that serves, with external addresses, by blanks apart.
    pub fn node(mut self, name: &str, addresses: &str) -> Setup {
        self.nodes.insert(name.to_owned(), node(name, addresses));
        self
    }

    /// So many of them, from `n0` with 198.18.0.0 on.
    pub fn nodes(self, count: usize) -> Setup {
        (0..count).fold(self, |setup, n| setup.node(&format!("n{n}"), &address(n)))
    }

    /// Further keys of the section `dns`.
    pub fn dns(mut self, keys: &str) -> Setup {
        self.text.dns = format!(", {keys}");
        self
    }

    pub fn route(mut self, keys: &str) -> Setup {
        self.text.routes.push(keys.to_owned());
        self
    }

    /// Before it begins.
    pub fn at(self, what: impl FnOnce(&mut Server)) -> Setup {
        self.cloud.server.tell(what);
        self
    }

    /// A record that is there, with a comment if that is not empty.
    pub fn there(self, name: &str, kind: &str, content: &str, comment: &str) -> Setup {
        let comment = Some(comment).filter(|comment| !comment.is_empty());
        self.at(|server| {
            server.add_by_hand(Duration::ZERO, name, kind, content, comment).expect("a zone has this name");
        })
    }

    pub fn cloud(mut self, cloud: Direct) -> Setup {
        self.cloud = cloud;
        self
    }

    /// Of another cluster.
    pub fn cluster(mut self, cluster: &str) -> Setup {
        cluster.clone_into(&mut self.cluster);
        self
    }

    pub fn dry_run(mut self) -> Setup {
        self.is_dry_run = true;
        self
    }

    /// Leads from now on.
    pub fn start(self) -> Syncing {
        let syncing = self.follow();
        syncing.leads(1);
        syncing
    }

    /// Runs and does not lead.
    pub fn follow(self) -> Syncing {
        let Setup { cloud, cluster, text, nodes, is_dry_run } = self;
        let keeper = Keeper::new(cloud.client(), Mark::new(&cluster, "gatepost"));
        let (wishes, wished) = watch::channel(Some(text.wish()));
        let (leads, leading) = watch::channel(Leadership::Follower);
        let (told, notices) = mpsc::channel(100);
        let metrics = Metrics::new();
        let (log, _heard) = Log::listen();
        let cluster = Cluster::new(nodes);
        let (flags, counted) = (Flags::default(), Arc::clone(&metrics));
        let sync = Sync { keeper, wishes: wished, flags, is_dry_run, metrics: counted, notices: told };
        let looked = cluster.clone();
        let task = tokio::spawn(sync.run(Right::elected(leading), move || looked.look()));
        Syncing { cloud, cluster, text, wishes, leads, notices, metrics, log, _heard, task }
    }
}

impl Text {
    fn wish(&self) -> Wish {
        let Text { names, dns, routes, is_whole } = self;
        // without any there is no configuration
        let routes = routes.iter().map(String::as_str).chain(["host: there.test"]);
        let routes: String = routes.map(|keys| format!("- {{backend: \"a:1\", {keys}}}\n")).collect();
        let text = format!("dns: {{names: {names:?}{dns}}}\nroutes:\n{routes}");
        let settled = config::parse(&text, "routes.yaml").and_then(|parsed| parsed.settle(None));
        let (config, _) = settled.unwrap_or_else(|refused| panic!("{:?} in {text}", refused.problems));
        Wish { config: Arc::new(config), is_whole: *is_whole }
    }
}

impl Syncing {
    /// Waits until a change has been looked at, if nothing fails.
    pub async fn settle(&self) {
        self.after(2).await;
    }

    pub async fn after(&self, seconds: u64) {
        tokio::time::sleep(Duration::from_secs(seconds)).await;
    }

    /// What a name has, as `A 203.0.113.1`, sorted.
    pub fn records(&self, name: &str) -> Vec<String> {
        records(&self.cloud, name)
    }

    /// What was asked since the last time, as `zones`, `usage`, `records`, or `+1 ~2 -3` for a batch with so many posts,
    /// patches and deletes, with ` nothing` behind it when no record is different since.
    pub fn calls(&self) -> Vec<String> {
        self.cloud.server.tell(|server| {
            let calls = server.calls().map(shown).collect();
            server.forget_calls();
            calls
        })
    }

    /// Those of the calls that write.
    pub fn writes(&self) -> Vec<String> {
        self.calls().into_iter().filter(|call| call.starts_with('+')).collect()
    }

    /// Whatever was asked, told and logged up to now is of no interest.
    pub fn forget(&mut self) {
        self.cloud.server.tell(Server::forget_calls);
        self.heard();
        self.log();
        self.cluster.looks();
    }

    /// Notices since the last time.
    pub fn heard(&mut self) -> Vec<Notice> {
        std::iter::from_fn(|| self.notices.try_recv().ok()).collect()
    }

    /// Their reasons.
    pub fn reasons(&mut self) -> Vec<&'static str> {
        self.heard().iter().map(Notice::reason).collect()
    }

    /// What was logged above debug since the last time.
    pub fn log(&self) -> String {
        self.log.take()
    }

    /// The value of a metric, labels included; none when it is not there.
    pub fn metric(&self, name: &str) -> Option<u64> {
        let text = self.metrics.encode();
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        Some(value.parse().expect("a whole number"))
    }

    pub fn node(&self, name: &str, addresses: &str) {
        self.cluster.edit(|nodes| _ = nodes.insert(name.to_owned(), node(name, addresses)));
    }

    pub fn gone(&self, names: &[&str]) {
        self.cluster.edit(|nodes| nodes.retain(|name, _| !names.contains(&name.as_str())));
    }

    /// The operator writes other names.
    pub fn names(&mut self, names: &[&str]) {
        self.write(|text| text.names = names.iter().map(|&name| name.to_owned()).collect());
    }

    /// The operator writes other routes.
    pub fn routes(&mut self, routes: &[&str]) {
        self.write(|text| text.routes = routes.iter().map(|&keys| keys.to_owned()).collect());
    }

    /// Something in what the operator has written cannot be read, or can again.
    pub fn is_whole(&mut self, is_whole: bool) {
        self.write(|text| text.is_whole = is_whole);
    }

    fn write(&mut self, change: impl FnOnce(&mut Text)) {
        change(&mut self.text);
        self.wishes.send_replace(Some(self.text.wish()));
    }

    pub fn leads(&self, term: i64) {
        self.leads.send_replace(Leadership::Leader { term, until: Instant::now() + FOR_EVER });
    }

    pub fn follows(&self) {
        self.leads.send_replace(Leadership::Follower);
    }

    /// By which leadership is given and taken from within a call.
    pub fn leadership(&self) -> watch::Sender<Leadership> {
        self.leads.clone()
    }

    /// A person changes the records of a zone.
    pub fn by_hand(&self, zone: &str, change: impl FnOnce(&mut Vec<gatepost::dns::Record>)) {
        let now = self.cloud.now();
        self.cloud.server.tell(|server| server.by_hand(now, zone, change));
    }
}

impl Drop for Syncing {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What is logged above debug by the thread of a test.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn listen() -> (Log, tracing::subscriber::DefaultGuard) {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::INFO)
            .with_ansi(false)
            .without_time()
            .with_writer(move || writer.clone())
            .finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn take(&self) -> String {
        let bytes = std::mem::take(&mut *self.0.lock().expect("no panic while writing"));
        String::from_utf8(bytes).expect("text")
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic while writing").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Number `n` of the addresses of [`Setup::nodes`].
pub fn address(n: usize) -> String {
    format!("198.18.{}.{}", n / 256, n % 256)
}

/// What a name has, as `A 203.0.113.1`, sorted.
pub fn records(cloud: &Direct, name: &str) -> Vec<String> {
    cloud.server.tell(|server| {
        let records = server.records(name).into_iter();
        let mut shown: Vec<String> = records.map(|record| format!("{} {}", record.kind, record.content)).collect();
        shown.sort();
        shown
    })
}

fn shown(call: &Call) -> String {
    if call.method == Method::GET {
        let path = call.path.split('?').next().unwrap_or_default();
        let last = path.rsplit('/').next().unwrap_or_default();
        return last.replace("dns_records", "records");
    }
    let body: Value = serde_json::from_slice(&call.body).expect("JSON");
    let count = |part: &str| body[part].as_array().map_or(0, Vec::len);
    let nothing = if call.wrote { "" } else { " nothing" };
    format!("+{} ~{} -{}{nothing}", count("posts"), count("patches"), count("deletes"))
}
