//! A plan for whoever reads it: [`json()`] for programs, [`lines`] for people.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Change, Conflict, Draft, Held, Plan, Record, RecordType, Swap, Why, ZonePlan};
use crate::config::AUTOMATIC;

/// The most records of one name that stand in one line.
const SHOWN: usize = 3;

/// One line for people, without colours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What it tells of.
    pub sign: Sign,
    /// The line, its sign in front.
    pub text: String,
}

/// What a line tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// `+`: a record is made.
    Add,
    /// `~`: a record becomes another one, or several do.
    Change,
    /// `-`: a record goes.
    Delete,
    /// `=`: addresses that are to go stay for now.
    Held,
    /// `!`: a name cannot be as it is wanted.
    Conflict,
    /// Nothing in front: how full a zone is, or that there is nothing to do.
    Note,
}

// === for programs ===

/// `{adds, changes, deletes, held, conflicts, budget}`. Scripts read this: keys are added, and none is taken away. A name
/// that changes its type is a change from several records to several.
pub fn json(plan: &Plan) -> Value {
    let (mut adds, mut changes, mut deletes, mut budget) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for planned in &plan.zones {
        let zone = planned.zone.name.as_str();
        adds.extend(planned.adds.iter().map(|draft| of_name(zone, &draft.name, of_draft(draft))));
        changes.extend(planned.changes.iter().map(|Change { from, to, reason }| {
            let change = json!({"reason": reason.as_str(), "from": [of_record(from)], "to": [of_draft(to)]});
            of_name(zone, &to.name, change)
        }));
        changes.extend(planned.swaps.iter().map(|Swap { name, deletes, adds }| {
            let from: Vec<Value> = deletes.iter().map(of_record).collect();
            let to: Vec<Value> = adds.iter().map(of_draft).collect();
            of_name(zone, name, json!({"reason": "type", "from": from, "to": to}))
        }));
        deletes.extend(planned.deletes.iter().map(|record| of_name(zone, &record.name, of_record(record))));
        budget.push(of_budget(planned));
    }
    let held: Vec<Value> = plan.held.iter().map(of_held).collect();
    let conflicts: Vec<Value> = plan.conflicts.iter().map(of_conflict).collect();
    json!({
        "adds": adds, "changes": changes, "deletes": deletes,
        "held": held, "conflicts": conflicts, "budget": budget,
    })
}

fn of_name(zone: &str, name: &str, mut value: Value) -> Value {
    value["zone"] = json!(zone);
    value["name"] = json!(name);
    value
}

fn of_draft(draft: &Draft) -> Value {
    let Draft { name: _, kind, content, ttl, proxied } = draft;
    json!({"type": kind.as_str(), "content": content, "ttl": ttl, "proxied": proxied})
}

fn of_record(record: &Record) -> Value {
    let Record { id, zone: _, name: _, kind, content, ttl, proxied, comment: _ } = record;
    json!({"id": id, "type": kind.as_str(), "content": content, "ttl": ttl, "proxied": proxied})
}

fn of_held(Held { name, addresses, of, why }: &Held) -> Value {
    json!({"name": name, "addresses": addresses, "of": of, "last": *why == Why::Last, "why": why.as_str()})
}

fn of_budget(planned: &ZonePlan) -> Value {
    let (used, quota) = planned.budget().map(|usage| (usage.used, usage.quota)).unzip();
    json!({"zone": planned.zone.name, "used": used, "quota": quota, "ours": planned.ours})
}

fn of_conflict(conflict: &Conflict) -> Value {
    let mut value = match conflict {
        Conflict::NoZone { name } => json!({"kind": "noZone", "name": name}),
        Conflict::NoAddress { name } => json!({"kind": "noAddress", "name": name}),
        Conflict::NoRoom { zone, wanted, room } => {
            json!({"kind": "noRoom", "zone": zone, "wanted": wanted, "room": room})
        }
        Conflict::Unmarked { name, kind, content } => {
            json!({"kind": "unmarked", "name": name, "type": kind.as_str(), "content": content})
        }
        Conflict::OtherCluster { name, kind, content, mark } => {
            json!({"kind": "otherCluster", "name": name, "type": kind.as_str(), "content": content, "mark": mark})
        }
        Conflict::Kept { name, kind, content } => {
            json!({"kind": "kept", "name": name, "type": kind.as_str(), "content": content})
        }
    };
    value["message"] = json!(conflict.to_string());
    value
}

// === for people ===

/// A table of what changes, and below it what does not and why, and how full the zones are then.
pub fn lines(plan: &Plan) -> Vec<Line> {
    let mut lines = aligned(plan.zones.iter().flat_map(rows).collect());
    if lines.is_empty() {
        lines.push(Line { sign: Sign::Note, text: "Nothing to change".to_owned() });
    }
    lines.extend(plan.held.iter().map(|held| Line { sign: Sign::Held, text: format!("= {}", told_held(held)) }));
    let conflict = |conflict| Line { sign: Sign::Conflict, text: format!("! {conflict}") };
    lines.extend(plan.conflicts.iter().map(conflict));
    if let Some(first) = plan.waiting.first() {
        let count = plan.waiting.len();
        let text = format!("= {count} names ({first}, …) lead elsewhere until what they are to lead to has an address");
        lines.push(Line { sign: Sign::Held, text });
    }
    lines.extend(plan.zones.iter().map(|planned| Line { sign: Sign::Note, text: told_budget(planned) }));
    lines
}

/// Name, type, content, TTL, proxying, reason.
struct Row(Sign, [String; 6]);

fn rows(planned: &ZonePlan) -> Vec<Row> {
    let ZonePlan { zone: _, adds, changes, deletes, swaps, ours: _ } = planned;
    let mut rows = Vec::with_capacity(adds.len() + changes.len() + deletes.len() + swaps.len());
    for Draft { name, kind, content, ttl, proxied } in adds {
        let proxied = told_proxied(*proxied).to_owned();
        let cells = [name.clone(), kind.to_string(), content.clone(), told_ttl(*ttl), proxied, String::new()];
        rows.push(Row(Sign::Add, cells));
    }
    for Change { from, to, reason } in changes {
        let content = became(from.content.clone(), to.content.clone());
        let ttl = became(told_ttl(from.ttl_in_force()), told_ttl(to.ttl));
        let proxied = became(told_proxied(from.proxied).to_owned(), told_proxied(to.proxied).to_owned());
        let cells = [to.name.clone(), to.kind.to_string(), content, ttl, proxied, reason.as_str().to_owned()];
        rows.push(Row(Sign::Change, cells));
    }
    rows.extend(swaps.iter().map(swapped));
    for record in deletes {
        let (name, kind) = (record.name.clone(), record.kind.to_string());
        let (ttl, proxied) = (told_ttl(record.ttl_in_force()), told_proxied(record.proxied).to_owned());
        rows.push(Row(Sign::Delete, [name, kind, record.content.clone(), ttl, proxied, String::new()]));
    }
    rows
}

fn swapped(Swap { name, deletes, adds }: &Swap) -> Row {
    let kinds = |kinds: BTreeSet<&RecordType>| kinds.into_iter().map(RecordType::as_str).collect::<Vec<_>>().join(", ");
    let old = kinds(deletes.iter().map(|record| &record.kind).collect());
    let new = kinds(adds.iter().map(|draft| &draft.kind).collect());
    let content = became(
        listed(deletes.iter().map(|record| record.content.as_str())),
        listed(adds.iter().map(|draft| draft.content.as_str())),
    );
    // what a name has is all alike
    let ttl = adds.first().map(|draft| told_ttl(draft.ttl)).unwrap_or_default();
    let proxied = adds.first().map(|draft| told_proxied(draft.proxied)).unwrap_or_default();
    Row(Sign::Change, [name.clone(), became(old, new), content, ttl, proxied.to_owned(), "type".to_owned()])
}

fn aligned(rows: Vec<Row>) -> Vec<Line> {
    let mut widths = [0; 6];
    for Row(_, cells) in &rows {
        for (width, cell) in widths.iter_mut().zip(cells) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |Row(sign, cells): Row| {
        let mut text = match sign {
            Sign::Add => "+".to_owned(),
            Sign::Delete => "-".to_owned(),
            _ => "~".to_owned(),
        };
        for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
            let gap = if at == 0 { 1 } else { 2 };
            text.push_str(&format!("{:gap$}{cell:width$}", ""));
        }
        text.truncate(text.trim_end().len());
        Line { sign, text }
    };
    rows.into_iter().map(line).collect()
}

fn told_held(Held { name, addresses, of, why }: &Held) -> String {
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    let (count, addresses) = (addresses.len(), listed(addresses.iter().map(String::as_str)));
    let (not, why) = match why {
        Why::Most => ("not go yet", "that would be most of its addresses at once"),
        Why::Last => ("not go", "the name would have fewer addresses than it must have"),
        Why::Remembered => {
            ("not go yet", "the name is not wanted any more, and may be remembered for as long as its TTL")
        }
    };
    format!("{name}: {addresses} may {not}, {count} of {of}: {why}")
}

fn told_budget(planned: &ZonePlan) -> String {
    let (zone, ours) = (&planned.zone.name, planned.ours);
    match planned.budget() {
        Some(usage) => format!("{} of {} records in {zone}, {ours} of them ours", usage.used, usage.quota),
        None => format!("{ours} of our records in {zone}"),
    }
}

fn listed<'t>(texts: impl ExactSizeIterator<Item = &'t str>) -> String {
    let more = texts.len().saturating_sub(SHOWN);
    let shown = texts.take(SHOWN).collect::<Vec<&str>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

fn became(old: String, new: String) -> String {
    if old == new { new } else { format!("{old} → {new}") }
}

fn told_ttl(ttl: u32) -> String {
    if ttl == AUTOMATIC { "auto".to_owned() } else { format!("{ttl} s") }
}

fn told_proxied(proxied: bool) -> &'static str {
    if proxied { "proxied" } else { "direct" }
}
