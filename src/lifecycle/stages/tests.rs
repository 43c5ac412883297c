//! What the order of the end claims.

use tokio::sync::{mpsc, oneshot};

use super::*;

struct Process {
    signal: mpsc::UnboundedSender<Signal>,
    readiness: Readiness,
    stage: watch::Receiver<Stage>,
    drained: oneshot::Sender<()>,
    run: tokio::task::JoinHandle<(Ended, Duration)>,
}

const TIMES: Times = Times { lame_duck: Duration::ZERO, tunnels: Duration::from_secs(300) };

/// A process in a pod whose lame duck time is as given, with how long its end took.
fn process(lame_duck: Duration) -> Process {
    let readiness = Readiness::new();
    let lifecycle = Lifecycle::new(&readiness);
    let stage = lifecycle.stage();
    let (signal, mut signals) = Signals::of_channel();
    let (drained, done) = oneshot::channel();
    let run = tokio::spawn(async move {
        let began = tokio::time::Instant::now();
        let done = async move {
            let _ = done.await;
        };
        let farewell =
            Farewell { is_pod: true, times: || Times { lame_duck, ..TIMES }, drained: done, open: Open::default };
        (lifecycle.run(&mut signals, &mut Succession::none(), farewell).await, began.elapsed())
    });
    Process { signal, readiness, stage, drained, run }
}

#[tokio::test(start_paused = true)]
async fn after_a_signal_it_is_not_ready_but_serves_on_then_drains_then_stops() {
    let mut process = process(Duration::from_secs(130));
    assert!(process.readiness.is_ready());
    process.signal.send(Signal::Terminate).unwrap();
    process.stage.changed().await.unwrap();
    assert_eq!(*process.stage.borrow_and_update(), Stage::LameDuck);
    assert_eq!(process.readiness.missing(), ["not shutting down"]);
    process.stage.changed().await.unwrap();
    let stage = *process.stage.borrow_and_update();
    assert!(matches!(stage, Stage::Draining { requests_until, tunnels_until, .. } if tunnels_until < requests_until));
    process.drained.send(()).unwrap();
    let (ended, took) = process.run.await.unwrap();
    assert_eq!((ended, took), (Ended::Drained, Duration::from_secs(130)));
    assert_eq!(*process.stage.borrow(), Stage::Stopped);
}

#[tokio::test(start_paused = true)]
async fn without_lame_duck_time_it_drains_at_once() {
    let mut process = process(Duration::ZERO);
    process.signal.send(Signal::Interrupt).unwrap();
    process.stage.changed().await.unwrap();
    assert!(matches!(*process.stage.borrow_and_update(), Stage::Draining { .. }));
}

#[tokio::test(start_paused = true)]
async fn who_never_drains_is_waited_for_no_longer_than_the_bound() {
    let process = process(Duration::ZERO);
    process.signal.send(Signal::Terminate).unwrap();
    let (ended, took) = process.run.await.unwrap();
    assert_eq!((ended, took), (Ended::Drained, REQUESTS + SLACK));
    drop(process.drained);
}

#[tokio::test(start_paused = true)]
async fn who_drains_while_it_still_serves_ends_the_wait() {
    let mut process = process(Duration::from_secs(130));
    process.signal.send(Signal::Terminate).unwrap();
    process.stage.changed().await.unwrap();
    process.drained.send(()).unwrap();
    assert_eq!(process.run.await.unwrap(), (Ended::Drained, Duration::ZERO));
}

#[tokio::test(start_paused = true)]
async fn a_second_signal_ends_at_once_with_its_own_code() {
    let mut process = process(Duration::from_secs(130));
    process.signal.send(Signal::Terminate).unwrap();
    process.stage.changed().await.unwrap();
    process.signal.send(Signal::Interrupt).unwrap();
    let (ended, took) = process.run.await.unwrap();
    assert_eq!((ended, took), (Ended::AtOnce(Signal::Interrupt), Duration::ZERO));
    assert_eq!((Signal::Interrupt.exit_code(), Signal::Terminate.exit_code()), (130, 143));
}

#[test]
fn stages_are_ordered() {
    let now = Instant::now();
    let draining = Stage::Draining { requests_until: now, tunnels_until: now, has_successor: false };
    assert!(Stage::Serving < Stage::HandingOver && Stage::HandingOver < Stage::LameDuck);
    assert!(Stage::Serving < Stage::LameDuck && Stage::LameDuck < draining && draining < Stage::Stopped);
}
