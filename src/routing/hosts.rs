//! Which host of the table a request is for: the exact name, else the longest wildcard, else `*`. The one door is
//! [`Hosts`].
//!
//! An entry is one cache line with the name in it, so that the usual host, one with a single route for everything, costs
//! two places in memory: its slot in the index and its entry.

use memchr::memchr_iter;

use super::index::{Index, NONE, hash_of};
use crate::config::HostPattern;

/// Every host of a table with where its paths are.
#[derive(Debug)]
pub(super) struct Hosts {
    entries: Vec<Host>,
    /// What of the names did not fit into the entries.
    rests: String,
    exact: Index,
    wildcards: Index,
    /// Bit n: there is a wildcard over a domain of n labels. Only those are looked for.
    depths: u128,
    any: Option<u32>,
}

/// One host pattern.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Host {
    /// Of the whole name.
    len: u8,
    start: [u8; INLINE],
    /// Where the rest of the name is in `rests`.
    rest: u32,
    /// The root of its paths.
    pub(super) root: u32,
    /// The route that takes every request of this host, when there is one; else [`NONE`].
    pub(super) only: u32,
    /// The automaton of its path expressions; else [`NONE`].
    pub(super) automaton: u32,
    /// Its first expression in the table's list of them.
    pub(super) expressions: u32,
}

/// What a line of 64 bytes has beside the numbers.
const INLINE: usize = 39;

/// RFC 1035 2.3.4 and RFC 9110 have no longer ones; the bound of [`super::Target`] too.
pub(super) const MAX_HOST: usize = 255;

impl Hosts {
    /// Room for `hosts` patterns.
    pub(super) fn for_hosts(hosts: usize) -> Hosts {
        Hosts {
            entries: Vec::with_capacity(hosts),
            rests: String::new(),
            exact: Index::for_keys(hosts),
            wildcards: Index::for_keys(hosts),
            depths: 0,
            any: None,
        }
    }

    /// The entry of the most specific pattern that holds `host`; an empty host is held by `*` alone.
    #[inline]
    pub(super) fn find(&self, host: &str) -> Option<&Host> {
        let number = self.in_index(&self.exact, host).or_else(|| self.find_wildcard(host)).or(self.any)?;
        self.entries.get(number as usize)
    }

    /// The number of this very pattern.
    pub(super) fn number(&self, pattern: &HostPattern) -> Option<u32> {
        match pattern {
            HostPattern::Exact(name) => self.in_index(&self.exact, name),
            HostPattern::Wildcard(domain) => self.in_index(&self.wildcards, domain),
            HostPattern::Any => self.any,
        }
    }

    /// Adds a pattern that is not there yet, unless its name is too long to be asked for.
    pub(super) fn insert(&mut self, pattern: &HostPattern, root: u32) -> Option<u32> {
        let name = match pattern {
            HostPattern::Exact(name) | HostPattern::Wildcard(name) => name.as_str(),
            HostPattern::Any => "",
        };
        let len = u8::try_from(name.len()).ok()?;
        let mut start = [0; INLINE];
        let inline = name.len().min(INLINE);
        start[..inline].copy_from_slice(&name.as_bytes()[..inline]);
        let rest = self.rests.len() as u32;
        self.rests.push_str(name.get(inline..).unwrap_or(""));
        let number = self.entries.len() as u32;
        self.entries.push(Host { len, start, rest, root, only: NONE, automaton: NONE, expressions: 0 });
        match pattern {
            HostPattern::Exact(_) => self.exact.insert(hash_of(name), number),
            HostPattern::Wildcard(_) => {
                self.depths |= depth_bit(labels(name));
                self.wildcards.insert(hash_of(name), number);
            }
            HostPattern::Any => self.any = Some(number),
        }
        Some(number)
    }

    /// Of everything that is counted with 32 bits the largest number.
    pub(super) fn size(&self) -> usize {
        self.entries.len().max(self.rests.len())
    }

    pub(super) fn entry(&mut self, number: u32) -> &mut Host {
        &mut self.entries[number as usize]
    }

    pub(super) fn entries(&mut self) -> &mut [Host] {
        &mut self.entries
    }

    /// From the left, so that the longest domain is met first.
    fn find_wildcard(&self, host: &str) -> Option<u32> {
        if self.depths == 0 {
            return None;
        }
        let mut left = labels(host);
        memchr_iter(b'.', host.as_bytes()).find_map(|dot| {
            left -= 1;
            let domain = &host[dot + 1..];
            (self.depths & depth_bit(left) != 0).then(|| self.in_index(&self.wildcards, domain)).flatten()
        })
    }

    #[inline]
    fn in_index(&self, index: &Index, name: &str) -> Option<u32> {
        index.find(hash_of(name), |number| self.is_named(&self.entries[number as usize], name))
    }

    #[inline]
    fn is_named(&self, host: &Host, name: &str) -> bool {
        if usize::from(host.len) != name.len() {
            return false;
        }
        let inline = name.len().min(INLINE);
        let rest = &name.as_bytes()[inline..];
        let kept = || &self.rests.as_bytes()[host.rest as usize..][..rest.len()];
        host.start[..inline] == name.as_bytes()[..inline] && (rest.is_empty() || kept() == rest)
    }
}

fn labels(name: &str) -> usize {
    memchr_iter(b'.', name.as_bytes()).count() + 1
}

/// Names of 255 bytes have at most 128 labels; the last bit stands for all that have 127 and more.
fn depth_bit(labels: usize) -> u128 {
    1 << labels.min(127)
}
