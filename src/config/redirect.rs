//! The action `redirect`, and what keeps it from leading to a foreign host.

use serde_json::{Value, json};

use super::file::Node;
use super::problem::{Invalid, Place};
use super::read::{Decode, Reader, Step};
use super::record::record;
use super::schema::{Definitions, any_of};
use super::values::Whole;
use super::{HostPattern, Redirect, Template, TemplatePart};

struct RedirectStatus(u16);

impl Decode for RedirectStatus {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<RedirectStatus> {
        let Whole(status) = Whole::<100, 599>::decode(node, reader)?;
        match u16::try_from(status) {
            Ok(status @ (301 | 302 | 303 | 307 | 308)) => Some(RedirectStatus(status)),
            _ => {
                let hint = "301, 302, 303, 307 or 308 (for good, and the method stays)";
                reader.error(node.place, format!("{status} is no status of a redirect"), hint);
                None
            }
        }
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({"enum": [301, 302, 303, 307, 308]})
    }
}

#[derive(Clone, Copy)]
struct WebScheme(&'static str);

impl Decode for WebScheme {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<WebScheme> {
        reader.one_of(node, &[("https", WebScheme("https")), ("http", WebScheme("http"))])
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({"enum": ["http", "https"]})
    }
}

record! {
    /// Sends the client elsewhere: to the whole address `to`, or to the same address with some of its parts changed.
    RedirectKeys("`{to: \"https://{host}{path}{query}\"}`") {
        /// The value of `Location`; may use `{scheme}`, `{host}`, `{path}`, `{query}`, `{client.ip}`, `{request.id}`.
        "to" to: Template,
        /// 301, 302, 303, 307 or 308.
        "status" status: RedirectStatus = "308",
        /// The scheme to go to, when it changes.
        "scheme" scheme: WebScheme,
        /// The host to go to, when it changes.
        "host" host: HostPattern,
        /// The path to go to, when it changes; the query stays. May use places like `to`.
        "path" path: Template,
        /// The port to go to, when it is not that of the scheme.
        "port" port: Whole<1, 65_535>,
    }
    later []
    guessed [
        ("code statusCode", "`status`"),
        ("url location", "`to`"),
        ("hostname", "`host`"),
        ("permanent", "`status: 308`"),
    ]
    rule any_of(&["to", "scheme", "host", "path", "port"])
}

impl Decode for Redirect {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Redirect> {
        let keys = RedirectKeys::decode(node, reader)?;
        let parts = [keys.scheme.place(), keys.host.place(), keys.path.place(), keys.port.place()];
        match (keys.to.place(), parts.iter().flatten().next()) {
            (None, None) => {
                reader.error(node.place, "this redirect leads nowhere", "write `to: \"https://{host}{path}{query}\"`")
            }
            (Some(_), Some(part)) => {
                reader.error(
                    *part,
                    "`to` is the whole address already",
                    "keep `to`, or `scheme`, `host`, `path` and `port`",
                );
            }
            _ => {}
        }
        let before = reader.errors();
        let whole = keys.to.is_present();
        let (to_place, path_place, host_place) = (keys.to.place(), keys.path.place(), keys.host.place());
        let status = keys.status.good().map_or(308, |RedirectStatus(status)| status);
        let to = if whole {
            let to = keys.to.good()?;
            check("to", to_place, location(&to), reader);
            to
        } else {
            let path = keys.path.good();
            check("path", path_place, path.as_ref().map_or(Ok(()), path_of_location), reader);
            let host = keys.host.good();
            if let Some(HostPattern::Any | HostPattern::Wildcard(_)) = host {
                check(
                    "host",
                    host_place,
                    Err(Invalid::new("a redirect leads to one host", "write it without `*`")),
                    reader,
                );
            }
            let port = keys.port.good().map(|Whole(port)| port);
            from_parts(keys.scheme.good().map(|WebScheme(scheme)| scheme), host, path, port)
        };
        (reader.errors() == before).then_some(Redirect { to, status })
    }

    fn schema(definitions: &mut Definitions) -> Value {
        RedirectKeys::schema(definitions)
    }
}

fn check(key: &'static str, place: Option<Place>, found: Result<(), Invalid>, reader: &mut Reader<'_>) {
    if let (Some(place), Err(error)) = (place, found) {
        reader.within(Step::Key(key), |reader| reader.invalid(place, error));
    }
}

/// An address without scheme, host and port is relative, so that the client's port stays.
fn from_parts(scheme: Option<&str>, host: Option<HostPattern>, path: Option<Template>, port: Option<u64>) -> Template {
    let mut parts = Vec::new();
    if scheme.is_some() || host.is_some() || port.is_some() {
        parts.push(scheme.map_or(TemplatePart::Scheme, |scheme| TemplatePart::Text(scheme.to_owned())));
        parts.push(TemplatePart::Text("://".to_owned()));
        parts.push(host.map_or(TemplatePart::Host, |host| TemplatePart::Text(host.to_string())));
        parts.extend(port.map(|port| TemplatePart::Text(format!(":{port}"))));
    }
    let keeps_query = path.as_ref().is_none_or(|Template(parts)| {
        !parts.iter().any(|part| {
            matches!(part, TemplatePart::Query) || matches!(part, TemplatePart::Text(text) if text.contains('?'))
        })
    });
    parts.extend(path.map_or(vec![TemplatePart::Path], |Template(parts)| parts));
    parts.extend(keeps_query.then_some(TemplatePart::Query));
    Template(joined(parts))
}

/// Neighbouring texts as one, as a parsed template has them.
fn joined(parts: Vec<TemplatePart>) -> Vec<TemplatePart> {
    let mut all: Vec<TemplatePart> = Vec::with_capacity(parts.len());
    for part in parts {
        match (all.last_mut(), part) {
            (Some(TemplatePart::Text(before)), TemplatePart::Text(text)) => before.push_str(&text),
            (_, part) => all.push(part),
        }
    }
    all
}

/// The value of `Location`: an absolute address, or a path that cannot be read as a host. A client writes its path as
/// it likes: `Location: {path}` would lead `//evil.example` to a foreign host.
fn location(Template(parts): &Template) -> Result<(), Invalid> {
    no_blanks(parts)?;
    match parts.as_slice() {
        [TemplatePart::Text(text), ..] if starts_with_web(text) => Ok(()),
        [TemplatePart::Scheme, TemplatePart::Text(text), ..] if text.starts_with("://") => Ok(()),
        [TemplatePart::Text(text), ..] if text.starts_with('/') => path_of_location(&Template(parts.to_vec())),
        [TemplatePart::Path, ..] => Err(Invalid::new(
            "a client could write a path that leads to a foreign host",
            "write `{scheme}://{host}{path}` with what changes",
        )),
        _ => Err(Invalid::new(
            "this is neither an address nor a path",
            "write `https://www.example.com{path}{query}` or `/new`",
        )),
    }
}

fn starts_with_web(text: &str) -> bool {
    ["https://", "http://"]
        .iter()
        .any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.starts_with(['/', '?', '#'])))
}

fn path_of_location(Template(parts): &Template) -> Result<(), Invalid> {
    no_blanks(parts)?;
    match parts.as_slice() {
        [TemplatePart::Text(text), TemplatePart::Path | TemplatePart::Host, ..] if text == "/" => Err(Invalid::new(
            "with what a client writes here this may begin with `//`, a foreign host",
            "write a word behind the `/`",
        )),
        [TemplatePart::Text(text), ..] if text.starts_with("//") || text.starts_with("/\\") => {
            Err(Invalid::new("what begins with `//` is a host, not a path", "write one `/`, or a scheme"))
        }
        [TemplatePart::Text(text), ..] if text.starts_with('/') => Ok(()),
        _ => Err(Invalid::new("a path begins with `/`", "write it like `/new`")),
    }
}

fn no_blanks(parts: &[TemplatePart]) -> Result<(), Invalid> {
    let bad = |c: char| {
        c.is_whitespace() || !c.is_ascii() || matches!(c, '"' | '<' | '>' | '\\' | '^' | '`' | '{' | '|' | '}')
    };
    match parts.iter().find_map(|part| match part {
        TemplatePart::Text(text) => text.chars().find(|c| bad(*c)),
        _ => None,
    }) {
        Some(c) => {
            Err(Invalid::new(format!("`{c}` cannot stand in an address"), "write it percent-encoded, a blank as `%20`"))
        }
        None => Ok(()),
    }
}
