//! What strangers send, made harmless for a log line. Doors: [`json`] and [`common`].

/// Appends the inside of a JSON string. What is no UTF-8 becomes U+FFFD. Beyond what JSON asks for, DEL and the C1 set
/// are escaped, because a log is also read in terminals.
pub(super) fn json(value: &[u8], out: &mut Vec<u8>) {
    if is_plain(value) {
        out.extend_from_slice(value);
    } else {
        escaped(value, out);
    }
}

/// Apart, so that the usual way does not save the registers that this one needs.
#[cold]
fn escaped(value: &[u8], out: &mut Vec<u8>) {
    for chunk in value.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                '\n' => out.extend_from_slice(b"\\n"),
                '\r' => out.extend_from_slice(b"\\r"),
                '\t' => out.extend_from_slice(b"\\t"),
                // every control character is below U+0100
                character if character.is_control() => {
                    out.extend_from_slice(b"\\u00");
                    hex(character as u8, out);
                }
                character => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

/// Whether no byte is special: nearly every value is so. Seen eight bytes at a time, without an early end.
#[inline]
fn is_plain(value: &[u8]) -> bool {
    let found = match value.last_chunk() {
        // the last word may overlap the one before it
        Some(last) => value.as_chunks().0.iter().fold(specials(*last), |found, word| found | specials(*word)),
        None => {
            let spaces = u64::from_ne_bytes([b' '; 8]);
            specials(value.iter().fold(spaces, |word, byte| word << 8 | u64::from(*byte)).to_ne_bytes())
        }
    };
    found == 0
}

/// [`is_special`] of eight bytes: not 0 when one of them is. Each term sets the upper bit of such a byte, by a carry, or by
/// the borrow when something is taken from what is 0 or too little.
#[inline]
fn specials(bytes: [u8; 8]) -> u64 {
    const EACH: u64 = u64::from_ne_bytes([1; 8]);
    let word = u64::from_ne_bytes(bytes);
    let is = |byte: u8| (word ^ (EACH * u64::from(byte))).wrapping_sub(EACH);
    let from_del = word | word.wrapping_add(EACH);
    (from_del | word.wrapping_sub(EACH * 0x20) | is(b'"') | is(b'\\')) & (EACH * 0x80)
}

#[inline]
fn is_special(byte: u8) -> bool {
    !(b' '..0x7f).contains(&byte) | (byte == b'"') | (byte == b'\\')
}

/// Appends a part of a quoted string of the common format: `\xHH` for everything that is special, as web servers do it.
pub(super) fn common(value: &[u8], out: &mut Vec<u8>) {
    for byte in value {
        if is_special(*byte) {
            out.extend_from_slice(b"\\x");
            hex(*byte, out);
        } else {
            out.push(*byte);
        }
    }
}

fn hex(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push(DIGITS[usize::from(byte >> 4)]);
    out.push(DIGITS[usize::from(byte & 15)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_special_byte_is_found_wherever_it_stands() {
        for len in 1..20 {
            for at in 0..len {
                for byte in 0..=255_u8 {
                    let mut value = vec![b'~'; len];
                    value[at] = byte;
                    assert_eq!(is_plain(&value), !is_special(byte), "{byte} at {at} of {len}");
                }
            }
        }
        assert!(is_plain(b""));
    }
}
