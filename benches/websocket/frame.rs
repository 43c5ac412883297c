//! WebSocket on the wire (RFC 6455): what both ends of a measurement need of it, and no more.

use aws_lc_rs::digest;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// Opcodes (5.2).
pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;
/// The first byte's bit of a message's last frame.
pub(crate) const FIN: u8 = 0x80;
/// The second byte's bit of a frame with a mask.
const MASKED: u8 = 0x80;

/// What stands before a frame's payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    /// FIN, reserved bits and opcode.
    pub(crate) first: u8,
    pub(crate) mask: Option<[u8; 4]>,
    pub(crate) len: u64,
}

impl Header {
    /// The header at the beginning of these bytes and its own length; `None` while it is not there as a whole.
    pub(crate) fn parse(bytes: &[u8]) -> Option<(Header, usize)> {
        let (&[first, second], rest) = bytes.split_first_chunk()?;
        let (len, rest) = match second & !MASKED {
            126 => rest.split_first_chunk().map(|(&len, rest)| (u64::from(u16::from_be_bytes(len)), rest))?,
            127 => rest.split_first_chunk().map(|(&len, rest)| (u64::from_be_bytes(len), rest))?,
            len => (u64::from(len), rest),
        };
        let (mask, rest) = match second & MASKED {
            0 => (None, rest),
            _ => rest.split_first_chunk().map(|(&mask, rest)| (Some(mask), rest))?,
        };
        Some((Header { first, mask, len }, bytes.len() - rest.len()))
    }

    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let masked = if self.mask.is_some() { MASKED } else { 0 };
        out.push(self.first);
        match (u8::try_from(self.len), u16::try_from(self.len)) {
            (Ok(len), _) if len < 126 => out.push(masked | len),
            (_, Ok(len)) => {
                out.push(masked | 126);
                out.extend(len.to_be_bytes());
            }
            _ => {
                out.push(masked | 127);
                out.extend(self.len.to_be_bytes());
            }
        }
        out.extend(self.mask.iter().flatten());
    }

    pub(crate) fn opcode(&self) -> u8 {
        self.first & 0x0F
    }

    pub(crate) fn is_last(&self) -> bool {
        self.first & FIN != 0
    }
}

/// Masks or unmasks a part of a payload that begins `at` bytes from its beginning (5.3).
pub(crate) fn mask(bytes: &mut [u8], mask: [u8; 4], at: u64) {
    let turned: [u8; 4] = std::array::from_fn(|i| mask[(at as usize + i) % 4]);
    for four in bytes.chunks_mut(4) {
        four.iter_mut().zip(turned).for_each(|(byte, mask)| *byte ^= mask);
    }
}

/// What a server answers to a key (4.2.2).
pub(crate) fn accept(key: &[u8]) -> String {
    let mut sha1 = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    sha1.update(key);
    sha1.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    BASE64_STANDARD.encode(sha1.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accept_of_the_rfc_s_example_is_the_rfc_s() {
        assert_eq!(accept(b"dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn a_header_comes_back_whatever_its_length_and_never_in_part() {
        for len in [0, 125, 126, 65_535, 65_536, 1 << 40] {
            for mask in [None, Some([1, 2, 3, 4])] {
                let (header, mut bytes) = (Header { first: FIN | BINARY, mask, len }, Vec::new());
                header.encode(&mut bytes);
                assert_eq!(Header::parse(&bytes), Some((header, bytes.len())));
                assert!((0..bytes.len()).all(|n| Header::parse(&bytes[..n]).is_none()));
            }
        }
    }

    #[test]
    fn a_mask_taken_in_parts_is_the_same_mask() {
        let plain: Vec<u8> = (0..50).collect();
        let mut whole = plain.clone();
        mask(&mut whole, [9, 8, 7, 6], 0);
        let mut parts = plain.clone();
        let (first, second) = parts.split_at_mut(7);
        mask(first, [9, 8, 7, 6], 0);
        mask(second, [9, 8, 7, 6], 7);
        assert!(whole == parts && whole != plain);
    }
}
