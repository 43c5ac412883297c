//! What people do to records by hand: [`change`]. Cloudflare lets nobody make what cannot be.

use gatepost::dns::{Record, RecordType};

use crate::cluster::{v4, v6};
use crate::hub::{Inside, foreign, mark};
use crate::words::{HOSTS, NAMES, ZONES};

/// Does something; tells what, if anything.
pub fn change(hub: &mut Inside) -> Option<&'static str> {
    if hub.random.one_in(3) {
        return alter(hub);
    }
    let names = [NAMES[0], NAMES[1], HOSTS[0], HOSTS[1], HOSTS[3], "mail.one.example", "old.two.example"];
    let name = hub.random.pick(&names)?;
    let last = hub.random.below(12) as u8 + 1;
    let (kind, content) = match hub.random.below(9) {
        0..5 => ("A", v4(last).to_string()),
        5 => ("AAAA", v6(last).to_string()),
        6 => ("TXT", "\"a text\"".to_owned()),
        7 => ("A", "198.51.100.7".to_owned()),
        _ => ("CNAME", "somewhere.test".to_owned()),
    };
    let (what, comment) = match hub.random.below(8) {
        0..2 => ("hand: another cluster's record is made", Some(foreign().to_string())),
        2 => ("hand: a record with our mark is made", Some(mark().to_string())),
        3 => ("hand: a record with a comment is made", Some("ask Ann".to_owned())),
        _ => ("hand: a record is made", None),
    };
    if !may_be(&hub.records(), name, &RecordType::of(kind), &content, "") {
        return None;
    }
    let now = hub.now();
    hub.judge.touched(name, now);
    hub.server.add_by_hand(now, name, kind, &content, comment.as_deref())?;
    Some(what)
}

/// A record that is there goes, or becomes another.
fn alter(hub: &mut Inside) -> Option<&'static str> {
    let records = hub.records();
    let record = hub.random.pick(&records)?;
    let now = hub.now();
    let zone = ZONES.into_iter().find(|zone| record.name.ends_with(zone))?;
    if hub.random.one_in(2) {
        hub.judge.touched(&record.name, now);
        hub.server.by_hand(now, zone, |all| all.retain(|other| other.id != record.id));
        return Some("hand: a record is deleted");
    }
    let content = match record.kind {
        RecordType::A => v4(hub.random.below(12) as u8 + 1).to_string(),
        RecordType::Aaaa => v6(hub.random.below(12) as u8 + 1).to_string(),
        _ => return None,
    };
    let (ttl, is_content) = (if record.proxied { 1 } else { 300 }, hub.random.one_in(2));
    if is_content && !may_be(&records, &record.name, &record.kind, &content, &record.id) {
        return None;
    }
    hub.judge.touched(&record.name, now);
    hub.server.by_hand(now, zone, |all| {
        for other in all.iter_mut().filter(|other| other.id == record.id) {
            if is_content {
                other.content.clone_from(&content);
            } else {
                other.ttl = ttl;
            }
        }
    });
    Some("hand: a record is edited")
}

/// Whether Cloudflare would take it.
fn may_be(records: &[Record], name: &str, kind: &RecordType, content: &str, id: &str) -> bool {
    let is_concerned = |kind: &RecordType| kind.is_address() || *kind == RecordType::Cname;
    let mut beside = records.iter().filter(|other| other.name == name && other.id != id);
    beside.all(|other| {
        let is_same = other.kind == *kind && other.content == content;
        let is_alias = *kind == RecordType::Cname || other.kind == RecordType::Cname;
        !(is_same || is_alias && is_concerned(kind) && is_concerned(&other.kind))
    })
}
