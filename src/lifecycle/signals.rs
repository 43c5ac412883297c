//! The two signals that end the process. The door is [`Signals::next`].

use tokio::sync::mpsc;

/// Why the process should end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// From whoever runs the process: `SIGTERM`.
    Terminate,
    /// From the keyboard: `SIGINT`.
    Interrupt,
}

impl Signal {
    /// The exit code of a process that such a signal ends at once: 128 and its number.
    pub fn exit_code(self) -> u8 {
        match self {
            Signal::Terminate => 128 + 15,
            Signal::Interrupt => 128 + 2,
        }
    }
}

/// Where signals come from.
#[derive(Debug)]
pub struct Signals(Source);

#[derive(Debug)]
enum Source {
    System { terminate: tokio::signal::unix::Signal, interrupt: tokio::signal::unix::Signal },
    Channel(mpsc::UnboundedReceiver<Signal>),
}

impl Signals {
    /// Those of the system, which from now on no longer end the process by themselves. Needs a runtime.
    ///
    /// # Errors
    /// When the system refuses the handlers.
    pub fn of_system() -> std::io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Signals(Source::System { terminate, interrupt }))
    }

    /// Those that somebody in this process sends.
    pub fn of_channel() -> (mpsc::UnboundedSender<Signal>, Signals) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (sender, Signals(Source::Channel(receiver)))
    }

    /// Waits for the next one; forever when there can be none. May be dropped without losing a signal.
    pub async fn next(&mut self) -> Signal {
        let next = match &mut self.0 {
            Source::Channel(receiver) => receiver.recv().await,
            Source::System { terminate, interrupt } => tokio::select! {
                got = terminate.recv() => got.map(|()| Signal::Terminate),
                got = interrupt.recv() => got.map(|()| Signal::Interrupt),
            },
        };
        match next {
            Some(signal) => signal,
            None => std::future::pending().await,
        }
    }
}
