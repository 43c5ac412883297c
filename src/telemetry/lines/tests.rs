//! What the access log's way out claims.

use std::sync::mpsc::channel;

use super::*;

/// Shows what was written.
#[derive(Clone, Default)]
struct Shown(Arc<Mutex<Vec<u8>>>);

impl Write for Shown {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // short writes, so that going on after one is tested too
        let short = bytes.len().min(1000);
        self.0.lock().unwrap().extend_from_slice(&bytes[..short]);
        Ok(short)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Blocks until the other end of the channel is gone.
struct Stalled(Receiver<()>);

impl Write for Stalled {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.recv();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn put(worker: &mut WorkerLines, now_ms: u64, text: &str) {
    worker.line(now_ms, |out| {
        out.extend_from_slice(text.as_bytes());
        out.push(b'\n');
    });
}

#[test]
fn every_line_of_every_worker_comes_out_whole_and_once() {
    let shown = Shown::default();
    let lines = Lines::start(shown.clone()).unwrap();
    std::thread::scope(|scope| {
        for name in ["a", "b", "c"] {
            let mut worker = lines.worker();
            scope.spawn(move || {
                for number in 0..1000 {
                    put(&mut worker, number, &format!("{name}{number}"));
                }
            });
        }
    });
    assert!(lines.close());
    let text = String::from_utf8(shown.0.lock().unwrap().clone()).unwrap();
    for name in ["a", "b", "c"] {
        let own: Vec<&str> = text.lines().filter(|line| line.starts_with(name)).collect();
        let expected: Vec<String> = (0..1000).map(|number| format!("{name}{number}")).collect();
        assert_eq!(own, expected);
    }
    assert_eq!(lines.dropped().load(Ordering::Relaxed), 0);
}

#[test]
fn a_stalled_output_never_stops_a_worker_and_what_it_drops_is_counted() {
    let (hold, stalled) = channel();
    let lines = Lines::start(Stalled(stalled)).unwrap();
    let mut worker = lines.worker();
    let long = "x".repeat(FULL / 4);
    for _ in 0..1000 {
        put(&mut worker, 0, &long);
    }
    // four lines a buffer; the last buffer stays with the worker, full
    let kept = 4 * BUFFERS as u64;
    assert_eq!(lines.dropped().load(Ordering::Relaxed), 1000 - kept);
    assert!(!lines.close_within(Duration::ZERO));
    // while the output still stalls: once it is told to close, the writer ends with its queue
    drop(worker);
    drop(hold);
    assert!(lines.close());
    assert_eq!(lines.dropped().load(Ordering::Relaxed), 1000 - kept);
}

#[test]
fn after_a_stall_lines_flow_again() {
    struct Gate(Receiver<()>, SyncSender<usize>);
    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.recv();
            let _ = self.1.send(bytes.len());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (open, gate) = channel();
    let (tell, told) = sync_channel(100);
    let lines = Lines::start(Gate(gate, tell)).unwrap();
    let mut worker = lines.worker();
    let long = "x".repeat(FULL);
    for _ in 0..20 {
        put(&mut worker, 0, &long);
    }
    let dropped = lines.dropped().load(Ordering::Relaxed);
    assert_eq!(dropped, 20 - BUFFERS as u64);
    drop(open);
    for _ in 0..BUFFERS - 1 {
        told.recv().unwrap();
    }
    // the buffer behind the last told one may still be on its way back, the others are there
    for _ in 0..3 {
        put(&mut worker, 0, "short");
    }
    drop(worker);
    assert!(lines.close());
    assert_eq!(lines.dropped().load(Ordering::Relaxed), dropped);
}

#[test]
fn an_output_that_fails_is_counted_and_the_worker_goes_on() {
    struct Broken;
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let lines = Lines::start(Broken).unwrap();
    let mut worker = lines.worker();
    for _ in 0..3 {
        put(&mut worker, 0, "lost");
        worker.flush();
    }
    drop(worker);
    assert!(lines.close());
    assert_eq!(lines.dropped().load(Ordering::Relaxed), 3);
}

#[test]
fn a_line_is_handed_over_when_it_is_a_second_old() {
    struct Told(SyncSender<Vec<u8>>);
    impl Write for Told {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(bytes.to_vec());
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let (tell, told) = sync_channel(10);
    let lines = Lines::start(Told(tell)).unwrap();
    let mut worker = lines.worker();
    put(&mut worker, 5_000, "first");
    worker.tick(5_999);
    put(&mut worker, 5_999, "second");
    worker.tick(6_000);
    assert_eq!(told.recv().unwrap(), b"first\nsecond\n");
    put(&mut worker, 6_000, "third");
    drop(worker);
    assert_eq!(told.recv().unwrap(), b"third\n");
}
