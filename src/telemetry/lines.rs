//! The access log's way out: buffers of the workers, one writer thread, nothing that a worker could wait for.
//!
//! Doors: [`Lines::start`], [`Lines::worker`] for each thread, [`Lines::close`] at the end. A worker fills a buffer and
//! hands it over; it comes back when it is written. When standard output stalls, every buffer of the worker is on its
//! way and further lines are dropped and counted.

use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A buffer with this much in it is handed over.
const FULL: usize = 64 * 1024;
/// Buffers of one worker, so at most 512 KiB (and one line each) wait for the writer.
const BUFFERS: usize = 8;
/// Buffers of all workers that can be under way; more than 128 workers share.
const QUEUE: usize = 1024;
/// A line is on its way after this, in milliseconds.
const MAX_AGE_MS: u64 = 1000;
/// How long [`Lines::close`] waits for a stalled output.
const CLOSE: Duration = Duration::from_secs(2);
/// How long the writer waits before it tries an output again that said it would block.
const RETRY: Duration = Duration::from_millis(10);

/// The access log of the process.
#[derive(Debug, Clone)]
pub struct Lines {
    queue: SyncSender<Batch>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    dropped: Arc<AtomicU64>,
    closing: AtomicBool,
    /// Disconnects when the writer has ended.
    ended: Mutex<Receiver<()>>,
}

/// A buffer under way.
#[derive(Debug)]
struct Batch {
    bytes: Vec<u8>,
    lines: u64,
    /// Where the empty buffer goes; `None` only wakes the writer.
    back: Option<SyncSender<Vec<u8>>>,
}

/// One thread's end. What it holds is handed over when it is dropped.
#[derive(Debug)]
pub struct WorkerLines {
    lines: Lines,
    bytes: Vec<u8>,
    count: u64,
    first_ms: u64,
    made: usize,
    back: SyncSender<Vec<u8>>,
    empty: Receiver<Vec<u8>>,
}

impl Lines {
    /// Starts the writer thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(out: impl Write + Send + 'static) -> io::Result<Lines> {
        let (queue, batches) = sync_channel(QUEUE);
        let (alive, ended) = sync_channel(1);
        let shared =
            Arc::new(Shared { dropped: Arc::default(), closing: AtomicBool::new(false), ended: Mutex::new(ended) });
        let writer = Writer { batches, out, shared: shared.clone(), _alive: alive };
        std::thread::Builder::new().name("access log".to_owned()).spawn(move || writer.run())?;
        Ok(Lines { queue, shared })
    }

    /// An end for one thread.
    pub fn worker(&self) -> WorkerLines {
        let (back, empty) = sync_channel(BUFFERS);
        WorkerLines { lines: self.clone(), bytes: Vec::new(), count: 0, first_ms: 0, made: 1, back, empty }
    }

    /// Lines that were dropped or could not be written, for the metrics.
    pub fn dropped(&self) -> Arc<AtomicU64> {
        self.shared.dropped.clone()
    }

    /// Waits until all that was handed over is written, at most two seconds. Workers must have ended before. Says
    /// whether everything went out.
    pub fn close(&self) -> bool {
        self.close_within(CLOSE)
    }

    fn close_within(&self, bound: Duration) -> bool {
        let deadline = Instant::now() + bound;
        self.shared.closing.store(true, Ordering::Release);
        // a full queue needs no waking
        let _ = self.queue.try_send(Batch { bytes: Vec::new(), lines: 0, back: None });
        let ended = self.shared.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let left = deadline.saturating_duration_since(Instant::now());
        ended.recv_timeout(left) == Err(RecvTimeoutError::Disconnected)
    }
}

impl WorkerLines {
    /// Adds one line by what `write` appends, its line end included, or drops it when there is no room.
    #[inline]
    pub fn line(&mut self, now_ms: u64, write: impl FnOnce(&mut Vec<u8>)) {
        if self.bytes.len() >= FULL {
            self.hand_over();
            if self.bytes.len() >= FULL {
                self.lines.shared.dropped.fetch_add(1, Ordering::Relaxed);
                return;
            }
        }
        if self.count == 0 {
            self.first_ms = now_ms;
            // once per buffer: room for the line that passes the mark
            self.bytes.reserve(FULL + FULL / 8);
        }
        write(&mut self.bytes);
        self.count += 1;
        if self.bytes.len() >= FULL {
            self.hand_over();
        }
    }

    /// To be called about once a second: hands over what is a second old.
    pub fn tick(&mut self, now_ms: u64) {
        if self.count > 0 && now_ms.saturating_sub(self.first_ms) >= MAX_AGE_MS {
            self.hand_over();
        }
    }

    /// Hands the buffer over, whatever its age, if another one can take its place; else keeps it.
    pub fn flush(&mut self) {
        if self.count > 0 {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        let next = match self.empty.try_recv() {
            Ok(buffer) => buffer,
            Err(_) if self.made < BUFFERS => {
                self.made += 1;
                Vec::new()
            }
            Err(_) => return,
        };
        self.send(next);
    }

    fn send(&mut self, next: Vec<u8>) {
        let bytes = std::mem::replace(&mut self.bytes, next);
        let batch = Batch { bytes, lines: self.count, back: Some(self.back.clone()) };
        match self.lines.queue.try_send(batch) {
            Ok(()) => self.count = 0,
            Err(TrySendError::Full(batch)) => {
                // the spare one is let go of and made anew later
                self.bytes = batch.bytes;
                self.made -= 1;
            }
            Err(TrySendError::Disconnected(batch)) => {
                self.lines.shared.dropped.fetch_add(batch.lines, Ordering::Relaxed);
                self.bytes = batch.bytes;
                self.bytes.clear();
                self.count = 0;
                self.made -= 1;
            }
        }
    }
}

impl Drop for WorkerLines {
    fn drop(&mut self) {
        if self.count > 0 {
            self.send(Vec::new());
            self.lines.shared.dropped.fetch_add(self.count, Ordering::Relaxed);
        }
    }
}

/// The thread behind [`Lines`].
struct Writer<W> {
    batches: Receiver<Batch>,
    out: W,
    shared: Arc<Shared>,
    _alive: SyncSender<()>,
}

impl<W: Write> Writer<W> {
    fn run(mut self) {
        loop {
            let closing = self.shared.closing.load(Ordering::Acquire);
            let batch = if closing { self.batches.try_recv().ok() } else { self.batches.recv().ok() };
            let Some(Batch { mut bytes, lines, back }) = batch else { return };
            if self.write(&bytes).is_err() {
                // nobody reads: the proxy serves on, and the next buffer tries anew
                self.shared.dropped.fetch_add(lines, Ordering::Relaxed);
            }
            bytes.clear();
            // one huge line must not hold its memory for good
            bytes.shrink_to(2 * FULL);
            if let Some(back) = back {
                let _ = back.try_send(bytes);
            }
        }
    }

    fn write(&mut self, mut rest: &[u8]) -> io::Result<()> {
        while !rest.is_empty() {
            match self.out.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // a terminal shared with a program that made it non-blocking
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => std::thread::sleep(RETRY),
                Err(error) => return Err(error),
            }
        }
        self.out.flush()
    }
}

#[cfg(test)]
mod tests;
