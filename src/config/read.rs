//! From nodes to values, without stopping at the first error. One door: [`Decode`], with a [`Reader`] that knows where
//! it is and collects what is wrong.

use std::borrow::Cow;
use std::str::FromStr;

use serde_json::Value;

use super::Options;
use super::file::{Entry, Kind, Node};
use super::problem::{Invalid, MAX_PROBLEMS, Place, Problem, Severity};
use super::schema::Definitions;
use super::suggest::nearest;

/// A value that can stand in a routes file.
pub(super) trait Decode: Sized {
    /// Reads it from a node. What is wrong is told to the reader; `None` when nothing is left of it.
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Self>;

    /// Its JSON Schema.
    fn schema(definitions: &mut Definitions) -> Value;

    /// What a key without a value stands for. `None`: a value is required.
    fn of_nothing() -> Option<Self> {
        None
    }
}

/// The value of a key of a record.
#[derive(Default)]
pub(super) enum Field<T> {
    #[default]
    Absent,
    Read {
        /// Of the key.
        place: Place,
        value: Option<T>,
        /// Nothing at or below it was wrong.
        clean: bool,
    },
}

/// Where the positions of a text lie in the file that is shown: a text inside a manifest begins lower and further
/// right.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shift {
    By {
        lines: u32,
        columns: u32,
    },
    /// Its lines are not those of the file: everything is told of this place.
    To(Place),
}

/// What the values are read with.
pub(super) struct Reader<'n> {
    origin: &'n str,
    source: &'n str,
    shift: Shift,
    pub(super) options: &'n Options,
    steps: Vec<Step<'n>>,
    problems: Vec<Problem>,
    errors: usize,
    /// How many more there were than are kept.
    beyond: usize,
    /// Where each line of the source begins; made with the first problem.
    lines: Vec<usize>,
}

/// One step down from the top of the file.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step<'n> {
    Key(&'n str),
    Index(usize),
}

// === impl Field ===

impl<T> Field<T> {
    pub(super) fn is_present(&self) -> bool {
        matches!(self, Field::Read { .. })
    }

    /// Of its key.
    pub(super) fn place(&self) -> Option<Place> {
        match self {
            Field::Absent => None,
            Field::Read { place, .. } => Some(*place),
        }
    }

    /// It is written, but not right.
    pub(super) fn is_bad(&self) -> bool {
        matches!(self, Field::Read { clean: false, .. } | Field::Read { value: None, .. })
    }

    /// The value if nothing was wrong with it.
    pub(super) fn good(self) -> Option<T> {
        match self {
            Field::Read { value, clean: true, .. } => value,
            _ => None,
        }
    }

    /// What could be read, though something in it may be wrong.
    pub(super) fn readable(self) -> Option<T> {
        match self {
            Field::Read { value, .. } => value,
            Field::Absent => None,
        }
    }
}

// === impl Reader ===

impl<'n> Reader<'n> {
    pub(super) fn new(source: &'n str, origin: &'n str, options: &'n Options) -> Reader<'n> {
        let shift = Shift::By { lines: 0, columns: 0 };
        let (steps, problems, lines) = (Vec::new(), Vec::new(), Vec::new());
        Reader { origin, source, shift, options, steps, problems, errors: 0, beyond: 0, lines }
    }

    /// From here on, positions are those of a text inside the source.
    pub(super) fn shift(&mut self, shift: Shift) {
        self.shift = shift;
    }

    /// How many errors there have been: when it grew, something below was wrong.
    pub(super) fn errors(&self) -> usize {
        self.errors
    }

    /// All problems in the order of the file.
    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| (problem.line, problem.column));
        if self.beyond > 0 {
            let severity = if self.errors > 0 { Severity::Error } else { Severity::Warning };
            let more = format!("and {} more problems that are not shown", self.beyond);
            self.problems.push(Problem::new(severity, self.origin, 0, 0, more));
        }
        self.problems
    }

    pub(super) fn within<R>(&mut self, step: Step<'n>, read: impl FnOnce(&mut Reader<'n>) -> R) -> R {
        self.steps.push(step);
        let value = read(self);
        self.steps.pop();
        value
    }

    pub(super) fn error(&mut self, place: Place, message: impl Into<String>, hint: impl Into<String>) {
        self.tell(Severity::Error, place, message.into(), Some(hint.into()));
    }

    pub(super) fn warning(&mut self, place: Place, message: impl Into<String>, hint: impl Into<String>) {
        self.tell(Severity::Warning, place, message.into(), Some(hint.into()));
    }

    pub(super) fn invalid(&mut self, place: Place, Invalid { message, hint }: Invalid) {
        self.tell(Severity::Error, place, message, hint);
    }

    fn tell(&mut self, severity: Severity, place: Place, message: String, hint: Option<String>) {
        self.errors += usize::from(severity == Severity::Error);
        if self.problems.len() >= MAX_PROBLEMS {
            self.beyond += 1;
            return;
        }
        let Place { line, column, width } = self.shown(place);
        let mut problem =
            Problem::new(severity, self.origin, line, column, message).with_path(self.path()).with_hint(hint);
        if let Some(text) = self.line(line) {
            problem = problem.with_excerpt(text, width);
        }
        self.problems.push(problem);
    }

    /// A place of the text as one of the file.
    pub(super) fn shown(&self, place: Place) -> Place {
        match self.shift {
            Shift::By { lines, columns } => Place { line: place.line + lines, column: place.column + columns, ..place },
            Shift::To(place) => place,
        }
    }

    fn line(&mut self, number: u32) -> Option<&'n str> {
        if self.lines.is_empty() {
            let ends = memchr::memchr_iter(b'\n', self.source.as_bytes());
            self.lines = std::iter::once(0).chain(ends.map(|end| end + 1)).collect();
        }
        let start = *self.lines.get((number as usize).checked_sub(1)?)?;
        self.source.get(start..)?.lines().next()
    }

    fn path(&self) -> String {
        let mut path = String::new();
        for step in &self.steps {
            match step {
                Step::Index(index) => path.push_str(&format!("[{index}]")),
                // names of header fields and parameters are the operator's own, and a problem is one line
                Step::Key(key) if path.is_empty() => path.push_str(&brief(key)),
                Step::Key(key) => path.extend([".", &brief(key)]),
            }
        }
        path
    }

    /// Reads the value of `entry` into the field of its key.
    pub(super) fn field<T: Decode>(&mut self, entry: &'n Entry<'n>, field: &mut Field<T>) {
        if let Some(first) = field.place() {
            self.duplicate(entry, first);
            // which of the two is meant nobody knows: neither is
            *field = Field::Read { place: first, value: None, clean: false };
            return;
        }
        let before = self.errors;
        let value = self.within(Step::Key(&entry.key), |reader| match (&entry.value.kind, T::of_nothing()) {
            (Kind::Null, Some(value)) => Some(value),
            _ => T::decode(&entry.value, reader),
        });
        *field = Field::Read { place: entry.place, value, clean: self.errors == before };
    }

    pub(super) fn duplicate(&mut self, entry: &Entry<'_>, first: Place) {
        let line = self.shown(first).line;
        let message = format!("the key `{}` stands here twice, first on line {line}", brief(&entry.key));
        self.error(entry.place, message, "keep one of them");
    }

    /// A key that the record does not have. `later` are those of a version to come, `guessed` those of other proxies
    /// with what is meant by them.
    pub(super) fn unknown_key(&mut self, entry: &Entry<'_>, keys: &[&str], later: &[&str], guessed: &[(&str, &str)]) {
        let key = &*entry.key;
        if later.contains(&key) {
            let message = format!("`{key}` is not available in this version");
            return self.tell(Severity::Error, entry.place, message, None);
        }
        let hint =
            if let Some((_, right)) = guessed.iter().find(|(wrong, _)| wrong.split(' ').any(|wrong| wrong == key)) {
                format!("write {right}")
            } else if let Some(right) = nearest(key, keys.iter().chain(later).copied()) {
                format!("did you mean `{right}`?")
            } else {
                format!("known here: {}", listed(keys))
            };
        self.error(entry.place, format!("there is no key `{}` here", brief(key)), hint);
    }

    pub(super) fn mapping(&mut self, node: &'n Node<'n>, example: &str) -> Option<&'n [Entry<'n>]> {
        match &node.kind {
            Kind::Map(entries) => Some(entries),
            kind => {
                self.error(
                    node.place,
                    format!("this must be a mapping, not {}", named(kind)),
                    format!("write {example}"),
                );
                None
            }
        }
    }

    pub(super) fn list(&mut self, node: &'n Node<'n>) -> Option<&'n [Node<'n>]> {
        let hint = match &node.kind {
            Kind::List(nodes) => return Some(nodes),
            Kind::Text(text, _) => format!("write `[{}]`", brief(text)),
            _ => "write it as `[one, two]`, or one entry a line behind `- `".to_owned(),
        };
        self.error(node.place, format!("this must be a list, not {}", named(&node.kind)), hint);
        None
    }

    /// Any text; numbers and truth values are the text they are written with.
    pub(super) fn text(&mut self, node: &'n Node<'n>) -> Option<&'n str> {
        let hint = match &node.kind {
            Kind::Text(text, _) => return Some(text),
            Kind::Null => "give it a value, or leave the key out",
            Kind::Map(entries) if entries.iter().any(|entry| matches!(entry.value.kind, Kind::Null)) => {
                "put quotes around a text that begins with `{`"
            }
            Kind::List(_) => "write one text, without `-`; put quotes around one that begins with `[`",
            Kind::Map(_) => "write one text",
        };
        self.error(node.place, format!("this must be a text, not {}", named(&node.kind)), hint);
        None
    }

    /// A text that is a `T`.
    pub(super) fn parsed<T: FromStr<Err = Invalid>>(&mut self, node: &'n Node<'n>) -> Option<T> {
        let text = self.text(node)?;
        text.parse().map_err(|error| self.invalid(node.place, error)).ok()
    }

    /// One of a few words.
    pub(super) fn one_of<T: Copy>(&mut self, node: &'n Node<'n>, words: &[(&'static str, T)]) -> Option<T> {
        let text = self.text(node)?;
        if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
            return Some(*value);
        }
        let all: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let hint = match nearest(text, all.iter().copied()) {
            Some(right) => format!("did you mean `{right}`?"),
            None => format!("one of {}", listed(&all)),
        };
        self.error(node.place, format!("`{}` is not known here", brief(text)), hint);
        None
    }
}

pub(super) fn named(kind: &Kind<'_>) -> &'static str {
    match kind {
        Kind::Null => "nothing",
        Kind::Text(..) => "a text",
        Kind::List(_) => "a list",
        Kind::Map(_) => "a mapping",
    }
}

/// A piece of somebody's text for a message: one short line.
pub(super) fn brief(text: &str) -> Cow<'_, str> {
    const MOST: usize = 60;
    if text.chars().count() <= MOST && !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let mut short: String = text.chars().take(MOST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    short.push('…');
    Cow::Owned(short)
}

/// Words for a message: `a`, `b`, `c`.
pub(super) fn listed(words: &[&str]) -> String {
    words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
}
