//! What the election claims, on a virtual clock and with a record in memory.

mod chaos;
mod memory;

use super::*;
use crate::lifecycle::Right;
use memory::{Member, Memory, Weather};

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn held_by(holder: &str, seconds: Option<i32>) -> Record {
    Record { holder: holder.to_owned(), seconds, transitions: 7, ..Record::default() }
}

#[tokio::test(start_paused = true)]
async fn a_record_of_another_is_taken_once_it_was_seen_unchanged_for_its_time_and_no_sooner() {
    // 5 and 1 are less than what a leader of ours counts on, 1000 is more than anybody waits for
    for (asked, waits) in [(None, 15), (Some(5), 15), (Some(1), 15), (Some(15), 15), (Some(40), 40), (Some(1000), 60)] {
        let memory = Memory::new(held_by("other", asked));
        let one = Member::start(&memory, "one", 1);
        tokio::time::sleep(seconds(waits) - millis(1)).await;
        assert_eq!(one.now(), Leadership::Follower, "{asked:?}");
        tokio::time::sleep(millis(2)).await;
        assert_eq!(one.term(), Some(8), "{asked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_record_that_changes_is_not_taken_whatever_its_writer_says_the_time_is() {
    for times in [["1970", "1971"], ["2999", "2998"], ["", ""]] {
        let memory = Memory::new(held_by("other", Some(15)));
        let one = Member::start(&memory, "one", 1);
        for renewal in 0..20 {
            tokio::time::sleep(seconds(14)).await;
            assert_eq!(one.now(), Leadership::Follower);
            memory.edit(|record| record.renewed = times[renewal % 2].to_owned());
        }
        tokio::time::sleep(seconds(18)).await;
        assert_eq!(one.term(), Some(8));
    }
}

#[tokio::test(start_paused = true)]
async fn a_released_record_is_taken_at_once_and_one_without_a_holder_when_it_is_old_enough() {
    let released = Member::start(&Memory::new(held_by("", Some(1))), "one", 1);
    let edited = Member::start(&Memory::new(held_by("", Some(15))), "one", 1);
    let shipped = Member::start(&Memory::new(Record::default()), "one", 1);
    tokio::time::sleep(millis(1)).await;
    assert_eq!(released.term(), Some(8));
    // nobody is known to lead
    assert_eq!((edited.now(), shipped.now()), (Leadership::Unknown, Leadership::Unknown));
    tokio::time::sleep(LEASE).await;
    assert_eq!((edited.term(), shipped.term()), (Some(8), Some(1)));
}

#[tokio::test(start_paused = true)]
async fn the_right_counts_from_before_a_write_was_sent_and_moves_on_with_every_renewal() {
    let memory = Memory::new(held_by("", Some(1)));
    memory.weather(Weather { there: millis(1400), back: millis(1500), ..Weather::default() });
    let start = Instant::now();
    let mut one = Member::start(&memory, "one", 1);
    let mut rights = Vec::new();
    while rights.len() < 4 {
        one.changed().await;
        if let Leadership::Leader { term: 8, until } = one.now() {
            rights.push((Instant::now(), until));
        }
    }
    // the look took 2.9 s, and so did the first write
    assert_eq!(rights[0], (start + millis(5800), start + millis(2900) + RIGHT));
    for pair in rights.windows(2) {
        let ((told, _), (next, until)) = (pair[0], pair[1]);
        assert_eq!(until, next - millis(2900) + RIGHT);
        let apart = next - told;
        assert!(apart >= millis(2900) + RETRY - JITTER && apart <= millis(2900) + RETRY, "{apart:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_right_ends_on_time_while_calls_hang_or_fail_and_comes_back_as_another_term() {
    for weather in [Weather::silent(), Weather::failing(), Weather::refusing()] {
        let memory = Memory::new(held_by("", Some(1)));
        let mut one = Member::start(&memory, "one", 1);
        one.leads(8).await;
        tokio::time::sleep(seconds(30)).await;
        let Leadership::Leader { term: 8, until } = one.now() else { panic!("{:?}", one.now()) };
        memory.weather(weather);
        one.follows().await;
        assert!(Instant::now() >= until && Instant::now() - until <= millis(1), "{weather:?}");
        memory.weather(Weather::default());
        // nobody else was there to take it: its own record need not grow old
        tokio::time::timeout(seconds(65), one.leads(9)).await.unwrap();
        assert_eq!((one.told(), memory.get().transitions), (vec![true, false, true], 9));
    }
}

#[tokio::test(start_paused = true)]
async fn of_many_that_come_at_once_one_leads_and_the_others_follow_it() {
    let memory = Memory::new(held_by("", Some(1)));
    memory.weather(Weather { there: millis(30), back: millis(30), ..Weather::default() });
    let members: Vec<Member> = (1..=20).map(|seed| Member::start(&memory, &format!("pod-{seed}"), seed)).collect();
    for _ in 0..50 {
        tokio::time::sleep(seconds(2)).await;
        let leaders: Vec<i64> = members.iter().filter_map(Member::term).collect();
        assert_eq!(leaders, [8]);
        assert!(members.iter().filter(|member| member.now() == Leadership::Follower).count() == 19);
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_is_lost_is_known_for_ones_own() {
    let memory = Memory::new(held_by("", Some(1)));
    memory.once(Weather::default()).once(Weather { is_answer_lost: true, ..Weather::default() });
    let mut one = Member::start(&memory, "one", 1);
    tokio::time::sleep(seconds(1)).await;
    assert_eq!((memory.get().holder.as_str(), one.term()), ("one", None));
    // a time-out and a wait later, not the age of a record
    tokio::time::timeout(CALL + RETRY, one.leads(9)).await.unwrap();
    // a renewal without an answer: the right does not end, and the term stays
    memory.once(Weather { is_answer_lost: true, ..Weather::default() });
    tokio::time::sleep(seconds(30)).await;
    assert_eq!((one.term(), one.told()), (Some(9), vec![true]));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_lands_when_its_right_has_ended_gives_none() {
    let memory = Memory::new(held_by("", Some(1)));
    let mut one = Member::start(&memory, "one", 1);
    one.leads(8).await;
    // its process does nothing for a minute, and then hears that the renewal it had sent before went well
    memory.once(Weather { there: millis(1), ..Weather::default() });
    tokio::time::sleep(RETRY - JITTER / 2).await;
    one.freeze(seconds(60));
    tokio::time::sleep(seconds(59)).await;
    assert_eq!(Right::elected(one.leadership.clone()).permit().err(), Some(crate::lifecycle::Lost));
    one.leads(9).await;
    assert_eq!(one.told(), [true, false, true]);
}

#[tokio::test(start_paused = true)]
async fn a_renewal_during_which_the_right_ends_begins_another_term() {
    let memory = Memory::new(held_by("", Some(1)));
    let mut one = Member::start(&memory, "one", 1);
    one.leads(8).await;
    memory.weather(Weather::failing());
    // the next one is sent before the right has ended, and answered after
    tokio::time::sleep(seconds(8)).await;
    memory.weather(Weather { there: millis(1400), back: millis(1400), ..Weather::default() });
    one.follows().await;
    one.leads(9).await;
    assert_eq!(one.told(), [true, false, true]);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_finds_its_name_in_a_record_of_an_earlier_life_waits_as_anybody_would() {
    let memory = Memory::new(held_by("", Some(1)));
    let mut before = Member::start(&memory, "pod", 1);
    before.leads(8).await;
    before.kill();
    let start = Instant::now();
    let mut after = Member::start(&memory, "pod", 2);
    after.leads(9).await;
    assert_eq!(start.elapsed(), LEASE);
    // and two by one name that live both
    let third = Member::start(&memory, "pod", 3);
    tokio::time::sleep(seconds(300)).await;
    assert_eq!((after.term(), third.now()), (Some(9), Leadership::Follower));
}

#[tokio::test(start_paused = true)]
async fn a_process_that_is_told_to_end_gives_up_its_right_and_then_the_record_and_the_next_one_has_it_soon() {
    let memory = Memory::new(held_by("", Some(1)));
    let mut one = Member::start(&memory, "one", 1);
    one.leads(8).await;
    let mut two = Member::start(&memory, "two", 2);
    for number in 0..20_i64 {
        let (leader, other) = if number % 2 == 0 { (&mut one, &mut two) } else { (&mut two, &mut one) };
        tokio::time::sleep(seconds(7)).await;
        memory.weather(Weather { there: millis(50), back: millis(50), ..Weather::default() });
        let start = Instant::now();
        leader.end();
        leader.follows().await;
        assert_eq!((start.elapsed(), memory.get().holder.is_empty()), (Duration::ZERO, false));
        let released = memory.released().await;
        assert!(released.is_released() && released.transitions == 8 + number, "{released:?}");
        other.leads(9 + number).await;
        assert!(start.elapsed() < seconds(3), "{:?}", start.elapsed());
        assert!(leader.ended().await && leader.term().is_none());
        *leader = Member::start(&memory, &leader.name, u64::try_from(number).unwrap() + 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_waits_for_the_write_that_is_under_way_and_is_tried_again_for_3_seconds() {
    // on its way when the process is told to end: (the write's weather, the weather after it, what it comes to)
    let slow = Weather { there: millis(400), back: millis(400), ..Weather::default() };
    let lost = Weather { is_answer_lost: true, ..Weather::default() };
    let cases = [
        (slow, Weather::default(), true, 900),
        (Weather::failing(), Weather::failing(), false, 3000),
        (Weather::silent(), Weather::default(), false, 3000),
        (lost, Weather::silent(), false, 3000),
    ];
    for (write, after, is_released, within) in cases {
        let memory = Memory::new(held_by("", Some(1)));
        memory.once(Weather::default()).once(write).weather(after);
        let mut one = Member::start(&memory, "one", 1);
        tokio::time::sleep(millis(1)).await;
        let start = Instant::now();
        one.end();
        assert!(one.ended().await);
        assert!(start.elapsed() <= millis(within), "{write:?}: {:?}", start.elapsed());
        assert_eq!(one.told(), [false], "it never led");
        if is_released {
            assert!(memory.get().is_released() && memory.get().transitions == 8);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_process_that_is_ending_already_does_not_take_part() {
    let memory = Memory::new(held_by("", Some(1)));
    let (stage, receiver) = watch::channel(Stage::LameDuck);
    let (leadership, told) = watch::channel(Leadership::Unknown);
    run(memory.clone(), Candidate::new("one".to_owned()), receiver, leadership, |_| {}).await;
    assert_eq!((*told.borrow(), memory.calls()), (Leadership::Follower, 0));
    drop(stage);
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_lease_is_deleted_leads_no_more_and_terms_go_on_counting_where_it_counts_anew() {
    let memory = Memory::new(held_by("", Some(1)));
    let mut one = Member::start(&memory, "one", 1);
    one.leads(8).await;
    memory.delete();
    let start = Instant::now();
    one.follows().await;
    assert!(start.elapsed() <= RETRY);
    memory.create();
    one.leads(9).await;
    assert_eq!(memory.get().uid, "2");
}

#[tokio::test(start_paused = true)]
async fn without_a_lease_or_the_right_to_it_the_tries_become_rare_and_nobody_follows() {
    for (weather, term) in [(None, 1), (Some(Weather::refusing()), 8)] {
        let memory = Memory::new(held_by("", Some(1)));
        match weather {
            Some(weather) => memory.weather(weather),
            None => memory.delete(),
        }
        let mut one = Member::start(&memory, "one", 1);
        tokio::time::sleep(seconds(3600)).await;
        assert_eq!(one.now(), Leadership::Unknown);
        assert!((60..=130).contains(&memory.calls()), "{} calls in an hour", memory.calls());
        memory.weather(Weather::default());
        memory.create();
        tokio::time::timeout(seconds(60) + LEASE + RETRY, one.leads(term)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_somebody_wrote_into_the_record_is_followed_at_the_next_renewal() {
    let memory = Memory::new(held_by("", Some(1)));
    let mut one = Member::start(&memory, "one", 1);
    one.leads(8).await;
    memory.edit(|record| record.holder = "somebody".to_owned());
    let start = Instant::now();
    one.follows().await;
    assert!(start.elapsed() <= RETRY);
    one.leads(9).await;
    assert!(start.elapsed() >= LEASE);
}
