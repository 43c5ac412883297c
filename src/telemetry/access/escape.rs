//! What strangers send, made harmless for a log line. Doors: [`json`] and [`common`].

/// Appends the inside of a JSON string. What is no UTF-8 becomes U+FFFD. Beyond what JSON asks for, DEL and the C1 set
/// are escaped, because a log is also read in terminals.
pub(super) fn json(value: &[u8], out: &mut Vec<u8>) {
    // no early exit: the loop is then done 16 bytes at a time
    if !value.iter().fold(false, |found, byte| found | is_special(*byte)) {
        return out.extend_from_slice(value);
    }
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
