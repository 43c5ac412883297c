//! Towards the processes that ask for the listeners of this one. One door: [`Desk::run`] as a task of its own.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tracing::{debug, info, warn};

use super::Duty;
use super::channel::{Broken, Channel, Packet};
use super::doors::Doors;
use super::message::{FDS, Message, PROTOCOL, SOCKETS};
use super::offering::{Action, Event, Offering};
use super::predecessor::Predecessor;
use super::sockets::Stock;
use super::succession::{Succession, Successor};
use super::taking::Standing;
use crate::lifecycle::is_trusted;

/// For the first word of a process that has connected.
const GREETING: Duration = Duration::from_secs(1);
/// For a whole offer to be taken.
const OFFER: Duration = Duration::from_secs(5);
/// Between two tries at a name that somebody else has.
const NAMES: Duration = Duration::from_secs(5);
/// After a failed accept, for instance when no descriptor is free.
const PAUSE: Duration = Duration::from_millis(100);
/// Most processes that were told to wait whose connections are kept.
const WAITING: usize = 8;
/// Messages that are still heard when this process ends: a socket holds some hundred.
const UNHEARD: usize = 1024;

/// Where this process is asked.
#[derive(Debug)]
pub struct Desk {
    stock: Stock,
    doors: Doors,
    duty: watch::Sender<Duty>,
    successor: watch::Sender<Successor>,
    predecessor: Option<Predecessor>,
    orders: mpsc::Receiver<oneshot::Sender<()>>,
    greeting: Option<(Channel, Instant)>,
    session: Option<(Channel, Offering)>,
    /// Of those that are to ask again: it ends with this process, and then they do so at once.
    waiting: Vec<Channel>,
    has_warned: bool,
}

impl Desk {
    /// Listens at these names, with sockets of the predecessor's where it had them. Needs a runtime.
    pub fn new(
        stock: Stock,
        names: impl IntoIterator<Item = String>,
        inherited: Vec<(String, OwnedFd)>,
        duty: watch::Sender<Duty>,
        predecessor: Option<Predecessor>,
    ) -> (Desk, Succession) {
        let (order, orders) = mpsc::channel(1);
        let (successor, has_successor) = watch::channel(Successor::None);
        let doors = Doors::new(stock.clone(), names, inherited);
        let succession = Succession {
            successor: has_successor,
            orders: Some(order),
            predecessor: predecessor.clone(),
            stock: stock.clone(),
        };
        let (greeting, session, waiting, has_warned) = (None, None, Vec::new(), false);
        let desk = Desk { stock, doors, duty, successor, predecessor, orders, greeting, session, waiting, has_warned };
        (desk, succession)
    }

    /// Answers until it is told that this process ends, or has given everything away.
    pub async fn run(mut self) {
        let mut names = tokio::time::interval(NAMES);
        loop {
            let due = self.session.as_ref().and_then(|(_, offering)| offering.due());
            tokio::select! {
                biased;
                order = self.orders.recv() => {
                    self.leave().await;
                    drop(order);
                    return;
                }
                event = heard(&self.session) => self.act(event).await,
                () = until(due) => self.act(Event::Tick).await,
                channel = self.doors.asked(), if self.greeting.is_none() => self.receive(channel).await,
                message = first_word(&self.greeting) => self.greet(message).await,
                _ = names.tick(), if *self.duty.borrow() == Duty::Active => self.doors.listen(),
            }
        }
    }

    /// This process ends. First what a successor has said is heard, and above all that it is gone: then there is none.
    async fn leave(&mut self) {
        for _ in 0..UNHEARD {
            let Some(heard) = self.session.as_ref().and_then(|(channel, _)| channel.heard()) else { break };
            self.act(event(heard)).await;
        }
        self.act(Event::Leave).await;
        self.doors.close();
        self.stock.close();
    }

    /// Somebody has connected.
    async fn receive(&mut self, channel: io::Result<Channel>) {
        match channel.and_then(|channel| Ok((channel.peer_uid()?, channel))) {
            Ok((uid, channel)) if is_trusted(uid) => self.greeting = Some((channel, Instant::now() + GREETING)),
            Ok((uid, _)) if self.has_warned => debug!(uid, "Another user asks for the listeners, and is not answered"),
            // told once: whoever it is may ask as often as he likes
            Ok((uid, _)) => {
                self.has_warned = true;
                warn!(uid, "Another user asks for the listeners, and is not answered");
            }
            Err(error) => {
                debug!(%error, "Nobody could be heard");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// The first word of whoever has connected.
    async fn greet(&mut self, message: Result<Message, String>) {
        let Some((channel, _)) = self.greeting.take() else { return };
        let (version, pid) = match message {
            Ok(Message::Ask { protocol: PROTOCOL, version, pid }) => (version, pid),
            Ok(Message::Ask { protocol, .. }) => {
                let why = format!("protocol {protocol} is not spoken here, but {PROTOCOL}");
                warn!(why, "A process that asks for the listeners is refused");
                return answer(&channel, &Message::Refuse { why }).await;
            }
            Ok(message) => return warn!(?message, "Somebody who connected asks for nothing"),
            Err(why) => return warn!(why, "Somebody who connected asks for nothing"),
        };
        if let Some(why) = self.is_busy() {
            info!(why, version, pid, "A process that asks for the listeners has to wait");
            answer(&channel, &Message::Wait { why }).await;
            return self.keep(channel);
        }
        self.act(Event::Replaced).await;
        match timeout(OFFER, offer(&self.stock, &channel)).await {
            Ok(Ok(sockets)) => {
                info!(version, pid, sockets, "A process starts up to take the listeners over");
                self.session = Some((channel, Offering::new(Instant::now())));
            }
            Ok(Err(error)) => warn!(%error, version, pid, "The listeners could not be offered"),
            Err(_) => warn!(version, pid, "A process that asked for the listeners does not take them"),
        }
    }

    fn keep(&mut self, channel: Channel) {
        // whoever has asked again or is gone has closed its old one
        self.waiting.retain(|channel| channel.heard().is_none());
        if self.waiting.len() < WAITING {
            self.waiting.push(channel);
        }
    }

    fn is_busy(&self) -> Option<String> {
        let standing = self.predecessor.as_ref().map(|predecessor| *predecessor.standing().borrow());
        match (&self.session, standing) {
            (Some((_, offering)), _) if !offering.gives_way(Instant::now()) => {
                Some("another one has asked before".to_owned())
            }
            (_, Some(Standing::Starting | Standing::Probation)) => {
                Some("it has to show first that it does well itself".to_owned())
            }
            (_, _) => None,
        }
    }

    /// What follows from an event of the session.
    async fn act(&mut self, event: Event) {
        let Some((channel, mut offering)) = self.session.take() else { return };
        let mut event = Some(event);
        let mut is_over = false;
        while let Some(now) = event.take() {
            for action in offering.on(now, Instant::now()) {
                match action {
                    Action::Send(message) => match channel.say(&message).await {
                        Ok(()) | Err(Broken::Closed) => {}
                        Err(error) => event = Some(Event::Lost(error.to_string())),
                    },
                    Action::End(why) => {
                        info!(why, "The hand-over has ended");
                        is_over = true;
                    }
                    other => self.follow(&other),
                }
            }
        }
        if !is_over {
            self.session = Some((channel, offering));
        }
    }

    fn follow(&mut self, action: &Action) {
        match action {
            Action::Yield => {
                info!("The successor accepts connections, this process stands by");
                self.doors.shut();
                self.duty.send_replace(Duty::Standby);
                self.successor.send_replace(Successor::Probation);
                if let Some(predecessor) = &self.predecessor {
                    predecessor.goodbye();
                }
            }
            Action::Resume(why) => {
                warn!(why, "The successor is gone, this process accepts connections again");
                self.duty.send_replace(Duty::Active);
                self.successor.send_replace(Successor::None);
                self.doors.open();
            }
            Action::Confirmed => {
                info!("The successor does well");
                self.successor.send_replace(Successor::Confirmed);
            }
            // without a successor the workers still have to empty the queues of their own sockets
            Action::Release => {
                self.doors.close();
                self.stock.close();
                if *self.duty.borrow() == Duty::Standby {
                    self.duty.send_replace(Duty::Relieved);
                    self.successor.send_replace(Successor::Confirmed);
                }
            }
            Action::Send(_) | Action::End(_) => {}
        }
    }
}

/// Sends all there is.
async fn offer(stock: &Stock, channel: &Channel) -> Result<usize, Broken> {
    let (listeners, fds) = stock.offer();
    if fds.len() > SOCKETS {
        let why = format!("{} sockets are more than the {SOCKETS} that can be handed over", fds.len());
        channel.send(&Message::Refuse { why }, &[]).await?;
        return Err(Broken::TooMuch);
    }
    channel.send(&Message::Offer { protocol: PROTOCOL, listeners }, &[]).await?;
    for some in fds.chunks(FDS) {
        let some: Vec<_> = some.iter().map(|fd: &Arc<OwnedFd>| fd.as_fd()).collect();
        channel.send(&Message::Sockets, &some).await?;
    }
    Ok(fds.len())
}

async fn answer(channel: &Channel, message: &Message) {
    if let Err(error) = channel.say(message).await {
        debug!(%error, "An answer was not taken");
    }
}

pub(super) async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

async fn heard(session: &Option<(Channel, Offering)>) -> Event {
    let Some((channel, _)) = session else { return std::future::pending().await };
    event(channel.receive().await)
}

fn event(heard: Result<Packet, Broken>) -> Event {
    match heard {
        Ok(packet) => Event::Heard(packet.message),
        Err(error) => Event::Lost(error.to_string()),
    }
}

async fn first_word(greeting: &Option<(Channel, Instant)>) -> Result<Message, String> {
    let Some((channel, due)) = greeting else { return std::future::pending().await };
    match tokio::time::timeout_at((*due).into(), channel.receive()).await {
        Ok(Ok(packet)) => Ok(packet.message),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err(format!("nothing was heard for {} s", GREETING.as_secs())),
    }
}
