//! Towards the processes that ask for the listeners of this one. Doors: [`Desk::run`] as a task of its own, and
//! [`Succession`] for whoever ends this process.

use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::net::UnixListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tracing::{debug, info, warn};

use super::channel::{Broken, Channel, listen};
use super::message::{FDS, Kind, Message, PROTOCOL, SOCKETS};
use super::offering::{Action, Event, Offering};
use super::predecessor::Predecessor;
use super::sockets::Stock;
use super::taking::Standing;
use super::{Duty, is_trusted};

/// For the first word of a process that has connected.
const GREETING: Duration = Duration::from_secs(1);
/// For a message to be taken.
const SAY: Duration = Duration::from_secs(1);
/// For a whole offer to be taken.
const OFFER: Duration = Duration::from_secs(5);
/// Between two tries at a name that somebody else has.
const NAMES: Duration = Duration::from_secs(5);
/// After a failed accept, for instance when no descriptor is free.
const PAUSE: Duration = Duration::from_millis(100);
/// What the desk gets for its last words.
const LEAVE: Duration = Duration::from_secs(2);

/// Who accepts connections in place of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Successor {
    /// Nobody.
    #[default]
    None,
    /// A process that has to show that it does well.
    Probation,
    /// One that does well.
    Confirmed,
}

/// Where this process is asked.
#[derive(Debug)]
pub struct Desk {
    stock: Stock,
    /// The names that are to be had, and the sockets of those that are.
    doors: Vec<(String, Option<Door>)>,
    duty: watch::Sender<Duty>,
    successor: watch::Sender<Successor>,
    predecessor: Option<Predecessor>,
    orders: mpsc::Receiver<oneshot::Sender<()>>,
    greeting: Option<(Channel, Instant)>,
    session: Option<(Channel, Offering)>,
    has_warned: bool,
}

#[derive(Debug)]
enum Door {
    Open(UnixListener),
    /// Another process answers there.
    Shut(OwnedFd),
}

/// What those who end this process need to know and to say.
#[derive(Debug)]
pub struct Succession {
    successor: watch::Receiver<Successor>,
    orders: Option<mpsc::Sender<oneshot::Sender<()>>>,
    predecessor: Option<Predecessor>,
    stock: Stock,
}

impl Succession {
    /// Of a process that nobody can ask.
    pub fn none() -> Succession {
        let (_, successor) = watch::channel(Successor::None);
        Succession { successor, orders: None, predecessor: None, stock: Stock::default() }
    }

    /// Who accepts in place of this process.
    pub fn successor(&self) -> Successor {
        *self.successor.borrow()
    }

    /// Waits until that is somebody else than `known`.
    pub async fn changed_from(&mut self, known: Successor) {
        if self.successor.wait_for(|now| *now != known).await.is_err() {
            std::future::pending().await
        }
    }

    /// Waits until there is a successor that does well.
    pub async fn confirmed(&mut self) {
        if self.successor.wait_for(|now| *now == Successor::Confirmed).await.is_err() {
            std::future::pending().await
        }
    }

    /// Whether this process accepts, and the one that it took the place of would do so again.
    pub fn is_stood_by(&self) -> bool {
        self.successor() == Successor::None && self.predecessor.as_ref().is_some_and(Predecessor::stands_by)
    }

    /// Whether the process that this one took the place of serves again.
    pub async fn take_back(&mut self) -> bool {
        match &mut self.predecessor {
            Some(predecessor) => predecessor.take_back().await,
            None => false,
        }
    }

    /// This process ends: nobody can ask it any more, and of what it offered only the workers' own sockets are left.
    pub async fn leave(&mut self) {
        if let Some(orders) = self.orders.take() {
            let (done, is_done) = oneshot::channel();
            let said = async {
                if orders.send(done).await.is_ok() {
                    // an error means that it is gone, and with it all it had
                    let _ = is_done.await;
                }
            };
            if timeout(LEAVE, said).await.is_err() {
                debug!("The hand-over takes long to end");
            }
        }
        self.stock.close();
    }
}

impl Desk {
    /// Answers at these names, with sockets of the predecessor's where it had them.
    pub fn new(
        stock: Stock,
        names: impl IntoIterator<Item = String>,
        inherited: Vec<(String, OwnedFd)>,
        duty: watch::Sender<Duty>,
        predecessor: Option<Predecessor>,
    ) -> (Desk, Succession) {
        let (order, orders) = mpsc::channel(1);
        let (successor, has_successor) = watch::channel(Successor::None);
        let mut inherited = inherited;
        let doors = names.into_iter().map(|name| {
            let known = inherited.iter().position(|(known, _)| *known == name);
            let fd = known.map(|known| Door::Shut(inherited.swap_remove(known).1));
            (name, fd)
        });
        let doors = doors.collect();
        let succession = Succession {
            successor: has_successor,
            orders: Some(order),
            predecessor: predecessor.clone(),
            stock: stock.clone(),
        };
        let (greeting, session, has_warned) = (None, None, false);
        let desk = Desk { stock, doors, duty, successor, predecessor, orders, greeting, session, has_warned };
        (desk, succession)
    }

    /// Answers until it is told that this process ends, or has given everything away.
    pub async fn run(mut self) {
        for (name, door) in &self.doors {
            if let Some(Door::Shut(fd)) = door {
                keep(&self.stock, name, fd);
            }
        }
        self.open();
        let mut names = tokio::time::interval(NAMES);
        loop {
            let due = self.session.as_ref().and_then(|(_, offering)| offering.due());
            tokio::select! {
                biased;
                order = self.orders.recv() => {
                    self.act(Event::Leave).await;
                    self.doors.clear();
                    self.stock.close();
                    drop(order);
                    return;
                }
                event = heard(&self.session) => self.act(event).await,
                () = until(due) => self.act(Event::Tick).await,
                channel = asked(&self.doors), if self.greeting.is_none() => self.receive(channel).await,
                message = first_word(&self.greeting) => self.greet(message).await,
                _ = names.tick() => self.listen(),
            }
        }
    }

    /// Tries to have the names that are not had yet.
    fn listen(&mut self) {
        if *self.duty.borrow() != Duty::Active {
            return;
        }
        for (name, door) in self.doors.iter_mut().filter(|(_, door)| door.is_none()) {
            match listen(name) {
                Ok(fd) => {
                    keep(&self.stock, name, &fd);
                    *door = Some(Door::Shut(fd));
                }
                Err(error) if self.has_warned => debug!(%error, name, "Still nobody can ask for the listeners here"),
                Err(error) => {
                    self.has_warned = true;
                    warn!(%error, name, "Nobody can ask for the listeners here, trying again");
                }
            }
        }
        self.open();
    }

    fn open(&mut self) {
        self.each_door(|door| match door {
            Door::Shut(fd) => UnixListener::from_std(fd.into()).map(Door::Open),
            open => Ok(open),
        });
    }

    fn shut(&mut self) {
        self.each_door(|door| match door {
            Door::Open(listener) => Ok(Door::Shut(listener.into_std()?.into())),
            shut => Ok(shut),
        });
    }

    fn each_door(&mut self, change: impl Fn(Door) -> io::Result<Door>) {
        for (name, door) in &mut self.doors {
            *door = door.take().and_then(|door| match change(door) {
                Ok(door) => Some(door),
                Err(error) => {
                    warn!(%error, name, "Nobody can ask for the listeners here");
                    None
                }
            });
        }
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
                return say(&channel, &Message::Refuse { why }).await;
            }
            Ok(message) => return warn!(?message, "Somebody who connected asks for nothing"),
            Err(why) => return warn!(why, "Somebody who connected asks for nothing"),
        };
        if let Some(why) = self.is_busy() {
            info!(why, version, pid, "A process that asks for the listeners has to wait");
            return say(&channel, &Message::Wait { why }).await;
        }
        match timeout(OFFER, offer(&self.stock, &channel)).await {
            Ok(Ok(sockets)) => {
                info!(version, pid, sockets, "A process starts up to take the listeners over");
                self.session = Some((channel, Offering::new(Instant::now())));
            }
            Ok(Err(error)) => warn!(%error, version, pid, "The listeners could not be offered"),
            Err(_) => warn!(version, pid, "A process that asked for the listeners does not take them"),
        }
    }

    fn is_busy(&self) -> Option<String> {
        let standing = self.predecessor.as_ref().map(|predecessor| *predecessor.standing().borrow());
        match (&self.session, standing) {
            (Some(_), _) => Some("another one has asked before".to_owned()),
            (None, Some(Standing::Starting | Standing::Probation)) => {
                Some("it has to show first that it does well itself".to_owned())
            }
            (None, _) => None,
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
                    Action::Send(message) => match timeout(SAY, channel.send(&message, &[])).await {
                        Ok(Ok(())) => {}
                        Ok(Err(error)) => event = Some(Event::Lost(error.to_string())),
                        Err(_) => event = Some(Event::Lost("it takes no message".to_owned())),
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
                self.shut();
                self.duty.send_replace(Duty::Standby);
                self.successor.send_replace(Successor::Probation);
                if let Some(predecessor) = &self.predecessor {
                    predecessor.goodbye();
                }
            }
            Action::Resume => {
                warn!("The successor is gone, this process accepts connections again");
                self.duty.send_replace(Duty::Active);
                self.successor.send_replace(Successor::None);
                self.open();
            }
            Action::Confirmed => {
                info!("The successor does well");
                self.successor.send_replace(Successor::Confirmed);
            }
            // without a successor the workers still have to empty the queues of their own sockets
            Action::Release => {
                self.doors.clear();
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

fn keep(stock: &Stock, name: &str, fd: &OwnedFd) {
    if let Err(error) = stock.add(Kind::Handover, name, [fd]) {
        warn!(%error, name, "A successor will not be able to answer here");
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

async fn say(channel: &Channel, message: &Message) {
    if let Ok(Err(error)) = timeout(SAY, channel.send(message, &[])).await {
        debug!(%error, "An answer was not taken");
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due.into()).await,
        None => std::future::pending().await,
    }
}

async fn heard(session: &Option<(Channel, Offering)>) -> Event {
    let Some((channel, _)) = session else { return std::future::pending().await };
    match channel.receive().await {
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

/// The next process that connects at any of the names.
async fn asked(doors: &[(String, Option<Door>)]) -> io::Result<Channel> {
    let open = |door: &Option<Door>| matches!(door, Some(Door::Open(_)));
    if !doors.iter().any(|(_, door)| open(door)) {
        return std::future::pending().await;
    }
    poll_fn(|cx| {
        for (_, door) in doors {
            if let Some(Door::Open(listener)) = door
                && let Poll::Ready(accepted) = listener.poll_accept(cx)
            {
                return Poll::Ready(accepted.map(|(socket, _)| Channel::of(socket)));
            }
        }
        Poll::Pending
    })
    .await
}
