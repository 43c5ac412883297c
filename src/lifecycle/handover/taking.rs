//! The new process's side of a hand-over as a value: what happened goes in with its time, what is to be done comes out.
//! One door: [`Taking::on`].

use std::time::{Duration, Instant};

use super::message::Message;

/// Between two beats.
pub(super) const BEAT: Duration = Duration::from_secs(1);
/// The old process has so long to say that it has yielded; it accepts beside this one until then.
pub(super) const YIELD: Duration = Duration::from_secs(5);
/// The old process has so long to accept again, when this one goes.
pub(super) const TAKE_BACK: Duration = Duration::from_secs(1);

/// How this process stands to the one whose listeners it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The old one serves; this one starts up.
    Starting,
    /// The session has ended while the old one still serves: what was got is to be closed.
    Lost,
    /// This one serves and has to show that it does well. The old one may take over again.
    Probation,
    /// This one does well. The old one takes over again only when this one dies or asks for it.
    Confirmed,
    /// The old one serves again, because this one asked for it.
    TakenBack,
    /// There is no old one to reckon with.
    Alone,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// The old process said something.
    Heard(Message),
    /// Nothing more will be heard of it.
    Lost(String),
    /// Time has passed; whether this process is ready.
    Tick { ready: bool },
    /// This process accepts connections.
    Accept,
    /// This process goes, and the old one is to serve again.
    TakeBack,
    /// This process has handed on.
    Goodbye,
}

/// What is to be done, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Say this.
    Send(Message),
    /// From now on it stands so, for this reason.
    Stand(Standing, String),
}

/// One old process whose sockets this one has.
#[derive(Debug)]
pub(super) struct Taking {
    state: State,
    beat: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Starting,
    /// Said that it accepts, at that time.
    Accepting(Instant),
    /// Said so, and the old one hangs. When that wakes up it hears of it and yields.
    Unheeded,
    Serving,
    /// Asked for being taken back from, at that time.
    Returning(Instant),
    Over,
}

impl Taking {
    /// The sockets have just come.
    pub(super) fn new(now: Instant) -> Taking {
        // the first beat is due at once
        Taking { state: State::Starting, beat: now.checked_sub(BEAT).unwrap_or(now) }
    }

    /// When [`Event::Tick`] is due, if nothing happens before.
    pub(super) fn due(&self) -> Option<Instant> {
        let beat = self.beat + BEAT;
        match self.state {
            State::Starting | State::Serving => Some(beat),
            State::Accepting(since) => Some(beat.min(since + YIELD)),
            State::Returning(since) => Some(since + TAKE_BACK),
            // what it is not told it need not read when it wakes up: it would take long to
            State::Unheeded | State::Over => None,
        }
    }

    /// Whether nothing more is to be said or heard.
    pub(super) fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// What follows from what happened.
    pub(super) fn on(&mut self, event: Event, now: Instant) -> Vec<Action> {
        match (self.state, event) {
            (State::Over, _) => Vec::new(),
            (_, Event::Goodbye) => {
                self.state = State::Over;
                let alone = Action::Stand(Standing::Alone, "another one has the listeners now".to_owned());
                vec![Action::Send(Message::Goodbye), alone]
            }
            (_, Event::TakeBack) => {
                self.state = State::Returning(now);
                vec![Action::Send(Message::TakeBack)]
            }
            (state, Event::Tick { ready }) => self.on_tick(state, ready, now),
            (State::Starting, Event::Accept) => self.accept(now),
            (_, Event::Accept) => Vec::new(),
            (state, Event::Heard(message)) => self.on_message(state, &message, now),
            (State::Starting, Event::Lost(why)) => self.over(Standing::Lost, &why),
            (_, Event::Lost(why)) => self.over(Standing::Alone, &why),
        }
    }

    fn accept(&mut self, now: Instant) -> Vec<Action> {
        self.state = State::Accepting(now);
        self.beat_at_once(now);
        vec![Action::Send(Message::Accepting), probation()]
    }

    /// The old one counts from the first beat.
    fn beat_at_once(&mut self, now: Instant) {
        self.beat = now.checked_sub(BEAT).unwrap_or(now);
    }

    fn on_message(&mut self, state: State, message: &Message, now: Instant) -> Vec<Action> {
        match (state, message) {
            (State::Accepting(_), Message::Yielded) => {
                self.state = State::Serving;
                Vec::new()
            }
            (State::Unheeded, Message::Yielded) => {
                self.state = State::Serving;
                self.beat_at_once(now);
                vec![probation()]
            }
            (State::Serving, Message::Confirmed) => {
                vec![Action::Stand(Standing::Confirmed, "this process has done well".to_owned())]
            }
            // whatever it is at, there is no other process any more that would accept
            (_, Message::Goodbye) => self.over(Standing::Alone, "it has left"),
            (State::Returning(_), Message::Accepting) => self.over(Standing::TakenBack, "it accepts again"),
            // it had heard nothing for long. That both accept costs no client anything, but the old one would end as if it
            // were the last
            (State::Serving | State::Accepting(_), Message::Accepting) => self.accept(now),
            _ => Vec::new(),
        }
    }

    fn on_tick(&mut self, state: State, ready: bool, now: Instant) -> Vec<Action> {
        match state {
            State::Accepting(since) if now.duration_since(since) >= YIELD => {
                self.state = State::Unheeded;
                return vec![Action::Stand(Standing::Alone, "it has not said that it yields".to_owned())];
            }
            State::Returning(since) => {
                let is_late = now.duration_since(since) >= TAKE_BACK;
                return if is_late { self.over(Standing::Alone, "it does not accept again") } else { Vec::new() };
            }
            _ => {}
        }
        if now.duration_since(self.beat) < BEAT {
            return Vec::new();
        }
        self.beat = now;
        vec![Action::Send(Message::Alive { ready })]
    }

    fn over(&mut self, standing: Standing, why: &str) -> Vec<Action> {
        self.state = State::Over;
        vec![Action::Stand(standing, why.to_owned())]
    }
}

fn probation() -> Action {
    Action::Stand(Standing::Probation, "this process accepts".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Clock {
        taking: Taking,
        now: Instant,
    }

    impl Clock {
        fn starting() -> Clock {
            let now = Instant::now();
            Clock { taking: Taking::new(now), now }
        }

        fn accepting() -> Clock {
            let mut clock = Clock::starting();
            let actions = clock.after(0, Event::Accept);
            assert_eq!(actions[0], Action::Send(Message::Accepting));
            assert!(matches!(actions[1], Action::Stand(Standing::Probation, _)));
            clock
        }

        fn serving() -> Clock {
            let mut clock = Clock::accepting();
            assert_eq!(clock.hear(Message::Yielded), []);
            clock
        }

        fn after(&mut self, millis: u64, event: Event) -> Vec<Action> {
            self.now += Duration::from_millis(millis);
            self.taking.on(event, self.now)
        }

        fn hear(&mut self, message: Message) -> Vec<Action> {
            self.after(0, Event::Heard(message))
        }
    }

    const TOLD: Action = Action::Send(Message::Accepting);

    fn standing(actions: &[Action]) -> Option<Standing> {
        actions.iter().find_map(|action| if let Action::Stand(standing, _) = action { Some(*standing) } else { None })
    }

    fn lost() -> Event {
        Event::Lost("gone".to_owned())
    }

    #[test]
    fn it_beats_every_second_with_whether_it_is_ready() {
        let mut clock = Clock::starting();
        let beat = |ready| vec![Action::Send(Message::Alive { ready })];
        assert_eq!(clock.after(0, Event::Tick { ready: false }), beat(false));
        assert_eq!(clock.after(999, Event::Tick { ready: true }), []);
        assert_eq!(clock.after(1, Event::Tick { ready: true }), beat(true));
        let mut clock = Clock::serving();
        clock.after(0, Event::Tick { ready: true });
        assert_eq!(clock.taking.due(), Some(clock.now + BEAT));
    }

    #[test]
    fn an_end_before_it_accepts_gives_back_what_it_got_and_later_ones_do_not() {
        assert_eq!(standing(&Clock::starting().after(0, lost())), Some(Standing::Lost));
        assert_eq!(standing(&Clock::accepting().after(0, lost())), Some(Standing::Alone));
        assert_eq!(standing(&Clock::serving().after(0, lost())), Some(Standing::Alone));
    }

    #[test]
    fn an_old_process_that_leaves_in_good_order_leaves_all_it_had() {
        for mut clock in [Clock::starting(), Clock::accepting(), Clock::serving()] {
            assert_eq!(standing(&clock.hear(Message::Goodbye)), Some(Standing::Alone));
            assert_eq!((clock.after(0, lost()), clock.taking.due()), (Vec::new(), None));
        }
    }

    #[test]
    fn it_is_confirmed_and_can_still_be_taken_back_from() {
        let mut clock = Clock::serving();
        assert_eq!(standing(&clock.hear(Message::Confirmed)), Some(Standing::Confirmed));
        assert_eq!(clock.after(0, Event::TakeBack), [Action::Send(Message::TakeBack)]);
        assert_eq!(standing(&clock.hear(Message::Accepting)), Some(Standing::TakenBack));
    }

    #[test]
    fn an_old_process_that_does_not_answer_is_waited_for_no_longer_than_its_bound() {
        let mut clock = Clock::serving();
        clock.after(0, Event::TakeBack);
        assert_eq!(clock.after(999, Event::Tick { ready: true }), []);
        assert_eq!(standing(&clock.after(1, Event::Tick { ready: true })), Some(Standing::Alone));
        let mut clock = Clock::accepting();
        assert_eq!(clock.after(0, Event::Tick { ready: true }).len(), 1);
        clock.after(4999, Event::Tick { ready: true });
        assert_eq!(standing(&clock.after(1, Event::Tick { ready: true })), Some(Standing::Alone));
    }

    #[test]
    fn who_has_handed_on_says_goodbye() {
        let actions = Clock::serving().after(0, Event::Goodbye);
        assert_eq!((&actions[0], standing(&actions)), (&Action::Send(Message::Goodbye), Some(Standing::Alone)));
    }

    #[test]
    fn one_that_was_taken_for_dead_says_again_that_it_accepts() {
        for mut clock in [Clock::accepting(), Clock::serving()] {
            let actions = clock.hear(Message::Accepting);
            assert_eq!((&actions[0], standing(&actions)), (&TOLD, Some(Standing::Probation)));
            // a beat is due with it
            assert_eq!(clock.after(0, Event::Tick { ready: true }).len(), 1);
            assert_eq!(clock.hear(Message::Yielded), []);
            assert_eq!(standing(&clock.hear(Message::Confirmed)), Some(Standing::Confirmed));
        }
    }

    #[test]
    fn an_old_process_that_hung_when_it_was_to_yield_stands_by_once_it_does() {
        let mut clock = Clock::accepting();
        assert_eq!(standing(&clock.after(5000, Event::Tick { ready: true })), Some(Standing::Alone));
        assert_eq!((clock.taking.due(), clock.taking.is_over()), (None, false));
        assert_eq!(standing(&clock.hear(Message::Yielded)), Some(Standing::Probation));
        assert_eq!(clock.after(0, Event::Tick { ready: true }), [Action::Send(Message::Alive { ready: true })]);
    }

    #[test]
    fn what_is_not_known_or_out_of_place_changes_nothing() {
        for message in [Message::Unknown, Message::Sockets, Message::Confirmed, Message::Alive { ready: true }] {
            assert_eq!(Clock::starting().hear(message), []);
        }
        assert_eq!(Clock::starting().hear(Message::Yielded), []);
    }
}
