//! Which certificate serves one host of one source: [`judge`], a table of what the source has now and what served before.

use std::sync::Arc;

use crate::certs::{Certificate, Fault};
use crate::config::Severity;

/// What a source has, once it was read.
#[derive(Debug, Default)]
pub(super) enum Newest {
    /// Nobody has looked yet.
    #[default]
    Pending,
    Readable(Arc<Certificate>),
    /// It cannot be read; why.
    Broken(String),
    Absent,
    Hidden,
    /// As [`Material::Refused`](super::Material::Refused).
    Refused {
        reason: String,
        is_ours: bool,
    },
}

/// What kind of thing is wrong. With the version of its source it names a fact, which is told once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The source is not there.
    Absent,
    /// Nobody may look at any.
    Hidden,
    /// Nobody may look at this one.
    Refused,
    /// It is no certificate with its key, or no CA.
    Broken,
    /// The certificate is not for this host.
    NotCovered,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYet,
}

/// What a host gets in spite of what is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Upshot {
    /// What it had before.
    KeepsOld,
    /// This one all the same.
    ServesAllTheSame,
    /// Of this source, nothing.
    Nothing,
}

/// What is wrong for one host, and what comes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) kind: Kind,
    pub(super) reason: String,
    pub(super) upshot: Upshot,
}

impl Wrong {
    /// A warning when the operator's wish is fulfilled for now.
    pub(super) fn severity(&self) -> Severity {
        match (self.kind, self.upshot) {
            (Kind::Absent, Upshot::KeepsOld) | (_, Upshot::ServesAllTheSame) => Severity::Warning,
            _ => Severity::Error,
        }
    }
}

pub(super) const HIDDEN: &str = "it may not be looked at";

/// What of a source serves `host` at `now`, after `old` of the same source did, and what is wrong.
pub(super) fn judge(
    newest: &Newest,
    old: Option<&Arc<Certificate>>,
    host: &str,
    now: i64,
) -> (Option<Arc<Certificate>>, Option<Wrong>) {
    let kept = if old.is_some() { Upshot::KeepsOld } else { Upshot::Nothing };
    let keep = |kind, reason| (old.cloned(), Some(Wrong { kind, reason, upshot: kept }));
    match newest {
        Newest::Pending => (old.cloned(), None),
        Newest::Broken(reason) => keep(Kind::Broken, reason.clone()),
        Newest::Absent => absent(old, now),
        Newest::Hidden => keep(Kind::Hidden, HIDDEN.to_owned()),
        Newest::Refused { reason, .. } => keep(Kind::Refused, reason.clone()),
        Newest::Readable(new) => {
            let Some(fault) = new.fault(host, now) else { return (Some(Arc::clone(new)), None) };
            let reason = fault.to_string();
            let kind = match fault {
                // for which hosts, the finding says
                Fault::NotCovered { names, .. } => return keep(Kind::NotCovered, format!("its names: {names}")),
                Fault::Expired { .. } => Kind::Expired,
                Fault::NotYet { .. } => Kind::NotYet,
            };
            // between two that clients refuse the newer one is what the operator wants
            match old.filter(|old| old.fault(host, now).is_none()) {
                Some(_) => keep(kind, reason),
                None => (Some(Arc::clone(new)), Some(Wrong { kind, reason, upshot: Upshot::ServesAllTheSame })),
            }
        }
    }
}

/// Who deletes a Secret does not mean to break the host at once; but no certificate outlives its time like that.
fn absent(old: Option<&Arc<Certificate>>, now: i64) -> (Option<Arc<Certificate>>, Option<Wrong>) {
    let old = old.filter(|old| now <= old.not_after());
    let (upshot, reason) = match old {
        Some(_) => (Upshot::KeepsOld, "it is gone; its certificate serves until it expires"),
        None => (Upshot::Nothing, "there is none"),
    };
    (old.cloned(), Some(Wrong { kind: Kind::Absent, reason: reason.to_owned(), upshot }))
}
