//! What a route does to a request: `backends`, `respond` and `rewrite`, each from its block of the file. `redirect` has
//! a file of its own.

use serde_json::{Value, json};

use super::fields::{Editable, Literal, Named};
use super::file::Node;
use super::read::{Decode, Reader};
use super::record::record;
use super::schema::Definitions;
use super::values::Whole;
use super::{Backend, HostPattern, PathRewrite, Respond, Rewrite, Weighted, host, path};

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
