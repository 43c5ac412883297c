//! The sockets on which processes ask for the listeners of this one. Doors: [`reserve`], before there is anything to ask
//! for, and [`Doors`].

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::task::Poll;

use tokio::net::UnixListener;
use tracing::{debug, info, warn};

use super::channel::{Channel, listen};
use super::message::Kind;
use super::sockets::Stock;
use crate::lifecycle::own_uid;

/// The names that are to be had, and the sockets of those that are.
#[derive(Debug)]
pub(super) struct Doors {
    stock: Stock,
    all: Vec<(String, Option<Door>)>,
    has_warned: bool,
}

#[derive(Debug)]
enum Door {
    Open(UnixListener),
    /// Another process answers there.
    Shut(OwnedFd),
}

/// What a process of this user whose client address is `addr` is asked at. It has the uid, so that nobody else's process is
/// asked by mistake; who really answers is told by the kernel.
pub fn name(addr: SocketAddr) -> String {
    format!("gatepost/{}/{addr}", own_uid())
}

/// Names with their sockets, of those that nobody has. To be had before the addresses themselves: whoever asks there waits
/// for this process, and does not find somebody who listens and cannot be asked.
pub fn reserve(addrs: &[SocketAddr]) -> Vec<(String, OwnedFd)> {
    let names = addrs.iter().filter(|addr| addr.port() != 0).map(|addr| name(*addr));
    names.filter_map(|name| listen(&name).ok().map(|fd| (name, fd))).collect()
}

impl Doors {
    /// Listens at these names, with a predecessor's sockets where it had them. Needs a runtime.
    pub(super) fn new(
        stock: Stock,
        names: impl IntoIterator<Item = String>,
        mut inherited: Vec<(String, OwnedFd)>,
    ) -> Doors {
        let all = names.into_iter().map(|name| {
            let known = inherited.iter().position(|(known, _)| *known == name);
            let fd = known.map(|known| inherited.swap_remove(known).1);
            if let Some(fd) = &fd {
                keep(&stock, &name, fd);
            }
            (name, fd.map(Door::Shut))
        });
        let all = all.collect();
        let mut doors = Doors { stock, all, has_warned: false };
        doors.listen();
        doors
    }

    /// Tries to have the names that are not had yet.
    pub(super) fn listen(&mut self) {
        for (name, door) in self.all.iter_mut().filter(|(_, door)| door.is_none()) {
            match listen(name) {
                Ok(fd) => {
                    if self.has_warned {
                        info!(name, "The listeners can be asked for here now");
                    }
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

    /// Whoever asks from now on is heard.
    pub(super) fn open(&mut self) {
        self.each(|door| match door {
            Door::Shut(fd) => UnixListener::from_std(fd.into()).map(Door::Open),
            open => Ok(open),
        });
    }

    /// Whoever asks from now on is heard by another process.
    pub(super) fn shut(&mut self) {
        self.each(|door| match door {
            Door::Open(listener) => Ok(Door::Shut(listener.into_std()?.into())),
            shut => Ok(shut),
        });
    }

    fn each(&mut self, change: impl Fn(Door) -> io::Result<Door>) {
        for (name, door) in &mut self.all {
            *door = door.take().and_then(|door| match change(door) {
                Ok(door) => Some(door),
                Err(error) => {
                    warn!(%error, name, "Nobody can ask for the listeners here");
                    None
                }
            });
        }
    }

    /// Nobody is heard any more, for good.
    pub(super) fn close(&mut self) {
        self.all.clear();
    }

    /// The next process that connects at any of the names. May be dropped without losing one.
    pub(super) async fn asked(&self) -> io::Result<Channel> {
        poll_fn(|cx| {
            for (_, door) in &self.all {
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
}

fn keep(stock: &Stock, name: &str, fd: &OwnedFd) {
    if let Err(error) = stock.add(Kind::Handover, name, [fd]) {
        warn!(%error, name, "A successor will not be able to answer here");
    }
}
