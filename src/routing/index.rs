//! A hash index from keys that live elsewhere to their numbers. The one door is [`Index`].
//!
//! A slot is eight bytes, so that the index of 100,000 hosts fits into a processor's cache; the key itself is compared
//! where it lies. Only the operator inserts, so the seed may be fixed and a stranger's look-up ends at the first empty
//! slot, of which at least half are.

use std::hash::{BuildHasher, Hasher};

use foldhash::quality::{FixedState, FoldHasher};

/// The number that no key has.
pub(super) const NONE: u32 = u32::MAX;

/// Open addressing with linear probing, never fuller than one half.
#[derive(Debug)]
pub(super) struct Index {
    slots: Box<[Slot]>,
    mask: usize,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// The half of the hash that did not choose the slot: another key is told apart without a look at it.
    tag: u32,
    /// [`NONE`] when the slot is empty.
    number: u32,
}

impl Index {
    /// An index for at most `keys` keys.
    pub(super) fn for_keys(keys: usize) -> Index {
        let len = (keys * 2).next_power_of_two().max(2);
        Index { slots: vec![Slot { tag: 0, number: NONE }; len].into_boxed_slice(), mask: len - 1 }
    }

    /// The number of the key with this hash for which `same` holds.
    #[inline]
    pub(super) fn find(&self, hash: u64, mut same: impl FnMut(u32) -> bool) -> Option<u32> {
        let (mut at, tag) = self.place(hash);
        loop {
            let slot = self.slots[at];
            if slot.number == NONE {
                return None;
            }
            if slot.tag == tag && same(slot.number) {
                return Some(slot.number);
            }
            at = (at + 1) & self.mask;
        }
    }

    /// Adds a key that is not there yet.
    pub(super) fn insert(&mut self, hash: u64, number: u32) {
        let (mut at, tag) = self.place(hash);
        while self.slots[at].number != NONE {
            at = (at + 1) & self.mask;
        }
        self.slots[at] = Slot { tag, number };
    }

    #[inline]
    fn place(&self, hash: u64) -> (usize, u32) {
        (hash as usize & self.mask, (hash >> 32) as u32)
    }
}

/// The hash of a key that is one text.
#[inline]
pub(super) fn hash_of(text: &str) -> u64 {
    let mut hasher = hasher();
    hasher.write(text.as_bytes());
    hasher.finish()
}

/// The hash of a text beneath a number.
#[inline]
pub(super) fn hash_beneath(number: u32, text: &[u8]) -> u64 {
    let mut hasher = hasher();
    hasher.write_u32(number);
    hasher.write(text);
    hasher.finish()
}

#[inline]
fn hasher() -> FoldHasher<'static> {
    FixedState::default().build_hasher()
}
