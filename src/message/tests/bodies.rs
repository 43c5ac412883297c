//! Bodies: read, written, split anywhere.

use proptest::prelude::*;

use super::*;

/// Payload, trailers, and how many bytes they took.
type Body = (Vec<u8>, Vec<(String, String)>, usize);

/// Reads a whole body that arrives in pieces of these sizes (over and over). What is not taken is shown again, as a
/// connection's buffer would.
fn read(framing: Framing, input: &[u8], pieces: &[usize]) -> Result<Body, Malformed> {
    let mut reader = BodyReader::new(framing);
    let (mut payload, mut at, mut arrived) = (vec![], 0, 0);
    let mut pieces = pieces.iter().cycle();
    loop {
        match reader.next(&input[at..arrived])? {
            Read::Data { skip, len } => {
                assert!(len > 0 && at + skip + len <= arrived);
                payload.extend_from_slice(&input[at + skip..][..len]);
                at += skip + len;
            }
            Read::More { skip } => {
                at += skip;
                assert_eq!(at, arrived, "all of it was framing");
                if arrived == input.len() {
                    reader.eof()?;
                } else {
                    arrived = (arrived + pieces.next().copied().unwrap_or(1)).min(input.len());
                }
            }
            Read::End { skip } => {
                assert!(reader.is_end());
                let trailers = reader.trailers().map(|all| all.fields().map(|(n, v)| (text(n), text(v))).collect());
                return Ok((payload, trailers.unwrap_or_default(), at + skip));
            }
        }
    }
}

fn chunked(input: &str) -> Result<String, Malformed> {
    let whole = read(Framing::Chunked, input.as_bytes(), &[usize::MAX >> 1]);
    let dripped = read(Framing::Chunked, input.as_bytes(), &[1]);
    assert_eq!(whole, dripped, "{}", input.escape_debug());
    let (payload, _, len) = whole?;
    assert_eq!(len, input.len());
    Ok(text(&payload))
}

#[test]
fn chunks_are_put_together() {
    for (wire, payload) in [
        ("0\r\n\r\n", ""),
        ("5\r\nhello\r\n0\r\n\r\n", "hello"),
        ("5\r\nhello\r\n1\r\n!\r\n000\r\n\r\n", "hello!"),
        ("5;a\r\nhello\r\n0;b=\"c d\"\r\n\r\n", "hello"),
        ("a\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        ("A\r\n0123456789\r\n0\r\n\r\n", "0123456789"),
        ("0000000000000001\r\nx\r\n0\r\n\r\n", "x"),
        ("1\r\nx\r\n0\r\nX: 1\r\n\r\n", "x"),
    ] {
        assert_eq!(chunked(wire), Ok(payload.into()), "{}", wire.escape_debug());
    }
}

#[test]
fn a_chunk_that_could_be_read_in_two_ways_is_refused() {
    for wire in [
        "\r\nx\r\n0\r\n\r\n",
        "0x1\r\nx\r\n0\r\n\r\n",
        "+1\r\nx\r\n0\r\n\r\n",
        "-1\r\nx\r\n0\r\n\r\n",
        " 1\r\nx\r\n0\r\n\r\n",
        "1 \r\nx\r\n0\r\n\r\n",
        "1 ;a\r\nx\r\n0\r\n\r\n",
        "1\t\r\nx\r\n0\r\n\r\n",
        "1_0\r\nx\r\n0\r\n\r\n",
        "g\r\nx\r\n0\r\n\r\n",
        ";a\r\n0\r\n\r\n",
        "1\nx\r\n0\r\n\r\n",
        "1\r\nx\n0\r\n\r\n",
        "1\r\nxy\r\n0\r\n\r\n",
        "1\r\nx0\r\n\r\n",
        "1\rx\r\n0\r\n\r\n",
        "1\r\nx\r0\r\n\r\n",
        "1;a\nx\r\n0\r\n\r\n",
        "1;a\rb\r\nx\r\n0\r\n\r\n",
        "1;a\0\r\nx\r\n0\r\n\r\n",
        "00000000000000001\r\nx\r\n0\r\n\r\n",
        "10000000000000000\r\nx\r\n0\r\n\r\n",
        "0\r\n\n",
        "0\n\r\n",
        "0\r\n\rx",
        "0\r\nX: 1\n\r\n",
        "0\r\nX: 1\r\n\n",
        "0\r\nX: a\rb\r\n\r\n",
        "0\r\nX : 1\r\n\r\n",
        "0\r\nX\r\n\r\n",
        "0\r\n X: 1\r\n\r\n",
        "0\r\nX: 1\r\n y\r\n\r\n",
        "0\r\n: 1\r\n\r\n",
        "0\r\nX: \0\r\n\r\n",
    ] {
        assert!(matches!(chunked(wire), Err(Malformed::Body(_))), "{} {:?}", wire.escape_debug(), chunked(wire));
    }
}

#[test]
fn what_is_no_payload_has_bounds() {
    let extension = |len: usize| format!("0;{}\r\n\r\n", "a".repeat(len));
    assert!(chunked(&extension(4096)).is_ok());
    assert!(chunked(&extension(4097)).is_err());
    let many = "1;aaaaaaaaaaaaaaa\r\nx\r\n".repeat(300) + "0\r\n\r\n";
    assert!(chunked(&many).is_err(), "all chunks of a message count together");
    let trailers = |count: usize| format!("0\r\n{}\r\n", "Authorization: x\r\n".repeat(count));
    assert!(chunked(&trailers(8 * 1024 / 18)).is_ok());
    assert_eq!(chunked(&trailers(8 * 1024 / 18 + 1)), Err(Malformed::TooLarge("trailers too large")));
}

#[test]
fn trailers_that_could_lie_about_the_message_are_dropped_and_counted() {
    let wire = concat!(
        "0\r\nX-Sum: 1\r\ncontent-LENGTH: 5\r\nTransfer-Encoding: chunked\r\nHost: b\r\nAuthorization: x\r\nCookie: c\r\n",
        "Set-Cookie: c\r\nX-Forwarded-For: 1\r\nConnection: close\r\nTE: x\r\nTrailer: y\r\nCache-Control: z\r\n",
        "Expect: 100-continue\r\nRange: r\r\nContent-Type: t\r\nX_Forwarded_For: 1\r\ngrpc-status:  0 \r\n\r\n"
    );
    let mut reader = BodyReader::new(Framing::Chunked);
    assert_eq!(reader.next(wire.as_bytes()), Ok(Read::End { skip: wire.len() }));
    let trailers = reader.trailers().unwrap();
    let kept: Vec<_> = trailers.fields().map(|(name, value)| (text(name), text(value))).collect();
    assert_eq!(kept, [("X-Sum".into(), "1".into()), ("grpc-status".into(), "0".to_string())]);
    assert_eq!((trailers.len(), trailers.dropped()), (2, 15));
    let map = trailers.to_http();
    assert_eq!(map["grpc-status"], "0");
    let back = Trailers::from_http(&map);
    assert_eq!(back.fields().map(|(_, value)| text(value)).collect::<Vec<_>>(), ["1", "0"]);
}

#[test]
fn a_body_without_trailers_has_none() {
    let mut reader = BodyReader::new(Framing::Chunked);
    assert_eq!(reader.next(b"0\r\n\r\n"), Ok(Read::End { skip: 5 }));
    assert!(reader.trailers().is_none());
}

#[test]
fn a_close_ends_only_a_body_that_has_no_other_end() {
    let mut until_close = BodyReader::new(Framing::UntilClose);
    assert_eq!(until_close.next(b"abc"), Ok(Read::Data { skip: 0, len: 3 }));
    assert_eq!(until_close.next(b""), Ok(Read::More { skip: 0 }));
    assert!(!until_close.is_end());
    assert_eq!(until_close.eof(), Ok(()));
    assert!(until_close.is_end());
    for (framing, arrived) in
        [(Framing::Length(4), "abc"), (Framing::Chunked, "3\r\nabc\r\n"), (Framing::Chunked, "0\r\n")]
    {
        let cut = read(framing, arrived.as_bytes(), &[100]);
        assert_eq!(cut, Err(Malformed::Body("body cut short")), "{arrived:?}");
    }
    assert_eq!(BodyReader::new(Framing::None).eof(), Ok(()));
    assert_eq!(BodyReader::new(Framing::Length(0)).eof(), Ok(()));
}

#[test]
fn a_length_takes_its_own_bytes_and_no_more() {
    let mut reader = BodyReader::new(Framing::Length(3));
    assert_eq!(reader.next(b"ab"), Ok(Read::Data { skip: 0, len: 2 }));
    assert!(!reader.is_end());
    assert_eq!(reader.next(b"cGET /"), Ok(Read::Data { skip: 0, len: 1 }));
    assert!(reader.is_end());
    assert_eq!(reader.next(b"GET /"), Ok(Read::End { skip: 0 }));
    let mut vast = BodyReader::new(Framing::Length(u64::MAX));
    assert_eq!(vast.next(b"ab"), Ok(Read::Data { skip: 0, len: 2 }));
}

#[test]
fn a_writer_keeps_the_promise_of_the_head() {
    let mut out = vec![];
    let mut writer = BodyWriter::new(Framing::Length(5));
    assert_eq!(writer.before(3, &mut out), Ok(()));
    writer.after(&mut out);
    assert_eq!(writer.before(3, &mut out), Err(Excess));
    assert_eq!(writer.end(None, &mut out), Err(Short(2)));
    assert_eq!(writer.before(2, &mut out), Ok(()));
    assert_eq!(writer.end(None, &mut out), Ok(()));
    assert_eq!(BodyWriter::new(Framing::None).before(1, &mut out), Err(Excess));
    assert!(out.is_empty());
}

#[test]
fn an_empty_write_is_not_the_last_chunk() {
    let (mut out, mut writer) = (vec![], BodyWriter::new(Framing::Chunked));
    writer.before(0, &mut out).unwrap();
    writer.after(&mut out);
    assert_eq!(out, b"");
    writer.before(4096, &mut out).unwrap();
    assert_eq!(out, b"1000\r\n");
    writer.after(&mut out);
    writer.end(None, &mut out).unwrap();
    assert_eq!(out, b"1000\r\n\r\n0\r\n\r\n");
}

fn wire(chunks: &[Vec<u8>], trailers: &Trailers, framing: Framing) -> Vec<u8> {
    let (mut out, mut writer) = (vec![], BodyWriter::new(framing));
    for chunk in chunks {
        writer.before(chunk.len(), &mut out).unwrap();
        out.extend_from_slice(chunk);
        writer.after(&mut out);
    }
    writer.end(Some(trailers), &mut out).unwrap();
    out
}

proptest! {
    #[test]
    fn what_was_written_is_read_back_however_it_arrives(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8),
        fields in prop::collection::vec(("[a-z]{1,3}-[a-zA-Z0-9!#$]{1,6}", "([!-~]([ -~]{0,8}[!-~])?)?"), 0..4),
        pieces in prop::collection::vec(1_usize..200, 1..5),
        rest in prop::collection::vec(any::<u8>(), 0..20),
    ) {
        let mut trailers = Trailers::new();
        for (name, value) in &fields {
            trailers.push(name.as_bytes(), value.as_bytes());
        }
        prop_assert_eq!(trailers.dropped(), 0);
        let payload = chunks.concat();
        let fields: Vec<_> = fields.iter().map(|(n, v)| (text(n.as_bytes()), text(v.as_bytes()))).collect();
        for framing in [Framing::Chunked, Framing::Length(payload.len() as u64)] {
            let mut sent = wire(&chunks, &trailers, framing);
            let len = sent.len();
            let slow = strict::body(strictly(framing), &sent).unwrap();
            prop_assert_eq!((&slow.payload, slow.len), (&payload, len));
            sent.extend_from_slice(&rest);
            let expected = if framing == Framing::Chunked { fields.clone() } else { vec![] };
            prop_assert_eq!(read(framing, &sent, &pieces), Ok((payload.clone(), expected, len)));
        }
    }

    #[test]
    fn both_readers_agree_about_any_chunked_bytes(
        parts in prop::collection::vec(
            prop::sample::select(vec!["0", "1", "3", "a", ";", "\r\n", "\r\n", "\r\n", "\r", "\n", "x", "xyz", ": ", " ", "0\r\n\r\n", "1\r\nx\r\n"]), 0..12),
        pieces in prop::collection::vec(1_usize..5, 1..4),
    ) {
        let input = parts.concat();
        let fast = read(Framing::Chunked, input.as_bytes(), &pieces);
        let slow = strict::body(strict::Framing::Chunked, input.as_bytes());
        match (fast, slow) {
            (Ok((payload, _, len)), Ok(slow)) => prop_assert_eq!((payload, len), (slow.payload, slow.len)),
            (Err(_), Err(_)) => {}
            (fast, slow) => prop_assert!(false, "{:?} {:?} {:?}", input, fast, slow),
        }
    }
}
