//! One process of gatepost as far as it keeps records: [`Replica`], the election and the sync as in production.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use gatepost::control::leader::{self, Candidate, Change};
use gatepost::demo::cloudflare::TOKEN;
use gatepost::dns::{Cloudflare, Credentials, Endpoint, Flags, Keeper, Notice, Sync};
use gatepost::lifecycle::{Leadership, Right, Stage};
use gatepost::telemetry::metrics::Metrics;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::cluster::Watching;
use crate::hub::{Hub, mark};
use crate::judge::Sender;
use crate::lease::Book;
use crate::mutant::{Kind, Writer};
use crate::network::Wire;

pub struct Replica {
    pub name: String,
    stage: watch::Sender<Stage>,
    leadership: watch::Receiver<Leadership>,
    frozen: Arc<Mutex<Instant>>,
    tasks: [JoinHandle<()>; 2],
    /// It has ended, and comes back then.
    pub returns: Option<Instant>,
}

/// What replicas of one world share.
#[derive(Clone)]
pub struct Shared {
    pub hub: Hub,
    pub metrics: Arc<Metrics>,
    pub notices: mpsc::Sender<Notice>,
    pub kind: Kind,
}

impl Replica {
    pub fn start(shared: &Shared, name: &str, seed: u64) -> Replica {
        let hub = &shared.hub;
        let (stage, serving) = watch::channel(Stage::Serving);
        let (tell, leadership) = watch::channel(Leadership::Unknown);
        let frozen = Arc::new(Mutex::new(Instant::now()));
        let counting = hub.clone();
        let named = name.to_owned();
        let on_change = move |change: Change<'_>| {
            if matches!(change, Change::Leads(_)) {
                counting.with(|hub| {
                    hub.tally.add("leader changes");
                    hub.judge.led();
                    hub.tell(|| format!("{named} leads"));
                });
            }
        };
        let candidate = Candidate { identity: name.to_owned(), seed };
        let election = leader::run(Book(hub.clone()), candidate, serving, tell, on_change);
        let sender = Sender { name: name.to_owned(), process: format!("{seed:016x}") };
        let wire = Wire { hub: hub.clone(), sender, on_send: shared.kind.on_send() };
        let credentials = Credentials::token(TOKEN).expect("a token");
        let cloudflare = Cloudflare::new(wire, Endpoint::default(), credentials);
        let right = Right::elected(leadership.clone());
        let (wishes, news) = hub.with(|hub| (hub.wishes(), hub.news()));
        let watching = hub.clone();
        let observe = move || Watching { hub: watching.clone(), news: news.clone() };
        let freezing =
            |task: Pin<Box<dyn Future<Output = ()> + Send>>| tokio::spawn(freezing(Arc::clone(&frozen), task));
        let sync: Pin<Box<dyn Future<Output = ()> + Send>> = if shared.kind.is_real() {
            let keeper = Keeper::new(cloudflare, mark());
            let (metrics, notices) = (Arc::clone(&shared.metrics), shared.notices.clone());
            let sync = Sync { keeper, wishes, flags: Flags::default(), is_dry_run: false, metrics, notices };
            Box::pin(sync.run(right, observe))
        } else {
            Box::pin(Writer { cloudflare, wishes, kind: shared.kind }.run(right, observe))
        };
        let tasks = [freezing(Box::pin(election)), freezing(sync)];
        Replica { name: name.to_owned(), stage, leadership, frozen, tasks, returns: None }
    }

    /// Whether it has the right to write.
    pub fn leads(&self) -> bool {
        Right::elected(self.leadership.clone()).permit().is_ok()
    }

    /// Does nothing for so long, as a stopped process.
    pub fn freeze(&self, time: Duration) {
        *self.frozen.lock().expect("nobody panics") = Instant::now() + time;
    }

    /// Is told to end.
    pub fn end(&mut self, back: Duration) {
        self.stage.send_replace(Stage::LameDuck);
        self.returns = Some(Instant::now() + back);
    }

    /// Is there no more, without a word.
    pub fn kill(&mut self, back: Duration) {
        self.tasks.iter().for_each(JoinHandle::abort);
        self.leadership = watch::channel(Leadership::Unknown).1;
        self.returns = Some(Instant::now() + back);
    }

    pub fn is_dead(&self) -> bool {
        self.returns.is_some()
    }

    /// One that panics has ended by itself.
    pub fn has_failed(&self) -> bool {
        self.returns.is_none() && self.tasks.iter().any(JoinHandle::is_finished)
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// A future that is not polled before that time.
async fn freezing(until: Arc<Mutex<Instant>>, task: impl Future<Output = ()>) {
    let mut task = pin!(task);
    let mut thaw: Option<Pin<Box<tokio::time::Sleep>>> = None;
    std::future::poll_fn(|context| {
        let until = *until.lock().expect("nobody panics");
        if Instant::now() < until {
            let sleep = thaw.insert(Box::pin(sleep_until(until)));
            let _ = sleep.as_mut().poll(context);
            return Poll::Pending;
        }
        task.as_mut().poll(context)
    })
    .await;
}
