//! What is told outside of the metrics and the log: [`Notice`], of which Kubernetes Events are made.

use std::fmt;

use super::{Conflict, Error, Held, Why};

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
        let Held { name, addresses, of, why } = self;
        let why = match why {
            Why::Most => "they go when they are seen to be unwanted again, 30 s after the first time",
            Why::Last => "a name keeps its last addresses",
            Why::Remembered => "the name itself is not, and goes when its TTL is over",
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

#[cfg(test)]
mod tests {
    use super::super::Permission;
    use super::*;

    fn held(name: &str, count: u8, why: Why) -> Held {
        let addresses = (1..=count).map(|n| [203, 0, 113, n].into()).collect();
        Held { name: name.to_owned(), addresses, of: 9, why }
    }

    #[test]
    fn a_notice_says_what_somebody_can_do_about_it() {
        let denied = Error::Denied(Permission::Invalid("no".to_owned()));
        let conflict = Conflict::NoAddress { name: "k.example.com".to_owned() };
        for (notice, reason, is_warning, part) in [
            (
                Notice::Applied { added: 1, changed: 2, deleted: 3 },
                "DnsApplied",
                false,
                "1 added, 2 changed, 3 deleted",
            ),
            (Notice::Held(vec![held("k", 2, Why::Remembered)]), "DnsHeld", true, "k: 2 of 9 addresses"),
            (
                Notice::Held(vec![held("k", 1, Why::Most)]),
                "DnsHeld",
                true,
                "they go when they are seen to be unwanted again",
            ),
            (Notice::Held(vec![held("k", 1, Why::Last)]), "DnsHeld", true, "a name keeps its last addresses"),
            (Notice::Conflicts(vec![conflict]), "DnsConflict", true, "k.example.com: no node is ready"),
            (Notice::Failed(denied), "DnsDenied", true, "DNS:Edit"),
            (Notice::Failed(Error::NotLeader), "DnsFailed", true, "stay as they are"),
        ] {
            assert_eq!((notice.reason(), notice.is_warning()), (reason, is_warning), "{notice}");
            assert!(notice.to_string().contains(part), "{notice}");
        }
    }

    #[test]
    fn five_of_a_kind_are_named_and_the_others_counted() {
        let told =
            |names: u8| Notice::Held((0..names).map(|n| held(&format!("n{n}"), 1, Why::Most)).collect()).to_string();
        assert!(told(5).contains("n4: ") && !told(5).contains("more"), "{}", told(5));
        assert!(!told(7).contains("n5: ") && told(7).ends_with("; and 2 more"), "{}", told(7));
        let addresses = |count| held("k", count, Why::Most).to_string();
        assert!(addresses(5).contains("203.0.113.5)"), "{}", addresses(5));
        assert!(addresses(6).contains("6 of 9") && addresses(6).contains("203.0.113.5, …)"), "{}", addresses(6));
    }
}
