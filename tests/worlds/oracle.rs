//! Whether records are as they should be, written down anew from the issue and not by the tested code: [`missing`].

use std::collections::BTreeSet;
use std::net::IpAddr;

use gatepost::dns::{Record, RecordType};

use crate::hub::{Inside, mark};

/// The first thing that is not as it should be. `holds`: addresses that are to go may be there still.
pub fn missing(hub: &Inside, holds: bool) -> Option<String> {
    let records = hub.records();
    let names: BTreeSet<&str> =
        records.iter().map(|record| record.name.as_str()).chain(hub.words.names.iter().copied()).collect();
    let hosts = hub.words.hosts.iter().copied().filter(|host| host.ends_with(".example"));
    let names: BTreeSet<&str> = names.into_iter().chain(hosts).collect();
    names.into_iter().find_map(|name| {
        let of_name: Vec<&Record> = records.iter().filter(|record| record.name == name).collect();
        let wrong = if hub.words.is_name(name) {
            of_addresses(hub, &of_name, holds)
        } else if hub.words.is_host(name) {
            of_alias(hub, &of_name, &records)
        } else {
            let is_led_to = leads(&records, name);
            unwanted(hub, &of_name, holds || is_led_to)
        };
        wrong.map(|wrong| format!("{name}: {wrong}: {:?}", crate::judge::shown(&records)))
    })
}

fn is_ours(record: &Record) -> bool {
    mark().owns(record.comment.as_deref())
}

fn is_foreign(record: &Record) -> bool {
    crate::hub::foreign().owns(record.comment.as_deref())
}

fn is_right(hub: &Inside, record: &Record) -> bool {
    (record.ttl, record.proxied) == if hub.words.is_proxied { (1, true) } else { (120, false) }
}

fn of_addresses(hub: &Inside, records: &[&Record], holds: bool) -> Option<String> {
    let points = |record: &&&Record| record.kind.is_address() || record.kind == RecordType::Cname;
    let (ours, others): (Vec<&Record>, Vec<&Record>) =
        records.iter().filter(points).partition(|record| is_ours(record));
    let nodes = hub.cluster.addresses();
    let is_adopted = |record: &&&Record| {
        let is_leftover = record.kind == RecordType::A && record.address().is_some_and(|it| nodes.contains(&it));
        !is_foreign(record) && (hub.words.adopt || is_leftover)
    };
    let wanted = hub.cluster.published();
    // a CNAME stays as long as there is nothing in its place
    let is_left = |record: &&&Record| is_adopted(record) && (record.kind.is_address() || !wanted.is_empty());
    if let Some(left) = others.iter().find(is_left) {
        return Some(format!("{} is not adopted", left.content));
    }
    // beside somebody else's CNAME nothing can be
    if others.iter().any(|record| record.kind == RecordType::Cname) {
        return None;
    }
    let has: BTreeSet<IpAddr> = ours.iter().filter_map(|record| record.address()).collect();
    let taken: BTreeSet<IpAddr> = others.iter().filter_map(|record| record.address()).collect();
    if wanted.is_empty() && has.is_empty() && ours.len() <= 1 {
        return None;
    }
    if ours.len() != has.len() {
        return Some("two records of one address, or one of none".to_owned());
    }
    if !wanted.iter().all(|address| has.contains(address) || taken.contains(address)) {
        return Some(format!("it lacks some of {wanted:?}"));
    }
    let more = has.difference(&wanted).count();
    if more > 0 && !holds && has.len() > hub.words.min_addresses {
        return Some(format!("it has more than {wanted:?}"));
    }
    let is_kept = |record: &&&Record| record.address().is_some_and(|it| wanted.contains(&it));
    (!ours.iter().filter(is_kept).all(|record| is_right(hub, record))).then(|| "a wrong TTL".to_owned())
}

/// Whether a CNAME of ours leads to this name.
fn leads(records: &[Record], name: &str) -> bool {
    records.iter().any(|record| record.kind == RecordType::Cname && is_ours(record) && record.content == name)
}

fn of_alias(hub: &Inside, records: &[&Record], all: &[Record]) -> Option<String> {
    let points = |record: &&&Record| record.kind.is_address() || record.kind == RecordType::Cname;
    let (ours, others): (Vec<&Record>, Vec<&Record>) =
        records.iter().filter(points).partition(|record| is_ours(record));
    if others.iter().any(|record| is_foreign(record) || !hub.words.adopt) {
        return None;
    }
    // it keeps what it has until there is something at the name that it should lead to
    let is_waiting = !all.iter().any(|record| record.name == hub.words.names[0] && points(&&record));
    if !others.is_empty() && !is_waiting {
        return Some("a record is not adopted".to_owned());
    }
    match ours[..] {
        [alias] if alias.kind == RecordType::Cname && alias.content == hub.words.names[0] => {
            (!is_right(hub, alias)).then(|| "a CNAME with a wrong TTL".to_owned())
        }
        _ if is_waiting && !records.is_empty() => None,
        _ => Some("it is not one CNAME of ours".to_owned()),
    }
}

fn unwanted(hub: &Inside, records: &[&Record], holds: bool) -> Option<String> {
    let mut ours = records.iter().filter(|record| is_ours(record) && !matches!(record.kind, RecordType::Other(_)));
    // while not all names can be read it is not known which are wanted
    let may_stay = |record: &Record| !hub.words.is_whole || (record.kind.is_address() && holds);
    ours.find(|record| !may_stay(record)).map(|record| format!("nobody wants {}", record.content))
}
