//! Whose a record is: [`Mark`], a few characters in the record's comment, so that ownership costs no record of its own.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};

/// How every mark begins, ours and those of other clusters.
const PREFIX: &str = "gatepost:";

/// The mark of one installation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark(String);

impl Mark {
    /// Of the installation in this namespace of the cluster whose namespace `kube-system` has this uid. The uid stays for
    /// as long as the cluster does, and no other cluster has it; the namespace tells two installations in one cluster
    /// apart, of which either would take the other's records for its own that nobody wants any more.
    pub fn new(cluster: &str, namespace: &str) -> Mark {
        let hash = digest(&SHA256, format!("{cluster}/{namespace}").as_bytes());
        // 64 bits: two clusters of one account that got the same would have to be looked for
        let hex: String = hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Mark(format!("{PREFIX}{hex}"))
    }

    /// As it stands in a comment: 25 characters, of the 100 that the smallest plan allows.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its 64 bits as a number.
    pub(super) fn seed(&self) -> u64 {
        u64::from_str_radix(self.0.trim_start_matches(PREFIX), 16).unwrap_or_default()
    }

    /// Whether a record with this comment is ours. What somebody wrote behind the mark is left to him.
    pub fn owns(&self, comment: Option<&str>) -> bool {
        mark_of(comment) == Some(&self.0)
    }

    /// Whether a record with this comment belongs to another gatepost.
    pub fn is_foreign(&self, comment: Option<&str>) -> bool {
        mark_of(comment).is_some_and(|mark| mark != self.0)
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The first word of a comment, when it is a mark.
fn mark_of(comment: Option<&str>) -> Option<&str> {
    comment?.split_whitespace().next().filter(|word| word.starts_with(PREFIX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_the_same_for_one_installation_and_another_for_every_other() {
        let mark = Mark::new("2f1e9e0c-cluster", "gatepost");
        assert_eq!(mark, Mark::new("2f1e9e0c-cluster", "gatepost"));
        assert_ne!(mark, Mark::new("2f1e9e0c-cluster", "edge"));
        assert_ne!(mark, Mark::new("another", "gatepost"));
        assert_eq!(mark.as_str().len(), 25);
        assert_eq!(format!("gatepost:{:016x}", mark.seed()), mark.as_str());
    }

    #[test]
    fn ours_is_what_begins_with_our_mark_whatever_stands_behind_it() {
        let (mark, other) = (Mark::new("one", "gatepost"), Mark::new("two", "gatepost"));
        for (comment, ours, foreign) in [
            (Some(mark.to_string()), true, false),
            (Some(format!("{mark} added by hand, do not touch")), true, false),
            (Some(format!("not {mark}")), false, false),
            (Some(other.to_string()), false, true),
            (Some(format!("{mark}0")), false, true),
            (Some("heritage=external-dns".to_owned()), false, false),
            (Some(String::new()), false, false),
            (None, false, false),
        ] {
            let comment = comment.as_deref();
            assert_eq!((mark.owns(comment), mark.is_foreign(comment)), (ours, foreign), "{comment:?}");
        }
    }
}
