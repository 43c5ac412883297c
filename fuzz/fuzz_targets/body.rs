//! A chunked body means the same to both readers, however it arrives, and what is written of it again too.

#![no_main]

#[path = "../../src/message/strict.rs"]
mod strict;

use gatepost::message::{BodyReader, BodyWriter, Framing, Malformed, Read, Trailers};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((step, input)) = data.split_first() else { return };
    let whole = read(input, input.len());
    let pieces = read(input, usize::from(*step) + 1);
    match (&whole, &pieces) {
        (Ok(whole), Ok(pieces)) => assert_eq!((&whole.0, whole.2), (&pieces.0, pieces.2)),
        (Err(_), Err(_)) => {}
        _ => panic!("whole {whole:?}, in pieces {pieces:?}"),
    }
    let slow = strict::body(strict::Framing::Chunked, input);
    let Ok((payload, trailers, len)) = whole else {
        // bounds on extensions and trailers are ours alone
        assert!(slow.is_err() || input.len() > 4096, "refused here only");
        return;
    };
    let slow = slow.expect("refused by the strict reader");
    assert_eq!((&slow.payload, slow.len), (&payload, len));

    let (mut out, mut writer) = (Vec::new(), BodyWriter::new(Framing::Chunked));
    writer.before(payload.len(), &mut out).expect("chunks have no limit");
    out.extend_from_slice(&payload);
    writer.after(&mut out);
    writer.end(trailers.as_ref(), &mut out).expect("chunks promise nothing");
    let again = strict::body(strict::Framing::Chunked, &out).expect("what is sent on is refused by the strict reader");
    assert_eq!((again.payload, again.len), (payload, out.len()));
    let kept: Vec<_> = trailers.iter().flat_map(Trailers::fields).collect();
    assert_eq!(again.trailers.iter().map(|(name, value)| (&name[..], &value[..])).collect::<Vec<_>>(), kept);
});

fn read(input: &[u8], step: usize) -> Result<(Vec<u8>, Option<Trailers>, usize), Malformed> {
    let mut reader = BodyReader::new(Framing::Chunked);
    let (mut payload, mut at, mut arrived) = (Vec::new(), 0, 0);
    loop {
        match reader.next(&input[at..arrived])? {
            Read::Data { skip, len } => {
                assert!(len > 0 && at + skip + len <= arrived);
                payload.extend_from_slice(&input[at + skip..][..len]);
                at += skip + len;
            }
            Read::More { skip } => {
                at += skip;
                assert_eq!(at, arrived);
                if arrived == input.len() {
                    reader.eof()?;
                }
                arrived = (arrived + step).min(input.len());
            }
            Read::End { skip } => return Ok((payload, reader.trailers().cloned(), at + skip)),
        }
    }
}
