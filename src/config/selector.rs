//! A label selector as `kubectl -l` takes it: [`Selector`] by `FromStr` (API reference, "Labels and Selectors").
//!
//! `,` stands between requirements: `key=value` (or `==`), `key!=value`, `key in (a, b)`, `key notin (a, b)`, `key`,
//! `!key`. An empty text selects everything. `key>1` and `key<1`, which Kubernetes has for numbers, are not read.

use std::str::FromStr;

use serde_json::{Value, json};

use super::file::{Kind, Node};
use super::problem::Invalid;
use super::read::{Decode, Reader, brief};
use super::schema::Definitions;
use super::secret::is_subdomain;
use super::{Requirement, Selector};

/// Longest selector in bytes; it bounds how many requirements and values there are.
const MAX_BYTES: usize = 4096;

/// Longest name of a label, and longest value (API reference, "Syntax and character set").
const MAX_PART: usize = 63;

impl FromStr for Selector {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Selector, Invalid> {
        if text.len() > MAX_BYTES {
            return Err(Invalid::bare(format!("this selector has more than {MAX_BYTES} bytes")));
        }
        let mut rest = Tokens { rest: text };
        let mut requirements = Vec::new();
        if rest.peek() == Token::End {
            return Ok(Selector(requirements));
        }
        loop {
            requirements.push(requirement(&mut rest)?);
            match rest.next() {
                Token::End => return Ok(Selector(requirements)),
                Token::Sign(",") => {}
                token => return Err(unexpected(token, "a `,` or the end")),
            }
        }
    }
}

impl Decode for Selector {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Selector> {
        if let Kind::Map(entries) = &node.kind {
            let hint = match entries.first().map(|entry| (&*entry.key, &entry.value.kind)) {
                Some((key, Kind::Text(value, _))) => format!("write `{}={}`", brief(key), brief(value)),
                _ => "write it like `role=web,!spot`".to_owned(),
            };
            reader.error(node.place, "this must be a text, as `kubectl -l` takes it", hint);
            return None;
        }
        reader.parsed(node)
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({"type": "string", "maxLength": MAX_BYTES, "examples": ["role=web", "zone in (a, b),!spot"]})
    }
}

fn requirement(rest: &mut Tokens<'_>) -> Result<Requirement, Invalid> {
    if rest.peek() == Token::Sign("!") {
        rest.next();
        return Ok(Requirement::Absent(key(rest)?));
    }
    let key = key(rest)?;
    Ok(match rest.peek() {
        Token::End | Token::Sign(",") => Requirement::Exists(key),
        Token::Sign("=" | "==") => {
            rest.next();
            Requirement::In(key, vec![value(rest)?])
        }
        Token::Sign("!=") => {
            rest.next();
            Requirement::NotIn(key, vec![value(rest)?])
        }
        Token::Word("in") => {
            rest.next();
            Requirement::In(key, values(rest)?)
        }
        Token::Word("notin") => {
            rest.next();
            Requirement::NotIn(key, values(rest)?)
        }
        Token::Sign(sign @ (">" | "<")) => {
            let message = format!("numbers are not compared here (`{sign}`)");
            return Err(Invalid::new(message, format!("write the values out: `{key} in (1, 2)`")));
        }
        token => return Err(unexpected(token, "`=`, `!=`, `in`, `notin` or a `,`")),
    })
}

fn key(rest: &mut Tokens<'_>) -> Result<String, Invalid> {
    match rest.next() {
        Token::Word(word) => checked_key(word),
        token => Err(unexpected(token, "the name of a label")),
    }
}

/// `name` or `prefix/name`; the prefix is a DNS name.
fn checked_key(key: &str) -> Result<String, Invalid> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if name.is_empty() || !is_part(name) || !prefix.is_none_or(is_subdomain) {
        let hint =
            "names have letters, digits, `-`, `_` and `.`, at most 63, and may have a prefix: `example.com/role`";
        return Err(Invalid::new(format!("`{}` is no name of a label", brief(key)), hint));
    }
    Ok(key.to_owned())
}

/// The value behind `=` or `!=`. None at all is the empty one.
fn value(rest: &mut Tokens<'_>) -> Result<String, Invalid> {
    match rest.peek() {
        Token::Word(word) => {
            rest.next();
            checked_value(word)
        }
        Token::End | Token::Sign(",") => Ok(String::new()),
        token => Err(unexpected(token, "a value")),
    }
}

fn values(rest: &mut Tokens<'_>) -> Result<Vec<String>, Invalid> {
    match rest.next() {
        Token::Sign("(") => {}
        token => return Err(unexpected(token, "values in parentheses, like `(a, b)`")),
    }
    if rest.peek() == Token::Sign(")") {
        return Err(Invalid::new("there is no value between the parentheses", "write `key in (a, b)`"));
    }
    let mut values = Vec::new();
    loop {
        values.push(match rest.peek() {
            Token::Word(word) => {
                rest.next();
                checked_value(word)?
            }
            _ => String::new(),
        });
        match rest.next() {
            Token::Sign(")") => return Ok(values),
            Token::Sign(",") => {}
            token => return Err(unexpected(token, "a `,` or a `)`")),
        }
    }
}

fn checked_value(value: &str) -> Result<String, Invalid> {
    if !is_part(value) {
        let hint =
            "values have letters, digits, `-`, `_` and `.`, at most 63, and begin and end with a letter or digit";
        return Err(Invalid::new(format!("`{}` is no value of a label", brief(value)), hint));
    }
    Ok(value.to_owned())
}

fn is_part(text: &str) -> bool {
    let is_outer = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_alphanumeric);
    text.len() <= MAX_PART
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
        && is_outer(text.as_bytes().first())
        && is_outer(text.as_bytes().last())
}

fn unexpected(token: Token<'_>, expected: &str) -> Invalid {
    let found = match token {
        Token::End => "it ends".to_owned(),
        Token::Sign(text) | Token::Word(text) => format!("there is `{}`", brief(text)),
    };
    Invalid::new(format!("this is no selector: {found} where {expected} should be"), "write it like `role=web,!spot`")
}

// === tokens ===

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'t> {
    Sign(&'t str),
    Word(&'t str),
    End,
}

#[derive(Debug, Clone, Copy)]
struct Tokens<'t> {
    rest: &'t str,
}

impl<'t> Tokens<'t> {
    /// Those of two characters stand before those of one.
    const SIGNS: [&'static str; 9] = ["==", "!=", "=", "!", "(", ")", ",", ">", "<"];

    fn peek(&self) -> Token<'t> {
        let mut ahead = *self;
        ahead.next()
    }

    fn next(&mut self) -> Token<'t> {
        let text = self.rest.trim_start();
        if text.is_empty() {
            self.rest = text;
            return Token::End;
        }
        if let Some(sign) = Self::SIGNS.iter().find(|sign| text.starts_with(**sign)) {
            self.rest = &text[sign.len()..];
            return Token::Sign(sign);
        }
        let is_end = |c: char| c.is_whitespace() || "=!(),><".contains(c);
        let (word, rest) = text.split_at(text.find(is_end).unwrap_or(text.len()));
        self.rest = rest;
        Token::Word(word)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        match text.parse::<Selector>() {
            Ok(selector) => selector.to_string(),
            Err(error) => format!("! {error}"),
        }
    }

    #[test]
    fn a_selector_has_every_form_of_kubernetes() {
        for (written, form) in [
            ("", ""),
            ("  ", ""),
            ("role=web", "role=web"),
            (" role == web ", "role=web"),
            ("role!=web", "role!=web"),
            ("role=", "role="),
            ("role!=,x", "role!=,x"),
            ("zone in (a, b)", "zone in (a,b)"),
            ("zone in (a)", "zone=a"),
            ("zone notin (a,b),!spot", "zone notin (a,b),!spot"),
            ("zone in(a,,b)", "zone in (a,,b)"),
            ("! spot", "!spot"),
            ("in in (in, notin),notin=in", "in in (in,notin),notin=in"),
            ("cloud.google.com/gke-nodepool=pool-1", "cloud.google.com/gke-nodepool=pool-1"),
            ("A_b.c-D=1", "A_b.c-D=1"),
        ] {
            assert_eq!(shown(written), form, "{written:?}");
        }
    }

    #[test]
    fn what_is_no_selector_says_why() {
        for (written, said) in [
            ("a,", "it ends where the name of a label should be"),
            (",a", "there is `,` where the name of a label should be"),
            ("!a=b", "there is `=` where a `,` or the end should be"),
            ("a b", "there is `b` where `=`, `!=`, `in`, `notin` or a `,` should be"),
            ("a=b c", "there is `c` where a `,` or the end should be"),
            ("a in b", "there is `b` where values in parentheses, like `(a, b)` should be"),
            ("a in ()", "there is no value between the parentheses (write `key in (a, b)`)"),
            ("a in (b", "it ends where a `,` or a `)` should be"),
            ("a=(b)", "there is `(` where a value should be"),
            ("a>1", "numbers are not compared here (`>`) (write the values out: `a in (1, 2)`)"),
            ("role: web", "`role:` is no name of a label"),
            ("-a=b", "`-a` is no name of a label"),
            ("a/b/c", "`a/b/c` is no name of a label"),
            ("Up.example/a", "`Up.example/a` is no name of a label"),
            ("a/", "`a/` is no name of a label"),
            ("/a", "`/a` is no name of a label"),
            ("a=b_", "`b_` is no value of a label"),
            ("a=b/c", "`b/c` is no value of a label"),
        ] {
            assert!(shown(written).starts_with("! ") && shown(written).contains(said), "{written}: {}", shown(written));
        }
        let part = "a".repeat(63);
        assert!(format!("{part}={part}").parse::<Selector>().is_ok());
        assert!(format!("{part}a={part}").parse::<Selector>().is_err());
        assert!(format!("{part}={part}a").parse::<Selector>().is_err());
        assert!(vec![part; 65].join(",").parse::<Selector>().is_err());
    }

    fn part() -> impl Strategy<Value = String> {
        "[A-Za-z0-9]([A-Za-z0-9._-]{0,9}[A-Za-z0-9])?|in|notin"
    }

    fn written() -> impl Strategy<Value = Requirement> {
        let key = (proptest::option::of("[a-z0-9]{1,4}(\\.[a-z]{1,3})?"), part())
            .prop_map(|(prefix, name)| prefix.map_or(name.clone(), |prefix| format!("{prefix}/{name}")));
        let values = proptest::collection::vec(prop_oneof![part(), Just(String::new())], 1..4);
        (key, values, 0..4).prop_map(|(key, values, form)| match form {
            0 => Requirement::In(key, values),
            1 => Requirement::NotIn(key, values),
            2 => Requirement::Exists(key),
            _ => Requirement::Absent(key),
        })
    }

    proptest! {
        #[test]
        fn a_selector_is_read_back_as_it_was_printed(requirements in proptest::collection::vec(written(), 0..5)) {
            let selector = Selector(requirements);
            prop_assert_eq!(selector.to_string().parse(), Ok(selector));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[a-z=!(), /<>.é-]{0,40}") {
            if let Ok(selector) = text.parse::<Selector>() {
                prop_assert_eq!(selector.to_string().parse(), Ok(selector));
            }
        }
    }
}
