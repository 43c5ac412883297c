//! Read buffers, borrowed from a free list of the thread for as long as there are bytes in them.
//!
//! One door: [`Buffer::take`]. A connection that waits holds none, which is what makes an idle one cheap.

use std::cell::RefCell;

/// Bytes of an ordinary read: more than nearly every head, less than a page table's worth of trouble.
pub const SMALL: usize = 16 * 1024;
/// Bytes of a read while a body streams: the size of a read is what limits a large transfer.
pub const LARGE: usize = 256 * 1024;

/// Most buffers of each size that a thread keeps for later: 256 x 16 KiB + 8 x 256 KiB = 6 MiB.
const KEPT_SMALL: usize = 256;
const KEPT_LARGE: usize = 8;

thread_local! {
    static FREE: RefCell<Free> = const { RefCell::new(Free { small: Vec::new(), large: Vec::new() }) };
}

struct Free {
    small: Vec<Box<[u8]>>,
    large: Vec<Box<[u8]>>,
}

/// Bytes that arrived and were not yet used: `data[start..end]`.
pub(super) struct Buffer {
    data: Box<[u8]>,
    start: u32,
    end: u32,
}

impl Buffer {
    /// A buffer of [`SMALL`] or [`LARGE`] bytes, empty.
    pub(super) fn take(large: bool) -> Self {
        let kept = FREE.with_borrow_mut(|free| if large { free.large.pop() } else { free.small.pop() });
        let data = kept.unwrap_or_else(|| vec![0; if large { LARGE } else { SMALL }].into_boxed_slice());
        Buffer { data, start: 0, end: 0 }
    }

    /// What has arrived.
    pub(super) fn filled(&self) -> &[u8] {
        &self.data[self.start as usize..self.end as usize]
    }

    /// Room behind it, after moving it to the front when the room would otherwise be gone.
    pub(super) fn room(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end as usize == self.data.len() && self.start > 0 {
            self.data.copy_within(self.start as usize..self.end as usize, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        &mut self.data[self.end as usize..]
    }

    /// `n` bytes of the room were written.
    pub(super) fn add(&mut self, n: usize) {
        self.end += n as u32;
    }

    /// `n` bytes were used.
    pub(super) fn consume(&mut self, n: usize) {
        self.start += n as u32;
        debug_assert!(self.start <= self.end, "more used than arrived");
    }

    /// The same bytes in a buffer of [`LARGE`].
    pub(super) fn grown(self) -> Self {
        let mut large = Buffer::take(true);
        let filled = self.filled();
        large.data[..filled.len()].copy_from_slice(filled);
        large.end = filled.len() as u32;
        large
    }

    /// Whether this is one of [`LARGE`].
    pub(super) fn is_large(&self) -> bool {
        self.data.len() == LARGE
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let data = std::mem::take(&mut self.data);
        // the thread's list is gone while the thread ends: then the memory goes too
        let _ = FREE.try_with(|free| {
            let Ok(mut free) = free.try_borrow_mut() else { return };
            match data.len() {
                SMALL if free.small.len() < KEPT_SMALL => free.small.push(data),
                LARGE if free.large.len() < KEPT_LARGE => free.large.push(data),
                _ => {}
            }
        });
    }
}
