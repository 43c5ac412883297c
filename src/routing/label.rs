//! The text that stands for a route in metrics and the access log. The one door is [`of`].

use std::fmt::Write as _;
use std::sync::Arc;

use super::index::hash_of;
use crate::config::{HostPattern, PathPattern};

/// Longest label in bytes: a series name that a person can still read, whatever the file holds.
pub(super) const MAX: usize = 200;

/// Host and path, one label for each pair. What is too long is cut and ends in a hash of the whole, so that it stays
/// the only one.
pub(super) fn of(host: &HostPattern, path: &PathPattern) -> Arc<str> {
    let mut label = self::host(host);
    let (mark, path) = match path {
        PathPattern::Prefix(path) => ("", path),
        PathPattern::Exact(path) => (" =", path),
        PathPattern::Regex(path) => (" ~", path),
    };
    label.push_str(mark);
    label.push_str(path);
    if label.len() > MAX {
        let hash = hash_of(&label);
        // `…` has three bytes, the hash sixteen digits
        label.truncate(label.floor_char_boundary(MAX - 3 - 16));
        // writing to a String cannot fail
        let _ = write!(label, "…{hash:016x}");
    }
    label.into()
}

/// A host pattern as it is written.
pub(super) fn host(host: &HostPattern) -> String {
    match host {
        HostPattern::Exact(name) => name.clone(),
        HostPattern::Wildcard(domain) => format!("*.{domain}"),
        HostPattern::Any => "*".into(),
    }
}
