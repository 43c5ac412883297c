//! The JSON Schema of the routes file, made of the same declarations that it is read by. One door: [`schema`].

use serde_json::{Map, Value, json};

use super::keys::File;
use super::read::Decode;

/// The schema of a routes file (JSON Schema, draft 2020-12), for editors.
pub fn schema() -> Value {
    let mut definitions = Definitions::default();
    let file = File::schema(&mut definitions);
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Routes file of gatepost",
    });
    if let (Value::Object(schema), Value::Object(file)) = (&mut schema, file) {
        schema.extend(file);
        schema.insert("$defs".to_owned(), Value::Object(definitions.0));
    }
    schema
}

/// What stands under `$defs`.
#[derive(Default)]
pub(super) struct Definitions(Map<String, Value>);

/// The keys of a record.
#[derive(Default)]
pub(super) struct Properties(Map<String, Value>);

impl Definitions {
    /// Adds a record once; what is returned points at it.
    pub(super) fn record(
        &mut self,
        name: &str,
        about: &str,
        rule: Value,
        fill: impl FnOnce(&mut Definitions, &mut Properties),
    ) -> Value {
        let name = name.strip_suffix("Keys").unwrap_or(name);
        if !self.0.contains_key(name) {
            // stands in for itself while it is made
            self.0.insert(name.to_owned(), Value::Null);
            let mut properties = Properties::default();
            fill(self, &mut properties);
            let mut record = json!({
                "type": "object",
                "description": prose(about),
                "properties": properties.0,
                "additionalProperties": false,
            });
            if let (Value::Object(record), Value::Object(rule)) = (&mut record, rule) {
                record.extend(rule);
            }
            self.0.insert(name.to_owned(), record);
        }
        json!({"$ref": format!("#/$defs/{name}")})
    }
}

impl Properties {
    /// Adds a key.
    pub(super) fn add(&mut self, key: &str, doc: &str, schema: Value, default: Option<&str>) {
        let mut schema = schema;
        if let Value::Object(schema) = &mut schema {
            schema.insert("description".to_owned(), Value::String(prose(doc)));
            if let Some(default) = default {
                // numbers and truth values are declared as they are written in the file
                let value = serde_json::from_str(default).unwrap_or_else(|_| Value::String(default.to_owned()));
                schema.insert("default".to_owned(), value);
            }
        }
        self.0.insert(key.to_owned(), schema);
    }
}

/// Doc comments keep the blank behind `///`; their lines are one text.
fn prose(doc: &str) -> String {
    doc.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Exactly one of these keys.
pub(super) fn one_of(keys: &[&str]) -> Value {
    json!({"oneOf": required(keys)})
}

/// At least one of these keys.
pub(super) fn any_of(keys: &[&str]) -> Value {
    json!({"anyOf": required(keys)})
}

fn required(keys: &[&str]) -> Vec<Value> {
    keys.iter().map(|key| json!({"required": [key]})).collect()
}
