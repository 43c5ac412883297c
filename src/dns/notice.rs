//! What is told outside of the metrics and the log: [`Notice`], of which Kubernetes Events are made.

use std::fmt;

use super::{Conflict, Error, Held};

/// Something that an operator wants to hear of once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Records were changed.
    Applied {
        /// How many were made.
        added: usize,
        /// How many became different ones.
        changed: usize,
        /// How many are gone.
        deleted: usize,
    },
    /// Addresses that are to go stay for now.
    Held(Vec<Held>),
    /// Names cannot be as they are wanted.
    Conflicts(Vec<Conflict>),
    /// Records could not be brought up to date, for a reason that needs a person.
    Failed(Error),
}

/// Of the same kind named in one notice.
const NAMED: usize = 5;

impl Notice {
    /// The reason of the Event. Scripts read these words.
    pub fn reason(&self) -> &'static str {
        match self {
            Notice::Applied { .. } => "DnsApplied",
            Notice::Held(_) => "DnsHeld",
            Notice::Conflicts(_) => "DnsConflict",
            Notice::Failed(Error::Denied(_)) => "DnsDenied",
            Notice::Failed(_) => "DnsFailed",
        }
    }

    /// Somebody should look.
    pub fn is_warning(&self) -> bool {
        !matches!(self, Notice::Applied { .. })
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Applied { added, changed, deleted } => {
                write!(f, "DNS records at Cloudflare: {added} added, {changed} changed, {deleted} deleted")
            }
            Notice::Held(held) => several(f, held),
            Notice::Conflicts(conflicts) => several(f, conflicts),
            Notice::Failed(error) => write!(f, "DNS records at Cloudflare stay as they are: {error}"),
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Held { name, addresses, of, is_last } = self;
        let why = if *is_last {
            "a name keeps its last addresses"
        } else {
            "they go when they are seen to be unwanted again, 30 s after the first time"
        };
        let named: Vec<String> = addresses.iter().take(NAMED).map(ToString::to_string).collect();
        let more = if addresses.len() > NAMED { ", …" } else { "" };
        write!(
            f,
            "{name}: {} of {of} addresses are not wanted ({}{more}) and stay: {why}",
            addresses.len(),
            named.join(", ")
        )
    }
}

fn several(f: &mut fmt::Formatter<'_>, all: &[impl fmt::Display]) -> fmt::Result {
    for (at, one) in all.iter().take(NAMED).enumerate() {
        write!(f, "{}{one}", if at > 0 { "; " } else { "" })?;
    }
    if all.len() > NAMED {
        write!(f, "; and {} more", all.len() - NAMED)?;
    }
    Ok(())
}
