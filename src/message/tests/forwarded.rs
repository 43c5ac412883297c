//! What leaves is exactly one message, to anybody who reads by the book.

use proptest::prelude::*;

use super::*;

fn name() -> impl Strategy<Value = String> {
    let known = ["Accept", "user-agent", "Cookie", "X-Forwarded-For", "Via", "DATE", "Te", "Keep-Alive", "Trailer"];
    prop_oneof![prop::sample::select(known.to_vec()).prop_map(String::from), "[A-Za-z][A-Za-z0-9!#$%&'*+.^`|~-]{0,12}"]
        .prop_filter("framing has a place of its own", |name| {
            let own = [
                Name::Host,
                Name::ContentLength,
                Name::TransferEncoding,
                Name::Connection,
                Name::Upgrade,
                Name::ProxyConnection,
            ];
            !own.contains(&Name::of(name.as_bytes()))
        })
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![9 => b' '..=b'~', 1 => 0x80..=0xff_u8, 1 => Just(b'\t')];
    prop::collection::vec(byte, 0..30)
}

fn lines() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    prop::collection::vec((name(), value()), 0..20)
}

fn target() -> impl Strategy<Value = String> {
    "/[a-zA-Z0-9/._~%!$&'()*+,;=:@-]{0,30}(\\?[a-zA-Z0-9/?=&%+.-]{0,20})?"
}

fn framing() -> impl Strategy<Value = Framing> {
    prop_oneof![Just(Framing::None), any::<u32>().prop_map(|len| Framing::Length(len.into())), Just(Framing::Chunked)]
}

fn written(start: &str, lines: &[(String, Vec<u8>)], space: (&str, &str)) -> Vec<u8> {
    let mut wire = format!("{start}\r\n").into_bytes();
    for (name, value) in lines {
        wire.extend_from_slice(name.as_bytes());
        wire.push(b':');
        wire.extend_from_slice(space.0.as_bytes());
        wire.extend_from_slice(value);
        wire.extend_from_slice(space.1.as_bytes());
        wire.extend_from_slice(b"\r\n");
    }
    wire
}

fn owned(head: &Head) -> Vec<strict::Field> {
    head.fields().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

/// The fields of a strictly read message without the ones that encoding adds.
fn without_added(message: &strict::Message) -> Vec<strict::Field> {
    let added = ["content-length", "transfer-encoding", "connection", "upgrade"];
    message.fields.iter().filter(|(name, _)| !added.iter().any(|one| one.as_bytes() == name)).cloned().collect()
}

proptest! {
    #[test]
    fn encoding_and_reading_again_is_the_identity(
        lines in lines(), target in target(), framing in framing(), status in 200_u16..600,
    ) {
        let mut head = Head::new();
        head.start_request("PUT", &target, Version::Http11);
        head.push(Name::Host, b"a.example");
        for (name, value) in lines.iter().filter(|(name, _)| Name::of(name.as_bytes()) != Name::KeepAlive) {
            head.push_str(name, value);
        }
        let mut wire = vec![];
        head.encode_request(framing, ConnectionHeader::None, &mut wire);
        let mut again = request(&wire);
        prop_assert_eq!(again.request_framing(), Ok(framing));
        again.remove(Name::ContentLength);
        again.remove(Name::TransferEncoding);
        prop_assert_eq!(owned(&again), owned(&head));
        prop_assert_eq!((again.method_str(), again.target()), ("PUT", &target[..]));

        head.start_response(status);
        for (name, value) in lines.iter().filter(|(name, _)| Name::of(name.as_bytes()) != Name::KeepAlive) {
            head.push_str(name, value);
        }
        wire.clear();
        head.encode_response(framing, ConnectionHeader::None, Version::Http11, &mut wire);
        let mut again = response(&wire);
        again.remove(Name::ContentLength);
        again.remove(Name::TransferEncoding);
        prop_assert_eq!(owned(&again), owned(&head));
        prop_assert_eq!((again.status(), again.reason()), (status, head.reason()));
    }

    #[test]
    fn a_forwarded_request_is_one_message_with_the_same_fields(
        lines in lines(), named in name(), target in target(), framing in framing(),
        before in "[ \t]{0,2}", after in "[ \t]{0,2}", follow in "[ -~]{0,40}",
    ) {
        let mut wire = written(&format!("PUT {target} HTTP/1.1\r\nHost: a.example\r\nConnection: {named}"), &lines, (&before, &after));
        match framing {
            Framing::Length(len) => wire.extend_from_slice(format!("Content-Length: {len}\r\n").as_bytes()),
            Framing::Chunked => wire.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
            Framing::None | Framing::UntilClose => {}
        }
        wire.extend_from_slice(b"\r\n");
        let mut head = request(&wire);
        prop_assert_eq!(head.request_framing(), Ok(framing));
        prop_assert_eq!(strict::request(&wire).map(|message| message.framing), Ok(strictly(framing)));
        head.strip_hop_by_hop();
        prop_assert!(head.get(Name::Connection).is_none());
        let mut sent = vec![];
        head.encode_request(framing, ConnectionHeader::Close, &mut sent);
        let len = sent.len();
        sent.extend_from_slice(follow.as_bytes());
        let read = strict::request(&sent).unwrap();
        prop_assert_eq!(read.head, len);
        prop_assert_eq!(read.framing, strictly(framing));
        head.remove(Name::ContentLength);
        prop_assert_eq!(without_added(&read), owned(&head));
        prop_assert_eq!(&read.start[1], target.as_bytes());
    }

    #[test]
    fn whatever_passes_leaves_as_one_message(
        parts in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..14),
    ) {
        let input = format!("{}\r\n\r\n", parts.concat());
        requests_agree(input.as_bytes());
        answers_agree(input.as_bytes());
    }

    #[test]
    fn no_bytes_make_it_panic(input in prop::collection::vec(any::<u8>(), 0..200), seen in 0_usize..250) {
        let _ = Head::new().parse_request(&input, seen, LIMITS);
        let _ = Head::new().parse_response(&input, seen, LIMITS);
        let mut reader = BodyReader::new(Framing::Chunked);
        let _ = reader.next(&input);
        requests_agree(&input);
        answers_agree(&input);
    }
}

/// Pieces of heads, good and bad, to be thrown together.
const PIECES: [&str; 32] = [
    "GET / HTTP/1.1\r\n",
    "POST /x HTTP/1.1\r\n",
    "GET http://a/ HTTP/1.1\r\n",
    "GET / HTTP/1.0\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.0 304\r\n",
    "HTTP/1.1 204 \r\n",
    "Host: a\r\n",
    "Host: b\r\n",
    "Content-Length: 5\r\n",
    "Content-Length: 6\r\n",
    "content-length:5 \r\n",
    "Transfer-Encoding: chunked\r\n",
    "transfer-encoding:\tCHUNKED\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Content-Length : 5\r\n",
    "Connection: content-length\r\n",
    "Connection: x, close\r\n",
    "X: 1\r\n",
    "X: 1\n",
    "X:\r\n",
    " folded\r\n",
    "\r\n",
    "\n",
    "\r",
    " ",
    "Content_Length: 7\r\n",
    "Upgrade: websocket\r\n",
    "TE: trailers\r\n",
    "X:  a\u{e9} \t\r\n",
];

/// If we take these bytes for a request, the strict reader takes them for the same one, and what we would send on
/// too.
fn requests_agree(input: &[u8]) {
    let mut head = Head::new();
    let Ok(Some(len)) = head.parse_request(input, 0, LIMITS) else { return };
    let Ok(framing) = head.request_framing() else { return };
    let start = if input.starts_with(b"\r\n") { 2 } else { 0 };
    let slow = strict::request(&input[start..]).unwrap();
    assert_eq!((slow.head + start, slow.framing), (len, strictly(framing)));
    head.strip_hop_by_hop();
    let mut sent = vec![];
    head.encode_request(framing, ConnectionHeader::None, &mut sent);
    if head.get(Name::Host).is_some() {
        let read = strict::request(&sent).unwrap();
        assert_eq!((read.head, read.framing), (sent.len(), slow.framing));
        head.remove(Name::ContentLength);
        assert_eq!(without_added(&read), owned(&head));
    }
}

fn answers_agree(input: &[u8]) {
    for (method, to_head) in [(Method::Get, false), (Method::Head, true)] {
        let mut head = Head::new();
        let Ok(Some(len)) = head.parse_response(input, 0, LIMITS) else { return };
        let Ok(framing) = head.response_framing(method) else { return };
        let slow = strict::response(input, to_head).unwrap();
        assert_eq!((slow.head, slow.framing), (len, strictly(framing)));
        head.strip_hop_by_hop();
        let mut sent = vec![];
        head.encode_response(framing, ConnectionHeader::None, Version::Http11, &mut sent);
        let read = strict::response(&sent, to_head).unwrap();
        assert_eq!((read.head, read.framing), (sent.len(), slow.framing));
    }
}
