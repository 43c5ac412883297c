//! The head of an answer that is accepted is the same one to a strict second reader, and so is what is sent on.

#![no_main]

#[path = "../../src/message/strict.rs"]
mod strict;

use gatepost::message::{ConnectionHeader, Framing, Head, Limits, Method, Version};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { bytes: 64 * 1024, fields: 100 };

fuzz_target!(|input: &[u8]| {
    for (method, to_head) in [(Method::Get, false), (Method::Head, true)] {
        let mut head = Head::new();
        let Ok(Some(len)) = head.parse_response(input, 0, LIMITS) else { return };
        let Ok(framing) = head.response_framing(method) else { continue };
        let slow = strict::response(input, to_head).expect("refused by the strict reader");
        assert_eq!((slow.head, slow.framing), (len, strictly(framing)));
        let names_of = |head: &Head| head.fields().map(|(name, _)| name.to_vec()).collect::<Vec<_>>();

        head.strip_hop_by_hop();
        let mut sent = Vec::new();
        head.encode_response(framing, ConnectionHeader::None, Version::Http11, &mut sent);
        let read = strict::response(&sent, to_head).expect("what is sent on is refused by the strict reader");
        assert_eq!((read.head, read.framing), (sent.len(), slow.framing));

        if let Ok(answer) = head.to_http_response() {
            let mut back = Head::new();
            back.from_http_response(&answer.into_parts().0, LIMITS).expect("what HTTP/2 would carry is refused");
            assert_eq!(names_of(&back).len(), names_of(&head).len());
        }
    }
});

fn strictly(framing: Framing) -> strict::Framing {
    match framing {
        Framing::None => strict::Framing::None,
        Framing::Length(length) => strict::Framing::Length(length),
        Framing::Chunked => strict::Framing::Chunked,
        Framing::UntilClose => strict::Framing::UntilClose,
    }
}
