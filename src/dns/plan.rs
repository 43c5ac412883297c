//! What is to be done, and what is not and why: [`Plan`]. It is a value; nobody has done anything yet.
//!
//! Doors: [`plan`], which makes it of what is wanted and what is there, and [`plan_release`], by which everything of ours
//! goes.

mod across;
mod addresses;
mod alias;
mod diff;
mod found;
mod make;
mod unwanted;

#[cfg(test)]
mod tests;

use std::net::IpAddr;

pub use self::make::{Rules, plan, plan_release};

use super::{Record, RecordType, Usage, Zone};

/// Everything that one look comes to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    /// The smallest diff for each zone that has one of our records or gets one, by name of the zone.
    pub zones: Vec<ZonePlan>,
    /// Addresses that are to go and stay for now.
    pub held: Vec<Held>,
    /// Names that cannot be as they are wanted.
    pub conflicts: Vec<Conflict>,
    /// Names that lead elsewhere still: what they are to lead to has no address yet.
    pub waiting: Vec<String>,
}

/// The diff for one zone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZonePlan {
    /// Which.
    pub zone: Zone,
    /// Records that are made.
    pub adds: Vec<Draft>,
    /// Records that become different ones, under the id they have.
    pub changes: Vec<Change>,
    /// Records that go, once all of the above has succeeded for their name.
    pub deletes: Vec<Record>,
    /// Names whose records change their type, which no record can: each is one call, all of it or nothing.
    pub swaps: Vec<Swap>,
    /// How many records of ours there are when all is done.
    pub ours: usize,
}

/// A record as it should be; ours, so with our mark.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Draft {
    /// Whose it is.
    pub name: String,
    /// A, AAAA or CNAME.
    pub kind: RecordType,
    /// An address in its one form, or a name.
    pub content: String,
    /// Seconds; 1 when it is proxied.
    pub ttl: u32,
    /// Cloudflare's edge stands in front of it.
    pub proxied: bool,
}

/// A record that becomes another one of the same type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// As it is.
    pub from: Record,
    /// As it should be.
    pub to: Draft,
    /// Why.
    pub reason: Reason,
}

/// Why a record is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Its node is gone and another one has come: the content is replaced.
    Replaced,
    /// The content is right, TTL or proxying is not.
    Settings,
    /// It had no mark and is ours from now on.
    Adopted,
}

/// A name whose records change their type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swap {
    /// Whose records.
    pub name: String,
    /// All of them, ours.
    pub deletes: Vec<Record>,
    /// What stands in their place.
    pub adds: Vec<Draft>,
}

/// Addresses of one name that are to go and stay for now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Whose.
    pub name: String,
    /// Which.
    pub addresses: Vec<IpAddr>,
    /// How many addresses of ours the name has.
    pub of: usize,
    /// What keeps them.
    pub why: Why,
}

/// Why addresses that nobody wants stay for now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// They are most of what the name has: they go when they are seen to be unwanted again.
    Most,
    /// They are the bound on how few a name may have.
    Last,
    /// The name is not wanted any more, and whoever was sent to it may remember that: they go when it is forgotten.
    Remembered,
}

/// A name that cannot be as it is wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// No zone that the credentials see has it.
    #[error("{name}: no zone that the API token sees has this name")]
    NoZone {
        /// A name of `dns.names`.
        name: String,
    },
    /// There is a record that somebody else made.
    #[error(
        "{name}: there is a record {kind} {content} that gatepost did not make; it stays. Delete it, or set `adopt: true`"
    )]
    Unmarked {
        /// Whose it is.
        name: String,
        /// Its type.
        kind: RecordType,
        /// What it holds.
        content: String,
    },
    /// There is a record of a gatepost in another cluster.
    #[error("{name}: another gatepost ({mark}) has a record {kind} {content} here; it stays")]
    OtherCluster {
        /// Whose it is.
        name: String,
        /// Its type.
        kind: RecordType,
        /// What it holds.
        content: String,
        /// Whose mark it carries.
        mark: String,
    },
    /// The zone would have more records than it may.
    #[error("{zone}: {wanted} records are to be made and there is room for {room}")]
    NoRoom {
        /// Its name.
        zone: String,
        /// How many are to be made.
        wanted: usize,
        /// How many may be.
        room: usize,
    },
    /// A record of ours would have to go for what is wanted, and nothing is ever deleted.
    #[error("{name}: our record {kind} {content} is in the way, and `policy: upsert` takes nothing away")]
    Kept {
        /// Whose it is.
        name: String,
        /// Its type.
        kind: RecordType,
        /// What it holds.
        content: String,
    },
    /// No node can be published, so nothing is known of where the names should point.
    #[error("{name}: no node is ready, uncordoned and serves with an address that may be published")]
    NoAddress {
        /// A name of `dns.names`.
        name: String,
    },
}

impl Why {
    /// As a plan is shown. Scripts read these words.
    pub fn as_str(self) -> &'static str {
        match self {
            Why::Most => "most",
            Why::Last => "last",
            Why::Remembered => "remembered",
        }
    }
}

impl Reason {
    /// As a plan is shown. Scripts read these words.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Replaced => "replaced",
            Reason::Settings => "settings",
            Reason::Adopted => "adopted",
        }
    }
}

impl Plan {
    /// There is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.zones.iter().all(ZonePlan::is_empty)
    }
}

impl ZonePlan {
    /// There is nothing to do.
    pub fn is_empty(&self) -> bool {
        let ZonePlan { zone: _, adds, changes, deletes, swaps, ours: _ } = self;
        adds.is_empty() && changes.is_empty() && deletes.is_empty() && swaps.is_empty()
    }

    /// Records of the zone when all is done, and how many there may be, when Cloudflare tells.
    pub fn budget(&self) -> Option<Usage> {
        self.zone.usage.map(|usage| usage.after(self.made(), self.gone()))
    }

    /// How many records are made.
    pub fn made(&self) -> usize {
        self.adds.len() + self.swaps.iter().map(|swap| swap.adds.len()).sum::<usize>()
    }

    /// How many records go.
    pub fn gone(&self) -> usize {
        self.deletes.len() + self.swaps.iter().map(|swap| swap.deletes.len()).sum::<usize>()
    }
}
