//! One line of the access log. The door is [`write()`]: no allocation, always exactly one line, whatever a client sent.

mod escape;
mod time;

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub use self::time::Second;

/// What is known of a request when it ends.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    /// When it began, Unix time in milliseconds.
    pub ts_ms: u64,
    /// `X-Request-Id`.
    pub id: &'a str,
    /// The client, found by the rules of trust.
    pub client: IpAddr,
    /// As sent.
    pub method: &'a str,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// As asked for, without port.
    pub host: &'a str,
    /// As forwarded, without query.
    pub path: &'a str,
    /// Without `?`.
    pub query: Option<&'a str>,
    /// `1.0`, `1.1` or `2`.
    pub http: &'static str,
    /// Of the answer; 499 when the client went before it.
    pub status: u16,
    /// Of the request's body.
    pub bytes_in: u64,
    /// Of the answer's body.
    pub bytes_out: u64,
    /// From first byte to last.
    pub nanos: u64,
    /// Label of the route; empty = none.
    pub route: &'a str,
    /// As written in the routes file; empty = none.
    pub backend: &'a str,
    /// The address that answered, or was tried last.
    pub upstream: Option<SocketAddr>,
    /// Until the app's answer began.
    pub upstream_nanos: Option<u64>,
    /// Tries after the first.
    pub retries: u32,
    /// RFC 9209 error type.
    pub error: Option<&'static str>,
    /// More about the error, for people.
    pub detail: &'a str,
    /// Version of TLS.
    pub tls: Option<&'a str>,
    /// `User-Agent`, as sent.
    pub ua: &'a [u8],
    /// `Referer`, as sent.
    pub referer: &'a [u8],
}

/// What a line looks like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// Its form.
    pub style: Style,
    /// Which fields a JSON line has, in this order.
    pub fields: Vec<Field>,
    /// Whether the client's address loses its end.
    pub anonymise: bool,
}

impl Default for Format {
    fn default() -> Self {
        let fields = Field::ALL.into_iter().filter(|field| *field != Field::Query).collect();
        Format { style: Style::Json, fields, anonymise: false }
    }
}

/// The form of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// One JSON object. A field without a value is left out.
    Json,
    /// Common Log Format with referrer and user agent. The query is in it when [`Field::Query`] is among the fields.
    Common,
}

/// A field of a JSON line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is the field of `Record` with the same name")]
pub enum Field {
    Ts,
    Id,
    Client,
    Method,
    Scheme,
    Host,
    Path,
    Query,
    Http,
    Status,
    BytesIn,
    BytesOut,
    Ms,
    Route,
    Backend,
    Upstream,
    UpstreamMs,
    Retries,
    Error,
    Detail,
    Tls,
    Ua,
    Referer,
}

impl Field {
    /// Every field in its usual place.
    pub const ALL: [Field; 23] = [
        Field::Ts,
        Field::Id,
        Field::Client,
        Field::Method,
        Field::Scheme,
        Field::Host,
        Field::Path,
        Field::Query,
        Field::Http,
        Field::Status,
        Field::BytesIn,
        Field::BytesOut,
        Field::Ms,
        Field::Route,
        Field::Backend,
        Field::Upstream,
        Field::UpstreamMs,
        Field::Retries,
        Field::Error,
        Field::Detail,
        Field::Tls,
        Field::Ua,
        Field::Referer,
    ];
}

/// Appends one line, its end included. `second` is kept from one line of this thread to the next.
pub fn write(record: &Record, format: &Format, second: &Second, out: &mut Vec<u8>) {
    let client = if format.anonymise { anonymous(record.client) } else { record.client };
    match format.style {
        Style::Json => json(record, &format.fields, client, second, out),
        Style::Common => common(record, format.fields.contains(&Field::Query), client, out),
    }
    out.push(b'\n');
}

fn json(record: &Record, fields: &[Field], client: IpAddr, second: &Second, out: &mut Vec<u8>) {
    let start = out.len();
    for field in fields {
        json_field(record, *field, client, second, out);
    }
    // each field begins with the comma that divides it from the one before: the first one's becomes the brace
    match out.get_mut(start) {
        Some(comma) => *comma = b'{',
        None => out.push(b'{'),
    }
    out.push(b'}');
}

/// Appends `,"name":value`, or nothing when there is no value.
fn json_field(record: &Record, field: Field, client: IpAddr, second: &Second, out: &mut Vec<u8>) {
    match field {
        Field::Ts => {
            out.extend_from_slice(b",\"ts\":\"");
            second.rfc3339(record.ts_ms, out);
            out.push(b'"');
        }
        Field::Id => text(b",\"id\":\"", record.id.as_bytes(), out),
        Field::Client => {
            out.extend_from_slice(b",\"client\":\"");
            ip(client, out);
            out.push(b'"');
        }
        Field::Method => text(b",\"method\":\"", record.method.as_bytes(), out),
        Field::Scheme => word(b",\"scheme\":\"", record.scheme, out),
        Field::Host => text(b",\"host\":\"", record.host.as_bytes(), out),
        Field::Path => text(b",\"path\":\"", record.path.as_bytes(), out),
        Field::Query => text(b",\"query\":\"", record.query.unwrap_or_default().as_bytes(), out),
        Field::Http => word(b",\"http\":\"", record.http, out),
        Field::Status => number(b",\"status\":", record.status.into(), out),
        Field::BytesIn => number(b",\"bytesIn\":", record.bytes_in, out),
        Field::BytesOut => number(b",\"bytesOut\":", record.bytes_out, out),
        Field::Ms => millis(b",\"ms\":", record.nanos, out),
        Field::Route => text(b",\"route\":\"", record.route.as_bytes(), out),
        Field::Backend => text(b",\"backend\":\"", record.backend.as_bytes(), out),
        Field::Upstream => {
            if let Some(address) = record.upstream {
                out.extend_from_slice(b",\"upstream\":\"");
                socket(address, out);
                out.push(b'"');
            }
        }
        Field::UpstreamMs => {
            if let Some(nanos) = record.upstream_nanos {
                millis(b",\"upstreamMs\":", nanos, out);
            }
        }
        Field::Retries => number(b",\"retries\":", record.retries.into(), out),
        Field::Error => text(b",\"error\":\"", record.error.unwrap_or_default().as_bytes(), out),
        Field::Detail => text(b",\"detail\":\"", record.detail.as_bytes(), out),
        Field::Tls => text(b",\"tls\":\"", record.tls.unwrap_or_default().as_bytes(), out),
        Field::Ua => text(b",\"ua\":\"", record.ua, out),
        Field::Referer => text(b",\"referer\":\"", record.referer, out),
    }
}

/// Inlined, so that the name is stored as a constant instead of copied.
#[inline]
fn text<const N: usize>(name: &[u8; N], value: &[u8], out: &mut Vec<u8>) {
    if !value.is_empty() {
        out.extend_from_slice(name);
        escape::json(value, out);
        out.push(b'"');
    }
}

/// A word of ours: nothing to escape.
#[inline]
fn word<const N: usize>(name: &[u8; N], word: &'static str, out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    out.extend_from_slice(word.as_bytes());
    out.push(b'"');
}

#[inline]
fn number<const N: usize>(name: &[u8; N], value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(name);
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// Milliseconds with three digits behind the point.
#[inline]
fn millis<const N: usize>(name: &[u8; N], nanos: u64, out: &mut Vec<u8>) {
    let micros = nanos / 1000;
    number(name, micros / 1000, out);
    let rest = (micros % 1000) as u16;
    out.extend_from_slice(&[b'.', digit(rest / 100), digit(rest / 10 % 10), digit(rest % 10)]);
}

fn digit(value: u16) -> u8 {
    b'0' + value as u8
}

/// Digits, letters, dots and colons alone: nothing to escape.
fn ip(address: IpAddr, out: &mut Vec<u8>) {
    match address {
        // the formatting machinery costs more than the rest of the line
        IpAddr::V4(address) => {
            let mut text = [0; 4 * OCTET];
            let mut end = 0;
            for octet in address.octets() {
                let (digits, len) = &OCTETS[usize::from(octet)];
                text[end..end + OCTET].copy_from_slice(digits);
                end += usize::from(*len);
            }
            // without the last dot
            out.extend_from_slice(&text[..end - 1]);
        }
        // writing to a Vec cannot fail
        IpAddr::V6(address) => _ = write!(out, "{address}"),
    }
}

/// Room for an octet's digits and the dot behind them.
const OCTET: usize = 4;

/// Each octet in decimal with a dot behind it, and how many bytes that is.
static OCTETS: [([u8; OCTET], u8); 256] = {
    let mut table = [([b'.'; OCTET], 0); 256];
    let mut octet = 0;
    while octet < table.len() {
        let digits = [b'0' + (octet / 100) as u8, b'0' + (octet / 10 % 10) as u8, b'0' + (octet % 10) as u8];
        let (text, len) = &mut table[octet];
        let mut at = (octet < 10) as usize + (octet < 100) as usize;
        while at < 3 {
            text[*len as usize] = digits[at];
            *len += 1;
            at += 1;
        }
        *len += 1;
        octet += 1;
    }
    table
};

fn socket(address: SocketAddr, out: &mut Vec<u8>) {
    match address {
        SocketAddr::V4(_) => {
            ip(address.ip(), out);
            number(b":", address.port().into(), out);
        }
        SocketAddr::V6(_) => _ = write!(out, "{address}"),
    }
}

fn common(record: &Record, with_query: bool, client: IpAddr, out: &mut Vec<u8>) {
    ip(client, out);
    out.extend_from_slice(b" - - [");
    time::common(record.ts_ms, out);
    out.extend_from_slice(b"] \"");
    escape::common(record.method.as_bytes(), out);
    out.push(b' ');
    escape::common(record.path.as_bytes(), out);
    if let (true, Some(query)) = (with_query, record.query) {
        out.push(b'?');
        escape::common(query.as_bytes(), out);
    }
    out.extend_from_slice(b" HTTP/");
    out.extend_from_slice(record.http.as_bytes());
    number(b"\" ", record.status.into(), out);
    match record.bytes_out {
        0 => out.extend_from_slice(b" -"),
        count => number(b" ", count, out),
    }
    for value in [record.referer, record.ua] {
        out.extend_from_slice(b" \"");
        if value.is_empty() {
            out.push(b'-');
        }
        escape::common(value, out);
        out.push(b'"');
    }
}

/// Zeroes the last octet of IPv4 and the last 80 bits of IPv6: what is left names a network, not a household.
fn anonymous(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            Ipv4Addr::new(a, b, c, 0).into()
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests;
