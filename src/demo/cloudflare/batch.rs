//! Changes of records: deletes, then patches, then puts, then posts, and all of them or none.

use std::time::Duration;

use serde_json::{Value, json};

use super::refusal::Refusal;
use super::{Server, records, shape};
use crate::dns::{MAX_BATCH, Record};

/// The parts in their order ("Batch DNS Records").
const ORDER: [&str; 4] = ["deletes", "patches", "puts", "posts"];

impl Server {
    /// Does a batch in the zone, or only so many of its operations; tells what has become of the records.
    pub(super) fn batch(
        &mut self,
        at: usize,
        body: &Value,
        now: Duration,
        only: Option<usize>,
    ) -> Result<Value, Refusal> {
        let part = |name: &str| body.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
        let all: Vec<(&str, Value)> =
            ORDER.into_iter().flat_map(|name| part(name).into_iter().map(move |fields| (name, fields))).collect();
        if all.len() > MAX_BATCH {
            return Err(Refusal::invalid(9207, "Too many operations in one batch."));
        }
        let mut records = self.zones[at].records().to_vec();
        let mut done = json!({"deletes": [], "patches": [], "puts": [], "posts": []});
        let count = only.unwrap_or(all.len());
        for (name, fields) in all.into_iter().take(count) {
            let record = self.one(at, name, &fields, &mut records)?;
            if let Some(part) = done[name].as_array_mut() {
                part.push(shape::shown(&record));
            }
        }
        let lag = self.lag;
        self.zones[at].replace(records, now, lag);
        Ok(done)
    }

    fn one(&mut self, at: usize, part: &str, fields: &Value, records: &mut Vec<Record>) -> Result<Record, Refusal> {
        let kind = fields.get("type").and_then(Value::as_str);
        if part == "posts" {
            return self.post(at, kind, fields, records);
        }
        let id = fields.get("id").and_then(Value::as_str).unwrap_or_default();
        let place = records.iter().position(|record| record.id == id).ok_or_else(Refusal::missing)?;
        if part == "deletes" {
            return Ok(records.remove(place));
        }
        let before = records[place].clone();
        if kind.is_some_and(|kind| kind != before.kind.as_str()) {
            return Err(Refusal::invalid(9207, "The type of a record cannot be changed."));
        }
        let base = match part {
            "puts" => shape::record(&before.zone, &before.id, &before.name, before.kind.as_str(), "", 1),
            _ => before,
        };
        let after = records::changed(base, &self.zones[at].name, fields)?;
        records::beside(&after, records)?;
        records[place] = after.clone();
        Ok(after)
    }

    fn post(
        &mut self,
        at: usize,
        kind: Option<&str>,
        fields: &Value,
        records: &mut Vec<Record>,
    ) -> Result<Record, Refusal> {
        let kind = kind.unwrap_or_default();
        let is_type = !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        if !is_type || fields.get("name").and_then(Value::as_str).is_none() {
            return Err(Refusal::invalid(9207, "A record has a type and a name."));
        }
        let id = self.id();
        let zone = &self.zones[at];
        let base = shape::record(&zone.id, &id, "", kind, "", 1);
        let record = records::changed(base, &zone.name, fields)?;
        records::beside(&record, records)?;
        if records.len() >= zone.quota {
            return Err(Refusal::new(400, 81_045, "Record quota exceeded."));
        }
        records.push(record.clone());
        Ok(record)
    }
}
