//! The `accessLog` section: which fields a line has and how it is written. One door: [`AccessLog`].

use serde_json::{Value, json};

use super::file::Node;
use super::read::{Decode, Reader};
use super::record::record;
use super::schema::Definitions;

/// The `accessLog` section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessLog {
    /// How a line is written.
    pub format: LogFormat,
    /// Which fields, in this order. The `common` format has its own.
    pub fields: Vec<LogField>,
    /// The last octet of IPv4 and the last 80 bits of IPv6 client addresses are zeroed.
    pub anonymise: bool,
}

/// How a line of the access log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// The Common Log Format with referrer and user agent, as web servers have written it for thirty years.
    Common,
}

macro_rules! log_fields {
    ($($name:ident $word:literal),+ $(,)?) => {
        /// A field of the access log.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the names are the documentation; CLI help and docs/ explain each")]
        pub enum LogField { $($name),+ }

        impl LogField {
            /// All of them, in the order of a line.
            pub const ALL: &'static [LogField] = &[$(LogField::$name),+];

            /// Its name in the file and in the log.
            pub fn name(self) -> &'static str {
                match self { $(LogField::$name => $word),+ }
            }
        }
    };
}

log_fields! {
    Ts "ts", Id "id", Client "client", Method "method", Scheme "scheme", Host "host", Path "path", Query "query",
    Http "http", Status "status", BytesIn "bytesIn", BytesOut "bytesOut", Ms "ms", Route "route", Backend "backend",
    Upstream "upstream", UpstreamMs "upstreamMs", Retries "retries", Error "error", Detail "detail", Tls "tls", Ua "ua",
    Referer "referer",
}

/// Every field but the query: queries hold secrets.
impl Default for AccessLog {
    fn default() -> AccessLog {
        let fields = LogField::ALL.iter().copied().filter(|field| *field != LogField::Query).collect();
        AccessLog { format: LogFormat::Json, fields, anonymise: false }
    }
}

record! {
    /// What the access log says of each request.
    AccessLogKeys("`{format: json}`") {
        /// One JSON object a line, or the Common Log Format with referrer and user agent.
        "format" format: LogFormat = "json",
        /// Which fields a line has, in this order. Every field but `query` when it is not given.
        "fields" fields: Vec<LogField>,
        /// Zeroes the last octet of IPv4 and the last 80 bits of IPv6 client addresses.
        "anonymise" anonymise: bool = "false",
        /// Adds the query behind the path. Queries may hold secrets.
        "query" query: bool = "false",
    }
    later []
    guessed [
        ("anonymize", "`anonymise`"),
        ("type", "`format`"),
        ("level", "`format`; the level of gatepost's own log is a flag"),
    ]
    rule json!({})
}

impl Decode for AccessLog {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<AccessLog> {
        let AccessLogKeys { format, fields, anonymise, query } = AccessLogKeys::decode(node, reader)?;
        let mut log = AccessLog {
            format: format.good().unwrap_or_default(),
            anonymise: anonymise.good().unwrap_or_default(),
            ..AccessLog::default()
        };
        if let Some(place) = fields.place() {
            if log.format == LogFormat::Common {
                reader.warning(
                    place,
                    "the `common` format has fields of its own",
                    "leave `fields` out, or write `format: json`",
                );
            }
            if let Some(fields) = fields.good() {
                unrepeated(&fields, place, reader);
                log.fields = fields;
            }
        }
        if query.good() == Some(true) && !log.fields.contains(&LogField::Query) {
            let behind =
                log.fields.iter().position(|field| *field == LogField::Path).map_or(log.fields.len(), |at| at + 1);
            log.fields.insert(behind, LogField::Query);
        }
        Some(log)
    }

    fn schema(definitions: &mut Definitions) -> Value {
        AccessLogKeys::schema(definitions)
    }

    fn of_nothing() -> Option<AccessLog> {
        Some(AccessLog::default())
    }
}

fn unrepeated(fields: &[LogField], place: super::problem::Place, reader: &mut Reader<'_>) {
    if fields.is_empty() {
        reader.error(place, "a line without fields says nothing", "leave `fields` out for all of them");
    }
    if let Some((_, field)) = fields.iter().enumerate().find(|(at, field)| fields[..*at].contains(field)) {
        reader.error(place, format!("the field `{}` is named twice", field.name()), "keep one of them");
    }
}

impl Decode for LogFormat {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<LogFormat> {
        reader.one_of(node, &[("json", LogFormat::Json), ("common", LogFormat::Common)])
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({"enum": ["json", "common"]})
    }
}

impl Decode for LogField {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<LogField> {
        let words: Vec<_> = LogField::ALL.iter().map(|field| (field.name(), *field)).collect();
        reader.one_of(node, &words)
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({"enum": LogField::ALL.iter().map(|field| field.name()).collect::<Vec<_>>()})
    }
}
