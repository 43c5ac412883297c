//! What an HTTP/2 client may make us do without asking for anything: [`Frugal`], around the stream that hyper reads.
//!
//! PING, SETTINGS, PRIORITY, RST_STREAM and WINDOW_UPDATE cost their sender next to nothing and are answered or kept count
//! of (CVE-2019-9512, -9513, -9515), as are frames of no length (CVE-2019-9518). Their bytes are paid for with what moves
//! both ways on the connection; who sends many of them and moves nothing is cut off.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::stream::Stream;

/// Bytes of such frames that a connection has from its beginning: 16,384 WINDOW_UPDATEs or PINGs are some 220 KiB.
const ALLOWANCE: u64 = 256 * 1024;
/// Bytes that a second is worth: a client that says every few seconds that it is still there may do so for ever.
const PER_SECOND: u64 = 64;
/// The client's preface (RFC 9113 3.4).
const PREFACE: u64 = 24;
/// Length, type, flags and stream of a frame (RFC 9113 4.1).
const HEADER: usize = 9;

/// A stream whose control frames are counted.
pub struct Frugal {
    stream: Stream,
    meter: Meter,
    /// Up to when time has been paid for.
    since: Instant,
}

impl Frugal {
    /// Around a stream of which hyper has read nothing.
    pub fn new(stream: Stream) -> Frugal {
        Frugal { stream, meter: Meter::default(), since: Instant::now() }
    }
}

/// Follows the frames of a connection by their headers.
#[derive(Debug)]
struct Meter {
    /// What the preface or the frame at hand still has.
    rest: u64,
    header: [u8; HEADER],
    filled: usize,
    control: u64,
    moved: u64,
}

impl Default for Meter {
    fn default() -> Meter {
        Meter { rest: PREFACE, header: [0; HEADER], filled: 0, control: 0, moved: 0 }
    }
}

impl Meter {
    /// The client has sent this. False: it has sent too much that is for nothing.
    fn read(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let skipped = usize::try_from(self.rest).unwrap_or(usize::MAX).min(bytes.len());
            self.rest -= skipped as u64;
            bytes = &bytes[skipped..];
            let taken = (HEADER - self.filled).min(bytes.len());
            self.header[self.filled..self.filled + taken].copy_from_slice(&bytes[..taken]);
            self.filled += taken;
            bytes = &bytes[taken..];
            if self.filled == HEADER {
                self.filled = 0;
                self.frame();
            }
        }
        self.is_fine()
    }

    fn is_fine(&self) -> bool {
        self.control <= ALLOWANCE + self.moved
    }

    fn frame(&mut self) {
        let [a, b, c, kind, ..] = self.header;
        self.rest = u64::from(u32::from_be_bytes([0, a, b, c]));
        // DATA and HEADERS with something in them; CONTINUATION is bounded by the size of a head
        match kind {
            0 | 1 if self.rest > 0 => self.moved += self.rest,
            _ => self.control += HEADER as u64 + self.rest,
        }
    }
}

impl AsyncRead for Frugal {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, out))?;
        if self.meter.read(&out.filled()[before..]) {
            return Poll::Ready(Ok(()));
        }
        // only now is it worth a look at the clock
        let seconds = self.since.elapsed().as_secs();
        self.since += Duration::from_secs(seconds);
        self.meter.moved += seconds * PER_SECOND;
        if self.meter.is_fine() {
            return Poll::Ready(Ok(()));
        }
        Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, "too many control frames")))
    }
}

impl AsyncWrite for Frugal {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let n = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.meter.moved += paid(n);
        Poll::Ready(Ok(n))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let n = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, parts))?;
        self.meter.moved += paid(n);
        Poll::Ready(Ok(n))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(&mut self.stream), cx)
    }
}

/// What a write of ours pays for. Acknowledgements go out by themselves, of no more bytes than what they answer: a quarter
/// keeps a flood of PINGs from paying for itself, and is more than any client's WINDOW_UPDATEs need.
fn paid(written: usize) -> u64 {
    written as u64 / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, length: usize) -> Vec<u8> {
        let [_, a, b, c] = u32::try_from(length).unwrap().to_be_bytes();
        let mut frame = vec![a, b, c, kind, 0, 0, 0, 0, 1];
        frame.resize(HEADER + length, 0);
        frame
    }

    /// A connection that has sent its preface and these frames, in pieces of `piece` bytes.
    fn sent(frames: &[Vec<u8>], piece: usize) -> (Meter, bool) {
        let mut meter = Meter::default();
        let bytes = [vec![b'P'; PREFACE as usize], frames.concat()].concat();
        let pieces: Vec<bool> = bytes.chunks(piece).map(|piece| meter.read(piece)).collect();
        let fine = pieces.into_iter().all(|fine| fine);
        (meter, fine)
    }

    #[test]
    fn frames_are_followed_however_they_are_cut() {
        let frames = [frame(4, 18), frame(1, 40), frame(0, 1000), frame(6, 8), frame(0, 0), frame(8, 4)];
        for piece in [1, 2, 8, 9, 10, 100, 5000] {
            let (meter, fine) = sent(&frames, piece);
            assert_eq!((meter.control, meter.moved, fine), (27 + 17 + 9 + 13, 1040, true), "{piece}");
        }
    }

    #[test]
    fn who_sends_control_frames_for_nothing_is_cut_off_and_who_moves_something_is_not() {
        for kind in [2, 3, 4, 6, 8, 9] {
            assert!(!sent(&vec![frame(kind, 8); 20_000], 4096).1, "{kind}");
        }
        assert!(!sent(&vec![frame(0, 0); 40_000], 4096).1, "DATA of no length");
        // an upload of large frames, each with a PING beside it
        assert!(sent(&vec![[frame(0, 16_384), frame(6, 8)].concat(); 2_000], 4096).1);
    }

    #[test]
    fn a_flood_of_pings_is_not_paid_for_by_its_answers() {
        let mut meter = Meter::default();
        let pings = frame(6, 8).repeat(100);
        assert!(meter.read(&[0; PREFACE as usize]));
        let rounds = (0..1000).take_while(|_| {
            meter.moved += paid(pings.len());
            meter.read(&pings)
        });
        assert!(rounds.count() < 500);
    }

    #[test]
    fn a_download_pays_for_its_window_updates() {
        let mut meter = Meter::default();
        assert!(meter.read(&[0; PREFACE as usize]));
        // as stingy as clients are: the window is given back after each 4 KiB
        for _ in 0..100_000 {
            meter.moved += paid(4096);
            assert!(meter.read(&[frame(8, 4), frame(8, 4)].concat()));
        }
    }
}
