//! What the old process does about each thing that may happen, and when.

use super::*;

const ALIVE: Message = Message::Alive { ready: true };
const UNREADY: Message = Message::Alive { ready: false };
const TOLD: Action = Action::Send(Message::Accepting);

struct Clock {
    offering: Offering,
    now: Instant,
}

impl Clock {
    fn offered() -> Clock {
        let now = Instant::now();
        Clock { offering: Offering::new(now), now }
    }

    fn standby() -> Clock {
        let mut clock = Clock::offered();
        assert_eq!(clock.hear(Message::Accepting), [Action::Yield, Action::Send(Message::Yielded)]);
        assert!(matches!(clock.offering.state, State::Standby { .. }));
        clock
    }

    fn after(&mut self, millis: u64, event: Event) -> Vec<Action> {
        self.now += Duration::from_millis(millis);
        self.offering.on(event, self.now)
    }

    fn hear(&mut self, message: Message) -> Vec<Action> {
        self.after(0, Event::Heard(message))
    }

    fn beats(&mut self, seconds: u64, beat: &Message) -> Vec<Action> {
        (0..seconds).flat_map(|_| self.after(1000, Event::Heard(beat.clone()))).collect()
    }
}

fn end(why: &str) -> Action {
    Action::End(why.to_owned())
}

fn resume(why: &str) -> Action {
    Action::Resume(why.to_owned())
}

#[test]
fn ten_seconds_of_beats_with_ready_confirm_once() {
    let mut clock = Clock::standby();
    assert_eq!(clock.beats(10, &ALIVE), []);
    assert_eq!(clock.beats(20, &ALIVE), [Action::Send(Message::Confirmed), Action::Confirmed]);
}

#[test]
fn a_beat_without_ready_begins_the_ten_seconds_anew() {
    let mut clock = Clock::standby();
    assert_eq!(clock.beats(10, &ALIVE), []);
    assert_eq!(clock.beats(1, &UNREADY), []);
    assert_eq!(clock.beats(10, &ALIVE), []);
    assert_eq!(clock.beats(1, &ALIVE).len(), 2);
}

#[test]
fn one_that_starts_up_may_take_any_time_as_long_as_it_beats() {
    let mut clock = Clock::offered();
    assert_eq!(clock.beats(3600, &UNREADY), []);
    assert_eq!(clock.after(4999, Event::Tick), []);
    assert_eq!(clock.offering.due(), Some(clock.now + Duration::from_millis(1)));
    assert_eq!(clock.after(1, Event::Tick), [end("nothing was heard of it for 5 s")]);
    assert_eq!((clock.hear(Message::Accepting), clock.offering.due()), (Vec::new(), None));
}

#[test]
fn one_that_starts_up_for_ten_minutes_keeps_its_place_until_another_one_asks() {
    let mut clock = Clock::offered();
    assert_eq!((clock.beats(599, &UNREADY), clock.offering.gives_way(clock.now)), (Vec::new(), false));
    assert_eq!((clock.beats(1, &UNREADY), clock.offering.gives_way(clock.now)), (Vec::new(), true));
    assert_eq!(clock.after(0, Event::Replaced), [end("another one asks")]);
    // one that serves is asked itself
    let mut clock = Clock::standby();
    assert_eq!((clock.beats(3600, &UNREADY), clock.offering.gives_way(clock.now)), (Vec::new(), false));
}

#[test]
fn one_that_serves_and_hangs_is_taken_back_from_within_three_seconds_and_is_told() {
    for seconds in [0, 5, 60] {
        let mut clock = Clock::standby();
        clock.beats(seconds, &ALIVE);
        assert_eq!(clock.after(2999, Event::Tick), []);
        assert_eq!(clock.after(1, Event::Tick), [resume("nothing was heard of it for 3 s"), TOLD]);
    }
}

#[test]
fn one_that_only_hung_is_stood_by_for_again_when_it_says_that_it_accepts_and_has_to_do_well_anew() {
    let mut clock = Clock::standby();
    clock.beats(60, &ALIVE);
    for _ in 0..2 {
        assert_eq!(clock.after(3000, Event::Tick)[1], TOLD);
        assert_eq!((clock.offering.gives_way(clock.now), clock.offering.due()), (true, None));
        assert_eq!(clock.beats(60, &ALIVE), [], "it has not heard that this process accepts too");
        assert_eq!(clock.hear(Message::Accepting), [Action::Yield, Action::Send(Message::Yielded)]);
        assert!(!clock.offering.gives_way(clock.now));
        assert_eq!(clock.beats(11, &ALIVE), [Action::Send(Message::Confirmed), Action::Confirmed]);
    }
}

#[test]
fn one_that_hangs_is_forgotten_when_it_dies_or_another_one_asks_and_is_told_of_the_end() {
    let doubted = || {
        let mut clock = Clock::standby();
        clock.after(3000, Event::Tick);
        clock
    };
    assert_eq!(doubted().after(0, Event::Lost("gone".to_owned())), [end("gone")]);
    assert_eq!(doubted().after(0, Event::Replaced), [end("another one asks")]);
    assert_eq!(doubted().hear(Message::TakeBack), [end("it gives them back")]);
    let handed_on = [Action::Yield, Action::Release, end("it has handed on")];
    assert_eq!(doubted().hear(Message::Goodbye), handed_on);
    assert_eq!(doubted().after(0, Event::Leave)[..2], [Action::Send(Message::Goodbye), Action::Release]);
}

#[test]
fn who_was_held_up_himself_listens_once_more_before_he_gives_the_other_one_up() {
    let mut clock = Clock::standby();
    clock.beats(5, &UNREADY);
    assert_eq!(clock.after(60_000, Event::Tick), []);
    assert_eq!(clock.offering.due(), Some(clock.now + HELD_UP));
    assert_eq!(clock.beats(1, &UNREADY), []);
    assert_eq!(clock.after(60_000, Event::Tick), []);
    assert_eq!(clock.after(1499, Event::Tick), []);
    assert_eq!(clock.after(1, Event::Tick)[0], resume("nothing was heard of it for 3 s"));
}

#[test]
fn one_that_dies_or_goes_is_taken_back_from_before_and_after_it_is_confirmed() {
    for seconds in [0, 60] {
        let mut clock = Clock::standby();
        clock.beats(seconds, &ALIVE);
        let lost = Event::Lost("gone".to_owned());
        assert_eq!(clock.after(0, lost), [resume("gone"), end("gone")]);
        let mut clock = Clock::standby();
        clock.beats(seconds, &ALIVE);
        let why = "it gives them back";
        assert_eq!(clock.hear(Message::TakeBack), [resume(why), TOLD, end(why)]);
    }
}

#[test]
fn before_it_accepts_its_end_changes_nothing() {
    for event in [Event::Lost("x".to_owned()), Event::Heard(Message::TakeBack), Event::Heard(Message::Goodbye)] {
        let actions = Clock::offered().after(0, event);
        assert!(matches!(&actions[..], [Action::End(_)]), "{actions:?}");
    }
}

#[test]
fn after_a_goodbye_nothing_is_ever_taken_back() {
    let over = end("it needs no predecessor any more");
    let mut clock = Clock::standby();
    assert_eq!(clock.after(0, Event::Leave), [Action::Send(Message::Goodbye), Action::Release, over.clone()]);
    assert_eq!(clock.after(0, Event::Lost("x".to_owned())), []);
    let mut clock = Clock::standby();
    assert_eq!(clock.hear(Message::Goodbye), [Action::Release, over]);
    assert_eq!(clock.after(9000, Event::Tick), []);
    // who goes before the new one accepts leaves it all it has
    let actions = Clock::offered().after(0, Event::Leave);
    assert_eq!(actions[..2], [Action::Send(Message::Goodbye), Action::Release]);
}

#[test]
fn what_is_not_known_or_out_of_place_changes_nothing() {
    for message in [Message::Unknown, Message::Yielded, Message::Sockets, Message::Confirmed] {
        assert_eq!(Clock::offered().hear(message.clone()), []);
        assert_eq!(Clock::standby().hear(message), []);
    }
    assert_eq!(Clock::standby().hear(Message::Accepting), []);
}
