//! One world from its beginning to its end: [`run`].

use std::time::Duration;

use gatepost::demo::cloudflare::{Access, TOKEN};
use gatepost::dns::Notice;
use gatepost::telemetry::metrics::Metrics;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use crate::hub::{Hub, Inside, Weather};
use crate::mutant::Kind;
use crate::replica::{Replica, Shared};
use crate::tally::Tally;
use crate::words::{HOSTS, NAMES};
use crate::{hand, oracle};

/// Nothing that waits waits longer: ten minutes until everything is compared, and five until a name is forgotten.
const SETTLED: Duration = Duration::from_secs(17 * 60);
/// As many rounds may be needed once all is well, and as many again once nothing is held any more.
const ROUNDS: usize = 3;
const SETTLED_IN: [&str; ROUNDS + 1] =
    ["settled: 0 rounds", "settled: 1 round", "settled: 2 rounds", "settled: 3 rounds"];
const RELEASED_IN: [&str; ROUNDS + 1] =
    ["after holds: 0 rounds", "after holds: 1 round", "after holds: 2 rounds", "after holds: 3 rounds"];
/// The longest hold that there can be then, and a round.
const HELD: Duration = Duration::from_secs(302);
/// For a minute what was written is believed rather than a list, and a hand that came between is not seen.
const BELIEVED: Duration = Duration::from_secs(62);
/// In one of so many worlds there is news without end.
const NOISY: usize = 200;

pub struct World {
    shared: Shared,
    hub: Hub,
    replicas: Vec<Replica>,
    notices: mpsc::Receiver<Notice>,
    lives: u64,
}

/// What became of it: what happened, and what was wrong if anything was.
pub async fn run(seed: u64, kind: Kind, is_told: bool) -> (Tally, Option<String>) {
    let hub = Hub::new(seed, is_told);
    let (sender, notices) = mpsc::channel(1024);
    let metrics = Metrics::new();
    let shared = Shared { hub: hub.clone(), metrics, notices: sender, kind };
    let mut world = World { shared, hub, replicas: Vec::new(), notices, lives: seed << 16 };
    let wrong = world.live().await.err();
    world.replicas.clear();
    while let Ok(notice) = world.notices.try_recv() {
        let what = match notice {
            Notice::Held(_) => "holds",
            Notice::Conflicts(_) => "notices: conflicts",
            Notice::Applied { .. } => "notices: applied",
            Notice::Failed(_) => "notices: failed",
        };
        world.hub.with(|hub| hub.tally.add(what));
    }
    (world.hub.with(|hub| std::mem::take(&mut hub.tally)), wrong)
}

impl World {
    async fn live(&mut self) -> Result<(), String> {
        let (replicas, length) = self.hub.with(|hub| {
            match hub.random.below(20) {
                0 => hub.words.min_addresses = 0,
                1 => hub.words.min_addresses = 2,
                2 => hub.words.is_upsert = true,
                _ => {}
            }
            hub.changed();
            (2 + hub.random.below(3), hub.random.millis(120_000, 300_000))
        });
        for number in 0..replicas {
            let replica = self.start(&format!("pod-{number}"));
            self.replicas.push(replica);
        }
        if self.hub.with(|hub| hub.random.one_in(NOISY)) {
            self.noise().await?;
        }
        let end = Instant::now() + length;
        while Instant::now() < end {
            self.event();
            let step = self.hub.with(|hub| {
                let step = hub.random.millis(50, 9_000);
                // and long pauses, in which holds end
                if hub.random.one_in(12) { step * 5 } else { step }
            });
            sleep(step).await;
            self.check()?;
        }
        if self.hub.with(|hub| hub.words.is_upsert) {
            self.hub.with(|hub| hub.tally.add("worlds in which nothing is deleted"));
            // what should be there in the end hangs on all that was
            return Ok(());
        }
        // whether a mutant ever comes to an end is not asked
        if self.shared.kind == Kind::Real { self.settle().await } else { Ok(()) }
    }

    /// News, and nothing new: each looks as if it were something, until there may be no more calls.
    async fn noise(&mut self) -> Result<(), String> {
        self.hub.with(|hub| hub.tally.add("worlds with noise"));
        for _ in 0..600 {
            self.hub.with(|hub| hub.wake());
            sleep(Duration::from_millis(400)).await;
            self.check()?;
        }
        Ok(())
    }

    fn start(&mut self, name: &str) -> Replica {
        self.lives += 1;
        Replica::start(&self.shared, name, self.lives)
    }

    fn check(&mut self) -> Result<(), String> {
        let leaders = self.replicas.iter().filter(|replica| replica.leads()).count();
        if leaders > 1 {
            return Err(format!("{leaders} have the right to write"));
        }
        if let Some(failed) = self.replicas.iter().find(|replica| replica.has_failed()) {
            return Err(format!("{} has ended by itself", failed.name));
        }
        for at in 0..self.replicas.len() {
            if self.replicas[at].returns.is_some_and(|at| at <= Instant::now()) {
                let name = self.replicas[at].name.clone();
                self.replicas[at] = self.start(&name);
            }
        }
        self.hub.with(|hub| hub.violations.first().cloned().map_or(Ok(()), Err))
    }

    fn event(&mut self) {
        let what = self.hub.with(|hub| hub.random.below(100));
        let told = match what {
            0..36 => self.hub.with(|hub| {
                let told = hub.cluster.event(&mut hub.random);
                hub.changed();
                Some(told)
            }),
            36..50 => self.words(),
            50..64 => self.hub.with(hand::change),
            64..82 => self.process(),
            82..92 => self.weather(),
            92..95 => self.hub.with(|hub| {
                hub.touch_lease();
                Some("fault: somebody edits the lease")
            }),
            _ => self.hub.with(|hub| {
                hub.wake();
                Some("woken for nothing")
            }),
        };
        self.hub.with(|hub| {
            if let Some(told) = told {
                hub.tally.add(told);
                hub.tell(|| told.to_owned());
            }
        });
    }

    fn words(&self) -> Option<&'static str> {
        self.hub.with(|hub| {
            let words = &mut hub.words;
            let told = match hub.random.below(16) {
                0..8 => {
                    let host = hub.random.pick(&HOSTS)?;
                    match words.hosts.iter().position(|known| *known == host) {
                        Some(at) => drop(words.hosts.remove(at)),
                        None => words.hosts.push(host),
                    }
                    "words: a host comes or goes"
                }
                8..11 => {
                    let name = hub.random.pick(&NAMES[1..])?;
                    match words.names.iter().position(|known| *known == name) {
                        Some(at) => drop(words.names.remove(at)),
                        None => words.names.push(name),
                    }
                    "words: a name comes or goes"
                }
                11..14 => {
                    words.is_whole ^= true;
                    "words: a mistake comes or goes"
                }
                14 => {
                    words.is_proxied ^= true;
                    "words: proxied or not"
                }
                _ => {
                    words.adopt ^= true;
                    "words: adopt or not"
                }
            };
            hub.changed();
            Some(told)
        })
    }

    fn process(&mut self) -> Option<&'static str> {
        let leader = self.replicas.iter().position(Replica::leads);
        let (at, what, long, back) = self.hub.with(|hub| {
            let any = hub.random.below(self.replicas.len());
            let at = leader.filter(|_| !hub.random.one_in(3)).unwrap_or(any);
            (at, hub.random.below(10), hub.random.millis(500, 60_000), hub.random.millis(3_000, 30_000))
        });
        let replica = &mut self.replicas[at];
        if replica.is_dead() {
            return None;
        }
        let leads = leader == Some(at);
        match what {
            0..5 => {
                replica.freeze(long);
                Some(if leads { "fault: the leader is frozen" } else { "fault: a follower is frozen" })
            }
            5..8 => {
                replica.end(back);
                Some(if leads { "fault: the leader is told to end" } else { "fault: a follower is told to end" })
            }
            _ => {
                replica.kill(back);
                Some(if leads { "fault: the leader is killed" } else { "fault: a follower is killed" })
            }
        }
    }

    fn weather(&self) -> Option<&'static str> {
        self.hub.with(|hub| {
            // the small writer remembers nothing
            if hub.random.one_in(3) && self.shared.kind.is_real() {
                let lag = if hub.random.one_in(2) { Duration::ZERO } else { hub.random.millis(300, 5_000) };
                hub.server.set_lag(lag);
                return Some(if lag.is_zero() { "lists are fresh" } else { "fault: Cloudflare: lists are late" });
            }
            if hub.random.one_in(6) {
                hub.server.revoke(TOKEN);
                return Some("fault: Cloudflare: the token is revoked");
            }
            hub.server.grant(TOKEN, Access::Edit);
            let mut rate = |most: usize| if hub.random.one_in(3) { 0 } else { hub.random.below(most) as u32 };
            hub.weather = Weather { lease: rate(300), calls: rate(300), cluster: rate(400) };
            Some("the weather changes")
        })
    }

    /// Faults have ended: it becomes as it should be, and stays so.
    async fn settle(&mut self) -> Result<(), String> {
        self.hub.with(|hub| {
            hub.tell(|| "faults end".to_owned());
            hub.weather = Weather::default();
            hub.server.set_lag(Duration::ZERO);
            hub.server.grant(TOKEN, Access::Edit);
        });
        self.replicas.iter().for_each(|replica| replica.freeze(Duration::ZERO));
        // what is still on its way arrives
        let is_quiet = |hub: &mut Inside| hub.on_the_way == 0;
        while !self.hub.with(is_quiet) {
            sleep(Duration::from_millis(100)).await;
            self.check()?;
        }
        // what a hand has done is not seen before
        let touched = self.hub.with(|hub| hub.judge.last_touched().map(|at| hub.now() - at));
        sleep(touched.map_or(Duration::ZERO, |since| BELIEVED.saturating_sub(since))).await;
        self.check()?;
        self.hub.with(|hub| hub.wake());
        let began = Instant::now();
        let rounds = self.within_rounds(began, true).await?;
        // whatever is held may go then
        let held = began.elapsed();
        while began.elapsed() < held + HELD && self.hub.with(|hub| oracle::missing(hub, false)).is_some() {
            sleep(Duration::from_millis(500)).await;
            self.check()?;
        }
        let more = self.within_rounds(began, false).await?;
        self.hub.with(|hub| {
            hub.tally.add(SETTLED_IN[rounds]);
            hub.tally.add(RELEASED_IN[more]);
        });
        self.stay(began).await
    }

    /// Waits until all is well but for what is held, or all; tells after how many rounds that is.
    async fn within_rounds(&mut self, began: Instant, holds: bool) -> Result<usize, String> {
        let before = self.hub.with(|hub| hub.looks);
        loop {
            let (missing, looks) = self.hub.with(|hub| (oracle::missing(hub, holds), hub.looks));
            let rounds = (looks - before) as usize;
            let Some(missing) = missing else { return Ok(rounds.min(ROUNDS)) };
            // what the last of them does takes a moment
            if rounds > ROUNDS || began.elapsed() > SETTLED {
                return Err(format!("after {rounds} rounds and {:?}: {missing}", began.elapsed()));
            }
            sleep(Duration::from_millis(500)).await;
            self.check()?;
        }
    }

    /// A further round writes nothing.
    async fn stay(&mut self, began: Instant) -> Result<(), String> {
        sleep(BELIEVED.saturating_sub(began.elapsed())).await;
        self.round().await?;
        let writes = self.hub.with(|hub| hub.tally.of("writes"));
        self.round().await?;
        self.check()?;
        self.hub.with(|hub| {
            hub.tally.add("worlds");
            if let Some(missing) = oracle::missing(hub, false) {
                return Err(format!("it was as it should be, and is not any more: {missing}"));
            }
            if hub.tally.of("writes") != writes {
                return Err("a round with nothing to do writes".to_owned());
            }
            Ok(())
        })
    }

    /// One more round, to its end.
    async fn round(&mut self) -> Result<(), String> {
        let began = Instant::now();
        let looks = self.hub.with(|hub| hub.looks);
        while self.hub.with(|hub| hub.looks) == looks {
            self.hub.with(|hub| hub.wake());
            sleep(Duration::from_secs(1)).await;
            self.check()?;
            if began.elapsed() > SETTLED {
                return Err("nobody looks any more".to_owned());
            }
        }
        sleep(Duration::from_secs(3)).await;
        Ok(())
    }
}
