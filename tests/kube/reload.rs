//! The reload test: edits under load cut nobody.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::app::{App, SLOW, slow_body};
use crate::client::Client;
use crate::process::Gatepost;
use crate::testbed::{Namespace, PATIENCE, shared};

const EDITS: usize = 50;
const REQUESTS: usize = 20_000;
const KEEP_ALIVE: usize = 8;
const NEW_CONNECTION: usize = 4;

/// What the clients have seen so far.
#[derive(Default)]
struct Tally {
    end: AtomicBool,
    answered: AtomicUsize,
    failed: Mutex<Vec<String>>,
}

/// An edit in every way that leaves two hosts served: their app changes, routes come, move and go.
fn routes(edit: usize, one: &App, two: &App) -> String {
    let app = if edit.is_multiple_of(2) { one } else { two };
    let (one, app) = (one.backend(), app.backend());
    let others: String =
        (0..edit % 7).map(|n| format!("- {{host: other-{n}.example.com, backend: '{app}'}}\n")).collect();
    let stay = format!("- {{host: stay.example.com, backend: '{one}'}}\n");
    let swap = format!("- {{host: swap.example.com, path: /, backend: '{app}'}}\n");
    if edit.is_multiple_of(3) {
        format!("routes:\n{stay}{others}{swap}")
    } else {
        format!("routes:\n{swap}{stay}{others}")
    }
}

/// Requests until the end; each answer's status and body are checked, and nothing is ever tried again.
fn hammer(number: usize, client: Client, keep: bool, tally: Arc<Tally>) -> JoinHandle<()> {
    let mut client = client;
    std::thread::spawn(move || {
        let mut sent = 0;
        while !tally.end.load(Ordering::Relaxed) {
            sent += 1;
            let host = if sent % 2 == 0 { "swap.example.com" } else { "stay.example.com" };
            let path = format!("/{number}/{sent}");
            let right = match client.get(host, &path) {
                Ok(answer) if answer.status == 200 => {
                    let body = answer.text();
                    let is_one = body == format!("one {path}");
                    let is_two = body == format!("two {path}") && host == "swap.example.com";
                    if is_one || is_two { Ok(()) } else { Err(format!("{host}{path}: body {body:?}")) }
                }
                Ok(answer) => Err(format!("{host}{path}: status {} {}", answer.status, answer.text())),
                Err(error) => Err(format!("{host}{path}: {error}")),
            };
            if let Err(failure) = right {
                tally.failed.lock().unwrap().push(failure);
            }
            tally.answered.fetch_add(1, Ordering::Relaxed);
            if !keep {
                client.close();
            }
        }
        if keep && client.connections != 1 {
            tally.failed.lock().unwrap().push(format!("client {number} was closed {} times", client.connections - 1));
        }
    })
}

/// One long answer that stands open during all edits.
fn long(client: Client, path: &'static str) -> JoinHandle<std::io::Result<(u16, Vec<u8>)>> {
    let mut client = client;
    client.latest = PATIENCE * 5;
    std::thread::spawn(move || client.get("stay.example.com", path).map(|answer| (answer.status, answer.body)))
}

#[tokio::test]
async fn fifty_edits_under_load_fail_no_request_and_close_no_connection() {
    let _shared = shared();
    let namespace = Namespace::new("reload").await;
    let (one, two) = (App::start("one"), App::start("two"));
    namespace.write(&routes(0, &one, &two)).await;
    let gatepost = Gatepost::start(&namespace);
    gatepost.applied(1);

    let tally = Arc::new(Tally::default());
    let download = long(gatepost.client(), "/slow");
    let poll = long(gatepost.client(), "/poll");
    one.polled();
    let keep = |number| number < KEEP_ALIVE;
    let clients: Vec<_> = (0..KEEP_ALIVE + NEW_CONNECTION)
        .map(|number| hammer(number, gatepost.client(), keep(number), Arc::clone(&tally)))
        .collect();
    let mut slowest = Duration::ZERO;
    for edit in 1..=EDITS {
        let start = Instant::now();
        namespace.write(&routes(edit, &one, &two)).await;
        gatepost.applied(edit as u64 + 1);
        slowest = slowest.max(start.elapsed());
        one.pace(SLOW * edit / (EDITS + 1));
        // the load is spread over all edits
        let end = Instant::now() + PATIENCE;
        while tally.answered.load(Ordering::Relaxed) < REQUESTS * edit / EDITS {
            assert!(Instant::now() < end, "the clients stand still: {:?}", tally.failed.lock().unwrap());
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    assert!(!download.is_finished() && !poll.is_finished(), "an answer ended before it should");
    tally.end.store(true, Ordering::Relaxed);
    clients.into_iter().for_each(|client| client.join().unwrap());
    one.pace(SLOW);
    one.release();
    let (status, body) = download.join().unwrap().expect("the download");
    assert!(status == 200 && body == slow_body(), "the download: {status}, {} bytes", body.len());
    assert_eq!(poll.join().unwrap().expect("the long poll"), (200, b"one /poll".to_vec()));

    let (answered, failed) = (tally.answered.load(Ordering::Relaxed), tally.failed.lock().unwrap());
    println!("{answered} requests, {} failed, {EDITS} edits, slowest {slowest:?} from write to live", failed.len());
    assert!(failed.is_empty(), "{} of {answered} failed: {:?}", failed.len(), &failed[..failed.len().min(10)]);
    assert!(answered >= REQUESTS, "{answered} requests");
}
