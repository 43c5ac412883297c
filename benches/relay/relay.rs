//! All connections, by epoll. One door: [`run`].

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::OwnedFd;

use crate::pair::{Next, Pair};

const LISTENER: u64 = u64::MAX;
/// What one read takes, of any connection. With 64 KiB a MiB cost more than in gatepost: more reads, and more waiting.
const BUFFER: usize = 256 * 1024;

/// # Errors
/// The listener is of no use any more.
pub(crate) fn run(listener: &TcpListener, upstream: SocketAddr) -> io::Result<Infallible> {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let (mut pairs, mut events, mut buffer) = (Pairs::default(), Vec::with_capacity(512), vec![0; BUFFER]);
    loop {
        epoll::wait(&epoll, spare_capacity(&mut events), None)?;
        for event in events.drain(..) {
            let (number, flags) = (event.data.u64(), event.flags);
            if number == LISTENER {
                // who left again, or found no app, is no failure of ours
                let _ = pairs.open(&epoll, listener.accept()?.0, upstream);
            } else {
                pairs.go_on(&epoll, number as usize, flags, &mut buffer);
            }
        }
    }
}

/// Each has a number; its ends have twice that and one more.
#[derive(Default)]
struct Pairs {
    all: Vec<Option<Pair>>,
    free: Vec<usize>,
}

impl Pairs {
    fn open(&mut self, epoll: &OwnedFd, client: TcpStream, upstream: SocketAddr) -> io::Result<()> {
        let pair = Pair::connect(client, upstream)?;
        let number = self.free.pop().unwrap_or(self.all.len());
        for side in 0..2 {
            let (end, flags) = pair.end(side);
            epoll::add(epoll, end, EventData::new_u64((number * 2 + side) as u64), flags)?;
        }
        if number == self.all.len() {
            self.all.push(Some(pair));
        } else {
            self.all[number] = Some(pair);
        }
        Ok(())
    }

    fn go_on(&mut self, epoll: &OwnedFd, end: usize, flags: EventFlags, buffer: &mut [u8]) {
        let (number, side) = (end / 2, end % 2);
        // the other end of it may just have closed it
        let Some(pair) = &mut self.all[number] else { return };
        let next = match flags {
            // it was reset: also one that nothing is read from at the moment
            _ if flags.contains(EventFlags::ERR) => Ok(Next::Over),
            _ if flags.contains(EventFlags::OUT) => pair.write(side),
            _ => pair.read(side, buffer),
        };
        let is_over = match next {
            Ok(Next::Same) => false,
            Ok(Next::Other) => (0..2).any(|side| {
                let (end, flags) = pair.end(side);
                epoll::modify(epoll, end, EventData::new_u64((number * 2 + side) as u64), flags).is_err()
            }),
            Ok(Next::Over) | Err(_) => true,
        };
        if is_over {
            self.all[number] = None;
            self.free.push(number);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::Shutdown;
    use std::thread;

    use super::*;

    /// Both ends of a connection through a relay.
    fn relayed() -> (TcpStream, TcpStream) {
        let (doors, app) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let (at, upstream) = (doors.local_addr().unwrap(), app.local_addr().unwrap());
        thread::spawn(move || run(&doors, upstream));
        (TcpStream::connect(at).unwrap(), app.accept().unwrap().0)
    }

    #[test]
    fn what_one_end_says_comes_out_at_the_other() {
        let (mut client, mut app) = relayed();
        let mut heard = [0; 5];
        for _ in 0..3 {
            client.write_all(b"hello").unwrap();
            app.read_exact(&mut heard).unwrap();
            app.write_all(&heard).unwrap();
            heard.fill(0);
            client.read_exact(&mut heard).unwrap();
            assert_eq!(&heard, b"hello");
        }
    }

    #[test]
    fn one_that_reads_late_loses_nothing_and_hears_the_end_after_it() {
        const LEN: usize = 30_000_000;
        let (mut client, mut app) = relayed();
        let said: Vec<u8> = (0..LEN).map(|n| (n % 251) as u8).collect();
        let saying = thread::spawn(move || {
            app.write_all(&said).unwrap();
            app.shutdown(Shutdown::Write).unwrap();
            (said, app)
        });
        // by now more is on its way than all buffers take
        let mut heard = vec![0; 10];
        client.read_exact(&mut heard).unwrap();
        client.write_all(b"and back").unwrap();
        client.read_to_end(&mut heard).unwrap();
        let (said, mut app) = saying.join().unwrap();
        assert!(heard == said);
        drop(client);
        let mut back = String::new();
        app.read_to_string(&mut back).unwrap();
        assert_eq!(back, "and back");
    }

    #[test]
    fn half_a_connection_goes_on_after_the_other_half_has_ended() {
        let (mut client, mut app) = relayed();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(app.read(&mut [0]).unwrap(), 0);
        app.write_all(b"late").unwrap();
        drop(app);
        let mut heard = String::new();
        client.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "late");
    }

    #[test]
    fn one_without_an_app_is_closed_and_the_next_is_served() {
        let doors = TcpListener::bind("127.0.0.1:0").unwrap();
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
        let (at, upstream) = (doors.local_addr().unwrap(), nobody.local_addr().unwrap());
        drop(nobody);
        thread::spawn(move || run(&doors, upstream));
        assert_eq!(TcpStream::connect(at).unwrap().read(&mut [0]).unwrap_or(0), 0);
        let app = TcpListener::bind(upstream).unwrap();
        let mut client = TcpStream::connect(at).unwrap();
        client.write_all(b"a").unwrap();
        let mut heard = [0];
        app.accept().unwrap().0.read_exact(&mut heard).unwrap();
        assert_eq!(&heard, b"a");
    }
}
