//! A small web app for the proxy to send requests to. It says who it is and what it was asked for: `NAME PATH`.
//!
//! `/slow` sends [`SLOW`] bytes in many small pieces, as fast as [`App::pace`] lets it; `/poll` answers when
//! [`App::release`] is called.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};

/// Length of the answer to `/slow`.
pub(crate) const SLOW: usize = 10 * 1024 * 1024;

/// Bytes of it in one piece.
const PIECE: usize = 16 * 1024;

#[derive(Clone)]
pub(crate) struct App {
    name: &'static str,
    addr: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    news: Condvar,
}

#[derive(Default)]
struct State {
    /// Bytes of `/slow` that may have been sent.
    paced: usize,
    /// `/poll` has been asked.
    polled: bool,
    released: bool,
}

impl App {
    pub(crate) fn start(name: &'static str) -> App {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let app = App { name, addr: listener.local_addr().unwrap(), shared: Arc::default() };
        let theirs = app.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (app, stream) = (theirs.clone(), stream.unwrap());
                // an error is the proxy closing an idle connection
                std::thread::spawn(move || app.serve(stream));
            }
        });
        app
    }

    /// As it stands in a routes file.
    pub(crate) fn backend(&self) -> String {
        self.addr.to_string()
    }

    /// Lets `/slow` send so many bytes in all.
    pub(crate) fn pace(&self, bytes: usize) {
        self.shared.change(|state| state.paced = bytes);
    }

    /// Answers `/poll`.
    pub(crate) fn release(&self) {
        self.shared.change(|state| state.released = true);
    }

    /// Waits until `/poll` has arrived.
    pub(crate) fn polled(&self) {
        self.shared.until(|state| state.polled);
    }

    fn serve(&self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_nodelay(true)?;
        let mut input = BufReader::new(stream.try_clone()?);
        let mut output = stream;
        let mut line = String::new();
        loop {
            line.clear();
            if input.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
            while line != "\r\n" {
                line.clear();
                if input.read_line(&mut line)? == 0 {
                    return Ok(());
                }
            }
            self.answer(&mut output, &path)?;
        }
    }

    fn answer(&self, output: &mut TcpStream, path: &str) -> std::io::Result<()> {
        match path {
            "/slow" => {
                write!(output, "HTTP/1.1 200 OK\r\nContent-Length: {SLOW}\r\n\r\n")?;
                for at in (0..SLOW).step_by(PIECE) {
                    self.shared.until(|state| state.paced >= at + PIECE);
                    output.write_all(&slow_piece(at))?;
                }
                return Ok(());
            }
            "/poll" => {
                self.shared.change(|state| state.polled = true);
                self.shared.until(|state| state.released);
            }
            _ => {}
        }
        let body = format!("{} {path}", self.name);
        // one write: a head and a body in two segments would wait for each other's acknowledgement
        output.write_all(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len()).as_bytes())
    }
}

/// What `/slow` sends from `at` on: no piece is like its neighbours, so that a lost or repeated one is seen.
fn slow_piece(at: usize) -> Vec<u8> {
    (at..at + PIECE).step_by(8).flat_map(|place| (place as u64).to_be_bytes()).collect()
}

/// The whole answer to `/slow`.
pub(crate) fn slow_body() -> Vec<u8> {
    (0..SLOW).step_by(PIECE).flat_map(slow_piece).collect()
}

impl Shared {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
        self.news.notify_all();
    }

    fn until(&self, holds: impl Fn(&State) -> bool) {
        let mut state = self.state.lock().unwrap();
        while !holds(&state) {
            state = self.news.wait(state).unwrap();
        }
    }
}
