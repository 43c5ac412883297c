//! The text of a routes file as a tree of nodes that know where they stand. One door: [`read`].
//!
//! This is the only place that names the YAML crate. Its parser's events are taken as they come, so the text is read
//! once, and plain text is borrowed from it. What YAML has beyond mappings, lists and text (anchors, tags, several
//! documents) is refused: nothing a routes file needs, and anchors are how a small file becomes a huge one.

use std::borrow::Cow;

use serde_yaml::granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, Span, options};

use super::problem::Place;

/// Mappings and lists inside one another. A routes file needs nine.
pub(super) const MAX_DEPTH: usize = 32;

/// A value of the file and where it stands.
#[derive(Debug)]
pub(super) struct Node<'t> {
    pub(super) place: Place,
    pub(super) kind: Kind<'t>,
}

/// What a value is.
#[derive(Debug)]
pub(super) enum Kind<'t> {
    /// Nothing, `~` or `null`.
    Null,
    Text(Cow<'t, str>, Style),
    List(Vec<Node<'t>>),
    Map(Vec<Entry<'t>>),
}

/// How a text is written. Only a plain one may be a number or a truth value; only a literal one keeps its lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Plain,
    Quoted,
    Literal,
}

/// A key with its value. Keys that stand twice are both here: who reads the mapping says so.
#[derive(Debug)]
pub(super) struct Entry<'t> {
    pub(super) key: Cow<'t, str>,
    pub(super) place: Place,
    pub(super) value: Node<'t>,
}

/// Why a text could not be read at all.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) place: Place,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// Reads a whole text; an empty one is `Null`.
pub(super) fn read(text: &str) -> Result<Node<'_>, Unread> {
    let mut tree = Tree { open: Vec::new(), root: None, documents: 0 };
    for next in Parser::new_from_str_with_options(text, settings()) {
        let (event, span) = next.map_err(|error| unparsed(text, &error))?;
        tree.take(event, span)?;
    }
    Ok(tree.root.unwrap_or(Node { place: Place { line: 1, column: 1, width: 0 }, kind: Kind::Null }))
}

fn settings() -> Options {
    options! {
        emit_comments: false,
        // else `host: *.example.com` without quotes is told as an unknown anchor
        emit_unresolved_aliases: true,
        disallow_directives: true,
        flow_nesting_limit: MAX_DEPTH + 1,
        block_nesting_limit: MAX_DEPTH + 1,
    }
}

// === impl Tree ===

struct Tree<'t> {
    open: Vec<Open<'t>>,
    root: Option<Node<'t>>,
    documents: usize,
}

struct Open<'t> {
    place: Place,
    inside: Inside<'t>,
}

enum Inside<'t> {
    List(Vec<Node<'t>>),
    Map(Vec<Entry<'t>>, Option<(Cow<'t, str>, Place)>),
}

impl<'t> Tree<'t> {
    fn take(&mut self, event: Event<'t>, span: Span) -> Result<(), Unread> {
        let place = place(&span);
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(unread(
                        place,
                        "a second YAML document begins here",
                        "keep one document, without `---`",
                    ));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                plain_node(place, anchor, tag.is_some())?;
                self.add(Node { place, kind: scalar(text, style) })
            }
            Event::SequenceStart(_, anchor, tag) => {
                plain_node(place, anchor, tag.is_some())?;
                self.begin(place, Inside::List(Vec::new()))
            }
            Event::MappingStart(_, anchor, tag) => {
                plain_node(place, anchor, tag.is_some())?;
                self.begin(place, Inside::Map(Vec::new(), None))
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(_) => Err(alias(place)),
            Event::UnresolvedAlias(name) if name.starts_with('.') => Err(unread(
                place,
                "a name that begins with `*` needs quotes, because `*` has a meaning of its own in YAML",
                &format!("write \"*{name}\""),
            )),
            Event::UnresolvedAlias(_) => Err(alias(place)),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, place: Place, inside: Inside<'t>) -> Result<(), Unread> {
        if self.open.len() >= MAX_DEPTH {
            return Err(too_deep(place));
        }
        self.open.push(Open { place, inside });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Unread> {
        let Some(Open { place, inside }) = self.open.pop() else { return Ok(()) };
        let kind = match inside {
            Inside::List(nodes) => Kind::List(nodes),
            Inside::Map(entries, _) => Kind::Map(entries),
        };
        self.add(Node { place, kind })
    }

    fn add(&mut self, node: Node<'t>) -> Result<(), Unread> {
        match self.open.last_mut().map(|open| &mut open.inside) {
            None => self.root = Some(node),
            Some(Inside::List(nodes)) => nodes.push(node),
            Some(Inside::Map(entries, key)) => match key.take() {
                Some((key, place)) => entries.push(Entry { key, place, value: node }),
                None => match node.kind {
                    Kind::Text(text, _) => *key = Some((text, node.place)),
                    // `null:` and `~:` are keys as good as any other: unknown ones, with a name to show
                    Kind::Null => *key = Some((Cow::Borrowed("null"), node.place)),
                    Kind::List(_) | Kind::Map(_) => {
                        let hint = "put quotes around a text that begins with `{` or `[`";
                        return Err(unread(node.place, "a key must be a text", hint));
                    }
                },
            },
        }
        Ok(())
    }
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle) -> Kind<'_> {
    match style {
        ScalarStyle::Plain if matches!(&*text, "" | "~" | "null" | "Null" | "NULL") => Kind::Null,
        ScalarStyle::Plain => Kind::Text(text, Style::Plain),
        ScalarStyle::Literal => Kind::Text(text, Style::Literal),
        _ => Kind::Text(text, Style::Quoted),
    }
}

fn plain_node(place: Place, anchor: usize, tagged: bool) -> Result<(), Unread> {
    match (anchor, tagged) {
        (0, false) => Ok(()),
        (0, true) => Err(unread(
            place,
            "tags (`!name`) are not read here",
            "leave the tag out, or put quotes around a text that begins with `!`",
        )),
        _ => Err(unread(
            place,
            "anchors (`&name`) are not read here",
            "write the value out, or put what all routes share into `defaults`",
        )),
    }
}

fn too_deep(place: Place) -> Unread {
    let message = format!("values are nested more than {MAX_DEPTH} deep");
    Unread { place, message, hint: None }
}

fn alias(place: Place) -> Unread {
    let hint = "put quotes around a text that begins with `*`, or write the value out";
    unread(place, "aliases (`*name`) are not read here", hint)
}

fn unread(place: Place, message: &str, hint: &str) -> Unread {
    Unread { place, message: message.to_owned(), hint: Some(hint.to_owned()) }
}

fn unparsed(text: &str, error: &ScanError) -> Unread {
    let marker = error.marker();
    let place = Place { line: small(marker.line().max(1)), column: small(marker.col() + 1), width: 1 };
    if *error.kind() == ErrorKind::RecursionLimitExceeded {
        return too_deep(place);
    }
    let line = text.lines().nth(marker.line().saturating_sub(1)).unwrap_or_default();
    let said = error.info();
    let said = said.lines().next().unwrap_or_default();
    Unread { place, message: format!("this is no YAML: {said}"), hint: likely_cause(line).map(str::to_owned) }
}

/// What is usually wrong with a line that the scanner gave up on.
fn likely_cause(line: &str) -> Option<&'static str> {
    let value = line.split_once(": ").map_or("", |(_, value)| value.trim_start());
    if line.starts_with('\t') || line.trim_start_matches(' ').starts_with('\t') {
        Some("indent with spaces, not with tabs")
    } else if value.starts_with('*') {
        Some("put the host in quotes: \"*\"")
    } else if value.contains(": ") && !value.starts_with(['{', '[', '"', '\'']) {
        Some("put quotes around a text that holds `: `")
    } else if value.starts_with(['@', '`', '%']) {
        Some("put quotes around this text")
    } else if value.contains('{') || value.contains('[') {
        Some("put quotes around a text with `{`, `}`, `[` or `]` in it")
    } else {
        None
    }
}

fn place(span: &Span) -> Place {
    let (start, end) = (span.start, span.end);
    let width = if end.line() == start.line() { end.col().saturating_sub(start.col()) } else { 1 };
    Place { line: small(start.line()), column: small(start.col() + 1), width: small(width) }
}

/// A file is at most 4 MiB, so that no line and no column is cut here.
fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
