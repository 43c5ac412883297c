//! How things look in JSON.

use bytes::Bytes;
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::dns::{Record, RecordType, ZoneId};

/// When everything was made: nobody compares it.
const MADE: &str = "2014-01-01T05:20:00.12345Z";

/// Networks of Cloudflare's edge, of which the real list has some more.
const IPV4: [&str; 3] = ["173.245.48.0/20", "103.21.244.0/22", "104.16.0.0/13"];
const IPV6: [&str; 2] = ["2400:cb00::/32", "2606:4700::/32"];

pub(super) fn good(result: &Value) -> Response<Bytes> {
    super::envelope(StatusCode::OK, &json!({"result": result, "success": true, "errors": [], "messages": []}))
}

pub(super) fn ips() -> Response<Bytes> {
    good(&json!({"ipv4_cidrs": IPV4, "ipv6_cidrs": IPV6, "etag": "38f79d050aa027e3be3865e495dcc9bc"}))
}

/// A record that nobody has marked.
pub(super) fn record(zone: &ZoneId, id: &str, name: &str, kind: &str, content: &str, ttl: u32) -> Record {
    Record {
        id: id.to_owned(),
        zone: zone.clone(),
        name: name.to_owned(),
        kind: RecordType::of(kind),
        content: content.to_owned(),
        ttl,
        proxied: false,
        comment: None,
    }
}

pub(super) fn shown(record: &Record) -> Value {
    let Record { id, zone: _, name, kind, content, ttl, proxied, comment } = record;
    let is_ours = !matches!(kind, RecordType::Other(_));
    let mut shown = json!({
        "id": id, "name": name, "type": kind.as_str(), "content": content, "proxiable": is_ours, "proxied": proxied,
        "ttl": ttl, "settings": {}, "meta": {}, "comment": comment, "tags": [], "created_on": MADE, "modified_on": MADE,
    });
    if kind.as_str() == "CAA" {
        let mut parts = content.splitn(3, ' ');
        let flags = parts.next().and_then(|flags| flags.parse::<u8>().ok());
        let (tag, value) = (parts.next(), parts.next().map(|value| value.trim_matches('"')));
        shown["data"] = json!({"flags": flags, "tag": tag, "value": value});
    }
    shown
}
