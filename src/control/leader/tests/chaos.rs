//! Many processes, a record, and everything that can go wrong, for an hour each: never two with the right to write.

use std::sync::{Arc, Mutex};

use proptest::prelude::*;
use proptest::test_runner::TestRng;

use super::*;

/// Worlds; the integration tests have more of them.
const WORLDS: u64 = 12;

/// What all worlds together have seen.
#[derive(Debug, Default)]
struct Tally {
    leaders: usize,
    led: Duration,
    frozen_leaders: usize,
    ended_leaders: usize,
    killed_leaders: usize,
    deleted: usize,
    bad: usize,
}

/// Every process that ever was in a world.
#[derive(Clone, Default)]
struct Rights(Arc<Mutex<Vec<watch::Receiver<Leadership>>>>);

impl Rights {
    fn holders(&self) -> usize {
        let all = self.0.lock().unwrap();
        all.iter().filter(|one| Right::elected((*one).clone()).permit().is_ok()).count()
    }
}

struct World {
    memory: Memory,
    rights: Rights,
    members: Vec<Member>,
    seed: u64,
    /// How many others had the right when somebody came to it. A panic in there would be nobody's.
    leaders: Arc<Mutex<Vec<usize>>>,
}

impl World {
    fn new(seed: u64) -> World {
        let memory = Memory::new(Record::default());
        let mut world = World { memory, rights: Rights::default(), members: Vec::new(), seed, leaders: Arc::default() };
        for number in 0..4 {
            let member = world.member(&format!("pod-{number}"));
            world.members.push(member);
        }
        world
    }

    fn member(&mut self, name: &str) -> Member {
        self.seed = self.seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        let (rights, leaders) = (self.rights.clone(), Arc::clone(&self.leaders));
        // the moment at which somebody begins is the one at which two would be seen
        let led = move || leaders.lock().unwrap().push(rights.holders() - 1);
        let member = Member::start_telling(&self.memory, name, self.seed, led);
        self.rights.0.lock().unwrap().push(member.leadership.clone());
        member
    }

    fn weather(&self, random: &mut TestRng, tally: &mut Tally) {
        let mut slow = |most: u64| millis(random.random_range(0..=most));
        let mut weather = Weather { there: slow(40), back: slow(40), ..Weather::default() };
        match random.random_range(0..12) {
            0 => weather.there = slow_by(random, 20_000),
            1 => weather.back = slow_by(random, 20_000),
            2 => weather.is_request_lost = true,
            3 => weather.is_answer_lost = true,
            4 => weather.is_failing = true,
            5 => weather.is_refused = true,
            _ => {}
        }
        tally.bad += usize::from(weather.is_failing || weather.is_refused || weather.is_request_lost);
        if random.random_range(0..3) == 0 {
            self.memory.weather(weather);
        } else {
            self.memory.once(weather);
        }
    }

    /// Something happens to a process, or to the record.
    fn event(&mut self, random: &mut TestRng, tally: &mut Tally) {
        let at = random.random_range(0..self.members.len());
        let leads = usize::from(self.members[at].term().is_some());
        match random.random_range(0..40) {
            0..4 => {
                self.members[at].freeze(slow_by(random, 40_000));
                tally.frozen_leaders += leads;
            }
            4 => {
                self.members[at].end();
                tally.ended_leaders += leads;
            }
            5 => {
                let name = self.members[at].name.clone();
                self.members[at].kill();
                // what it still believes ends with it
                let gone = self.members[at].leadership.clone();
                self.rights.0.lock().unwrap().retain(|one| !one.same_channel(&gone));
                self.members[at] = self.member(&name);
                tally.killed_leaders += leads;
            }
            6 if random.random_range(0..4) == 0 => {
                self.memory.delete();
                tally.deleted += 1;
            }
            7 | 8 => self.memory.create(),
            _ => {}
        }
        for at in 0..self.members.len() {
            if self.members[at].is_over() {
                let name = self.members[at].name.clone();
                self.members[at] = self.member(&name);
            }
        }
    }
}

fn slow_by(random: &mut TestRng, most: u64) -> Duration {
    millis(random.random_range(0..=most))
}

async fn world(seed: u64, tally: &mut Tally) {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let mut random = TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &bytes);
    let mut world = World::new(seed + 1);
    let end = Instant::now() + seconds(3600);
    while Instant::now() < end {
        world.weather(&mut random, tally);
        world.event(&mut random, tally);
        let step = slow_by(&mut random, 2_000);
        tokio::time::sleep(step).await;
        let holders = world.rights.holders();
        assert!(holders <= 1, "{holders} have the right to write, world {seed}");
        tally.led += step * u32::try_from(holders).unwrap();
    }
    world.memory.create();
    world.memory.weather(Weather::default());
    // the longest back-off, a freeze, the age of a record, a look
    tokio::time::sleep(seconds(60 + 40 + 60) + LEASE + RETRY).await;
    assert_eq!(world.rights.holders(), 1, "nobody leads when all is well again, world {seed}");
    let leaders = world.leaders.lock().unwrap();
    assert!(leaders.iter().all(|others| *others == 0), "two have the right to write, world {seed}: {leaders:?}");
    tally.leaders += leaders.len();
}

#[tokio::test(start_paused = true)]
async fn never_two_have_the_right_to_write_whatever_happens() {
    let mut tally = Tally::default();
    for seed in 0..WORLDS {
        world(seed, &mut tally).await;
    }
    println!("{WORLDS} worlds of an hour: {tally:?}");
    assert!(tally.leaders > 500 && tally.frozen_leaders > 200 && tally.deleted > 100, "too little happened: {tally:?}");
}
