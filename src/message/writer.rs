//! Writing a body to the wire. [`BodyWriter`] gives the framing bytes around the payload, which itself is never
//! copied.

use super::{Framing, Trailers};

/// Writes one body.
#[derive(Debug)]
pub struct BodyWriter {
    framing: Framing,
    /// A chunk-size line has been written whose chunk has not been closed.
    open: bool,
}

/// More payload than the head promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more body than Content-Length promised")]
pub struct Excess;

/// Less payload than the head promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0} bytes of body missing")]
pub struct Short(
    /// How many bytes were still to come.
    pub u64,
);

impl BodyWriter {
    /// A writer for a body with this framing.
    pub fn new(framing: Framing) -> BodyWriter {
        BodyWriter { framing, open: false }
    }

    /// Appends what stands before `len` bytes of payload. For none nothing does: an empty chunk would be the last.
    #[inline]
    pub fn before(&mut self, len: usize, out: &mut Vec<u8>) -> Result<(), Excess> {
        match &mut self.framing {
            _ if len == 0 => {}
            Framing::None => return Err(Excess),
            Framing::Length(left) => *left = left.checked_sub(len as u64).ok_or(Excess)?,
            Framing::Chunked => {
                write_hex(len, out);
                out.extend_from_slice(b"\r\n");
                self.open = true;
            }
            Framing::UntilClose => {}
        }
        Ok(())
    }

    /// Appends what stands behind the payload announced with [`BodyWriter::before`].
    #[inline]
    pub fn after(&mut self, out: &mut Vec<u8>) {
        if std::mem::take(&mut self.open) {
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Appends the end: the last chunk and the trailers. Trailers have no place in other framings.
    pub fn end(&mut self, trailers: Option<&Trailers>, out: &mut Vec<u8>) -> Result<(), Short> {
        match self.framing {
            Framing::Length(left @ 1..) => return Err(Short(left)),
            Framing::Chunked => {
                self.after(out);
                out.extend_from_slice(b"0\r\n");
                if let Some(trailers) = trailers {
                    trailers.encode(out);
                }
                out.extend_from_slice(b"\r\n");
            }
            Framing::None | Framing::Length(0) | Framing::UntilClose => {}
        }
        Ok(())
    }

    /// Whether trailers given to [`BodyWriter::end`] will be sent.
    pub fn takes_trailers(&self) -> bool {
        self.framing == Framing::Chunked
    }
}

fn write_hex(len: usize, out: &mut Vec<u8>) {
    let digits = (usize::BITS - len.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        out.push(b"0123456789abcdef"[len >> (place * 4) & 0xf]);
    }
}
