//! What a process says in a hand-over is a message or refused, and a message that is said again is the same one.

#![no_main]

#[allow(dead_code, reason = "the room has more in it than its decoder")]
#[path = "../../src/lifecycle/handover/message.rs"]
mod message;

use libfuzzer_sys::fuzz_target;
use message::Message;

/// Into one of these the input is put: by chance alone nothing becomes an object with a `type`.
const SAID: [&[u8]; 4] = [
    br#"{"type":"ask","protocol":1,"version":"0.1.0","pid":7}"#,
    br#"{"type":"offer","protocol":1,"listeners":[{"kind":"http","addr":"[::]:80","sockets":2}]}"#,
    br#"{"type":"alive","ready":true}"#,
    br#"{"type":"wait","why":"x"}"#,
];

fuzz_target!(|input: &[u8]| {
    said_again(input);
    let [which, at, gone, into @ ..] = input else { return };
    let said = SAID[usize::from(*which) % SAID.len()];
    let at = usize::from(*at) % said.len();
    let rest = (at + usize::from(*gone) % 4).min(said.len());
    said_again(&[&said[..at], into, &said[rest..]].concat());
});

fn said_again(packet: &[u8]) {
    let Ok(message) = Message::read(packet) else { return };
    let again = message.write();
    assert_eq!(Message::read(&again).expect("what is said is refused"), message);
    // whoever does not know a field goes on as if it had not been said
    let more = [&again[..again.len() - 1], &br#","more":[{}]}"#[..]].concat();
    assert_eq!(Message::read(&more).expect("one more field is refused"), message);
}
