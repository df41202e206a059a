//! The allocator of a program that explores: what an execution frees is kept apart until its end, filled with a byte that no primitive holds.
//!
//! So a use after the free is a use of that byte ([`crate::life`]), memory that is freed twice is seen and not the heap's ruin, and what is
//! left at the end is what nobody freed. Only the thread that explores is watched, and only during an execution.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ops::Range;
use std::ptr;

use crate::life::FREED_BYTE;

#[global_allocator]
static ALLOCATOR: Quarantine = Quarantine;

struct Quarantine;

/// What stands before each block.
#[repr(C, align(16))]
struct Header {
    state: Cell<u64>,
    size: usize,
    align: usize,
    /// The thread that watches it: the address of its [`WATCH`]. 0 when nobody does.
    owner: usize,
    /// Its neighbours among the live blocks of its owner; `next` also among those that are kept apart.
    previous: Cell<*const Header>,
    next: Cell<*const Header>,
}

const LIVE: u64 = 0x11CE_11CE_11CE_11CE;
const FREED: u64 = 0xF4EE_F4EE_F4EE_F4EE;

struct Watch {
    on: Cell<bool>,
    live: Cell<*const Header>,
    kept: Cell<*const Header>,
    freed_twice: Cell<bool>,
}

thread_local! {
    static WATCH: Watch = const {
        Watch {
            on: Cell::new(false),
            live: Cell::new(ptr::null()),
            kept: Cell::new(ptr::null()),
            freed_twice: Cell::new(false),
        }
    };
}

/// The layout of a block with its header, and where in it the block begins.
fn outer(size: usize, align: usize) -> Option<(Layout, usize)> {
    let offset = size_of::<Header>().max(align);
    let layout = Layout::from_size_align(size.checked_add(offset)?, align.max(align_of::<Header>())).ok()?;
    Some((layout, offset))
}

// SAFETY: an allocator has to
// 1. return memory that nobody else has, of the layout asked for: it is the system's, past a header whose size is a multiple of every
//    alignment up to its own, and past `align` bytes for a larger one;
// 2. not unwind: nothing below panics.
unsafe impl GlobalAlloc for Quarantine {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some((whole, offset)) = outer(layout.size(), layout.align()) else { return ptr::null_mut() };
        // SAFETY: the layout is not of size 0, since the header is not.
        let start = unsafe { System.alloc(whole) };
        if start.is_null() {
            return start;
        }
        // SAFETY: `offset` lies within the block.
        let block = unsafe { start.add(offset) };
        let header = header_of(block);
        let owner = WATCH.with(|watch| if watch.on.get() { ptr::from_ref(watch).addr() } else { 0 });
        // SAFETY: the header ends where the block begins, which is `offset` bytes or more past the start, and is aligned, since both are.
        unsafe {
            header.cast_mut().write(Header {
                state: Cell::new(LIVE),
                size: layout.size(),
                align: layout.align(),
                owner,
                previous: Cell::new(ptr::null()),
                next: Cell::new(ptr::null()),
            });
        }
        if owner != 0 {
            // SAFETY: it was just written.
            WATCH.with(|watch| watch.link(unsafe { &*header }));
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, _: Layout) {
        // SAFETY: the caller gives a block of this allocator. One that was freed before is still there when it was watched.
        let header = unsafe { &*header_of(block) };
        if header.state.get() == FREED {
            return WATCH.with(|watch| watch.freed_twice.set(true));
        }
        if header.owner == 0 {
            header.state.set(FREED);
            // SAFETY: as the caller's.
            return unsafe { release(header) };
        }
        WATCH.with(|watch| {
            // Of another thread, whose lists must not change under it: it stays.
            if ptr::from_ref(watch).addr() != header.owner {
                return;
            }
            watch.unlink(header);
            header.state.set(FREED);
            // SAFETY: the block is `size` bytes long, and its owner gave it back.
            unsafe { block.write_bytes(FREED_BYTE, header.size) };
            if watch.on.get() {
                header.next.set(watch.kept.get());
                watch.kept.set(header);
            } else {
                // SAFETY: nobody has it any more.
                unsafe { release(header) };
            }
        });
    }
}

fn header_of(block: *mut u8) -> *const Header {
    block.wrapping_sub(size_of::<Header>()).cast()
}

fn block_of(header: &Header) -> *const u8 {
    ptr::from_ref(header).wrapping_add(1).cast()
}

/// Gives a block back to the system.
///
/// # Safety
///
/// 1. It came from [`Quarantine::alloc`], and 2. nobody uses it any more.
unsafe fn release(header: &Header) {
    if let Some((whole, offset)) = outer(header.size, header.align) {
        let start = block_of(header).wrapping_sub(offset).cast_mut();
        // SAFETY: 1. so the system gave it, with this layout, and 2. it may have it again.
        unsafe { System.dealloc(start, whole) };
    }
}

impl Watch {
    fn link(&self, header: &Header) {
        let next = self.live.get();
        header.next.set(next);
        // SAFETY: what is in the list is live, and so is its header.
        if let Some(next) = unsafe { next.as_ref() } {
            next.previous.set(header);
        }
        self.live.set(header);
    }

    fn unlink(&self, header: &Header) {
        let (previous, next) = (header.previous.get(), header.next.get());
        // SAFETY: as in `link`.
        match unsafe { previous.as_ref() } {
            Some(previous) => previous.next.set(next),
            None if ptr::eq(self.live.get(), header) => self.live.set(next),
            // Of an execution before: its list is gone, and its first block is told from the others by nothing else.
            None => {}
        }
        // SAFETY: as in `link`.
        if let Some(next) = unsafe { next.as_ref() } {
            next.previous.set(previous);
        }
    }
}

/// Begins to watch this thread.
pub(crate) fn begin() {
    WATCH.with(|watch| watch.on.set(true));
}

/// Ends to watch, and gives back what was kept apart. What is still live then is watched no longer.
///
/// # Panics
///
/// As [`assert_sound`].
pub(crate) fn end() {
    assert_sound();
    WATCH.with(|watch| {
        watch.on.set(false);
        let mut kept = watch.kept.replace(ptr::null());
        // SAFETY: what is kept apart was freed, once, and is given back once.
        while let Some(header) = unsafe { kept.as_ref() } {
            kept = header.next.get();
            // SAFETY: as above.
            unsafe { release(header) };
        }
        // Each on its own from now on: what frees it later unlinks it from nothing.
        let mut live = watch.live.replace(ptr::null());
        // SAFETY: what is in the list is live.
        while let Some(header) = unsafe { live.as_ref() } {
            live = header.next.replace(ptr::null());
            header.previous.set(ptr::null());
        }
    });
}

/// Looks whether memory was freed twice.
///
/// # Panics
///
/// When it was: the failure of the model.
pub(crate) fn assert_sound() {
    assert!(!WATCH.with(|watch| watch.freed_twice.replace(false)), "memory is freed twice");
}

/// The blocks that this execution allocated and nobody freed, by their place.
pub(crate) fn live_blocks() -> Vec<Range<usize>> {
    unwatched(|| {
        let mut blocks = Vec::new();
        let mut live = WATCH.with(|watch| watch.live.get());
        // SAFETY: what is in the list is live.
        while let Some(header) = unsafe { live.as_ref() } {
            let start = block_of(header).addr();
            blocks.push(start..start + header.size);
            live = header.next.get();
        }
        blocks.sort_unstable_by_key(|block| block.start);
        blocks
    })
}

/// Does something whose memory is not the model's.
pub(crate) fn unwatched<R>(then: impl FnOnce() -> R) -> R {
    WATCH.with(|watch| {
        let on = watch.on.replace(false);
        let result = then();
        watch.on.set(on);
        result
    })
}
