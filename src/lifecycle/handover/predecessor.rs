//! Towards the process whose listeners this one takes. Doors: [`ask`], once at start; then [`Session::run`] as a task of
//! its own, and [`Predecessor`] for whoever has something to say in it.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

use super::channel::{Broken, Channel, Packet};
use super::doors::name;
use super::message::{Kind, Listener, Message, PROTOCOL, SOCKETS};
use super::sockets::{Sockets, check};
use super::successor::until;
use super::taking::{Action, Event, Standing, Taking};
use crate::lifecycle::{Readiness, is_trusted};

/// For each answer of the old process.
const ANSWER: Duration = Duration::from_secs(5);
/// For all that one process says until its sockets are here. It sends them in one go.
const ANSWERS: Duration = Duration::from_secs(10);
/// For all of an old process's "not now".
const WAIT: Duration = Duration::from_secs(15);
/// Between two times of asking, while that process lives.
const AGAIN: Duration = Duration::from_millis(500);
/// The same where it hangs up: it may do so each time.
const SOON: Duration = Duration::from_millis(10);

/// What came of asking.
#[derive(Debug)]
pub enum Asked {
    /// Nobody listens there.
    Nobody,
    /// Its sockets, and the session to be run.
    Taken(Vec<Sockets>, Predecessor, Session),
    /// Somebody is there, and nothing was got, for this reason.
    Failed(String),
}

/// The process that this one takes the place of.
#[derive(Debug, Clone)]
pub struct Predecessor {
    orders: mpsc::Sender<Event>,
    standing: watch::Receiver<Standing>,
}

/// The connection to it.
#[derive(Debug)]
pub struct Session {
    channel: Channel,
    taking: Taking,
    orders: mpsc::Receiver<Event>,
    standing: watch::Sender<Standing>,
}

/// Asks the processes that serve at these addresses, in this order, for their sockets. The first that is there decides.
pub async fn ask(wanted: &[SocketAddr]) -> Asked {
    let end = Instant::now() + WAIT;
    loop {
        match ask_once(wanted).await {
            Answer::Final(asked) => return asked,
            Answer::Wait(why, _) if Instant::now() + AGAIN >= end => return Asked::Failed(why),
            Answer::Wait(why, channel) => {
                info!(why, "The process that serves has to be asked again for its listeners");
                sleep(SOON).await;
                let _ = timeout(AGAIN, hang_up(channel)).await;
            }
        }
    }
}

enum Answer {
    Final(Asked),
    /// And the connection, by whose end its death is known at once.
    Wait(String, Option<Channel>),
}

/// Waits until the other end has closed.
async fn hang_up(channel: Option<Channel>) {
    match channel {
        Some(channel) => while channel.receive().await.is_ok() {},
        None => std::future::pending().await,
    }
}

async fn ask_once(wanted: &[SocketAddr]) -> Answer {
    let mut failed = None;
    for addr in wanted.iter().copied().filter(|addr| addr.port() != 0).flat_map(places) {
        let name = name(addr);
        let why = match Channel::connect(&name) {
            Ok(channel) => match greet(channel).await {
                Ok(answer) => return answer,
                Err(why) => why,
            },
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => continue,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Answer::Wait("many ask".to_owned(), None),
            Err(error) => error.to_string(),
        };
        warn!(%addr, why, "Whoever is asked for the listeners does not give them");
        failed = failed.or(Some(why));
    }
    Answer::Final(failed.map_or(Asked::Nobody, Asked::Failed))
}

/// A process that was to listen on `[::]` listens on 0.0.0.0 where there is no IPv6.
fn places(addr: SocketAddr) -> impl Iterator<Item = SocketAddr> {
    let is_any = addr.is_ipv6() && addr.ip().is_unspecified();
    let fallback = is_any.then(|| SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), addr.port()));
    std::iter::once(addr).chain(fallback)
}

/// One process is asked. An error is told to nobody but the log: who sent it may be anybody.
async fn greet(channel: Channel) -> Result<Answer, String> {
    let late = |_| Err(format!("it has not given them within {} s", ANSWERS.as_secs()));
    timeout(ANSWERS, talk(channel)).await.unwrap_or_else(late)
}

async fn talk(channel: Channel) -> Result<Answer, String> {
    let uid = channel.peer_uid().map_err(|error| error.to_string())?;
    if !is_trusted(uid) {
        return Err(format!("it runs as uid {uid}"));
    }
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let ask = Message::Ask { protocol: PROTOCOL, version, pid: std::process::id() };
    channel.say(&ask).await.map_err(|error| error.to_string())?;
    loop {
        match hear(&channel).await?.message {
            Message::Offer { protocol: PROTOCOL, listeners } => {
                let sockets = take(&channel, listeners).await?;
                let (predecessor, session) = session(channel);
                return Ok(Answer::Final(Asked::Taken(sockets, predecessor, session)));
            }
            Message::Offer { protocol, .. } => return Err(format!("it speaks protocol {protocol}, not {PROTOCOL}")),
            Message::Refuse { why } => return Err(format!("it refuses: {why}")),
            Message::Wait { why } => return Ok(Answer::Wait(why, Some(channel))),
            Message::Unknown => {}
            message => return Err(format!("it was asked and said {message:?}")),
        }
    }
}

/// Every descriptor of an offer, each looked at. Whatever is wrong with one of them, none is kept.
async fn take(channel: &Channel, listeners: Vec<Listener>) -> Result<Vec<Sockets>, String> {
    let told = listeners.iter().fold(0_usize, |sum, listener| sum.saturating_add(listener.sockets));
    if told > SOCKETS {
        return Err(format!("it offers {told} sockets, and more than {SOCKETS} are not taken"));
    }
    let mut fds: Vec<OwnedFd> = Vec::with_capacity(told);
    while fds.len() < told {
        let Packet { message, fds: more } = hear(channel).await?;
        if message != Message::Sockets || more.is_empty() {
            return Err(format!("it told of {told} sockets and sent {}", fds.len()));
        }
        fds.extend(more);
    }
    if fds.len() > told {
        return Err(format!("it told of {told} sockets and sent {}", fds.len()));
    }
    let mut fds = fds.into_iter();
    let mut taken = Vec::new();
    for listener in listeners {
        let own: Vec<OwnedFd> = fds.by_ref().take(listener.sockets).collect();
        if listener.kind == Kind::Unknown {
            continue;
        }
        own.iter().try_for_each(|fd| check(&listener, fd)).map_err(|foreign| foreign.to_string())?;
        taken.push(Sockets { kind: listener.kind, addr: listener.addr, fds: own });
    }
    Ok(taken)
}

async fn hear(channel: &Channel) -> Result<Packet, String> {
    match timeout(ANSWER, channel.receive()).await {
        Ok(heard) => heard.map_err(|error| error.to_string()),
        Err(_) => Err(format!("it has said nothing for {} s", ANSWER.as_secs())),
    }
}

fn session(channel: Channel) -> (Predecessor, Session) {
    // no more than three things are ever said
    let (order, orders) = mpsc::channel(4);
    let (standing, stands) = watch::channel(Standing::Starting);
    let taking = Taking::new(std::time::Instant::now());
    (Predecessor { orders: order, standing: stands }, Session { channel, taking, orders, standing })
}

impl Predecessor {
    /// This process accepts connections now.
    pub fn accept(&self) {
        let _ = self.orders.try_send(Event::Accept);
    }

    /// This process has handed on: it is never to be taken back from.
    pub fn goodbye(&self) {
        let _ = self.orders.try_send(Event::Goodbye);
    }

    /// Whether the old process would serve again.
    pub fn stands_by(&self) -> bool {
        matches!(*self.standing.borrow(), Standing::Probation | Standing::Confirmed)
    }

    /// Whether the old process serves again, having been asked for that. It answers within a bound, or is given up.
    pub async fn take_back(&mut self) -> bool {
        if !self.stands_by() || self.orders.try_send(Event::TakeBack).is_err() {
            return false;
        }
        let is_over = |standing: &Standing| matches!(standing, Standing::TakenBack | Standing::Alone);
        self.standing.wait_for(is_over).await.is_ok_and(|standing| *standing == Standing::TakenBack)
    }

    /// How this process stands to it.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.clone()
    }
}

impl Session {
    /// Runs until there is nothing more to be said.
    pub async fn run(mut self, readiness: Readiness) {
        while !self.taking.is_over() {
            let due = self.taking.due();
            let event = tokio::select! {
                biased;
                heard = self.channel.receive() => match heard {
                    Ok(packet) => Event::Heard(packet.message),
                    Err(error) => Event::Lost(error.to_string()),
                },
                Some(order) = self.orders.recv() => order,
                () = until(due) => Event::Tick { ready: readiness.is_ready() },
            };
            self.act(event).await;
        }
    }

    async fn act(&mut self, event: Event) {
        let mut event = Some(event);
        while let Some(now) = event.take() {
            for action in self.taking.on(now, std::time::Instant::now()) {
                match action {
                    Action::Send(message) => match self.channel.say(&message).await {
                        Ok(()) | Err(Broken::Closed) => {}
                        // it hangs, and has hundreds of beats to read when it wakes up
                        Err(Broken::Deaf) if matches!(message, Message::Alive { .. }) => {}
                        Err(error) => event = Some(Event::Lost(error.to_string())),
                    },
                    Action::Stand(standing, why) => {
                        tell(standing, &why);
                        self.standing.send_replace(standing);
                    }
                }
            }
        }
    }
}

fn tell(standing: Standing, why: &str) {
    match standing {
        Standing::Starting => {}
        Standing::Probation => info!("Serves with the listeners of the predecessor, which stands by"),
        Standing::Confirmed => info!("The predecessor may go"),
        Standing::TakenBack => info!("The predecessor serves again"),
        Standing::Lost => warn!(why, "The predecessor has ended the hand-over"),
        Standing::Alone => info!(why, "The predecessor does not stand by any more"),
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use std::os::unix::net::UnixListener;

    use super::super::channel::listen;
    use super::super::channel::tests::pair;
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_process_that_dies_after_it_said_wait_is_not_waited_for() {
        let addr: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let listener = tokio::net::UnixListener::from_std(UnixListener::from(listen(&name(addr)).unwrap())).unwrap();
        let lives = async {
            let asked = Channel::of(listener.accept().await.unwrap().0);
            asked.receive().await.unwrap();
            asked.say(&Message::Wait { why: "not now".to_owned() }).await.unwrap();
            drop((listener, asked));
        };
        let began = Instant::now();
        let (asked, ()) = tokio::join!(ask(std::slice::from_ref(&addr)), lives);
        assert!(matches!(asked, Asked::Nobody), "{asked:?}");
        assert!(began.elapsed() < AGAIN, "it was asked again only after {:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_asked_and_says_all_but_what_counts_is_given_up() {
        let listener = Listener { kind: Kind::Http, addr: "127.0.0.1:1".to_owned(), sockets: SOCKETS };
        let offer = Message::Offer { protocol: PROTOCOL, listeners: vec![listener] };
        for (first, then) in [(Message::Unknown, Message::Unknown), (offer, Message::Sockets)] {
            let (asking, asked) = pair();
            let says = async {
                asked.send(&first, &[]).await.unwrap();
                loop {
                    sleep(ANSWER / 2).await;
                    let null = std::fs::File::open("/dev/null").unwrap();
                    asked.send(&then, &[null.as_fd()]).await.unwrap();
                }
            };
            let given_up = tokio::select! {
                Err(why) = greet(asking) => why,
                () = says => unreachable!("it has no end"),
            };
            assert_eq!(given_up, "it has not given them within 10 s");
        }
    }
}
