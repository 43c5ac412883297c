//! Read buffers, borrowed from a free list of the thread for as long as there are bytes in them.
//!
//! One door: [`Buffer::take`]. A connection that waits holds none, which is what makes an idle one cheap.

use std::cell::{Cell, RefCell};

/// Bytes of an ordinary read: more than nearly every head, less than a page table's worth of trouble.
pub const SMALL: usize = 16 * 1024;
/// Bytes of a read while a body streams: the size of a read is what limits a large transfer.
pub const LARGE: usize = 256 * 1024;

/// Most buffers of each size that a thread keeps for later: 256 x 16 KiB + 8 x 256 KiB = 6 MiB.
const KEPT_SMALL: usize = 256;
const KEPT_LARGE: usize = 8;

/// Large buffers that are out at once on a thread: 64 x 256 KiB = 16 MiB. Beyond, bodies are read [`SMALL`] at a time:
/// peers that do not take what was read for them must not pin more, however many streams they open.
const MOST_LARGE: usize = 64;

thread_local! {
    static LARGE_OUT: Cell<usize> = const { Cell::new(0) };
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
    /// An empty buffer of [`SMALL`] bytes, or of [`LARGE`] ones while not too many of those are out.
    pub(super) fn take(large: bool) -> Self {
        Buffer::of(large && LARGE_OUT.get() < MOST_LARGE)
    }

    fn of(large: bool) -> Self {
        if large {
            LARGE_OUT.set(LARGE_OUT.get() + 1);
        }
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

    /// The same bytes in a buffer of [`LARGE`], however many are out: only a head that is larger than [`SMALL`] needs it,
    /// and the time for heads is short.
    pub(super) fn grown(self) -> Self {
        let mut large = Buffer::of(true);
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
        if data.len() == LARGE {
            let _ = LARGE_OUT.try_with(|out| out.set(out.get() - 1));
        }
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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::wire::Stream;

    #[test]
    fn large_buffers_are_given_while_not_too_many_are_out() {
        let mut out: Vec<_> = (0..MOST_LARGE).map(|_| Buffer::take(true)).collect();
        assert!(out.iter().all(Buffer::is_large));
        assert!(!Buffer::take(true).is_large());
        assert!(Buffer::take(false).grown().is_large(), "a head must have its place");
        out.pop();
        assert!(Buffer::take(true).is_large());
        drop(out);
        assert_eq!(LARGE_OUT.get(), 0);
    }

    /// What a client with closed windows does to us: bodies come, are read ahead and go nowhere.
    #[test]
    fn a_hundred_bodies_that_nobody_takes_pin_no_more_than_the_thread_s_share() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let streams = runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let mut streams = Vec::new();
            for _ in 0..100 {
                let (app, accepted) =
                    tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
                let (mut stream, mut app) = (Stream::new(accepted.unwrap().0), app.unwrap());
                app.write_all(&[b'x'; 2 * SMALL]).await.unwrap();
                poll_fn(|cx| stream.poll_fill(cx)).await.unwrap();
                assert_eq!(stream.input().len(), SMALL, "the body streams from here on");
                stream.consume(SMALL);
                poll_fn(|cx| stream.poll_fill(cx)).await.unwrap();
                streams.push((stream, app));
            }
            streams
        });
        assert_eq!(LARGE_OUT.get(), MOST_LARGE);
        drop(streams);
        assert_eq!(LARGE_OUT.get(), 0);
    }
}
