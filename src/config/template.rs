//! Values with places that a request fills: [`Template`] by `FromStr`.

use std::fmt;
use std::str::FromStr;

use serde_json::{Value, json};

use super::file::Node;
use super::problem::Invalid;
use super::read::{Decode, Reader, brief, listed};
use super::schema::Definitions;
use super::suggest::nearest;
use super::{Template, TemplatePart};

const PLACES: [(&str, TemplatePart); 6] = [
    ("client.ip", TemplatePart::ClientIp),
    ("host", TemplatePart::Host),
    ("path", TemplatePart::Path),
    ("query", TemplatePart::Query),
    ("request.id", TemplatePart::RequestId),
    ("scheme", TemplatePart::Scheme),
];

/// What other proxies call these.
const GUESSED: [(&str, &str); 10] = [
    ("ip", "client.ip"),
    ("remote_addr", "client.ip"),
    ("remote_host", "client.ip"),
    ("client", "client.ip"),
    ("id", "request.id"),
    ("request_id", "request.id"),
    ("uri", "path}{query"),
    ("request_uri", "path}{query"),
    ("proto", "scheme"),
    ("hostname", "host"),
];

impl FromStr for Template {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Template, Invalid> {
        if let Some(bad) = text.chars().find(|c| c.is_control() && *c != '\t') {
            let message = format!("a value holds no control characters, but here is U+{:04X}", u32::from(bad));
            return Err(Invalid::new(message, "write it in one line"));
        }
        let (mut parts, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let (brace, behind) = rest[at..].split_at(1);
            rest = match (brace, behind.strip_prefix(brace)) {
                (brace, Some(behind)) => {
                    plain.push_str(brace);
                    behind
                }
                ("{", None) => {
                    let (name, behind) = behind.split_once('}').ok_or_else(|| unpaired("{"))?;
                    if !plain.is_empty() {
                        parts.push(TemplatePart::Text(std::mem::take(&mut plain)));
                    }
                    parts.push(place(name)?);
                    behind
                }
                _ => return Err(unpaired("}")),
            };
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            parts.push(TemplatePart::Text(plain));
        }
        Ok(Template(parts))
    }
}

fn place(name: &str) -> Result<TemplatePart, Invalid> {
    if let Some((_, part)) = PLACES.iter().find(|(known, _)| *known == name) {
        return Ok(part.clone());
    }
    let names: Vec<&str> = PLACES.iter().map(|(name, _)| *name).collect();
    let guessed = GUESSED.iter().find(|(wrong, _)| *wrong == name).map(|(_, right)| *right);
    let hint = match guessed.or_else(|| nearest(name, names.iter().copied())) {
        Some(right) => format!("did you mean `{{{right}}}`?"),
        None => format!("known are {}; write `{{{{` for a brace", listed(&names)),
    };
    Err(Invalid::new(format!("there is nothing to fill `{{{}}}` with", brief(name)), hint))
}

fn unpaired(brace: &str) -> Invalid {
    Invalid::new(format!("a `{brace}` stands alone"), format!("write `{brace}{brace}` for a brace"))
}

/// As it is written in the file.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                TemplatePart::Text(text) => f.write_str(&text.replace('{', "{{").replace('}', "}}"))?,
                part => {
                    let name = PLACES.iter().find(|(_, known)| known == part).map_or("", |(name, _)| name);
                    write!(f, "{{{name}}}")?;
                }
            }
        }
        Ok(())
    }
}

impl Decode for Template {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Template> {
        reader.parsed(node)
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({"type": ["string", "number", "boolean"]})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_text_and_places() {
        let text = |text: &str| TemplatePart::Text(text.to_owned());
        for (written, parts) in [
            ("", vec![]),
            ("plain", vec![text("plain")]),
            ("{host}", vec![TemplatePart::Host]),
            ("a{client.ip}b", vec![text("a"), TemplatePart::ClientIp, text("b")]),
            ("{{host}}", vec![text("{host}")]),
            ("{{{path}}}", vec![text("{"), TemplatePart::Path, text("}")]),
            ("{scheme}{query}{request.id}", vec![TemplatePart::Scheme, TemplatePart::Query, TemplatePart::RequestId]),
        ] {
            assert_eq!(written.parse(), Ok(Template(parts)), "{written}");
        }
    }

    #[test]
    fn what_cannot_be_filled_is_refused() {
        for written in ["{", "}", "{host", "host}", "{}", "{hots}", "{ host }", "a\nb", "a\0b", "{ho\u{e9}st}"] {
            assert!(written.parse::<Template>().is_err(), "{written:?}");
        }
        let Err(Invalid { hint, .. }) = "{remote_addr}".parse::<Template>() else { panic!() };
        assert_eq!(hint.as_deref(), Some("did you mean `{client.ip}`?"));
    }
}
