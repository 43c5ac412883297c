//! The system's allocator with an ear at it.
#![allow(unsafe_code, reason = "an allocator that counts is an unsafe trait; it only hands on to the system's")]

use std::alloc::{GlobalAlloc, Layout, System};

/// Calls its function on the thread that allocates or grows an allocation, just before.
pub(super) struct Counting(pub(super) fn());

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        (self.0)();
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        (self.0)();
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        (self.0)();
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}
