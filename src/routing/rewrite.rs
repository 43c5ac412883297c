//! What becomes of the path on its way to the app. The one door is [`path`].

use super::{Route, Target};
use crate::config::{PathPattern, PathRewrite};

/// Writes path and query for the app into `out`, which is cleared. The answer is the prefix that was stripped, for
/// `X-Forwarded-Prefix`. What comes out is not matched again.
///
/// `*` of OPTIONS asks for the server, not for a path, and stays as it is.
pub fn path<'r>(route: &'r Route, target: &Target, out: &mut String) -> Option<&'r str> {
    out.clear();
    let raw = target.path();
    if raw == "*" {
        out.push_str(raw);
        return None;
    }
    let mut stripped = None;
    match (&route.rule.rewrite.path, &route.path) {
        (PathRewrite::StripPrefix, PathPattern::Prefix(prefix)) => {
            push_path(rest(raw, prefix), out);
            stripped = Some(prefix.trim_end_matches('/')).filter(|prefix| !prefix.is_empty());
        }
        (PathRewrite::ReplacePrefix(new), PathPattern::Prefix(prefix)) => {
            // a prefix of `/` alone adds nothing
            match new.trim_end_matches('/') {
                "" => push_path(rest(raw, prefix), out),
                new => {
                    out.push_str(new);
                    out.push_str(rest(raw, prefix));
                }
            }
        }
        (PathRewrite::Replace(new), _) => push_path(new, out),
        // a path that is no prefix has none to strip or replace
        (PathRewrite::Keep | PathRewrite::StripPrefix | PathRewrite::ReplacePrefix(_), _) => {
            out.push_str(target.path_and_query());
            return None;
        }
    }
    if let Some(query) = target.query() {
        out.push('?');
        out.push_str(query);
    }
    stripped
}

/// What of the raw path is behind the segments of the prefix: nothing, or from a slash on. Segments are counted, not
/// bytes: `//%61pi/x` has the prefix `/api` too.
fn rest<'p>(raw: &'p str, prefix: &str) -> &'p str {
    prefix.split('/').filter(|segment| !segment.is_empty()).fold(raw, |rest, _| {
        let name = rest.trim_start_matches('/');
        name.find('/').map_or("", |slash| &name[slash..])
    })
}

/// Begins with one slash: `//x` would be read as a host by those who resolve it (RFC 3986 4.2).
fn push_path(path: &str, out: &mut String) {
    out.push('/');
    out.push_str(path.trim_start_matches('/'));
}
