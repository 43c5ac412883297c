//! What the cells claim when a process drains.

use super::*;

const LONG: Duration = Duration::from_secs(3600);

fn expired(deadline: &Deadline) -> Option<Phase> {
    match deadline.poll_expired(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(phase) => Some(phase),
        Poll::Pending => None,
    }
}

#[test]
fn only_those_that_wait_for_a_request_are_hurried_and_a_request_in_time_lifts_it() {
    let all = Rc::new(Deadlines::default());
    let [idle, asked, body, shared] = [(); 4].map(|()| all.open());
    idle.arm(Phase::Idle, LONG);
    asked.arm(Phase::Idle, LONG);
    body.arm(Phase::Body, LONG);
    // the connection of HTTP/2 streams
    shared.arm(Phase::Idle, LONG);
    shared.disarm();
    all.hurry_idle(Duration::ZERO);
    asked.arm(Phase::Head, LONG);
    all.sweep();
    assert_eq!([&idle, &asked, &body, &shared].map(expired), [Some(Phase::Idle), None, None, None]);
}

#[test]
fn each_tunnel_ends_at_a_time_of_its_own() {
    let all = Rc::new(Deadlines::default());
    let deadlines = [(); 3].map(|()| all.open());
    for deadline in &deadlines {
        deadline.arm(Phase::Tunnel, LONG);
    }
    let mut times = [LONG, Duration::ZERO, LONG].into_iter();
    all.shut_down(LONG, || times.next().unwrap());
    all.sweep();
    assert_eq!(deadlines.each_ref().map(expired), [None, Some(Phase::Shutdown), None]);
}

#[test]
fn a_census_tells_what_owners_are_at() {
    let all = Rc::new(Deadlines::default());
    let phases = [Phase::Idle, Phase::Idle, Phase::Tunnel, Phase::Body, Phase::Head, Phase::FirstByte];
    let deadlines: Vec<Deadline> = phases.iter().map(|_| all.open()).collect();
    for (deadline, phase) in deadlines.iter().zip(phases) {
        deadline.arm(phase, LONG);
    }
    deadlines[0].disarm();
    assert_eq!(all.census(), Open { idle: 1, tunnels: 1, requests: 3 });
}
