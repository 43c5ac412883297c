//! What the order of the end claims.

use tokio::sync::{mpsc, oneshot};

use super::*;

struct Process {
    successor: watch::Sender<Successor>,
    signal: mpsc::UnboundedSender<Signal>,
    readiness: Readiness,
    stage: watch::Receiver<Stage>,
    drained: oneshot::Sender<()>,
    run: tokio::task::JoinHandle<(Ended, Duration)>,
}

const TIMES: Times = Times { lame_duck: Duration::ZERO, tunnels: Duration::from_secs(300) };

/// A process in a pod whose lame duck time is as given, with how long its end took.
fn process(lame_duck: Duration) -> Process {
    start(true, Times { lame_duck, ..TIMES })
}

fn start(is_pod: bool, times: Times) -> Process {
    let readiness = Readiness::new();
    let lifecycle = Lifecycle::new(&readiness);
    let stage = lifecycle.stage();
    let (signal, mut signals) = Signals::of_channel();
    let (drained, done) = oneshot::channel();
    let (successor, follows) = watch::channel(Successor::None);
    let run = tokio::spawn(async move {
        let began = tokio::time::Instant::now();
        let drained = async move {
            let _ = done.await;
        };
        let farewell = Farewell { is_pod, times: || times, drained, open: Open::default };
        let mut succession = Succession::of(follows);
        (lifecycle.run(&mut signals, &mut succession, farewell).await, began.elapsed())
    });
    Process { successor, signal, readiness, stage, drained, run }
}

impl Process {
    async fn next_stage(&mut self) -> Stage {
        self.stage.changed().await.unwrap();
        *self.stage.borrow_and_update()
    }

    /// Lets it come to where it waits.
    async fn settles(&self) {
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
    }
}

fn has_successor(stage: Stage) -> Option<bool> {
    if let Stage::Draining { has_successor, .. } = stage { Some(has_successor) } else { None }
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

#[tokio::test(start_paused = true)]
async fn with_a_successor_that_does_well_nothing_is_waited_for_and_tunnels_get_their_time() {
    let mut process = process(Duration::from_secs(130));
    process.successor.send_replace(Successor::Confirmed);
    process.signal.send(Signal::Terminate).unwrap();
    let stage = process.next_stage().await;
    assert_eq!(has_successor(stage), Some(true));
    let (ended, took) = process.run.await.unwrap();
    assert_eq!((ended, took), (Ended::Drained, TIMES.tunnels + SLACK));
    drop(process.drained);
}

#[tokio::test(start_paused = true)]
async fn no_tunnel_is_given_more_than_a_pod_has() {
    let hours = Times { tunnels: Duration::from_secs(7200), ..TIMES };
    for (is_pod, longest) in [(true, GRACE), (false, hours.tunnels + SLACK)] {
        let process = start(is_pod, hours);
        process.successor.send_replace(Successor::Confirmed);
        if is_pod {
            process.signal.send(Signal::Terminate).unwrap();
        }
        let (_, took) = process.run.await.unwrap();
        assert!(took <= longest && took > longest - LAST, "{took:?}");
        drop(process.drained);
    }
}

#[tokio::test(start_paused = true)]
async fn after_the_longest_lame_duck_time_a_pod_still_ends_by_itself() {
    let process = process(Duration::from_secs(310));
    process.signal.send(Signal::Terminate).unwrap();
    let (ended, took) = process.run.await.unwrap();
    assert!(ended == Ended::Drained && took < GRACE, "{took:?}");
    drop(process.drained);
}

#[tokio::test(start_paused = true)]
async fn a_successor_on_probation_is_waited_for_and_no_longer_than_its_ten_seconds() {
    let mut process = process(Duration::from_secs(130));
    process.successor.send_replace(Successor::Probation);
    process.signal.send(Signal::Terminate).unwrap();
    assert_eq!(process.next_stage().await, Stage::HandingOver);
    let began = tokio::time::Instant::now();
    assert_eq!(has_successor(process.next_stage().await), Some(true));
    assert_eq!(began.elapsed(), WELL);
}

#[tokio::test(start_paused = true)]
async fn a_successor_that_dies_leaves_lame_duck_time_which_another_one_ends() {
    let mut process = process(Duration::from_secs(130));
    process.successor.send_replace(Successor::Probation);
    process.signal.send(Signal::Terminate).unwrap();
    assert_eq!(process.next_stage().await, Stage::HandingOver);
    process.successor.send_replace(Successor::None);
    assert_eq!(process.next_stage().await, Stage::LameDuck);
    process.successor.send_replace(Successor::Probation);
    process.settles().await;
    // what was told cannot be taken back
    assert_eq!(*process.stage.borrow(), Stage::LameDuck);
    process.successor.send_replace(Successor::Confirmed);
    assert_eq!(has_successor(process.next_stage().await), Some(true));
}

#[tokio::test(start_paused = true)]
async fn successors_that_come_and_go_do_not_stretch_the_lame_duck_time() {
    let mut process = process(Duration::from_secs(130));
    process.signal.send(Signal::Terminate).unwrap();
    let began = tokio::time::Instant::now();
    assert_eq!(process.next_stage().await, Stage::LameDuck);
    for _ in 0..20 {
        tokio::time::advance(Duration::from_secs(6)).await;
        process.successor.send_replace(Successor::Probation);
        process.settles().await;
        process.successor.send_replace(Successor::None);
        process.settles().await;
    }
    assert_eq!(has_successor(process.next_stage().await), Some(false));
    assert_eq!(began.elapsed(), Duration::from_secs(130));
}

#[tokio::test(start_paused = true)]
async fn outside_a_pod_a_process_ends_by_itself_once_its_successor_does_well() {
    let mut process = start(false, TIMES);
    process.successor.send_replace(Successor::Probation);
    process.settles().await;
    assert_eq!(*process.stage.borrow(), Stage::Serving);
    process.successor.send_replace(Successor::Confirmed);
    assert_eq!(has_successor(process.next_stage().await), Some(true));
    process.drained.send(()).unwrap();
    assert_eq!(process.run.await.unwrap().0, Ended::Drained);
    // in a pod the kubelet says when, and would start it again
    let process = start(true, TIMES);
    process.successor.send_replace(Successor::Confirmed);
    process.settles().await;
    assert_eq!(*process.stage.borrow(), Stage::Serving);
}

#[test]
fn stages_are_ordered() {
    let now = Instant::now();
    let draining = Stage::Draining { requests_until: now, tunnels_until: now, has_successor: false };
    assert!(Stage::Serving < Stage::HandingOver && Stage::HandingOver < Stage::LameDuck);
    assert!(Stage::Serving < Stage::LameDuck && Stage::LameDuck < draining && draining < Stage::Stopped);
}
