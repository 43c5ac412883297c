//! What is wrong with a routes file and where: [`Problem`], one line by `Display`, with the source by
//! [`Problem::snippet`].

use std::fmt;

/// Problems told of one file. A file with more has one cause, and nobody reads the rest.
pub const MAX_PROBLEMS: usize = 1000;

/// Longest piece of a source line in a snippet, in characters.
const EXCERPT: usize = 160;

/// One thing that is wrong, with its place. `Display` is one line: `file:line:column: path: message (hint)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Whether something does not go live because of it.
    pub severity: Severity,
    /// Name of the file, as the caller gave it.
    pub file: String,
    /// Counted from 1; 0 when it is about the whole file.
    pub line: u32,
    /// In characters, counted from 1; 0 when it is about the whole file.
    pub column: u32,
    /// Keys down to the value, like `routes[3].timeouts.connect`; empty at the top.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// How to put it right.
    pub hint: Option<String>,
    excerpt: Option<Excerpt>,
}

/// How bad a [`Problem`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Goes live, but is probably not meant so.
    Warning,
    /// Does not go live.
    Error,
}

/// A file of which nothing goes live.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", all_lines(.problems))]
pub struct Refused {
    /// Why; at least one is an error.
    pub problems: Vec<Problem>,
}

/// A text that is no value of its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// What is wrong.
    pub message: String,
    /// How to put it right.
    pub hint: Option<String>,
}

/// Where something stands in its text. Line and column are counted from 1, column and width in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    pub(super) line: u32,
    pub(super) column: u32,
    pub(super) width: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Excerpt {
    text: String,
    /// Characters before the marked ones, and how many are marked.
    before: usize,
    width: usize,
}

// === impl Problem ===

impl Problem {
    /// A problem without source text, for those who find something wrong after the file was read. Line and column 0
    /// stand for the whole file.
    pub fn new(severity: Severity, file: &str, line: u32, column: u32, message: impl Into<String>) -> Problem {
        Problem {
            severity,
            file: file.to_owned(),
            line,
            column,
            path: String::new(),
            message: message.into(),
            hint: None,
            excerpt: None,
        }
    }

    /// The same with the source line under it and a caret under the place, for people.
    pub fn snippet(&self) -> String {
        let word = self.severity.as_str();
        let mut text = format!("{word}: {}{}\n", Keys(&self.path), self.message);
        let digits = self.line.to_string().len();
        let place = Location(self);
        text.push_str(&format!("{:digits$}--> {place}\n", ""));
        if let Some(Excerpt { text: source, before, width }) = &self.excerpt {
            let caret = "^".repeat(*width);
            text.push_str(&format!(
                "{:digits$} |\n{} | {source}\n{:digits$} | {:before$}{caret}\n",
                "", self.line, "", ""
            ));
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("{:digits$} = {hint}\n", ""));
        }
        text
    }

    /// The same at this path of keys.
    pub fn with_path(mut self, path: String) -> Problem {
        self.path = path;
        self
    }

    /// The same with how to put it right.
    pub fn with_hint(mut self, hint: Option<String>) -> Problem {
        self.hint = hint;
        self
    }

    /// Keeps what `snippet` shows of `line`; `width` characters from `column` on are marked.
    pub fn with_excerpt(mut self, line: &str, width: u32) -> Problem {
        let column = self.column.max(1) as usize - 1;
        let skipped = column.saturating_sub(EXCERPT / 2);
        let text: String =
            line.chars().skip(skipped).take(EXCERPT).map(|c| if c.is_control() { ' ' } else { c }).collect();
        let before = column - skipped;
        let room = text.chars().count().saturating_sub(before).max(1);
        self.excerpt =
            Some(Excerpt { text: text.trim_end().to_owned(), before, width: (width.max(1) as usize).min(room) });
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}{}", Location(self), Keys(&self.path), self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

struct Location<'p>(&'p Problem);

impl fmt::Display for Location<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { file, line, column, .. } = self.0;
        match (line, column) {
            (0, _) => write!(f, "{file}"),
            (line, 0) => write!(f, "{file}:{line}"),
            (line, column) => write!(f, "{file}:{line}:{column}"),
        }
    }
}

struct Keys<'p>(&'p str);

impl fmt::Display for Keys<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "{}: ", self.0) }
    }
}

fn all_lines(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

// === impl Severity ===

impl Severity {
    /// `error` or `warning`.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

// === impl Invalid ===

impl Invalid {
    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> Invalid {
        Invalid { message: message.into(), hint: Some(hint.into()) }
    }

    pub(super) fn bare(message: impl Into<String>) -> Invalid {
        Invalid { message: message.into(), hint: None }
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.hint {
            Some(hint) => write!(f, "{} ({hint})", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for Invalid {}
