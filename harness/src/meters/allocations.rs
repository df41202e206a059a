//! Heap allocations of each thread, counted by an allocator that a program puts between itself and the system's.
//!
//! A library cannot choose the allocator of the program that it becomes part of, so a *binary* that wants the count says
//!
//! ```
//! use harness::meters::allocations::CountingAllocator;
//!
//! #[global_allocator]
//! static ALLOCATOR: CountingAllocator = CountingAllocator;
//! ```
//!
//! and switches it on with [`count`]. Off, it costs each allocation a load of a flag that is never written. On, it costs an addition
//! in the thread's own memory. Threads that a channel might start for itself are not counted.
//!
//! This file is written on the real atomics and not on [`crate::sync`]: an allocator that loom models would allocate in itself.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::ops::{Add, Sub};
use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};

/// What threads have allocated. What they have freed is not looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocations {
    /// How many times: each allocation, and each reallocation to a larger size.
    pub count: u64,
    /// Bytes: the size that was asked for, and of a reallocation what it added.
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

    /// What was allocated since `earlier`. While nobody counts, nothing moves.
    fn sub(self, earlier: Allocations) -> Allocations {
        Allocations {
            count: self.count.saturating_sub(earlier.count),
            bytes: self.bytes.saturating_sub(earlier.bytes),
        }
    }
}

static COUNTING: AtomicBool = AtomicBool::new(false);

thread_local! {
    // A constant and no destructor: no access allocates, and none fails at any moment of a thread's life.
    static ALLOCATED: Cell<Allocations> = const { Cell::new(Allocations { count: 0, bytes: 0 }) };
}

/// Switches the count on or off, for all threads; tells whether it now is on. It stays off in a program that has not made
/// [`CountingAllocator`] its allocator, where a count would be a zero that means nothing.
pub fn count(on: bool) -> bool {
    // Relaxed, here and in `counting`: the flag orders nothing. A round's threads are started after the call, and so see it.
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

/// What the calling thread has allocated while the count was on; `None` when it is off.
pub fn of_this_thread() -> Option<Allocations> {
    counting().then(|| ALLOCATED.get())
}

#[inline]
fn add(bytes: usize) {
    if counting() {
        // It cannot fail (see `ALLOCATED`); an allocator must not panic, so nothing rests on that.
        let _ = ALLOCATED.try_with(|allocated| {
            allocated.set(allocated.get() + Allocations { count: 1, bytes: bytes as u64 });
        });
    }
}

/// The system's allocator, with a count of what each thread allocates.
#[derive(Clone, Copy, Debug)]
pub struct CountingAllocator;

// SAFETY: `GlobalAlloc` asks its implementor (1) never to unwind: `add` does not panic, the rest is `System`'s; (2) to
// return memory of the layout that was asked for, and to treat it as allocated until it is freed: every call is passed
// on to `System`, unchanged, and its answer back; (3) not to be relied on to be called: nothing but a count is.
// `add` neither allocates nor takes a lock, so that no call comes back into the allocator.
unsafe impl GlobalAlloc for CountingAllocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: `alloc` asks (1) for a layout that is not of size 0: the caller's duty, who has the same one.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        // SAFETY: (1) as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: `dealloc` asks for (1) a block of this allocator, (2) allocated with this layout: both the caller's duties;
        // every block of this allocator is one of `System`.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if let Some(added) = new_size.checked_sub(layout.size()).filter(|&added| added > 0) {
            add(added);
        }
        // SAFETY: `realloc` asks for (1) and (2) as `dealloc`, and (3) a new size that is not 0 and fits a layout: the
        // caller's duties, who has the same ones.
        unsafe { System.realloc(block, layout, new_size) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This test's own program has the system's allocator.
    #[test]
    fn a_program_without_the_allocator_has_no_count_and_no_zero() {
        assert!(!count(true));
        assert_eq!(of_this_thread(), None);
    }
}
