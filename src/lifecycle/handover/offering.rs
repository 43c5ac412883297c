//! The old process's side of a hand-over as a value: what happened goes in with its time, what is to be done comes out.
//! One door: [`Offering::on`].
//!
//! ```text
//!   offered ──accepting──► standby ──10 s of beats with ready──► standby, confirmed
//!      │ 5 s without a beat     │ the end, or                        │ the same; or goodbye,
//!      ▼ or the end             ▼ "take back"                        ▼ whoever says it
//!    over: as if nobody       over: accepts again                  over: the copies are closed
//!    had asked
//! ```
//!
//! After 3 s without a beat it accepts again too, but nothing is over: a new process that only hung says `accepting` once
//! more when it wakes up, and is stood by for as before. Else this one would take itself for the last and end so.

use std::time::{Duration, Instant};

use super::message::Message;

/// Without a beat for so long a process that starts up is taken for dead.
pub(super) const STARTING: Duration = Duration::from_secs(5);
/// The same for one that serves: its clients wait.
pub(super) const SERVING: Duration = Duration::from_secs(3);
/// A process that looks so much later than it meant to has been held up itself, and perhaps the whole machine: what it has
/// not heard says nothing of the other one, which gets as long again as between two beats, and some.
const HELD_UP: Duration = Duration::from_millis(1500);
/// For so long a successor has to be well before its predecessor may go.
pub const WELL: Duration = Duration::from_secs(10);

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// The new process said something.
    Heard(Message),
    /// Nothing more will be heard of it.
    Lost(String),
    /// Time has passed.
    Tick,
    /// Another process asks, and has its place now.
    Replaced,
    /// This process ends.
    Leave,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Say this.
    Send(Message),
    /// Accept no more.
    Yield,
    /// Accept again, for this reason.
    Resume(String),
    /// The successor does well.
    Confirmed,
    /// The copies of the sockets are to be closed.
    Release,
    /// The session is over, for this reason.
    End(String),
}

/// One new process that has been offered the sockets.
#[derive(Debug)]
pub(super) struct Offering {
    state: State,
    /// When it was last heard of.
    heard: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Offered,
    Standby {
        well_since: Option<Instant>,
        confirmed: bool,
    },
    /// Both processes accept, as far as is known. It ends with the other one, or when it is heard of again.
    Doubted,
    Over,
}

impl Offering {
    /// It has just got the sockets.
    pub(super) fn new(now: Instant) -> Offering {
        Offering { state: State::Offered, heard: now }
    }

    /// Whether the new process accepts in place of this one.
    #[cfg(test)]
    fn is_standby(&self) -> bool {
        matches!(self.state, State::Standby { .. })
    }

    /// When [`Event::Tick`] is due, if nothing happens before.
    pub(super) fn due(&self) -> Option<Instant> {
        self.patience().map(|patience| self.heard + patience)
    }

    fn patience(&self) -> Option<Duration> {
        match self.state {
            State::Offered => Some(STARTING),
            State::Standby { .. } => Some(SERVING),
            State::Doubted | State::Over => None,
        }
    }

    /// Whether another process that asks is to have its place.
    pub(super) fn gives_way(&self) -> bool {
        self.state == State::Doubted
    }

    /// What follows from what happened.
    pub(super) fn on(&mut self, event: Event, now: Instant) -> Vec<Action> {
        if matches!(event, Event::Heard(_)) {
            self.heard = now;
        }
        let late = self.due().map_or(Duration::ZERO, |due| now.saturating_duration_since(due));
        if event == Event::Tick && late >= HELD_UP {
            self.heard += late + HELD_UP;
        }
        let is_late = self.due().is_some_and(|due| now >= due);
        match (self.state, event) {
            (State::Over, _) => Vec::new(),
            (State::Offered, event) => self.on_offered(event, is_late),
            (State::Standby { well_since, confirmed }, event) => {
                self.on_standby(event, is_late, well_since, confirmed, now)
            }
            (State::Doubted, event) => self.on_doubted(event),
        }
    }

    fn on_offered(&mut self, event: Event, is_late: bool) -> Vec<Action> {
        let why = match event {
            Event::Heard(Message::Accepting) => return self.stand_by(),
            // it has what it needs to serve alone once it is ready
            Event::Leave => return self.leave(),
            Event::Heard(Message::TakeBack | Message::Goodbye) => "it does not want them any more".to_owned(),
            Event::Lost(why) => why,
            Event::Replaced => "another one asks".to_owned(),
            Event::Tick if is_late => format!("nothing was heard of it for {} s", STARTING.as_secs()),
            Event::Heard(_) | Event::Tick => return Vec::new(),
        };
        self.state = State::Over;
        vec![Action::End(why)]
    }

    fn stand_by(&mut self) -> Vec<Action> {
        self.state = State::Standby { well_since: None, confirmed: false };
        vec![Action::Yield, Action::Send(Message::Yielded)]
    }

    fn leave(&mut self) -> Vec<Action> {
        self.state = State::Over;
        vec![Action::Send(Message::Goodbye), Action::Release, Action::End("this process ends".to_owned())]
    }

    fn on_standby(
        &mut self,
        event: Event,
        is_late: bool,
        well_since: Option<Instant>,
        confirmed: bool,
        now: Instant,
    ) -> Vec<Action> {
        let (tells, why) = match event {
            Event::Heard(Message::Alive { ready }) => return self.on_beat(ready, well_since, confirmed, now),
            Event::Leave | Event::Heard(Message::Goodbye) => {
                self.state = State::Over;
                let mut actions = vec![Action::Release, Action::End("it needs no predecessor any more".to_owned())];
                if event == Event::Leave {
                    actions.insert(0, Action::Send(Message::Goodbye));
                }
                return actions;
            }
            Event::Heard(Message::TakeBack) => (true, "it gives them back".to_owned()),
            Event::Tick if is_late => {
                self.state = State::Doubted;
                let why = format!("nothing was heard of it for {} s", SERVING.as_secs());
                // it may wake up, and is to know then
                return vec![Action::Resume(why), Action::Send(Message::Accepting)];
            }
            Event::Lost(why) => (false, why),
            // whoever asks is heard by the other process
            Event::Heard(_) | Event::Tick | Event::Replaced => return Vec::new(),
        };
        self.state = State::Over;
        let mut actions = vec![Action::Resume(why.clone()), Action::End(why)];
        if tells {
            actions.insert(1, Action::Send(Message::Accepting));
        }
        actions
    }

    fn on_doubted(&mut self, event: Event) -> Vec<Action> {
        let (then, why) = match event {
            Event::Heard(Message::Accepting) => return self.stand_by(),
            Event::Leave => return self.leave(),
            // a third one accepts in its place
            Event::Heard(Message::Goodbye) => (vec![Action::Yield, Action::Release], "it has handed on".to_owned()),
            Event::Heard(Message::TakeBack) => (Vec::new(), "it gives them back".to_owned()),
            Event::Lost(why) => (Vec::new(), why),
            Event::Replaced => (Vec::new(), "another one asks".to_owned()),
            Event::Heard(_) | Event::Tick => return Vec::new(),
        };
        self.state = State::Over;
        then.into_iter().chain([Action::End(why)]).collect()
    }

    fn on_beat(&mut self, ready: bool, well_since: Option<Instant>, confirmed: bool, now: Instant) -> Vec<Action> {
        let well_since = if ready { well_since.or(Some(now)) } else { None };
        let is_news = !confirmed && well_since.is_some_and(|since| now.duration_since(since) >= WELL);
        self.state = State::Standby { well_since, confirmed: confirmed || is_news };
        if is_news { vec![Action::Send(Message::Confirmed), Action::Confirmed] } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
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
            assert!(clock.offering.is_standby());
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
            assert_eq!((clock.offering.gives_way(), clock.offering.due()), (true, None));
            assert_eq!(clock.beats(60, &ALIVE), [], "it has not heard that this process accepts too");
            assert_eq!(clock.hear(Message::Accepting), [Action::Yield, Action::Send(Message::Yielded)]);
            assert!(!clock.offering.gives_way());
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
}
