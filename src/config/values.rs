//! The values that every record is made of: truth values, texts, bounded numbers, lists.

use serde_json::{Value, json};

use super::file::{Kind, Node, Style};
use super::read::{Decode, Reader, Step, brief, named};
use super::schema::Definitions;

impl Decode for bool {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<bool> {
        let hint = match &node.kind {
            Kind::Text(text, Style::Plain) if text == "true" => return Some(true),
            Kind::Text(text, Style::Plain) if text == "false" => return Some(false),
            Kind::Text(text, _) => match text.to_ascii_lowercase().as_str() {
                "yes" | "on" | "true" | "1" => "write true",
                "no" | "off" | "false" | "0" => "write false",
                _ => "write true or false",
            },
            _ => "write true or false",
        };
        reader.error(node.place, "this must be true or false", hint);
        None
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({"type": "boolean"})
    }
}

impl Decode for String {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<String> {
        reader.text(node).map(str::to_owned)
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({"type": "string"})
    }
}

/// A whole number with bounds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whole<const MIN: u64, const MAX: u64>(pub(super) u64);

impl<const MIN: u64, const MAX: u64> Decode for Whole<MIN, MAX> {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Self> {
        let range = format!("a whole number from {MIN} to {MAX}");
        let (message, hint) = match &node.kind {
            Kind::Text(text, style) => match text.parse::<u64>() {
                Ok(number) if (MIN..=MAX).contains(&number) && *style == Style::Plain => return Some(Whole(number)),
                Ok(number) if (MIN..=MAX).contains(&number) => {
                    ("this must be a number".to_owned(), "leave the quotes out".to_owned())
                }
                Ok(number) => (format!("{number} is out of range"), format!("write {range}")),
                Err(_) => (format!("`{}` is no whole number", brief(text)), format!("write {range}")),
            },
            kind => (format!("this must be a number, not {}", named(kind)), format!("write {range}")),
        };
        reader.error(node.place, message, hint);
        None
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({"type": "integer", "minimum": MIN, "maximum": MAX})
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Vec<T>> {
        let nodes = reader.list(node)?;
        let mut values = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.iter().enumerate() {
            values.extend(reader.within(Step::Index(index), |reader| T::decode(node, reader)));
        }
        Some(values)
    }

    fn schema(definitions: &mut Definitions) -> Value {
        json!({"type": "array", "items": T::schema(definitions)})
    }
}
