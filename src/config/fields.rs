//! Header fields: names that may be written, and edits of a head. Doors: [`field_name`], [`Named`] and `HeaderEdits`.

use std::marker::PhantomData;

use serde_json::{Value, json};

use super::file::{Kind, Node};
use super::problem::{Invalid, Place};
use super::read::{Decode, Reader, Step, brief};
use super::record::record;
use super::schema::Definitions;
use super::{FieldEdits, HeaderEdits, Template};

/// A field name in lower case: a token (RFC 9110 5.6.2).
pub(super) fn field_name(text: &str) -> Result<String, Invalid> {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if text.is_empty() || !text.bytes().all(token) {
        let message = format!("`{}` is no name of a header field", brief(text));
        return Err(Invalid::new(message, "names have letters, digits and `-`, like `X-Team`"));
    }
    Ok(text.to_ascii_lowercase())
}

/// A name that may be edited. Fields that belong to one connection or frame the message are gatepost's own
/// (RFC 9110 7.6.1): a second opinion about them is how requests are smuggled.
fn editable(text: &str) -> Result<String, Invalid> {
    let name = field_name(text)?;
    let hint = match name.as_str() {
        "host" => "use `rewrite: {host: name}`",
        "content-length" | "transfer-encoding" | "trailer" => "gatepost frames every message itself",
        "connection" | "te" | "upgrade" | "keep-alive" => "it belongs to one connection and ends there",
        name if name.starts_with("proxy-") => "it belongs to one connection and ends there",
        _ => return Ok(name),
    };
    Err(Invalid::new(format!("`{}` cannot be edited", brief(text)), hint))
}

/// More than a head may hold (`limits.headerCount`).
const MAX_NAMES: usize = 100;

/// Which names may stand in a [`Named`].
pub(super) trait NameRule {
    fn check(text: &str) -> Result<String, Invalid>;
}

/// Names that may be edited.
pub(super) struct Editable;

/// Every field name, for conditions.
pub(super) struct AnyField;

/// Every text, with its case, for parameters of a query.
pub(super) struct AnyText;

impl NameRule for Editable {
    fn check(text: &str) -> Result<String, Invalid> {
        editable(text)
    }
}

impl NameRule for AnyField {
    fn check(text: &str) -> Result<String, Invalid> {
        field_name(text)
    }
}

impl NameRule for AnyText {
    fn check(text: &str) -> Result<String, Invalid> {
        match text {
            "" => Err(Invalid::new("a parameter has a name", "write it before the `:`")),
            text => Ok(text.to_owned()),
        }
    }
}

/// A mapping from names to values, in file order.
pub(super) struct Named<R, V>(Vec<(String, V)>, PhantomData<R>);

impl<R, V> Named<R, V> {
    pub(super) fn into_pairs(self) -> Vec<(String, V)> {
        self.0
    }
}

impl<R: NameRule, V: Decode> Decode for Named<R, V> {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Self> {
        let mut values: Vec<(String, V)> = Vec::new();
        let mut seen: Vec<(String, Place)> = Vec::new();
        let entries = reader.mapping(node, "`{name: value}`")?;
        if entries.len() > MAX_NAMES {
            reader.error(node.place, format!("there are more than {MAX_NAMES} names here"), "no head may have as many");
            return None;
        }
        for entry in entries {
            let value = reader.within(Step::Key(&entry.key), |reader| {
                let name = R::check(&entry.key).map_err(|error| reader.invalid(entry.place, error)).ok();
                let value = V::decode(&entry.value, reader);
                name.zip(value)
            });
            let Some((name, value)) = value else { continue };
            match seen.iter().find(|(known, _)| *known == name) {
                Some((_, first)) => reader.duplicate(entry, *first),
                None => {
                    seen.push((name.clone(), entry.place));
                    values.push((name, value));
                }
            }
        }
        Some(Named(values, PhantomData))
    }

    fn schema(definitions: &mut Definitions) -> Value {
        json!({"type": "object", "additionalProperties": V::schema(definitions)})
    }
}

/// A name that may be edited.
pub(super) struct Name(String);

impl Decode for Name {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Name> {
        let text = reader.text(node)?;
        editable(text).map(Name).map_err(|error| reader.invalid(node.place, error)).ok()
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({"type": "string"})
    }
}

/// A value that is sent as it is written.
pub(super) struct Literal(pub(super) String);

impl Decode for Literal {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Literal> {
        let text = reader.text(node)?;
        if text.contains(|c: char| c.is_control() && c != '\t') {
            reader.error(node.place, "a value holds no control characters", "write it in one line");
            return None;
        }
        Some(Literal(text.to_owned()))
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({"type": ["string", "number", "boolean"]})
    }
}

record! {
    /// Edits of header fields, on the way to the app and on the way to the client.
    HeaderKeys("`{request: {set: {X-Team: blue}}}`") {
        /// On the way to the app.
        "request" request: FieldEdits,
        /// On the way to the client.
        "response" response: FieldEdits,
    }
    later []
    guessed [
        ("set", "`request: {set: …}` or `response: {set: …}`"),
        ("add", "`request: {add: …}` or `response: {add: …}`"),
        ("remove", "`request: {remove: …}` or `response: {remove: …}`"),
        ("up", "`request`"),
        ("down", "`response`"),
    ]
    rule json!({})
}

record! {
    /// Edits of one head, done in the order remove, set, add. Values may use `{client.ip}`, `{host}`, `{path}`,
    /// `{query}`, `{request.id}` and `{scheme}`; `{{` is a brace.
    EditKeys("`{set: {X-Team: blue}, remove: [Server]}`") {
        /// Replaces every field of that name.
        "set" set: Named<Editable, Template>,
        /// Stands beside the fields of that name that are there.
        "add" add: Named<Editable, Template>,
        /// Takes every field of that name out.
        "remove" remove: Vec<Name>,
    }
    later []
    guessed [("delete del hide", "`remove`"), ("replace", "`set`"), ("append", "`add`")]
    rule json!({})
}

impl Decode for HeaderEdits {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<HeaderEdits> {
        let HeaderKeys { request, response } = HeaderKeys::decode(node, reader)?;
        Some(HeaderEdits { request: request.good().unwrap_or_default(), response: response.good().unwrap_or_default() })
    }

    fn schema(definitions: &mut Definitions) -> Value {
        HeaderKeys::schema(definitions)
    }
}

impl Decode for FieldEdits {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<FieldEdits> {
        if let Kind::Map(entries) = &node.kind
            && let Some(entry) = entries.iter().find(|entry| entry.key.starts_with(['+', '-', '?', '>']))
        {
            let hint = "write `set: {name: value}`, `add: {name: value}` or `remove: [name]`";
            reader.error(entry.place, "edits are told apart by a word, not by a sign", hint);
            return None;
        }
        let EditKeys { set, add, remove } = EditKeys::decode(node, reader)?;
        let pairs = |named: Option<Named<Editable, Template>>| named.map(Named::into_pairs).unwrap_or_default();
        let remove = remove.good().unwrap_or_default().into_iter().map(|Name(name)| name).collect();
        Some(FieldEdits { set: pairs(set.good()), add: pairs(add.good()), remove })
    }

    fn schema(definitions: &mut Definitions) -> Value {
        EditKeys::schema(definitions)
    }
}

impl FieldEdits {
    /// These edits after `first`, in one: what these set or remove undoes what `first` set or added.
    pub(super) fn after(self, first: &FieldEdits) -> FieldEdits {
        let undone = |name: &String| self.remove.contains(name) || self.set.iter().any(|(set, _)| set == name);
        let kept = |pairs: &[(String, Template)]| -> Vec<_> {
            pairs.iter().filter(|(name, _)| !undone(name)).cloned().collect()
        };
        let (mut set, mut add, mut remove) = (kept(&first.set), kept(&first.add), first.remove.clone());
        set.extend(self.set);
        add.extend(self.add);
        remove.extend(self.remove);
        FieldEdits { set, add, remove }
    }
}
