//! The `match` block of a route, ready to be tried on a request. The one door is [`Conditions`].
//!
//! Nothing is allocated: parameters of the query are decoded while they are compared, and where an expression needs
//! them in one piece, into a buffer that the thread keeps.

use std::cell::RefCell;

use super::expressions::{Builder, Expressions};
use crate::config::{self, ValuePattern};
use crate::message::Head;

/// What must hold beside host and path.
#[derive(Debug)]
pub(super) struct Conditions {
    methods: Box<[Box<str>]>,
    headers: Tests,
    query: Tests,
}

/// Names with what their values must be.
type Tests = Box<[(Box<str>, Test)]>;

/// What a value must be.
#[derive(Debug)]
enum Test {
    Is(Box<str>),
    Matches(u32),
    Present,
}

impl Conditions {
    /// Compiles the expressions among them.
    pub(super) fn build(from: &config::Conditions, expressions: &mut Builder) -> Result<Conditions, String> {
        let config::Conditions { methods, headers, query } = from;
        let mut tests = |list: &[(String, ValuePattern)]| -> Result<Tests, String> {
            list.iter().map(|(name, value)| Ok((name.as_str().into(), Test::build(value, expressions)?))).collect()
        };
        Ok(Conditions {
            methods: methods.iter().map(|method| method.as_str().into()).collect(),
            headers: tests(headers)?,
            query: tests(query)?,
        })
    }

    /// All of them hold.
    pub(super) fn hold(&self, head: &Head, query: Option<&str>, expressions: &Expressions) -> bool {
        self.method_holds(head)
            && (0..self.headers.len()).all(|number| self.header_holds(number, head, expressions))
            && (0..self.query.len()).all(|number| self.parameter_holds(number, query, expressions))
    }

    /// Method names are case-sensitive (RFC 9110 9.1).
    pub(super) fn method_holds(&self, head: &Head) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|method| **method == *head.method_str())
    }

    /// One of the fields of that name is as the condition of this number says.
    pub(super) fn header_holds(&self, number: usize, head: &Head, expressions: &Expressions) -> bool {
        let Some((name, test)) = self.headers.get(number) else { return false };
        head.all_str(name).any(|value| match test {
            Test::Is(wanted) => value == wanted.as_bytes(),
            Test::Matches(number) => expressions.matches(*number, value),
            Test::Present => true,
        })
    }

    /// One of the parameters of that name is as the condition of this number says.
    pub(super) fn parameter_holds(&self, number: usize, query: Option<&str>, expressions: &Expressions) -> bool {
        let Some((name, test)) = self.query.get(number) else { return false };
        values(query, name).any(|value| match test {
            Test::Is(wanted) => decoded(value).eq(wanted.bytes()),
            Test::Matches(number) => with_decoded(value, |value| expressions.matches(*number, value)),
            Test::Present => true,
        })
    }
}

impl Test {
    fn build(value: &ValuePattern, expressions: &mut Builder) -> Result<Test, String> {
        Ok(match value {
            ValuePattern::Is(wanted) => Test::Is(wanted.as_str().into()),
            ValuePattern::Regex(pattern) => Test::Matches(expressions.add(&[pattern])?),
            ValuePattern::Present => Test::Present,
        })
    }
}

/// The raw values of a parameter in a query as HTML forms write it: `a=1&b=2`; a name without `=` has an empty value.
pub(super) fn values<'q>(query: Option<&'q str>, name: &str) -> impl Iterator<Item = &'q str> {
    let pairs = query.into_iter().flat_map(|query| query.split('&')).filter(|pair| !pair.is_empty());
    let named = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    named.filter(|(key, _)| decoded(key).eq(name.bytes())).map(|(_, value)| value)
}

/// The bytes that are meant: `+` is a space, a `%` without two digits stands for itself.
fn decoded(raw: &str) -> impl Iterator<Item = u8> {
    let mut rest = raw.as_bytes();
    std::iter::from_fn(move || {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        Some(match (byte, after) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                _ => b'%',
            },
            _ => byte,
        })
    })
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

thread_local! {
    static DECODED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Never longer than a head may be.
fn with_decoded<T>(raw: &str, run: impl FnOnce(&[u8]) -> T) -> T {
    DECODED.with_borrow_mut(|buffer| {
        buffer.clear();
        buffer.extend(decoded(raw));
        run(buffer)
    })
}
