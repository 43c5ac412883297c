//! Reading a body from the wire. [`BodyReader`] is a pure state machine: it is shown the bytes that have arrived and
//! says what the first of them are. It keeps nothing but trailers.

use super::{Framing, Malformed, Trailers};

/// Bytes of chunk extensions in one message: nobody uses them, but each is work without payload.
const EXTENSIONS_MAX: usize = 4 * 1024;
/// Digits of a chunk size, leading zeros included: 64 bits.
const SIZE_DIGITS: u8 = 16;

/// Reads one body.
#[derive(Debug)]
pub struct BodyReader {
    state: State,
    extensions: usize,
    trailers: Option<Box<Trailers>>,
}

/// What the first bytes of the input are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// Skip bytes of framing, then take bytes of payload. The machine counts both as taken.
    Data {
        /// Framing bytes before the payload.
        skip: usize,
        /// Payload bytes: never 0, never more than the input has.
        len: usize,
    },
    /// Skip bytes of framing; what comes after them has not arrived yet.
    More {
        /// Framing bytes: all of the input.
        skip: usize,
    },
    /// Skip bytes of framing; then the body is complete, and what follows is not its own.
    End {
        /// Framing bytes before the end.
        skip: usize,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many bytes of a body with a length are to come.
    Length(u64),
    UntilClose,
    /// In a chunk-size line (RFC 9112 7.1), after so many digits.
    Size {
        size: u64,
        digits: u8,
    },
    Extension {
        size: u64,
    },
    SizeLf {
        size: u64,
    },
    /// So many bytes of a chunk are to come.
    Chunk(u64),
    ChunkCr,
    ChunkLf,
    Trailers,
    /// The empty line came right behind the last chunk: no trailers, and nothing allocated for them.
    LastLf,
    End,
}

impl BodyReader {
    /// A reader for a body with this framing.
    pub fn new(framing: Framing) -> BodyReader {
        let state = match framing {
            Framing::None | Framing::Length(0) => State::End,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Size { size: 0, digits: 0 },
            Framing::UntilClose => State::UntilClose,
        };
        BodyReader { state, extensions: 0, trailers: None }
    }

    /// Says what the first bytes of `input` are, and counts them as taken.
    #[inline]
    pub fn next(&mut self, input: &[u8]) -> Result<Read, Malformed> {
        match self.state {
            State::End => Ok(Read::End { skip: 0 }),
            State::Length(_) | State::UntilClose | State::Chunk(_) if input.is_empty() => Ok(Read::More { skip: 0 }),
            State::UntilClose => Ok(Read::Data { skip: 0, len: input.len() }),
            State::Length(left) => {
                let (len, left) = take(left, input.len());
                self.state = if left == 0 { State::End } else { State::Length(left) };
                Ok(Read::Data { skip: 0, len })
            }
            _ => self.next_chunked(input),
        }
    }

    /// Whether the body is complete. With a length it is so right after its last byte.
    #[inline]
    pub fn is_end(&self) -> bool {
        self.state == State::End
    }

    /// The peer has closed: right at the end, or the end itself of a body without any other.
    pub fn eof(&mut self) -> Result<(), Malformed> {
        match self.state {
            State::UntilClose | State::End => {
                self.state = State::End;
                Ok(())
            }
            _ => Err(Malformed::Body("body cut short")),
        }
    }

    /// The trailers of a chunked body, once it has ended and if it had any.
    pub fn trailers(&self) -> Option<&Trailers> {
        let ended = self.is_end();
        self.trailers.as_deref().filter(|_| ended)
    }

    fn next_chunked(&mut self, input: &[u8]) -> Result<Read, Malformed> {
        for (at, byte) in input.iter().enumerate() {
            self.state = match self.state {
                State::Chunk(left) => {
                    let (len, left) = take(left, input.len() - at);
                    self.state = if left == 0 { State::ChunkCr } else { State::Chunk(left) };
                    return Ok(Read::Data { skip: at, len });
                }
                State::Trailers if self.trailers.is_none() && *byte == b'\r' => State::LastLf,
                State::Trailers => {
                    let trailers = self.trailers.get_or_insert_default();
                    if trailers.take(*byte)? { State::End } else { State::Trailers }
                }
                state => self.step(state, *byte)?,
            };
            if self.state == State::End {
                return Ok(Read::End { skip: at + 1 });
            }
        }
        Ok(Read::More { skip: input.len() })
    }

    /// One byte of the framing around chunks.
    fn step(&mut self, state: State, byte: u8) -> Result<State, Malformed> {
        match (state, byte) {
            (State::Size { digits: SIZE_DIGITS, .. }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                Err(Malformed::Body("chunk size too long"))
            }
            (State::Size { size, digits }, _) if byte.is_ascii_hexdigit() => {
                let digit = (byte as char).to_digit(16).map_or(0, u64::from);
                Ok(State::Size { size: size << 4 | digit, digits: digits + 1 })
            }
            (State::Size { size, digits: 1.. }, b'\r') => Ok(State::SizeLf { size }),
            (State::Size { size, digits: 1.. }, b';') => Ok(State::Extension { size }),
            (State::Size { .. }, _) => Err(Malformed::Body("bad chunk size")),
            (State::Extension { size }, b'\r') => Ok(State::SizeLf { size }),
            (State::Extension { size }, b'\t' | b' '..=b'~' | 0x80..) => {
                self.extensions += 1;
                match self.extensions > EXTENSIONS_MAX {
                    true => Err(Malformed::Body("chunk extensions too long")),
                    false => Ok(State::Extension { size }),
                }
            }
            (State::Extension { .. }, _) => Err(Malformed::Body("bad byte in a chunk extension")),
            (State::SizeLf { size: 0 }, b'\n') => Ok(State::Trailers),
            (State::SizeLf { size }, b'\n') => Ok(State::Chunk(size)),
            (State::LastLf, b'\n') => Ok(State::End),
            (State::ChunkCr, b'\r') => Ok(State::ChunkLf),
            (State::ChunkLf, b'\n') => Ok(State::Size { size: 0, digits: 0 }),
            _ => Err(Malformed::Body("bad end of a chunk")),
        }
    }
}

/// How much of `left` has arrived, and what then is left.
fn take(left: u64, arrived: usize) -> (usize, u64) {
    let len = usize::try_from(left).map_or(arrived, |left| left.min(arrived));
    (len, left - len as u64)
}
