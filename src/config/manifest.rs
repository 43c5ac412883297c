//! A file that holds a whole ConfigMap manifest, as it is kept beside other manifests. One door: [`inside`].

use super::file::{Entry, Kind, Node, Style, Unread};
use super::problem::Place;
use super::read::{Shift, brief};

/// The key of the ConfigMap under which the routes stand.
const KEY: &str = "routes.yaml";

/// The routes inside a manifest, and where they lie in it.
pub(super) struct Inside<'n> {
    pub(super) text: &'n str,
    pub(super) shift: Shift,
}

/// `None`: it is no manifest.
pub(super) fn inside<'n>(node: &'n Node<'n>, source: &str) -> Option<Result<Inside<'n>, Unread>> {
    let Kind::Map(entries) = &node.kind else { return None };
    let kind = find(entries, "kind")?;
    if find(entries, "routes").is_some() {
        return None;
    }
    Some(match &kind.value.kind {
        Kind::Text(text, _) if text == "ConfigMap" => routes_of(entries, kind.place, source),
        Kind::Text(text, _) => {
            let message = format!("this is a manifest of kind `{}`, which holds no routes", brief(text));
            Err(unread(
                kind.value.place,
                &message,
                "give the routes file itself, or a ConfigMap with the key `routes.yaml`",
            ))
        }
        _ => return None,
    })
}

fn routes_of<'n>(entries: &'n [Entry<'n>], place: Place, source: &str) -> Result<Inside<'n>, Unread> {
    let hint = "put the routes there: `data: {routes.yaml: |` and the lines below it indented";
    let Some(Entry { value: Node { kind: Kind::Map(data), .. }, .. }) = find(entries, "data") else {
        return Err(unread(place, "this ConfigMap has no `data`", hint));
    };
    match find(data, KEY) {
        Some(Entry { place: key, value: Node { kind: Kind::Text(text, style), place }, .. }) => {
            let shift = if *style == Style::Literal { literal(text, key.line, source) } else { Shift::To(*place) };
            Ok(Inside { text, shift })
        }
        _ => Err(unread(place, "this ConfigMap has no text under `data` with the key `routes.yaml`", hint)),
    }
}

/// The lines of a literal block are those below its key, without their indent.
fn literal(text: &str, key_line: u32, source: &str) -> Shift {
    let lines = || source.lines().skip(key_line as usize);
    let blanks = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let indent = text.lines().zip(lines()).find(|(inner, _)| !inner.trim().is_empty());
    let columns = indent.map_or(0, |(inner, outer)| blanks(outer).saturating_sub(blanks(inner)));
    Shift::By { lines: key_line, columns: u32::try_from(columns).unwrap_or(0) }
}

fn find<'n>(entries: &'n [Entry<'n>], key: &str) -> Option<&'n Entry<'n>> {
    entries.iter().find(|entry| entry.key == key)
}

fn unread(place: Place, message: &str, hint: &str) -> Unread {
    Unread { place, message: message.to_owned(), hint: Some(hint.to_owned()) }
}
