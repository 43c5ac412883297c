//! Regular expressions, known to compile, and values that are compared with one. Doors: [`Expression`], `ValuePattern`.

use regex_automata::nfa::thompson::{self, Compiler};
use regex_automata::util::syntax;
use serde_json::{Value, json};

use super::ValuePattern;
use super::file::{Kind, Node};
use super::problem::Invalid;
use super::read::{Decode, Reader};
use super::record::record;
use super::schema::Definitions;

/// What one expression may take when it is compiled: room for anything sensible, none for `(.{1000}){1000}`.
const SIZE_LIMIT: usize = 1024 * 1024;

/// An expression of the `regex` crate's syntax.
pub(super) struct Expression(pub(super) String);

impl Decode for Expression {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Expression> {
        let text = reader.text(node)?;
        match check(text) {
            Ok(()) => Some(Expression(text.to_owned())),
            Err(error) => {
                reader.invalid(node.place, error);
                None
            }
        }
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({"type": "string", "format": "regex"})
    }
}

fn check(pattern: &str) -> Result<(), Invalid> {
    let tree = syntax::parse(pattern).map_err(|error| located(&error.to_string()))?;
    let limit = thompson::Config::new().nfa_size_limit(Some(SIZE_LIMIT));
    let compiled = Compiler::new().configure(limit).build_from_hir(&tree);
    compiled.map(|_| ()).map_err(|error| match error.size_limit() {
        Some(_) => {
            Invalid::new("this expression takes more than 1 MiB when it is compiled", "make its repetitions smaller")
        }
        None => Invalid::bare(format!("this expression cannot be used: {error}")),
    })
}

/// The syntax crate tells its errors as the pattern, a line of carets and a last line: as one line, with the position.
fn located(told: &str) -> Invalid {
    let why = told.lines().rev().find_map(|line| line.trim().strip_prefix("error: ")).unwrap_or("it cannot be read");
    // both the pattern and the carets are indented by four
    let position = told.lines().find(|line| line.contains('^') && line.trim_matches([' ', '^']).is_empty());
    let position = position.and_then(|line| line.find('^')).map(|at| at.saturating_sub(4) + 1);
    let hint = "the syntax is that of the Rust crate `regex`: no look-around, no back-references";
    match position {
        Some(position) => Invalid::new(format!("at character {position} of this expression: {why}"), hint),
        None => Invalid::new(format!("this is no regular expression: {why}"), hint),
    }
}

record! {
    /// A value that must match an expression.
    ValueKeys("a text, `present` or `{regex: \"[a-z]+\"}`") {
        /// The whole value must match; anchored at both ends.
        "regex" regex: Expression,
    }
    later []
    guessed [("regexp pattern", "`regex`"), ("exact", "the text itself, without `exact`")]
    rule json!({"required": ["regex"]})
}

impl Decode for ValuePattern {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<ValuePattern> {
        if let Kind::Map(entries) = &node.kind {
            if entries.is_empty() {
                reader.error(
                    node.place,
                    "this says nothing of the value",
                    "write a text, `present` or `{regex: \"[a-z]+\"}`",
                );
            }
            return ValueKeys::decode(node, reader)?
                .regex
                .good()
                .map(|Expression(pattern)| ValuePattern::Regex(pattern));
        }
        let text = reader.text(node)?;
        Some(if text == "present" { ValuePattern::Present } else { ValuePattern::Is(text.to_owned()) })
    }

    fn schema(definitions: &mut Definitions) -> Value {
        json!({"anyOf": [{"type": ["string", "number", "boolean"]}, ValueKeys::schema(definitions)]})
    }
}
