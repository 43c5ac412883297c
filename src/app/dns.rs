//! The records at Cloudflare by hand: what `gatepost dns` does. Doors: [`plan`], [`apply`], [`release`].

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use tokio::time::Instant;

use super::leading::client;
use super::settings::{DnsSettings, Source};
use crate::config::{self, Severity};
use crate::control::{self, ConfigMapName, Kubernetes, Observing};
use crate::dns::{Applied, Https, Keeper, Mark, Plan, Planned, Settings, Wish};
use crate::lifecycle::{Permit, Right};

/// A plan that is older is made anew before it is done.
const FRESH: Duration = Duration::from_secs(5);

/// What takes longer is spoken of.
const LONG: Duration = Duration::from_secs(2);

/// What is looked at, and by whose rights.
#[derive(Debug, Clone)]
pub struct Dns {
    /// Where the routes are.
    pub source: Source,
    /// How to reach the cluster from outside.
    pub kubeconfig: Option<PathBuf>,
    /// The namespace that gatepost runs in.
    pub namespace: Option<String>,
    /// Flags and credentials.
    pub settings: DnsSettings,
}

/// Why nothing was done, in one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct DnsError(String);

/// Times that what is held is looked at: most of a name's addresses, and names that are forgotten, some of which a CNAME led
/// to.
const LOOKS: usize = 3;

/// What was done.
#[derive(Debug, Default)]
pub struct Kept {
    /// How many records were made.
    pub added: usize,
    /// How many became different ones.
    pub changed: usize,
    /// How many are gone.
    pub deleted: usize,
    /// What went wrong.
    pub problems: Vec<String>,
    /// Somebody was asked and said no.
    pub is_refused: bool,
}

/// What the DNS sync would change now. `told` hears what takes long.
///
/// # Errors
/// The cluster, the routes or Cloudflare could not be read.
pub fn plan(dns: Dns, told: impl Fn(&str)) -> Result<Plan, DnsError> {
    run(&told, async {
        let mut hand = Hand::new(dns).await?;
        Ok(hand.plan().await?.plan)
    })
}

/// Does it once. `may_do` is asked before each time that something is written; `told` hears what takes long.
///
/// # Errors
/// Nothing could be planned.
pub fn apply(dns: Dns, mut may_do: impl FnMut(&Plan) -> bool, told: impl Fn(&str)) -> Result<Kept, DnsError> {
    run(&told, async {
        let mut hand = Hand::new(dns).await?;
        let mut kept = Kept::default();
        let mut left = hand.round(&mut may_do, &mut kept).await?;
        // what they lead to has its address by now
        if !kept.is_refused && !left.waiting.is_empty() {
            left = hand.round(&mut may_do, &mut kept).await?;
        }
        // what is held goes when it was seen again: nobody else looks
        for _ in 0..LOOKS {
            let Some(due) = hand.keeper.held_until().filter(|_| !kept.is_refused) else { break };
            let seconds = due.saturating_duration_since(Instant::now()).as_secs();
            told(&format!("Addresses that are not wanted may not go at once: looking again in {seconds} s"));
            tokio::time::sleep_until(due).await;
            left = hand.round(&mut may_do, &mut kept).await?;
        }
        if !kept.is_refused {
            let Plan { zones: _, held, conflicts, waiting } = left;
            kept.problems.extend(held.iter().map(ToString::to_string));
            kept.problems.extend(conflicts.iter().map(ToString::to_string));
            let leads_on = |name| format!("{name} leads elsewhere still: what it is to lead to has no address yet");
            kept.problems.extend(waiting.iter().map(leads_on));
        }
        Ok(kept)
    })
}

/// Takes away every record that is ours.
///
/// # Errors
/// The records could not be read.
pub fn release(dns: Dns, mut may_do: impl FnMut(&Plan) -> bool, told: impl Fn(&str)) -> Result<Kept, DnsError> {
    run(&told, async {
        let mut hand = Hand::without_routes(dns).await?;
        told(&format!("Records that carry the mark {} are this installation's", hand.mark));
        let planned = hand.keeper.plan_release(&hand.permit).await?;
        let mut kept = Kept::default();
        kept.problems.extend(planned.missed.as_ref().map(ToString::to_string));
        if planned.plan.is_empty() {
            told(
                "There is none. The mark is made of the cluster and of the namespace that gatepost runs in, which --namespace names",
            );
        } else if may_do(&planned.plan) {
            hand.write(&planned, &mut kept).await;
        } else {
            kept.is_refused = true;
        }
        Ok(kept)
    })
}

fn run<T>(told: &impl Fn(&str), task: impl Future<Output = anyhow::Result<T>>) -> Result<T, DnsError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| DnsError(format!("no runtime: {error}")))?;
    let shown = async {
        tokio::pin!(task);
        tokio::select! {
            ended = &mut task => return ended,
            () = tokio::time::sleep(LONG) => told("Looking at the cluster and at Cloudflare, every call for some seconds at most"),
        }
        task.await
    };
    runtime.block_on(shown).map_err(|error| DnsError(format!("{error:#}")))
}

/// Somebody who keeps the records by hand.
struct Hand {
    keeper: Keeper<Https>,
    observer: Observing,
    wish: Wish,
    settings: Settings,
    permit: Permit,
    mark: Mark,
}

impl Hand {
    async fn new(dns: Dns) -> anyhow::Result<Hand> {
        let kubernetes = Kubernetes::connect(dns.kubeconfig.as_deref(), dns.namespace.as_deref()).await?;
        let wish = match &dns.source {
            Source::File(path) => of_file(path)?,
            Source::ConfigMap { namespace, name, kubeconfig: _ } => {
                let name = ConfigMapName { namespace: namespace.clone(), name: name.clone() };
                let text = control::read_routes(&kubernetes, &name).await?;
                wish(&text, control::KEY)?
            }
        };
        Hand::with(kubernetes, wish, dns.settings).await
    }

    /// For what hangs on no routes: they may be gone already.
    async fn without_routes(dns: Dns) -> anyhow::Result<Hand> {
        let kubernetes = Kubernetes::connect(dns.kubeconfig.as_deref(), dns.namespace.as_deref()).await?;
        let nothing = Wish { config: Arc::default(), is_whole: false };
        Hand::with(kubernetes, nothing, dns.settings).await
    }

    async fn with(kubernetes: Kubernetes, wish: Wish, settings: DnsSettings) -> anyhow::Result<Hand> {
        let cluster = control::cluster_uid(&kubernetes).await.context("whose records are ours is not known")?;
        let mark = Mark::new(&cluster, kubernetes.namespace());
        let cloudflare = client(&settings)?;
        let flags = settings.flags;
        let settings = Settings::of(&wish.config.dns, &flags);
        let permit = Right::own().permit()?;
        let observer = Observing::new(kubernetes);
        Ok(Hand { keeper: Keeper::new(cloudflare, mark.clone()), observer, wish, settings, permit, mark })
    }

    async fn plan(&mut self) -> anyhow::Result<Planned> {
        if self.settings.names.is_empty() {
            bail!(
                "no name is to point at the nodes: write `dns: {{names: [kubernetes.example.com]}}` into the routes, or give --dns-name"
            );
        }
        let wanted = (&self.wish, &self.settings);
        let planned = self.keeper.plan(&self.permit, wanted, &mut self.observer).await?;
        match planned.missed {
            None => Ok(planned),
            Some(missed) => Err(missed.into()),
        }
    }

    /// Plans, and does what there is to do if it may be done. Who takes his time to answer is asked again if it is another
    /// plan by then.
    async fn round(&mut self, may_do: &mut impl FnMut(&Plan) -> bool, kept: &mut Kept) -> anyhow::Result<Plan> {
        let mut planned = self.plan().await?;
        if planned.plan.is_empty() {
            return Ok(planned.plan);
        }
        loop {
            let asked = Instant::now();
            if !may_do(&planned.plan) {
                kept.is_refused = true;
                return Ok(planned.plan);
            }
            if asked.elapsed() < FRESH {
                break;
            }
            let now = self.plan().await?;
            let is_same = now.plan == planned.plan;
            planned = now;
            if is_same {
                break;
            }
        }
        self.write(&planned, kept).await;
        Ok(planned.plan)
    }

    async fn write(&mut self, planned: &Planned, kept: &mut Kept) {
        let Applied { added, changed, deleted, undone, failed } = self.keeper.apply(&self.permit, planned).await;
        kept.added += added;
        kept.changed += changed;
        kept.deleted += deleted;
        kept.problems.extend(undone.iter().map(|(name, error)| format!("{name}: {error}")));
        kept.problems.extend(failed.map(|error| error.to_string()));
    }
}

fn of_file(path: &Path) -> anyhow::Result<Wish> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    wish(&text, &path.display().to_string())
}

/// Reads routes as a process would that has not served anything yet.
fn wish(text: &str, origin: &str) -> anyhow::Result<Wish> {
    let settled = config::parse(text, origin).and_then(|parsed| parsed.settle(None));
    let (config, problems) = settled.map_err(|refused| {
        let lines: Vec<String> = refused.problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the routes cannot be used:\n{}", lines.join("\n"))
    })?;
    let is_whole = !problems.iter().any(|problem| problem.severity == Severity::Error);
    Ok(Wish { config: Arc::new(config), is_whole })
}
