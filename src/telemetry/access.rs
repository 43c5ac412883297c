//! One line of the access log. The door is [`write()`]: no allocation, always exactly one line, whatever a client sent.

mod escape;
mod time;

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

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
    pub scheme: &'a str,
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

/// Appends one line, its end included.
pub fn write(record: &Record, format: &Format, out: &mut Vec<u8>) {
    let client = if format.anonymise { anonymous(record.client) } else { record.client };
    match format.style {
        Style::Json => json(record, &format.fields, client, out),
        Style::Common => common(record, format.fields.contains(&Field::Query), client, out),
    }
    out.push(b'\n');
}

fn json(record: &Record, fields: &[Field], client: IpAddr, out: &mut Vec<u8>) {
    out.push(b'{');
    let start = out.len();
    for field in fields {
        let before = out.len();
        if before > start {
            out.push(b',');
        }
        if !json_field(record, *field, client, out) {
            out.truncate(before);
        }
    }
    out.push(b'}');
}

/// Appends `"name":value`, or says that there is no value.
fn json_field(record: &Record, field: Field, client: IpAddr, out: &mut Vec<u8>) -> bool {
    match field {
        Field::Ts => {
            out.extend_from_slice(b"\"ts\":\"");
            time::rfc3339(record.ts_ms, out);
            out.push(b'"');
            true
        }
        Field::Id => text("\"id\":\"", record.id, out),
        Field::Client => {
            out.extend_from_slice(b"\"client\":\"");
            ip(client, out);
            out.push(b'"');
            true
        }
        Field::Method => text("\"method\":\"", record.method, out),
        Field::Scheme => text("\"scheme\":\"", record.scheme, out),
        Field::Host => text("\"host\":\"", record.host, out),
        Field::Path => text("\"path\":\"", record.path, out),
        Field::Query => text("\"query\":\"", record.query.unwrap_or_default(), out),
        Field::Http => text("\"http\":\"", record.http, out),
        Field::Status => number("\"status\":", record.status.into(), out),
        Field::BytesIn => number("\"bytesIn\":", record.bytes_in, out),
        Field::BytesOut => number("\"bytesOut\":", record.bytes_out, out),
        Field::Ms => millis("\"ms\":", record.nanos, out),
        Field::Route => text("\"route\":\"", record.route, out),
        Field::Backend => text("\"backend\":\"", record.backend, out),
        Field::Upstream => record.upstream.is_some_and(|address| {
            out.extend_from_slice(b"\"upstream\":\"");
            socket(address, out);
            out.push(b'"');
            true
        }),
        Field::UpstreamMs => record.upstream_nanos.is_some_and(|nanos| millis("\"upstreamMs\":", nanos, out)),
        Field::Retries => number("\"retries\":", record.retries.into(), out),
        Field::Error => text("\"error\":\"", record.error.unwrap_or_default(), out),
        Field::Detail => text("\"detail\":\"", record.detail, out),
        Field::Tls => text("\"tls\":\"", record.tls.unwrap_or_default(), out),
        Field::Ua => bytes("\"ua\":\"", record.ua, out),
        Field::Referer => bytes("\"referer\":\"", record.referer, out),
    }
}

fn text(name: &str, value: &str, out: &mut Vec<u8>) -> bool {
    bytes(name, value.as_bytes(), out)
}

fn bytes(name: &str, value: &[u8], out: &mut Vec<u8>) -> bool {
    if value.is_empty() {
        return false;
    }
    out.extend_from_slice(name.as_bytes());
    escape::json(value, out);
    out.push(b'"');
    true
}

fn number(name: &str, value: u64, out: &mut Vec<u8>) -> bool {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    true
}

/// Milliseconds with three digits behind the point.
fn millis(name: &str, nanos: u64, out: &mut Vec<u8>) -> bool {
    let micros = nanos / 1000;
    number(name, micros / 1000, out);
    let rest = micros % 1000;
    out.push(b'.');
    out.extend([rest / 100, rest / 10 % 10, rest % 10].map(|digit| b'0' + digit as u8));
    true
}

/// Digits, letters, dots and colons alone: nothing to escape.
fn ip(address: IpAddr, out: &mut Vec<u8>) {
    match address {
        // the formatting machinery costs more than the rest of the line
        IpAddr::V4(address) => {
            for (at, octet) in address.octets().into_iter().enumerate() {
                if at > 0 {
                    out.push(b'.');
                }
                out.extend_from_slice(itoa::Buffer::new().format(octet).as_bytes());
            }
        }
        // writing to a Vec cannot fail
        IpAddr::V6(address) => _ = write!(out, "{address}"),
    }
}

fn socket(address: SocketAddr, out: &mut Vec<u8>) {
    match address {
        SocketAddr::V4(_) => {
            ip(address.ip(), out);
            out.push(b':');
            out.extend_from_slice(itoa::Buffer::new().format(address.port()).as_bytes());
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
    number("\" ", record.status.into(), out);
    match record.bytes_out {
        0 => out.extend_from_slice(b" -"),
        count => _ = number(" ", count, out),
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
