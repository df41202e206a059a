//! The heap allocations of each thread, counted by an allocator that wraps the system's.
//!
//! A library cannot choose the allocator of its program, so a *binary* that wants the count declares
//!
//! ```
//! use workloads::meters::allocations::CountingAllocator;
//!
//! #[global_allocator]
//! static ALLOCATOR: CountingAllocator = CountingAllocator;
//! ```
//!
//! and switches the count on with [`count`]. Off, it costs each allocation the load of a flag that is never
//! written; on, an addition in the thread's own memory. Threads that a channel starts for itself are not
//! counted.
//!
//! This file uses the real atomics and not [`contract::sync`], because an allocator that loom models would
//! allocate in itself.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::ops::{Add, Sub};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

/// The allocations of threads. Frees are not counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocations {
    /// The number of allocations, and of reallocations to a larger size.
    pub count: u64,
    /// The requested bytes; for a reallocation, the bytes that it added.
    pub bytes: u64,
}

impl Add for Allocations {
    type Output = Allocations;

    fn add(self, other: Allocations) -> Allocations {
        Allocations { count: self.count + other.count, bytes: self.bytes + other.bytes }
    }
}

impl Sub for Allocations {
    type Output = Allocations;

    /// The allocations since `earlier`.
    fn sub(self, earlier: Allocations) -> Allocations {
        Allocations {
            count: self.count.saturating_sub(earlier.count),
            bytes: self.bytes.saturating_sub(earlier.bytes),
        }
    }
}

static COUNTING: AtomicBool = AtomicBool::new(false);

thread_local! {
    // A constant without a destructor: no access allocates or fails at any moment of a thread's life.
    static ALLOCATED: Cell<Allocations> = const { Cell::new(Allocations { count: 0, bytes: 0 }) };
}

/// Switches the count on or off for all threads. Returns whether it is on now: it stays off in a program
/// whose allocator is not [`CountingAllocator`], where a count of zero would mean nothing.
pub fn count(on: bool) -> bool {
    // Relaxed, here and in `counting`: the flag orders nothing, and a round's threads are started after the
    // call.
    COUNTING.store(on, Ordering::Relaxed);
    if on {
        let before = ALLOCATED.get();
        drop(black_box(Box::new(0_u8)));
        COUNTING.store(ALLOCATED.get() != before, Ordering::Relaxed);
    }
    counting()
}

#[inline]
fn counting() -> bool {
    // Relaxed: see `count`.
    COUNTING.load(Ordering::Relaxed)
}

/// The allocations of the calling thread while the count was on; `None` when it is off.
pub fn of_this_thread() -> Option<Allocations> {
    counting().then(|| ALLOCATED.get())
}

#[inline]
fn add(bytes: usize) {
    if counting() {
        // The access cannot fail (see `ALLOCATED`). An allocator must not panic, so a failure would be
        // ignored.
        let _ = ALLOCATED.try_with(|allocated| {
            allocated.set(allocated.get() + Allocations { count: 1, bytes: bytes as u64 });
        });
    }
}

/// The system's allocator, with a count for each thread.
#[derive(Clone, Copy, Debug)]
pub struct CountingAllocator;

// SAFETY: `GlobalAlloc` requires its implementor (1) never to unwind: `add` does not panic, and the rest is
// `System`'s; (2) to return memory of the requested layout and to treat it as allocated until it is freed:
// every call is passed on to `System` unchanged, and its result is returned; (3) not to rely on being called:
// only a count depends on it. `add` neither allocates nor takes a lock, so no call re-enters the allocator.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: `alloc` requires (1) a layout whose size is not 0. Our caller has the same duty.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: (1) as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: `dealloc` requires (1) a block of this allocator, (2) allocated with this layout. Our
        // caller has both duties, and every block of this allocator is one of `System`.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if let Some(added) = new_size.checked_sub(layout.size()).filter(|&added| added > 0) {
            add(added);
        }
        // SAFETY: `realloc` requires (1) and (2) as `dealloc`, and (3) a new size that is not 0 and fits a
        // layout. Our caller has the same duties.
        unsafe { System.realloc(block, layout, new_size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The program of this test uses the system's allocator.
    #[test]
    fn a_program_without_the_allocator_has_no_count() {
        assert!(!count(true));
        assert_eq!(of_this_thread(), None);
    }
}
