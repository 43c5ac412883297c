//! All that a world is: [`Inside`], and [`Hub`], by which everybody in it has a hold of it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use gatepost::control::leader::Record as Lease;
use gatepost::demo::cloudflare::{Access, Answer, Fault, On, Server, TOKEN};
use gatepost::dns::{Mark, Wish};
use http::{Method, Request};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::judge::{Judge, Sender};
use crate::random::Random;
use crate::tally::Tally;
use crate::words::{Words, ZONES};

/// Issue 5: at most so many calls in so long.
const CALLS: usize = 1000;
const WINDOW: Duration = Duration::from_secs(300);

#[derive(Clone)]
pub struct Hub(Arc<Mutex<Inside>>);

pub struct Inside {
    pub random: Random,
    pub tally: Tally,
    pub weather: Weather,
    pub server: Server,
    pub lease: Lease,
    pub cluster: Cluster,
    pub words: Words,
    pub judge: Judge,
    /// What was seen to be wrong.
    pub violations: Vec<String>,
    /// When each process has asked Cloudflare, the last times.
    calls: BTreeMap<String, VecDeque<Duration>>,
    /// Requests to Cloudflare that are on their way.
    pub on_the_way: usize,
    /// Looks at the cluster that went well.
    pub looks: u64,
    pub is_told: bool,
    started: Instant,
    versions: u64,
    news: watch::Sender<u64>,
    wishes: watch::Sender<Option<Wish>>,
}

/// How many of a thousand calls go wrong.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    pub lease: u32,
    pub calls: u32,
    pub cluster: u32,
}

/// Ours.
pub fn mark() -> Mark {
    Mark::new("this-cluster", "gatepost")
}

/// Another cluster's.
pub fn foreign() -> Mark {
    Mark::new("another-cluster", "gatepost")
}

impl Hub {
    pub fn new(seed: u64, is_told: bool) -> Hub {
        let mut random = Random::new(seed);
        let server = ZONES.iter().fold(Server::new(), |server, zone| server.zone(zone)).with(TOKEN, Access::Edit);
        let (cluster, words) = (Cluster::new(&mut random), Words::new());
        let mut inside = Inside {
            random,
            tally: Tally::default(),
            weather: Weather::default(),
            server,
            lease: Lease { uid: "1".to_owned(), version: "0".to_owned(), ..Lease::default() },
            cluster,
            words,
            judge: Judge::new(),
            violations: Vec::new(),
            calls: BTreeMap::new(),
            on_the_way: 0,
            looks: 0,
            is_told,
            started: Instant::now(),
            versions: 0,
            news: watch::Sender::new(0),
            wishes: watch::Sender::new(None),
        };
        inside.changed();
        Hub(Arc::new(Mutex::new(inside)))
    }

    /// Nobody waits while he has a hold of it.
    pub fn with<R>(&self, what: impl FnOnce(&mut Inside) -> R) -> R {
        what(&mut self.0.lock().expect("nobody panics in here"))
    }
}

impl Inside {
    pub fn now(&self) -> Duration {
        self.started.elapsed()
    }

    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    pub fn wishes(&self) -> watch::Receiver<Option<Wish>> {
        self.wishes.subscribe()
    }

    pub fn tell(&self, what: impl FnOnce() -> String) {
        if self.is_told {
            println!("{:>10.3} {}", self.now().as_secs_f64(), what());
        }
    }

    pub fn violated(&mut self, what: String) {
        self.tell(|| format!("VIOLATION {what}"));
        let at = self.now();
        self.violations.push(format!("after {:.3} s: {what}", at.as_secs_f64()));
    }

    /// The cluster or the words are different; those who watch are woken.
    pub fn changed(&mut self) {
        let now = self.now();
        self.judge.changed(&self.cluster, &self.words, now);
        let wish = self.words.wish();
        self.wishes.send_if_modified(|told| {
            let is_news = told.as_ref().is_none_or(|told| !told.is_same(&wish));
            if is_news {
                *told = Some(wish);
            }
            is_news
        });
        self.wake();
    }

    pub fn wake(&self) {
        self.news.send_modify(|number| *number += 1);
    }

    pub fn touch_lease(&mut self) {
        self.versions += 1;
        self.lease.version = self.versions.to_string();
    }

    /// Somebody has looked at the cluster.
    pub fn observed(&mut self) {
        self.looks += 1;
        let now = self.now();
        self.judge.observed(now);
        self.tell(|| format!("looks: {:?}", self.cluster.published()));
    }

    /// The head of a request is sent.
    pub fn judge_head(&mut self, sender: &Sender, request: &Request<Bytes>) {
        self.on_the_way += 1;
        let now = self.now();
        let calls = self.calls.entry(sender.process.clone()).or_default();
        calls.push_back(now);
        if calls.len() > CALLS {
            let first = calls.pop_front().unwrap_or_default();
            if now - first < WINDOW {
                self.violated(format!("{} makes more than {CALLS} calls within {WINDOW:?}", sender.name));
            }
        }
        if request.method() == Method::GET {
            return;
        }
        self.tally.add("writes");
        self.tell(|| format!("{} sends {}", sender.name, String::from_utf8_lossy(request.body())));
        if self.lease.holder != sender.name || self.lease.process != sender.process {
            let holder = self.lease.holder.clone();
            self.violated(format!("{} begins to write, and {holder:?} has the lease", sender.name));
        }
    }

    /// A request arrives.
    pub fn land(&mut self, sender: &Sender, request: &Request<Bytes>, fault: Option<Fault>) -> Answer {
        self.on_the_way -= 1;
        let now = self.now();
        let is_midway = fault == Some(Fault::FailMidway);
        if let Some(fault) = fault {
            self.server.fail(On::Any, fault);
        }
        if request.method() == Method::GET {
            return self.server.answer(request, now);
        }
        let before = self.records();
        let answer = self.server.answer(request, now);
        let after = self.records();
        self.tell(|| format!("lands of {}: {:?}", sender.name, crate::judge::shown(&after)));
        for what in self.judge.written(sender, &before, &after, is_midway, now) {
            self.violated(what);
        }
        answer
    }

    /// All that there truly are.
    pub fn records(&self) -> Vec<gatepost::dns::Record> {
        ZONES.iter().flat_map(|zone| self.server.all(zone)).cloned().collect()
    }
}
