//! Whoever asks for the listeners, or is asked for them, may hang, die, or be somebody else: no client notices.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::support::Client;
use crate::support::load::Load;
use crate::support::peer::{Host, Peer, borrowed, name};
use crate::support::serving::{Process, Starting, ask, place, process, process_without_routes};

const HELLO: &str = "routes: [{host: a.test, respond: {status: 200, body: hello}}]";

fn hello(addr: SocketAddr) -> Starting {
    process(HELLO).http(addr)
}

fn answers(addr: SocketAddr) {
    let answer = ask(addr).expect("an answer");
    assert!(answer.ends_with("hello"), "{answer}");
}

/// Another user's program, in Perl, which is on every Debian; the name is its argument. `S` is its socket, `$to` the name.
fn other_user(script: &str, name: &str) -> Child {
    let begin = r#"$| = 1; socket(S, AF_UNIX, SOCK_SEQPACKET, 0) or die; my $to = pack_sockaddr_un("\0" . shift);"#;
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--reuid", "12345", "--regid", "12345", "--clear-groups", "/usr/bin/perl"]);
    command.args(["-MSocket", "-e"]).arg(format!("{begin} {script}")).arg(name);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("setpriv and perl")
}

fn line_of(child: &mut Child) -> String {
    let mut line = String::new();
    let stdout = child.stdout.as_mut().expect("a pipe");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).expect("a line");
    line
}

// === whoever asks ===

#[test]
fn a_process_that_takes_the_sockets_and_says_nothing_more_is_forgotten() {
    let addr = place();
    let first = hello(addr).serving();
    let load = Load::on(addr);
    let (_peer, offer, fds) = Peer::asks(addr);
    let listeners = offer["listeners"].as_array().unwrap();
    assert!(listeners.iter().any(|listener| listener["addr"] == addr.to_string()), "{listeners:?}");
    assert!(fds.len() >= 3);
    let line = first.says("The hand-over has ended");
    assert_eq!(line["why"], "nothing was heard of it for 5 s");
    load.goes_on(20);
    load.all_answered();
}

#[test]
fn a_process_that_says_it_accepts_and_does_not_costs_its_clients_three_seconds_and_no_connection() {
    let addr = place();
    let first = hello(addr).serving();
    let (peer, _offer, _fds) = Peer::asks(addr);
    peer.says(json!({"type": "accepting"}));
    assert_eq!(peer.hears().unwrap(), json!({"type": "yielded"}));
    let load = Load::on(addr);
    let line = first.says("The successor is gone");
    assert_eq!(line["why"], "nothing was heard of it for 3 s");
    load.goes_on(20);
    load.all_answered();
    // it is told, for when it wakes up
    assert_eq!(peer.hears(), Some(json!({"type": "accepting"})));
    // until then it keeps nobody from asking
    let (other, _offer, _fds) = Peer::asks(addr);
    assert_eq!(peer.hears(), None);
    other.says(json!({"type": "accepting"}));
    assert_eq!(other.hears(), Some(json!({"type": "yielded"})));
}

#[test]
fn whoever_connects_and_asks_for_nothing_holds_nobody_up() {
    let addr = place();
    let first = hello(addr).serving();
    let silent = Peer::connects(addr);
    for packet in [&b"\x00\x01"[..], b"{}", b"[1]", br#"{"type":"ask"}"#, br#"{"type":"alive","ready":true}"#] {
        let peer = Peer::connects(addr);
        peer.sends(packet, &[]);
        assert_eq!(peer.hears(), None);
    }
    let (_peer, offer, _fds) = Peer::asks(addr);
    assert_eq!(offer["type"], "offer");
    assert_eq!(silent.hears(), None);
    first.says("Somebody who connected asks for nothing");
    answers(addr);
}

#[test]
fn garbage_in_the_middle_of_a_hand_over_ends_it() {
    let addr = place();
    let first = hello(addr).serving();
    for (round, accepts) in [false, true].into_iter().enumerate() {
        let (peer, _offer, fds) = Peer::asks(addr);
        if accepts {
            peer.says(json!({"type": "accepting"}));
            assert_eq!(peer.hears().unwrap()["type"], "yielded");
        }
        // what is not known is nothing
        peer.says(json!({"type": "weather", "rain": 1}));
        peer.sends(b"not a message", &borrowed(&fds[..1]));
        first.says_again("The hand-over has ended", round + 1);
        answers(addr);
    }
}

#[test]
fn another_major_version_is_refused_with_the_reason() {
    let addr = place();
    let first = hello(addr).serving();
    let peer = Peer::connects(addr);
    peer.says(json!({"type": "ask", "protocol": 2, "version": "9.0.0", "pid": 1, "more": []}));
    let refusal = peer.hears().unwrap();
    assert_eq!(refusal["type"], "refuse");
    assert_eq!(refusal["why"], "protocol 2 is not spoken here, but 1");
    first.says("A process that asks for the listeners is refused");
    answers(addr);
}

#[test]
fn who_asks_while_another_one_starts_up_waits_for_it() {
    let addr = place();
    let first = hello(addr).serving();
    let (peer, _offer, fds) = Peer::asks(addr);
    let other = Peer::connects(addr);
    other.says(json!({"type": "ask", "protocol": 1}));
    assert_eq!(other.hears().unwrap()["type"], "wait");
    let second = hello(addr).take_over().start();
    second.says("The process that serves has to be asked again");
    peer.says(json!({"type": "alive", "ready": false}));
    drop((peer, fds));
    second.says("Serves with the listeners of the predecessor");
    first.says("The successor accepts");
    answers(addr);
}

#[test]
fn who_waits_is_held_until_the_process_that_serves_dies() {
    let addr = place();
    let first = hello(addr).serving();
    let (_peer, _offer, fds) = Peer::asks(addr);
    let waiting = [(); 2].map(|()| {
        let peer = Peer::connects(addr);
        peer.says(json!({"type": "ask", "protocol": 1}));
        assert_eq!(peer.hears().unwrap()["type"], "wait");
        peer
    });
    // when the second was answered, the first had been long ago
    assert!(waiting[0].is_held());
    drop((first, fds));
    assert!(waiting.iter().all(|peer| peer.hears().is_none()));
}

#[test]
fn another_user_gets_no_word() {
    let addr = place();
    let first = hello(addr).serving();
    let script = r#"connect(S, $to) or die; send(S, '{"type":"ask","protocol":1}', 0); recv(S, my $word, 9, 0);
        print length($word), "\n";"#;
    let mut other = other_user(script, &name(addr));
    assert_eq!(line_of(&mut other), "0\n");
    other.wait().unwrap();
    assert_eq!(first.says("Another user asks for the listeners")["uid"], 12345);
    answers(addr);
}

#[test]
fn a_process_that_dies_while_it_starts_up_is_forgotten() {
    let addr = place();
    let first = hello(addr).serving();
    let load = Load::on(addr);
    // without a routes file it is never ready, and in a pod it waits for one
    let second = process_without_routes().http(addr).in_pod().start();
    second.says("Took over the listeners");
    load.goes_on(20);
    second.signal("KILL");
    first.says("The hand-over has ended");
    load.goes_on(20);
    load.all_answered();
}

#[test]
fn a_process_that_goes_while_another_one_starts_up_leaves_it_all() {
    let addr = place();
    let first = hello(addr).serving();
    let starting = process_without_routes().http(addr).in_pod();
    let second = starting.start();
    second.says("Took over the listeners");
    let (status, log) = first.terminated();
    assert!(status.success(), "{log}");
    second.says("The predecessor does not stand by any more");
    // nobody accepts yet, and nobody is refused
    let waiting = std::thread::spawn(move || ask(addr));
    starting.write_routes(HELLO);
    assert!(waiting.join().unwrap().unwrap().ends_with("hello"));
}

// === whoever is asked ===

/// Sockets of a process that is asked, and what it tells of them.
fn listeners(addr: SocketAddr, count: usize) -> (Value, Vec<OwnedFd>) {
    let socket = TcpListener::bind(addr).unwrap();
    let fds = (0..count).map(|_| OwnedFd::from(socket.try_clone().unwrap())).collect();
    (offer(addr, count), fds)
}

fn offer(addr: SocketAddr, count: usize) -> Value {
    let listeners = json!([{"kind": "http", "addr": addr.to_string(), "sockets": count}]);
    json!({"type": "offer", "protocol": 1, "listeners": listeners})
}

/// Starts a process that asks somebody who answers so; how it goes on.
fn asked(addr: SocketAddr, answer: impl FnOnce(&Peer)) -> Process {
    let host = Host::listens(&name(addr));
    let process = hello(addr).take_over().start();
    let (peer, question) = host.asked();
    assert_eq!((&question["type"], &question["protocol"]), (&json!("ask"), &json!(1)));
    answer(&peer);
    process.says("Listens beside the process that serves");
    process.says("Routes applied");
    process
}

#[test]
fn whoever_gives_nothing_good_is_not_waited_for_and_the_process_listens_for_itself() {
    let udp = |_: SocketAddr| OwnedFd::from(UdpSocket::bind("127.0.0.1:0").unwrap());
    let pipe = |_: SocketAddr| OwnedFd::from(std::io::pipe().unwrap().0);
    let elsewhere = |_: SocketAddr| OwnedFd::from(TcpListener::bind("127.0.0.1:0").unwrap());
    for foreign in [udp, pipe, elsewhere as fn(SocketAddr) -> OwnedFd] {
        let addr = place();
        let fds = [foreign(addr)];
        let process = asked(addr, |peer| {
            peer.says(offer(addr, 1));
            peer.sends(br#"{"type":"sockets"}"#, &borrowed(&fds));
        });
        answers(addr);
        assert!(!process.has_said("Took over"), "{}", process.log());
    }
    let said: [(Value, &str); 5] = [
        (json!({"type": "refuse", "why": "not today"}), "it refuses: not today"),
        (json!({"type": "offer", "protocol": 2, "listeners": []}), "it speaks protocol 2, not 1"),
        (json!({"type": "yielded"}), "it was asked and said Yielded"),
        (json!("nonsense"), "what it said is no message"),
        (offer(place(), 2049), "it offers 2049 sockets"),
    ];
    for (answer, why) in said {
        let addr = place();
        let process = asked(addr, |peer| peer.says(answer));
        let told = process.says("Listens beside");
        assert!(told["why"].as_str().unwrap().starts_with(why), "{told}");
        answers(addr);
    }
}

#[test]
fn more_or_fewer_descriptors_than_were_told_are_all_closed() {
    for (told, sent, then) in [(2, 3, None), (2, 1, Some(json!({"type": "alive"}))), (65, 65, None), (2, 0, None)] {
        let addr = place();
        let (_, fds) = listeners(addr, sent);
        let process = asked(addr, |peer| {
            peer.says(offer(addr, told));
            peer.sends(br#"{"type":"sockets"}"#, &borrowed(&fds));
            if let Some(then) = then {
                peer.says(then);
            }
            // all of them were closed: only those of the test are left
            drop(fds);
            assert_eq!(peer.hears(), None);
        });
        answers(addr);
        drop(process);
    }
}

#[test]
fn whoever_is_asked_and_says_nothing_is_given_up() {
    let addr = place();
    let process = asked(addr, |_| {});
    assert_eq!(process.says("Listens beside")["why"], "it has said nothing for 5 s");
    answers(addr);
}

#[test]
fn another_user_who_has_the_name_is_not_asked() {
    let addr = place();
    let script = r#"bind(S, $to) or die; listen(S, 8) or die; print "there\n"; accept(C, S); recv(C, my $word, 9, 0);
        print length($word), "\n"; sleep 60;"#;
    let mut other = other_user(script, &name(addr));
    assert_eq!(line_of(&mut other), "there\n");
    let process = hello(addr).take_over().start();
    let told = process.says("Listens beside");
    assert_eq!(told["why"], "it runs as uid 12345");
    process.says("Nobody can ask for the listeners here");
    process.says("Routes applied");
    answers(addr);
    assert_eq!(line_of(&mut other), "0\n");
    // once he is gone the name is had
    other.kill().unwrap();
    other.wait().unwrap();
    process.says("The listeners can be asked for here now");
    hello(addr).take_over().succeeding();
}

#[test]
fn a_hand_over_that_ends_too_early_is_begun_anew() {
    let addr = place();
    let (offer, fds) = listeners(addr, 2);
    let host = Host::listens(&name(addr));
    let starting = process_without_routes().http(addr).in_pod();
    let process = starting.start();
    let (peer, _) = host.asked();
    peer.says(offer.clone());
    peer.sends(br#"{"type":"sockets"}"#, &borrowed(&fds));
    assert_eq!(peer.hears(), Some(json!({"type": "alive", "ready": false})));
    drop(peer);
    let (peer, _) = host.asked();
    peer.says(offer);
    peer.sends(br#"{"type":"sockets"}"#, &borrowed(&fds));
    starting.write_routes(HELLO);
    assert_eq!(peer.hears_news(), Some(json!({"type": "accepting"})));
    assert_eq!(peer.hears(), Some(json!({"type": "alive", "ready": true})));
    peer.says(json!({"type": "yielded"}));
    peer.says(json!({"type": "confirmed"}));
    process.says("The predecessor may go");
    drop(fds);
    answers(addr);
    process.signal("TERM");
    assert_eq!(peer.hears_news(), Some(json!({"type": "takeBack"})));
    // it does not, and is not waited for: it may still have a queue with clients in it
    assert_eq!(peer.hears_news(), None);
    drop(host);
}

#[test]
fn an_old_process_that_does_not_yield_is_let_be_until_it_does() {
    let addr = place();
    let (offer, fds) = listeners(addr, 1);
    let host = Host::listens(&name(addr));
    let process = hello(addr).take_over().start();
    let (peer, _) = host.asked();
    peer.says(offer);
    peer.sends(br#"{"type":"sockets"}"#, &borrowed(&fds));
    assert_eq!(peer.hears_news(), Some(json!({"type": "accepting"})));
    let line = process.says("The predecessor does not stand by any more");
    assert_eq!(line["why"], "it has not said that it yields");
    answers(addr);
    peer.says(json!({"type": "yielded"}));
    process.says_again("Serves with the listeners of the predecessor", 2);
}

#[test]
fn in_a_pod_that_waits_for_a_port_the_old_process_answers_admin_requests_and_the_new_one_does_once_it_serves() {
    let (addr, added, admin) = (place(), place(), place());
    let status = || {
        let answer = Client::connect(admin).get("127.0.0.1", "/status");
        serde_json::from_str::<Value>(answer.text()).unwrap()["ready"].clone()
    };
    let starting = hello(addr).flag(format!("--admin={admin}")).in_pod();
    let first = starting.serving();
    let program = TcpListener::bind(added).unwrap();
    let second = starting.http(added).start();
    second.says("Cannot listen yet, trying again");
    second.says("Cannot listen for admin requests yet, trying again");
    for _ in 0..50 {
        assert_eq!(status(), true, "one that is not ready has answered");
    }
    drop(program);
    second.says("Serves with the listeners of the predecessor");
    first.says("The successor accepts");
    first.signal("STOP");
    assert_eq!(status(), true);
}

#[test]
fn in_a_pod_a_port_of_another_program_is_told_with_its_name_and_waited_for() {
    let addr = place();
    let program = TcpListener::bind(addr).unwrap();
    let process = hello(addr).in_pod().start();
    let line = process.says("Cannot listen yet, trying again");
    assert!(line["error"].as_str().unwrap().contains("already in use"), "{line}");
    assert!(line["owner"].as_str().unwrap().contains(&format!("(pid {})", std::process::id())), "{line}");
    drop(program);
    process.listens();
    process.says("Routes applied");
    answers(addr);
}
