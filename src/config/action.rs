//! What a route does: `backends`, `redirect`, `respond` and `rewrite`, each from its block of the file.

use serde_json::{Value, json};

use super::fields::{Editable, Literal, Named};
use super::file::Node;
use super::problem::{Invalid, Place};
use super::read::{Decode, Reader, Step, Whole};
use super::record::record;
use super::schema::{Definitions, any_of};
use super::{
    Backend, HostPattern, PathRewrite, Redirect, Respond, Rewrite, Template, TemplatePart, Weighted, host, path,
};

record! {
    /// One target of a weighted split.
    WeightedKeys("`{to: my-app:8080, weight: 1}`") {
        /// The app, written like `backend`.
        "to" to: Backend,
        /// Its share of the sum of all weights; 0 = none.
        "weight" weight: Whole<0, 1_000_000> = "1",
    }
    later []
    guessed [("backend service name url server", "`to`")]
    rule json!({"required": ["to"]})
}

impl Decode for Weighted {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Weighted> {
        let WeightedKeys { to, weight } = WeightedKeys::decode(node, reader)?;
        if !to.is_present() {
            reader.error(node.place, "this target names no app", "write `to: my-app:8080`");
        }
        let weight = weight.good().map_or(1, |Whole(weight)| u32::try_from(weight).unwrap_or(u32::MAX));
        Some(Weighted { to: to.good()?, weight })
    }

    fn schema(definitions: &mut Definitions) -> Value {
        WeightedKeys::schema(definitions)
    }
}

/// The list `backends`: something in it must get requests.
pub(super) struct Split(pub(super) Vec<Weighted>);

impl Decode for Split {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Split> {
        let before = reader.errors();
        let targets = Vec::<Weighted>::decode(node, reader)?;
        if reader.errors() == before && targets.iter().all(|target| target.weight == 0) {
            let message = if targets.is_empty() { "there is no target here" } else { "no target has a weight above 0" };
            reader.error(node.place, message, "write `[{to: my-app:8080, weight: 1}]`");
        }
        Some(Split(targets))
    }

    fn schema(definitions: &mut Definitions) -> Value {
        json!({"type": "array", "items": Weighted::schema(definitions), "minItems": 1})
    }
}

// === redirect ===

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

// === respond ===

record! {
    /// An answer without any app.
    RespondKeys("`{status: 200, body: hello}`") {
        /// 200 to 599.
        "status" status: Whole<200, 599> = "200",
        /// Sent as it is.
        "body" body: String,
        /// Header fields of the answer. With a body, `content-type` is `text/plain; charset=utf-8` unless it is here.
        "headers" headers: Named<Editable, Literal>,
    }
    later []
    guessed [
        ("code statusCode", "`status`"),
        ("text content", "`body`"),
        ("contentType", "`headers: {Content-Type: …}`"),
    ]
    rule json!({"minProperties": 1})
}

impl Decode for Respond {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Respond> {
        let RespondKeys { status, body, headers } = RespondKeys::decode(node, reader)?;
        if ![status.is_present(), body.is_present(), headers.is_present()].contains(&true) {
            reader.error(node.place, "this answer says nothing", "write `{status: 200, body: hello}`");
        }
        let body_place = body.place();
        let status = status.good().map_or(200, |Whole(status)| u16::try_from(status).unwrap_or(200));
        let body = body.good().unwrap_or_default();
        if let (204 | 205 | 304, Some(place), false) = (status, body_place, body.is_empty()) {
            reader.error(
                place,
                format!("an answer with status {status} has no body"),
                "leave `body` out, or write another status",
            );
        }
        let headers = headers.good().map(Named::into_pairs).unwrap_or_default();
        let mut headers: Vec<_> = headers.into_iter().map(|(name, Literal(value))| (name, value)).collect();
        if !body.is_empty() && !headers.iter().any(|(name, _)| name == "content-type") {
            headers.push(("content-type".to_owned(), "text/plain; charset=utf-8".to_owned()));
        }
        Some(Respond { status, body, headers })
    }

    fn schema(definitions: &mut Definitions) -> Value {
        RespondKeys::schema(definitions)
    }
}

// === rewrite ===

/// A path as it is sent to an app.
struct TargetPath(String);

impl Decode for TargetPath {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<TargetPath> {
        let text = reader.text(node)?;
        path::target(text).map(TargetPath).map_err(|error| reader.invalid(node.place, error)).ok()
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({"type": "string", "pattern": "^/"})
    }
}

/// A value of `Host`: a name or an address, with a port when it is not that of the scheme.
struct HostValue(String);

impl Decode for HostValue {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<HostValue> {
        let text = reader.text(node)?;
        match host::with_port(text) {
            Ok((HostPattern::Exact(name), None)) => Some(HostValue(name)),
            Ok((HostPattern::Exact(name), Some(port))) => Some(HostValue(format!("{name}:{port}"))),
            Ok(_) => {
                reader.error(node.place, "an app gets one host", "write it without `*`");
                None
            }
            Err(error) => {
                reader.invalid(node.place, error);
                None
            }
        }
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({"type": "string", "minLength": 1})
    }
}

record! {
    /// How a request changes on its way to the app. At most one of `stripPrefix`, `prefix` and `path`.
    RewriteKeys("`{stripPrefix: true}`") {
        /// Drops the route's `path` from the path; the app sees the rest, and the prefix in `X-Forwarded-Prefix`.
        "stripPrefix" strip_prefix: bool = "false",
        /// Puts this in place of the route's `path`.
        "prefix" prefix: TargetPath,
        /// Puts this in place of the whole path; the query stays.
        "path" path: TargetPath,
        /// The app gets this `Host` in place of the client's.
        "host" host: HostValue,
    }
    later []
    guessed [
        ("hostname", "`host`"),
        ("strip_prefix", "`stripPrefix`"),
        ("uri", "`path`"),
        ("regex", "`prefix` or `path`: paths are not rewritten by expressions"),
    ]
    rule json!({})
}

impl Decode for Rewrite {
    fn decode<'n>(node: &'n Node<'n>, reader: &mut Reader<'n>) -> Option<Rewrite> {
        let RewriteKeys { strip_prefix, prefix, path, host } = RewriteKeys::decode(node, reader)?;
        let mut written = [("stripPrefix", strip_prefix.place()), ("prefix", prefix.place()), ("path", path.place())]
            .into_iter()
            .filter_map(|(key, place)| Some((key, place?)));
        if let (Some((first, _)), Some((second, place))) = (written.next(), written.next()) {
            reader.error(place, format!("`{first}` and `{second}` both rewrite the path"), "keep one of them");
        }
        let rewrite = match (strip_prefix.good(), prefix.good(), path.good()) {
            (Some(true), ..) => PathRewrite::StripPrefix,
            (_, Some(TargetPath(prefix)), _) => match prefix.trim_end_matches('/') {
                "" => PathRewrite::StripPrefix,
                prefix => PathRewrite::ReplacePrefix(prefix.to_owned()),
            },
            (_, _, Some(TargetPath(path))) => PathRewrite::Replace(path),
            _ => PathRewrite::Keep,
        };
        Some(Rewrite { path: rewrite, host: host.good().map(|HostValue(host)| host) })
    }

    fn schema(definitions: &mut Definitions) -> Value {
        RewriteKeys::schema(definitions)
    }
}
