//! A certificate that is renewed again and again while clients come, stay and ask.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::*;

const RENEWALS: usize = 50;
const REQUESTS: usize = 20_000;
const KEEP_ALIVE: usize = 4;
const NEW_CONNECTION: usize = 2;

/// What the clients have done so far.
#[derive(Default)]
struct Tally {
    end: AtomicBool,
    answered: AtomicUsize,
}

/// Requests until the end, over one connection or each over a new one; the first that fails is the result.
fn hammer(gatepost: &Gatepost, keep: bool, tally: &Arc<Tally>) -> JoinHandle<std::io::Result<()>> {
    let (addr, tally) = (gatepost.https(), Arc::clone(tally));
    std::thread::spawn(move || {
        let client = Client::new();
        let mut kept = client.open(addr, HOST)?;
        while !tally.end.load(Ordering::Relaxed) {
            if keep {
                kept.get(HOST)?;
            } else {
                client.open(addr, HOST)?.get(HOST)?;
            }
            tally.answered.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    })
}

#[tokio::test]
async fn fifty_renewals_under_load_fail_no_request_and_close_no_connection() {
    let _shared = shared();
    let namespace = Namespace::new("secret-load").await;
    let first = Certificate::of(HOST);
    namespace.certificate("web", &first).await;
    namespace.write(&routes("web")).await;
    let gatepost = Gatepost::start(&namespace);
    shows(gatepost.https(), HOST, &first);

    let tally = Arc::new(Tally::default());
    let clients = 0..KEEP_ALIVE + NEW_CONNECTION;
    let clients: Vec<_> = clients.map(|number| hammer(&gatepost, number < KEEP_ALIVE, &tally)).collect();
    let (mut slowest, mut slowest_write) = (Duration::ZERO, Duration::ZERO);
    for renewal in 1..=RENEWALS {
        let new = Certificate::of(HOST);
        let start = Instant::now();
        namespace.certificate("web", &new).await;
        slowest_write = slowest_write.max(start.elapsed());
        slowest = slowest.max(shows(gatepost.https(), HOST, &new));
        // the load is spread over all renewals
        let end = Instant::now() + PATIENCE;
        while tally.answered.load(Ordering::Relaxed) < REQUESTS * renewal / RENEWALS {
            let failed = clients.iter().any(JoinHandle::is_finished);
            assert!(!failed && Instant::now() < end, "a client has failed, or all stand still");
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    tally.end.store(true, Ordering::Relaxed);
    let failed: Vec<_> = clients.into_iter().filter_map(|client| client.join().unwrap().err()).collect();
    let answered = tally.answered.load(Ordering::Relaxed);
    println!(
        "{answered} requests, {} failed, {RENEWALS} renewals, slowest {slowest:?} after the write, which took {slowest_write:?} at most",
        failed.len()
    );
    assert!(failed.is_empty() && answered >= REQUESTS, "{answered}: {failed:?}");
    // counted from the API server's answer: how long that takes beside this load is not ours
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
}
