//! Worlds in which everything goes wrong that can, on a virtual clock: several gateposts as they are in production, a
//! Lease, a cluster and Cloudflare in memory. What must hold is seen at every write, and at the end.
//!
//! `WORLDS=10000` says how many; `WORLD=seed` plays one of them alone, and tells what happens in it;
//! `KIND=WithoutHold` beside it lets a mutant write there.
#![allow(clippy::unwrap_used, reason = "a test fails where it is wrong")]
#![allow(missing_docs, unreachable_pub, reason = "nothing outside of this binary sees it")]

mod cluster;
mod hand;
mod hub;
mod judge;
mod known;
mod lease;
mod mutant;
mod network;
mod oracle;
mod random;
mod replica;
mod tally;
mod words;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use mutant::Kind;
use tally::Tally;

const WORLDS: u64 = 1000;
/// In which mutants are looked for.
const MUTANTS: u64 = 500;
const THREADS: usize = 2;

fn play(seed: u64, kind: Kind, is_told: bool) -> (Tally, Option<String>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(world::run(seed, kind, is_told))
}

/// Plays worlds until one goes wrong.
fn play_all(worlds: u64, kind: Kind) -> (Tally, Option<(u64, String)>) {
    let next = AtomicU64::new(0);
    let wrong = AtomicU64::new(u64::MAX);
    let thread = || {
        let mut tally = Tally::default();
        let mut found = None;
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= worlds || wrong.load(Ordering::Relaxed) != u64::MAX {
                return (tally, found);
            }
            let (happened, problem) = play(seed, kind, false);
            tally.merge(&happened);
            if let Some(problem) = problem {
                wrong.fetch_min(seed, Ordering::Relaxed);
                found = Some((seed, problem));
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(thread)).collect();
        let (mut all, mut first) = (Tally::default(), None);
        for thread in threads {
            let (tally, found) = thread.join().unwrap();
            all.merge(&tally);
            first = first.or(found);
        }
        (all, first)
    })
}

/// What happens in worlds, each of it at least a thousand times in ten thousand of them.
const HAPPENS: [&str; 20] = [
    "holds",
    "leader changes",
    "fault: the leader is told to end",
    "fault: the leader is killed",
    "fault: the leader is frozen",
    "fault: a follower is frozen",
    "fault: somebody edits the lease",
    "fault: a write of the lease conflicts",
    "fault: the lease's store fails",
    "fault: the lease's store refuses",
    "fault: the lease's store is slow",
    "fault: a request to the lease's store is lost",
    "fault: an answer of the lease's store is lost",
    "fault: the cluster answers late",
    "fault: the cluster cannot be looked at",
    "fault: Cloudflare: lists are late",
    "fault: Cloudflare: the token is revoked",
    "hand: another cluster's record is made",
    "hand: a record is edited",
    "woken for nothing",
];

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap())
}

fn told(worlds: u64, seconds: u64, tally: &Tally) {
    println!("{worlds} worlds in {seconds} s\n{tally}");
}

#[test]
fn whatever_happens_the_records_are_safe_and_become_as_they_should_be() {
    if let Some(seed) = number("WORLD") {
        let name = std::env::var("KIND").unwrap_or_else(|_| "Real".to_owned());
        let kind = mutant::KINDS.into_iter().find(|kind| format!("{kind:?}") == name).unwrap();
        let (tally, problem) = play(seed, kind, true);
        println!("{tally}");
        return assert_eq!(problem, None);
    }
    let worlds = number("WORLDS").unwrap_or(WORLDS);
    let began = Instant::now();
    let (tally, problem) = play_all(worlds, Kind::Real);
    told(worlds, began.elapsed().as_secs(), &tally);
    if let Some((seed, problem)) = problem {
        panic!("world {seed}: {problem}\nTo see it: WORLD={seed} cargo test --test worlds whatever -- --nocapture");
    }
    let all: Vec<&'static str> = HAPPENS.into_iter().chain(network::faults()).collect();
    assert_eq!(tally.rare(&all, worlds / 10), [""; 0], "too little happens");
}

#[test]
fn a_writer_with_one_thing_wrong_is_seen_and_the_same_one_without_is_not() {
    for (kind, expected) in [
        (Kind::Small, ""),
        (Kind::WithoutHold, "most of its addresses"),
        (Kind::DeletesFirst, "is empty"),
        (Kind::WithoutRight, "has the lease"),
        (Kind::WithoutWitness, "is empty"),
    ] {
        let (_, problem) = play_all(MUTANTS, kind);
        println!("{kind:?}: {problem:?}");
        match problem {
            None => assert_eq!(expected, "", "{kind:?} is not seen in {MUTANTS} worlds"),
            Some((seed, problem)) => {
                assert!(!expected.is_empty() && problem.contains(expected), "{kind:?}, world {seed}: {problem}");
            }
        }
    }
}

#[test]
fn a_world_is_the_same_each_time_that_it_is_played() {
    for seed in 0..20 {
        assert_eq!(play(seed, Kind::Real, false), play(seed, Kind::Real, false));
    }
}
