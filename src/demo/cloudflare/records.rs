//! Which records can be, alone and beside others.

use std::net::{Ipv4Addr, Ipv6Addr};

use serde_json::Value;

use super::refusal::Refusal;
use crate::dns::{Record, RecordType};

/// Characters of a comment on the free plan ("Record attributes").
const COMMENT: usize = 100;

/// A record as it becomes: what is not said stays, or is what a new record has.
pub(super) fn changed(mut record: Record, zone: &str, fields: &Value) -> Result<Record, Refusal> {
    let text = |name: &str| fields.get(name).and_then(Value::as_str);
    if let Some(name) = text("name") {
        record.name = absolute(name, zone);
    }
    if let Some(content) = text("content") {
        record.content = content.to_owned();
    }
    if let Some(ttl) = fields.get("ttl") {
        record.ttl = ttl.as_u64().and_then(|ttl| u32::try_from(ttl).ok()).unwrap_or(u32::MAX);
    }
    if let Some(proxied) = fields.get("proxied").and_then(Value::as_bool) {
        record.proxied = proxied;
    }
    if let Some(comment) = fields.get("comment") {
        record.comment = comment.as_str().filter(|comment| !comment.is_empty()).map(str::to_owned);
    }
    settled(record)
}

/// Whole, in its one form, and such as can be on its own.
fn settled(mut record: Record) -> Result<Record, Refusal> {
    let content = record.content.trim_end_matches('.').to_ascii_lowercase();
    record.content = match record.kind {
        RecordType::A => {
            let ip: Result<Ipv4Addr, _> = content.parse();
            ip.map_err(|_| Refusal::invalid(9005, "Content for A record must be a valid IPv4 address."))?.to_string()
        }
        RecordType::Aaaa => {
            let ip: Result<Ipv6Addr, _> = content.parse();
            ip.map_err(|_| Refusal::invalid(9006, "Content for AAAA record must be a valid IPv6 address."))?.to_string()
        }
        RecordType::Cname if !is_name(&content) => {
            return Err(Refusal::invalid(9007, "Content for CNAME record is invalid."));
        }
        RecordType::Cname if content == record.name => {
            return Err(Refusal::invalid(9039, "CNAME content cannot reference itself."));
        }
        RecordType::Cname => content,
        RecordType::Other(_) => record.content,
    };
    if !is_name(&record.name) {
        return Err(Refusal::invalid(9000, "DNS name is invalid."));
    }
    if record.proxied && matches!(record.kind, RecordType::Other(_)) {
        return Err(Refusal::invalid(9004, "This record type cannot be proxied."));
    }
    if record.comment.as_ref().is_some_and(|comment| comment.chars().count() > COMMENT) {
        return Err(Refusal::invalid(9300, "DNS record comment exceeds the limit of 100 characters."));
    }
    // "Time to Live": what is proxied is always automatic
    if record.proxied {
        record.ttl = 1;
    }
    if record.ttl != 1 && !(60..=86_400).contains(&record.ttl) {
        return Err(Refusal::invalid(9021, "Invalid TTL. Must be between 60 and 86400 seconds, or 1 for Automatic."));
    }
    Ok(record)
}

/// Whether it can be beside the others, of which it is none.
pub(super) fn beside(record: &Record, others: &[Record]) -> Result<(), Refusal> {
    for other in others.iter().filter(|other| other.id != record.id && other.name == record.name) {
        let is_same = other.kind == record.kind && other.content == record.content;
        if is_same && (other.ttl, other.proxied) == (record.ttl, record.proxied) {
            return Err(Refusal::new(400, 81_058, "An identical record already exists."));
        }
        if is_same {
            return Err(Refusal::new(400, 81_057, "The record already exists."));
        }
        let points = |kind: &RecordType| kind.is_address() || *kind == RecordType::Cname;
        if record.kind == RecordType::Cname && points(&other.kind) {
            return Err(Refusal::new(400, 81_053, "An A, AAAA, or CNAME record with that host already exists."));
        }
        if record.kind.is_address() && other.kind == RecordType::Cname {
            return Err(Refusal::new(400, 81_054, "A CNAME record with that host already exists."));
        }
    }
    Ok(())
}

/// A name is of the zone, or below it; `@` is the zone itself.
fn absolute(name: &str, zone: &str) -> String {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    if name == "@" {
        zone.to_owned()
    } else if name == zone || name.ends_with(&format!(".{zone}")) {
        name
    } else {
        format!("{name}.{zone}")
    }
}

fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let is_good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        !label.is_empty() && label.len() <= 63 && label.bytes().all(is_good)
    };
    name.len() <= 253 && name.strip_prefix("*.").unwrap_or(name).split('.').all(is_label)
}
