//! What a probe claims, over real sockets of this machine.

use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// A pod that no other test has.
fn pod() -> PodUid {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)).parse().unwrap()
}

/// The answer to a probe of a process that is asked on a thread of its own.
async fn asked(pod: &PodUid) -> Result<Vec<String>, Unanswered> {
    let pod = pod.clone();
    tokio::task::spawn_blocking(move || ask(&pod)).await.unwrap()
}

/// Asks until somebody has the name.
async fn answered(pod: &PodUid) -> Vec<String> {
    loop {
        match asked(pod).await {
            Err(Unanswered::Nobody(_)) => tokio::task::yield_now().await,
            answer => return answer.unwrap(),
        }
    }
}

/// A process that answers whoever comes first with this.
fn says(pod: &PodUid, text: &'static [u8]) -> std::thread::JoinHandle<()> {
    let listener = listen(pod).unwrap();
    listener.set_nonblocking(false).unwrap();
    std::thread::spawn(move || listener.accept().unwrap().0.write_all(text).unwrap())
}

#[tokio::test]
async fn a_process_tells_what_it_is_not_ready_for_and_nobody_tells_nothing() {
    let pod = pod();
    assert!(matches!(ask(&pod), Err(Unanswered::Nobody(_))));
    let readiness = Readiness::new();
    let (routes, listeners) = (readiness.condition("routes"), readiness.condition("listeners"));
    tokio::spawn(run(pod.clone(), readiness));
    assert_eq!(answered(&pod).await, ["routes", "listeners"]);
    listeners.set(true);
    assert_eq!(asked(&pod).await.unwrap(), ["routes"]);
    routes.set(true);
    assert!(asked(&pod).await.unwrap().is_empty());
}

#[tokio::test]
async fn two_pods_never_answer_for_each_other() {
    let (ready, not) = (pod(), pod());
    let readiness = Readiness::new();
    readiness.condition("routes");
    tokio::spawn(run(not.clone(), readiness));
    tokio::spawn(run(ready.clone(), Readiness::new()));
    assert!(answered(&ready).await.is_empty());
    assert_eq!(answered(&not).await, ["routes"]);
}

#[tokio::test]
async fn a_name_that_is_in_use_is_had_as_soon_as_it_is_free() {
    let pod = pod();
    let holder = listen(&pod).unwrap();
    tokio::spawn(run(pod.clone(), Readiness::new()));
    tokio::task::yield_now().await;
    drop(holder);
    assert!(answered(&pod).await.is_empty());
}

#[test]
fn a_process_that_hangs_is_given_up() {
    let pod = pod();
    let _listener = listen(&pod).unwrap();
    assert!(matches!(ask(&pod), Err(Unanswered::Late)));
}

#[test]
fn a_process_that_hangs_is_given_up_also_when_its_queue_is_full() {
    let pod = pod();
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    listener.bind(&pod.address().unwrap()).unwrap();
    listener.listen(0).unwrap();
    let first = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    first.connect(&pod.address().unwrap()).unwrap();
    assert!(matches!(ask(&pod), Err(Unanswered::Late)));
}

#[test]
fn what_is_no_whole_answer_is_none() {
    let long: &'static [u8] = Box::leak(b"missing: x\n".repeat(1000).into_boxed_slice());
    for text in [b"".as_slice(), b"ok", b"missing: rou", b"\n", b"ok\nok\n", b"\xff\n", b"yes\n", long] {
        let pod = pod();
        let peer = says(&pod, text);
        // one that says too much finds the line cut
        let answer = ask(&pod);
        assert!(matches!(answer, Err(Unanswered::Garbled)), "{answer:?} to {text:?}");
        drop(peer);
    }
}

#[test]
fn a_uid_is_short_and_printable() {
    assert!("5b6f1c1e-30a4-4d6e-8c5e-0a3c0e6f1d2b".parse::<PodUid>().is_ok());
    for bad in ["", "a b", "a\0", "é", &"x".repeat(LONGEST + 1)] {
        assert!(bad.parse::<PodUid>().is_err(), "{bad:?}");
    }
}
