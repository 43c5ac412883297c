//! Heads on their way through: read, rewritten in the order in which `proxy::headers` does it, and written.

use std::hint::black_box;

use gatepost::message::{ConnectionHeader, Framing, Head, Method, Name, Sender, Version};
use gatepost::routing::Target;

use crate::inputs::heads::{ANSWER, LIMITS};
use crate::parts::Body;

const ID: &[u8] = b"0123456789abcdef0123456789abcdef";
const CLIENT: &[u8] = b"192.0.2.7";

/// A request, from the client's bytes to the app's.
pub(crate) fn request(input: &'static str) -> Body {
    let (mut head, mut target, mut path, mut out) = (Head::new(), Target::new(), String::new(), Vec::new());
    Box::new(move || {
        let read = head.parse_request(black_box(input.as_bytes()), 0, LIMITS);
        assert_eq!(read, Ok(Some(input.len())));
        target.set(&head).expect("the target of a bench is good");
        let framing = head.request_framing().unwrap_or(Framing::None);
        head.strip_hop_by_hop();
        head.remove(Name::Expect);
        head.strip_claims(Sender::Stranger);
        head.remove(Name::XForwardedFor);
        head.push(Name::XForwardedFor, CLIENT);
        head.push(Name::XRealIp, CLIENT);
        head.push(Name::XForwardedProto, b"http");
        head.push(Name::XForwardedHost, target.host_header().as_bytes());
        head.push(Name::XForwardedPort, b"80");
        path.clear();
        path.push_str(target.path_and_query());
        head.set_target(&path);
        assert_eq!(head.get(Name::Host), Some(target.host_header().as_bytes()));
        head.remove(Name::XRequestId);
        head.push(Name::XRequestId, ID);
        head.push(Name::CdnLoop, b"gatepost-test");
        out.clear();
        head.encode_request(framing, ConnectionHeader::None, &mut out);
        black_box(&out);
    })
}

/// An answer, from the app's bytes to the client's.
pub(crate) fn answer() -> Body {
    let (mut head, mut out) = (Head::new(), Vec::new());
    Box::new(move || {
        let read = head.parse_response(black_box(ANSWER.as_bytes()), 0, LIMITS);
        assert_eq!(read, Ok(Some(ANSWER.len())));
        let framing = head.response_framing(Method::Get).unwrap_or(Framing::None);
        head.strip_hop_by_hop();
        head.push(Name::XRequestId, ID);
        out.clear();
        head.encode_response(framing, ConnectionHeader::None, Version::Http11, &mut out);
        black_box(&out);
    })
}
