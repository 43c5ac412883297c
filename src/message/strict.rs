//! A second reader of HTTP/1.1 messages, slow and straight from the grammar of RFC 9112, to check the first one against.
//! It shares no code with it, knows nothing of buffers that fill, and is only ever shown whole messages. Tests and the
//! fuzz targets use it; the proxy does not.

#![allow(dead_code)] // each of its users needs another half of it

/// A name and a value.
pub(crate) type Field = (Vec<u8>, Vec<u8>);

/// One message as this reader understands it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// The parts of the start line: method, target, version or version, status, reason.
    pub(crate) start: [Vec<u8>; 3],
    pub(crate) fields: Vec<Field>,
    pub(crate) framing: Framing,
    /// Bytes of the head.
    pub(crate) head: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    None,
    Length(u64),
    Chunked,
    UntilClose,
}

/// A body: payload, trailers, and how many bytes they took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Body {
    pub(crate) payload: Vec<u8>,
    pub(crate) trailers: Vec<Field>,
    pub(crate) len: usize,
}

pub(crate) type Verdict<T> = Result<T, &'static str>;

/// Reads the head of a request. No empty line before it is allowed here.
pub(crate) fn request(input: &[u8]) -> Verdict<Message> {
    let (lines, head) = lines_of_head(input)?;
    // request-line = method SP request-target SP HTTP-version
    let parts: Vec<&[u8]> = lines[0].split(|byte| *byte == b' ').collect();
    let [method, target, version] = parts[..] else { return Err("request line is not three words") };
    if !is_token(method) {
        return Err("method is no token");
    }
    if target.is_empty() || !target.iter().all(|byte| matches!(byte, 0x21..=0x7e) && *byte != b'#') {
        return Err("target with a byte that no URI has");
    }
    let minor = minor_version(version)?;
    let fields = field_lines(&lines[1..])?;
    let hosts = values(&fields, b"host");
    match hosts[..] {
        [] if minor == 0 => {}
        [host] if !host.is_empty() && !host.iter().any(|byte| matches!(byte, b' ' | b',' | b'/' | b'@')) => {}
        _ => return Err("not exactly one good Host"),
    }
    let framing = match (coding(&fields, minor)?, length(&fields)?) {
        (true, Some(_)) => return Err("length and chunked"),
        (true, None) => Framing::Chunked,
        (false, Some(length)) => Framing::Length(length),
        (false, None) => Framing::None,
    };
    Ok(Message { start: [method, target, version].map(<[u8]>::to_vec), fields, framing, head })
}

/// Reads the head of an answer to a request that was HEAD or was not.
pub(crate) fn response(input: &[u8], to_head: bool) -> Verdict<Message> {
    let (lines, head) = lines_of_head(input)?;
    // status-line = HTTP-version SP status-code SP [ reason-phrase ]; the last SP is often forgotten
    let line = &lines[0];
    let version = line.get(..8).ok_or("status line too short")?;
    let minor = minor_version(version)?;
    let status = line.get(9..12).filter(|_| line[8] == b' ').ok_or("no status")?;
    if !status.iter().all(u8::is_ascii_digit) || status[0] == b'0' {
        return Err("status is not three digits");
    }
    let reason = match &line[12..] {
        [] => &[][..],
        [b' ', reason @ ..] if reason.iter().all(|byte| is_text(*byte)) => reason,
        _ => return Err("bad reason"),
    };
    let fields = field_lines(&lines[1..])?;
    let framing = match (coding(&fields, minor)?, length(&fields)?) {
        (true, Some(_)) => return Err("length and chunked"),
        _ if to_head || status[0] == b'1' || status == b"204" || status == b"304" => Framing::None,
        (true, None) => Framing::Chunked,
        (false, Some(length)) => Framing::Length(length),
        (false, None) => Framing::UntilClose,
    };
    Ok(Message { start: [version, status, reason].map(<[u8]>::to_vec), fields, framing, head })
}

/// Reads a body from its first byte; for `UntilClose` the end of `input` is the close.
pub(crate) fn body(framing: Framing, input: &[u8]) -> Verdict<Body> {
    match framing {
        Framing::None => Ok(Body { payload: vec![], trailers: vec![], len: 0 }),
        Framing::UntilClose => Ok(Body { payload: input.to_vec(), trailers: vec![], len: input.len() }),
        Framing::Length(length) => {
            let length = usize::try_from(length).map_err(|_| "cut")?;
            let payload = input.get(..length).ok_or("cut")?.to_vec();
            Ok(Body { payload, trailers: vec![], len: length })
        }
        Framing::Chunked => chunked(input),
    }
}

fn chunked(input: &[u8]) -> Verdict<Body> {
    let mut payload = vec![];
    let mut at = 0;
    loop {
        let line = line(&input[at..])?;
        at += line.len() + 2;
        // chunk = chunk-size [ chunk-ext ] CRLF chunk-data CRLF
        let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let extension = &line[digits..];
        if digits == 0 || digits > 16 || !matches!(extension, [] | [b';', ..]) || !extension.iter().all(|b| is_text(*b))
        {
            return Err("bad chunk-size line");
        }
        let text: String = line[..digits].iter().map(|byte| char::from(*byte)).collect();
        let size = u64::from_str_radix(&text, 16).map_err(|_| "bad chunk size")?;
        if size == 0 {
            break;
        }
        let size = usize::try_from(size).map_err(|_| "cut")?;
        let end = at.checked_add(size).ok_or("cut")?;
        payload.extend_from_slice(input.get(at..end).ok_or("cut")?);
        match input.get(end..end + 2) {
            Some(b"\r\n") => at = end + 2,
            Some(_) => return Err("chunk without its CRLF"),
            None => return Err("cut"),
        }
    }
    let mut lines = vec![];
    loop {
        let line = line(&input[at..])?;
        at += line.len() + 2;
        if line.is_empty() {
            return Ok(Body { payload, trailers: field_lines(&lines)?, len: at });
        }
        lines.push(line.to_vec());
    }
}

/// The lines up to the empty one, and how many bytes they took.
fn lines_of_head(input: &[u8]) -> Verdict<(Vec<Vec<u8>>, usize)> {
    let mut lines = vec![];
    let mut at = 0;
    loop {
        let line = line(&input[at..])?;
        at += line.len() + 2;
        match (line.is_empty(), lines.is_empty()) {
            (true, true) => return Err("empty line first"),
            (true, false) => return Ok((lines, at)),
            (false, _) => lines.push(line.to_vec()),
        }
    }
}

/// The bytes before the first CRLF. A CR or LF that is not part of it is an error (RFC 9112 2.2).
fn line(input: &[u8]) -> Verdict<&[u8]> {
    let end = input.iter().position(|byte| matches!(byte, b'\r' | b'\n')).ok_or("cut")?;
    match &input[end..] {
        [b'\r', b'\n', ..] => Ok(&input[..end]),
        [b'\r'] => Err("cut"),
        _ => Err("bare CR or LF"),
    }
}

/// field-line = field-name ":" OWS field-value OWS
fn field_lines(lines: &[Vec<u8>]) -> Verdict<Vec<Field>> {
    let mut fields = vec![];
    for line in lines {
        let colon = line.iter().position(|byte| *byte == b':').ok_or("field line without a colon")?;
        let (name, mut value) = (&line[..colon], &line[colon + 1..]);
        if !is_token(name) {
            return Err("field name is no token");
        }
        if !value.iter().all(|byte| is_text(*byte)) {
            return Err("control character in a field value");
        }
        while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
            value = rest;
        }
        fields.push((name.to_vec(), value.to_vec()));
    }
    Ok(fields)
}

fn minor_version(version: &[u8]) -> Verdict<u8> {
    match version {
        b"HTTP/1.0" => Ok(0),
        b"HTTP/1.1" => Ok(1),
        _ => Err("not HTTP/1.0 or HTTP/1.1"),
    }
}

fn values<'a>(fields: &'a [Field], wanted: &[u8]) -> Vec<&'a [u8]> {
    fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| &value[..]).collect()
}

fn length(fields: &[Field]) -> Verdict<Option<u64>> {
    match values(fields, b"content-length")[..] {
        [] => Ok(None),
        [value] if !value.is_empty() && value.iter().all(u8::is_ascii_digit) => {
            let text: String = value.iter().map(|byte| char::from(*byte)).collect();
            text.parse().map(Some).map_err(|_| "length too large")
        }
        _ => Err("not exactly one good length"),
    }
}

fn coding(fields: &[Field], minor: u8) -> Verdict<bool> {
    match values(fields, b"transfer-encoding")[..] {
        [] => Ok(false),
        [value] if minor == 1 && value.eq_ignore_ascii_case(b"chunked") => Ok(true),
        _ => Err("not exactly one chunked"),
    }
}

/// token = 1*tchar
fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

/// HTAB / SP / VCHAR / obs-text
fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~' | 0x80..)
}
