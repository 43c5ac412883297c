//! Patterns of paths, in the form that paths are matched in. Doors: [`PathPattern`] by `FromStr` (the prefix form), and
//! [`target`] for paths that are sent to apps.

use std::fmt;
use std::str::FromStr;

use serde_json::{Value, json};

use super::PathPattern;
use super::expression::Expression;
use super::file::{Kind, Node};
use super::problem::Invalid;
use super::read::{Decode, Reader, brief};
use super::record::record;
use super::schema::Definitions;

impl FromStr for PathPattern {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<PathPattern, Invalid> {
        // also with a slash behind it, which a prefix does not keep
        let last = text.trim_end_matches('/').rsplit('/').next();
        if last.is_some_and(|last| matches!(last, "*" | "**")) && text.starts_with('/') {
            let bare = text.trim_end_matches('/').trim_end_matches('*').trim_end_matches('/');
            let bare = if bare.is_empty() { "/" } else { bare };
            let message = "a path has no `*`: a prefix holds everything below it already";
            return Err(Invalid::new(message, format!("write `{}`", brief(bare))));
        }
        let mut path = normal(text)?;
        if path.len() > 1 && path.ends_with('/') {
            path.pop();
        }
        Ok(PathPattern::Prefix(path))
    }
}

/// Prefixes as they are written; an exact path behind `=`, an expression behind `~`.
impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PathPattern::Prefix(path) => f.write_str(path),
            PathPattern::Exact(path) => write!(f, "={path}"),
            PathPattern::Regex(pattern) => write!(f, "~{pattern}"),
        }
    }
}

struct ExactPath(String);

impl Decode for ExactPath {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<ExactPath> {
        let text = reader.text(node)?;
        normal(text).map(ExactPath).map_err(|error| reader.invalid(node.place, error)).ok()
    }

    fn schema(_: &mut Definitions) -> Value {
        path_schema()
    }
}

struct PrefixPath(PathPattern);

impl Decode for PrefixPath {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<PrefixPath> {
        reader.parsed(node).map(PrefixPath)
    }

    fn schema(_: &mut Definitions) -> Value {
        path_schema()
    }
}

record! {
    /// Which paths, when it is not simply a prefix. One of the keys.
    PathKeys("`/api`, `{exact: /x}` or `{regex: \"/v[0-9]+/.*\"}`") {
        /// This path alone.
        "exact" exact: ExactPath,
        /// The whole path must match this expression; it is anchored at both ends.
        "regex" regex: Expression,
        /// This path and everything below it, by whole segments; the same as the path alone.
        "prefix" prefix: PrefixPath,
    }
    later []
    guessed [("equals is", "`exact`"), ("regexp pattern", "`regex`"), ("startsWith", "`prefix`")]
    rule json!({"minProperties": 1, "maxProperties": 1})
}

impl Decode for PathPattern {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<PathPattern> {
        if let Kind::Text(..) = node.kind {
            return reader.parsed(node);
        }
        let before = reader.errors();
        let PathKeys { exact, regex, prefix } = PathKeys::decode(node, reader)?;
        let written = [exact.is_present(), regex.is_present(), prefix.is_present()];
        if written.iter().filter(|is| **is).count() != 1 && reader.errors() == before {
            let hint = "keep one; routes that differ in their path are two entries";
            reader.error(node.place, "a path is one of `exact`, `regex` and `prefix`", hint);
        }
        if reader.errors() > before {
            return None;
        }
        let exact = exact.good().map(|ExactPath(path)| PathPattern::Exact(path));
        let regex = || regex.good().map(|Expression(pattern)| PathPattern::Regex(pattern));
        exact.or_else(regex).or_else(|| prefix.good().map(|PrefixPath(pattern)| pattern))
    }

    fn schema(definitions: &mut Definitions) -> Value {
        json!({"anyOf": [path_schema(), PathKeys::schema(definitions)]})
    }
}

fn path_schema() -> Value {
    json!({"type": "string", "pattern": "^/", "examples": ["/api"]})
}

/// A path in the form that paths are matched in: unreserved characters decoded, other escapes in upper case, slashes
/// merged. Refused is what no request can have when it is matched.
fn normal(text: &str) -> Result<String, Invalid> {
    begins_with_slash(text)?;
    let mut path = String::with_capacity(text.len());
    for c in escaped(text)?.chars() {
        if c != '/' || !path.ends_with('/') {
            path.push(c);
        }
    }
    no_climb(text, &path)?;
    Ok(path)
}

/// A path to send to an app: as written, with what may not stand in one escaped.
pub(super) fn target(text: &str) -> Result<String, Invalid> {
    begins_with_slash(text)?;
    if text.starts_with("//") {
        return Err(Invalid::new("a path that begins with `//` is a host to many apps", "write one `/`"));
    }
    let path = escaped(text)?;
    no_climb(text, &path)?;
    Ok(path)
}

fn begins_with_slash(text: &str) -> Result<(), Invalid> {
    match text {
        text if text.starts_with('/') => Ok(()),
        text if text.starts_with(['^', '~']) => {
            let bare = text.trim_start_matches(['^', '~', ' ']);
            Err(Invalid::new("an expression must be marked as one", format!("write `{{regex: \"{}\"}}`", brief(bare))))
        }
        text => Err(Invalid::new("a path begins with `/`", format!("write `/{}`", brief(text)))),
    }
}

/// Unreserved characters decoded, everything else that a path cannot hold as it is escaped (RFC 3986 3.3).
fn escaped(text: &str) -> Result<String, Invalid> {
    let mut path = String::with_capacity(text.len());
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'%' => {
                let digits = text.get(at + 1..at + 3).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
                let Some(value) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) else {
                    return Err(Invalid::new(
                        "a `%` must stand before two hexadecimal digits",
                        "write `%25` for a `%`",
                    ));
                };
                bytes.nth(1);
                match value {
                    0 => return Err(Invalid::bare("`%00` is refused in every request, so this path matches none")),
                    b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => path.push(char::from(value)),
                    value => path.push_str(&format!("%{value:02X}")),
                }
            }
            b'?' => {
                return Err(Invalid::new(
                    "a path has no query",
                    "leave out what stands behind `?`; conditions on it go into `match.query`",
                ));
            }
            b'#' => {
                return Err(Invalid::new(
                    "a path has no fragment: clients never send it",
                    "leave out what stands behind `#`",
                ));
            }
            b'\\' | b'[' | b']' | b'{' | b'}' | b'^' | b'|' | b'<' | b'>' | b'"' | b'`' => {
                let message = format!("`{}` cannot stand in a path", char::from(byte));
                return Err(Invalid::new(message, "write an expression as `{regex: \"…\"}`"));
            }
            0..=b' ' | 0x7f => {
                return Err(Invalid::new(
                    "blanks and control characters cannot stand in a path",
                    "write `%20` for a blank",
                ));
            }
            0x80.. => path.push_str(&format!("%{byte:02X}")),
            byte => path.push(char::from(byte)),
        }
    }
    Ok(path)
}

/// Requests lose their dot segments or are refused before they are matched.
fn no_climb(text: &str, path: &str) -> Result<(), Invalid> {
    let dots = path.split('/').any(|segment| segment == ".");
    let climbs = path
        .replace("%2F", "/")
        .replace("%5C", "/")
        .split('/')
        .any(|segment| segment == ".." || segment.starts_with("..;"));
    if dots || climbs {
        let message = format!("`{}` has a dot segment; requests lose theirs before they are matched", brief(text));
        return Err(Invalid::new(message, "write the path without `.` and `..`"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_has_the_form_that_paths_are_matched_in() {
        for (written, form) in [
            ("/", "/"),
            ("//", "/"),
            ("/api", "/api"),
            ("/api/", "/api"),
            ("//api///v1//", "/api/v1"),
            ("/%61pi/%7Eme", "/api/~me"),
            ("/a%2fb%3f", "/a%2Fb%3F"),
            ("/é", "/%C3%A9"),
            ("/%c3%a9", "/%C3%A9"),
            ("/a:b@c;d=e,f", "/a:b@c;d=e,f"),
            ("/.well-known/x", "/.well-known/x"),
            ("/a..b/...", "/a..b/..."),
            ("/*x", "/*x"),
        ] {
            assert_eq!(written.parse(), Ok(PathPattern::Prefix(form.to_owned())), "{written}");
        }
    }

    #[test]
    fn an_exact_path_keeps_its_last_slash() {
        assert_eq!(normal("/x//"), Ok("/x/".to_owned()));
    }

    #[test]
    fn what_no_request_can_have_is_refused() {
        for written in [
            "",
            "api",
            "/api?x",
            "/api#x",
            "/a b",
            "/a\\b",
            "/%",
            "/%4",
            "/%zz",
            "/%+1",
            "/%00",
            "/./a",
            "/a/..",
            "/%2e%2e/a",
            "/a%2f..%2fb",
            "/a/..;/b",
            "/a%5c..",
            "/*",
            "/api/*",
            "/api/**",
            "/api/*/",
            "//*/",
            "/[a]",
            "/{x}",
            "^/a",
            "~ /a",
            "/a\n",
        ] {
            assert!(written.parse::<PathPattern>().is_err(), "{written}");
        }
    }

    #[test]
    fn a_path_for_an_app_is_no_host() {
        assert_eq!(target("/x//y/"), Ok("/x//y/".to_owned()));
        assert!(target("//evil.example").is_err());
        assert!(target("/a/../b").is_err());
    }
}
