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
/// A process that starts up for longer, as one that waits for its routes may, has its place only until another one asks:
/// that may be the one that mends it.
const PLACE: Duration = Duration::from_secs(10 * 60);
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
    began: Instant,
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
        Offering { state: State::Offered, began: now, heard: now }
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
    pub(super) fn gives_way(&self, now: Instant) -> bool {
        match self.state {
            State::Offered => now.duration_since(self.began) >= PLACE,
            State::Standby { .. } => false,
            State::Doubted | State::Over => true,
        }
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
mod tests;
