//! The records that a name has, sorted by what they are to us: [`Found`].

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::dns::{Record, RecordType};

/// Records of one name.
#[derive(Debug, Default)]
pub(super) struct Found<'r> {
    /// Ours, by address; more than one of an address are duplicates, and the first is the one to keep.
    pub(super) addresses: BTreeMap<IpAddr, Vec<&'r Record>>,
    /// Ours that are CNAMEs.
    pub(super) aliases: Vec<&'r Record>,
    /// Ours that should hold an address and hold none.
    pub(super) broken: Vec<&'r Record>,
    /// Everybody else's.
    pub(super) others: Vec<&'r Record>,
}

impl<'r> Found<'r> {
    pub(super) fn of(records: &[&'r Record], is_ours: impl Fn(&Record) -> bool) -> Found<'r> {
        let mut found = Found::default();
        for record in records {
            match (&record.kind, record.address()) {
                (RecordType::Other(_), _) => found.others.push(record),
                _ if !is_ours(record) => found.others.push(record),
                (RecordType::Cname, _) => found.aliases.push(record),
                (_, Some(address)) => found.addresses.entry(address).or_default().push(record),
                (_, None) => found.broken.push(record),
            }
        }
        found
    }

    /// How many records of ours there are.
    pub(super) fn ours(&self) -> usize {
        let Found { addresses, aliases, broken, others: _ } = self;
        addresses.values().map(Vec::len).sum::<usize>() + aliases.len() + broken.len()
    }

    /// All of ours that are no CNAME.
    pub(super) fn not_aliases(&self) -> impl Iterator<Item = &'r Record> {
        self.addresses.values().flatten().chain(&self.broken).copied()
    }
}
