//! Clients that ask all the time and count. One door: [`Load::on`].

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use super::PATIENCE;
use super::serving::ask;

/// Some with a connection for each request, some that keep theirs.
pub struct Load {
    stop: Arc<AtomicBool>,
    clients: Vec<JoinHandle<usize>>,
    failures: Receiver<String>,
    answers: Receiver<()>,
}

impl Load {
    pub fn on(addr: SocketAddr) -> Load {
        let stop = Arc::new(AtomicBool::new(false));
        let ((fail, failures), (answer, answers)) = (channel(), channel());
        let clients = (0..4).map(|number| {
            let (stop, fail, answer) = (Arc::clone(&stop), fail.clone(), answer.clone());
            std::thread::spawn(move || match number % 2 {
                0 => run(&stop, &fail, &answer, || ask(addr).and_then(|text| judge(&text))),
                _ => {
                    let mut kept = None;
                    run(&stop, &fail, &answer, || again(&mut kept, addr))
                }
            })
        });
        let clients = clients.collect();
        Load { stop, clients, failures, answers }
    }

    /// Waits for so many more answers.
    pub fn goes_on(&self, answers: usize) {
        while self.answers.try_recv().is_ok() {}
        for _ in 0..answers {
            self.answers.recv_timeout(PATIENCE).expect("an answer");
        }
    }

    /// Ends it: how many were answered. All have to be.
    pub fn all_answered(self) -> usize {
        self.stop.store(true, Ordering::SeqCst);
        let answered = self.clients.into_iter().map(|client| client.join().unwrap()).sum();
        let failures: Vec<String> = self.failures.try_iter().collect();
        assert!(
            failures.is_empty(),
            "{} of {answered} failed: {:?}",
            failures.len(),
            &failures[..failures.len().min(10)]
        );
        answered
    }
}

fn run(
    stop: &AtomicBool,
    fail: &Sender<String>,
    answer: &Sender<()>,
    mut once: impl FnMut() -> std::io::Result<()>,
) -> usize {
    let mut answered = 0;
    while !stop.load(Ordering::SeqCst) {
        match once() {
            Ok(()) => {
                answered += 1;
                let _ = answer.send(());
            }
            Err(error) => {
                let _ = fail.send(error.to_string());
            }
        }
    }
    answered
}

fn judge(text: &str) -> std::io::Result<()> {
    if text.starts_with("HTTP/1.1 200 ") && text.ends_with("hello") {
        return Ok(());
    }
    Err(std::io::Error::other(format!("not an answer: {text:?}")))
}

/// One request on a connection that is kept until an answer says that it ends.
fn again(kept: &mut Option<TcpStream>, addr: SocketAddr) -> std::io::Result<()> {
    let mut stream = match kept.take() {
        Some(stream) => stream,
        None => {
            let stream = TcpStream::connect(addr)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            stream.set_nodelay(true)?;
            stream
        }
    };
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")?;
    let mut text = Vec::new();
    while !text.ends_with(b"hello") {
        let mut some = [0; 1024];
        match stream.read(&mut some)? {
            0 => return Err(std::io::Error::other("a kept connection was closed instead of an answer")),
            n => text.extend_from_slice(&some[..n]),
        }
    }
    let text = String::from_utf8_lossy(&text).into_owned();
    if !text.to_ascii_lowercase().contains("connection: close") {
        *kept = Some(stream);
    }
    judge(&text)
}
