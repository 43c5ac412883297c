//! A request head that is accepted is the same one to a strict second reader, and so is what is sent on.

#![no_main]

#[path = "../../src/message/strict.rs"]
mod strict;

use gatepost::message::{ConnectionHeader, Framing, Head, Limits, Name};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits { bytes: 64 * 1024, fields: 100 };

fuzz_target!(|input: &[u8]| {
    let mut head = Head::new();
    let whole = head.parse_request(input, 0, LIMITS);
    let half = input.len() / 2;
    if let Ok(Some(len)) = whole {
        // in two pieces it is the same head
        let mut pieces = Head::new();
        match pieces.parse_request(&input[..half], 0, LIMITS) {
            Ok(None) => assert_eq!(pieces.parse_request(input, half, LIMITS), whole),
            first => assert_eq!(first, whole),
        }
        assert!(len <= LIMITS.bytes && head.len() <= LIMITS.fields && len == head.bytes());
    }
    let (Ok(Some(len)), Ok(framing)) = (whole, head.request_framing()) else { return };
    let start = if input.starts_with(b"\r\n") { 2 } else { 0 };
    let slow = strict::request(&input[start..]).expect("refused by the strict reader");
    assert_eq!(slow.head + start, len);
    assert_eq!(slow.framing, strictly(framing));

    head.strip_hop_by_hop();
    let host = head.get(Name::Host).is_some();
    let mut sent = Vec::new();
    head.encode_request(framing, ConnectionHeader::None, &mut sent);
    if host {
        let read = strict::request(&sent).expect("what is sent on is refused by the strict reader");
        assert_eq!((read.head, read.framing), (sent.len(), slow.framing));
        let mut fields = head.fields().filter(|(name, _)| Name::of(name) != Name::ContentLength);
        for (name, value) in &read.fields {
            if matches!(Name::of(name), Name::ContentLength | Name::TransferEncoding) {
                continue;
            }
            assert_eq!(fields.next(), Some((&name[..], &value[..])));
        }
        assert_eq!(fields.next(), None);
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
