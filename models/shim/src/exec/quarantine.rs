//! The allocator of a program that explores. It keeps the memory that an execution frees in quarantine until
//! the execution ends, filled with a byte that no primitive holds.
//!
//! A use after the free therefore reads that byte ([`super::lifecycle`]), a double free is detected before it
//! corrupts the heap, and the blocks that are live at the end are those that were never freed. Only the
//! thread that explores is watched, and only during an execution.

use std::alloc::{GlobalAlloc, Layout, System};
use std::arch::asm;
use std::cell::Cell;
use std::mem::MaybeUninit;
use std::ptr;

/// The byte that fills freed memory.
pub(crate) const FREED_BYTE: u8 = 0xDB;

#[global_allocator]
static ALLOCATOR: Quarantine = Quarantine;

struct Quarantine;

/// The header before each block.
#[repr(C, align(16))]
struct Header {
    state: Cell<u64>,
    size: usize,
    align: usize,
    /// The thread that watches the block, as the address of its [`WATCH`]; 0 if none does.
    owner: usize,
    /// Its neighbours among its owner's live blocks; `next` also links the blocks in quarantine.
    previous: Cell<*const Header>,
    next: Cell<*const Header>,
}

const LIVE: u64 = 0x11CE_11CE_11CE_11CE;
const FREED: u64 = 0xF4EE_F4EE_F4EE_F4EE;

/// The blocks of a thread.
struct Watch {
    on: Cell<bool>,
    live: Cell<*const Header>,
    quarantined: Cell<*const Header>,
    freed_twice: Cell<bool>,
}

thread_local! {
    static WATCH: Watch = const {
        Watch {
            on: Cell::new(false),
            live: Cell::new(ptr::null()),
            quarantined: Cell::new(ptr::null()),
            freed_twice: Cell::new(false),
        }
    };
}

/// The layout of a block with its header, and the offset of the block in it.
fn outer(size: usize, align: usize) -> Option<(Layout, usize)> {
    let offset = size_of::<Header>().max(align);
    let layout = Layout::from_size_align(size.checked_add(offset)?, align.max(align_of::<Header>())).ok()?;
    Some((layout, offset))
}

// SAFETY: an allocator has to
// 1. return memory that no other owner has, of the layout asked for: it is the system's, past a header whose
//    size is a multiple of every alignment up to its own, and past `align` bytes for a larger one;
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
        // SAFETY: the header ends where the block begins, which is `offset` bytes or more past the start; and
        // it is aligned, since both are.
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
            // SAFETY: the header was just written.
            WATCH.with(|watch| unsafe { watch.link(header) });
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, _: Layout) {
        let pointer = header_of(block);
        // SAFETY: the caller passes a block of this allocator. If it was freed before and was watched, it is
        // in quarantine, and its header is still there.
        let header = unsafe { &*pointer };
        if header.state.get() == FREED {
            return WATCH.with(|watch| watch.freed_twice.set(true));
        }
        if header.owner == 0 {
            header.state.set(FREED);
            // SAFETY: 1. it is a block of this allocator, and 2. its owner gave it back.
            return unsafe { release(pointer) };
        }
        WATCH.with(|watch| {
            // A block of another thread, whose lists must not change under it, stays.
            if ptr::from_ref(watch).addr() != header.owner {
                return;
            }
            watch.unlink(header);
            header.state.set(FREED);
            // SAFETY: the block is `size` bytes long, and its owner gave it back.
            unsafe { block.write_bytes(FREED_BYTE, header.size) };
            if watch.on.get() {
                header.next.set(watch.quarantined.get());
                watch.quarantined.set(pointer);
            } else {
                // SAFETY: 1. it is a block of this allocator, and 2. its owner gave it back.
                unsafe { release(pointer) };
            }
        });
    }
}

fn header_of(block: *mut u8) -> *const Header {
    block.wrapping_sub(size_of::<Header>()).cast()
}

fn block_of(header: *const Header) -> *const u8 {
    header.wrapping_add(1).cast()
}

/// Gives a block back to the system.
///
/// # Safety
///
/// 1. The header is that of a block from [`Quarantine::alloc`], and 2. no owner of the block is left.
unsafe fn release(header: *const Header) {
    // SAFETY: by 1. the header is there.
    let (size, align) = unsafe { ((*header).size, (*header).align) };
    if let Some((whole, offset)) = outer(size, align) {
        let start = block_of(header).wrapping_sub(offset).cast_mut();
        // SAFETY: by 1. the system gave it, with this layout, and by 2. the system may have it again.
        unsafe { System.dealloc(start, whole) };
    }
}

impl Watch {
    /// Adds a block to the live ones.
    ///
    /// # Safety
    ///
    /// `header` is that of a live block. The list keeps the pointer, which may reach the whole block.
    unsafe fn link(&self, header: *const Header) {
        let next = self.live.get();
        // SAFETY: the caller's.
        unsafe { (*header).next.set(next) };
        // SAFETY: blocks in the list are live, and so are their headers.
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
            // A block of an earlier execution, whose list is gone.
            None => {}
        }
        // SAFETY: as in `link`.
        if let Some(next) = unsafe { next.as_ref() } {
            next.previous.set(previous);
        }
    }
}

/// Starts to watch this thread.
pub(crate) fn begin() {
    WATCH.with(|watch| watch.on.set(true));
}

/// Stops watching, and releases the blocks in quarantine. Blocks that are still live are no longer watched.
///
/// # Panics
///
/// As [`assert_sound`].
pub(crate) fn end() {
    assert_sound();
    WATCH.with(|watch| {
        watch.on.set(false);
        let mut next = watch.quarantined.replace(ptr::null());
        while !next.is_null() {
            let header = next;
            // SAFETY: a block in quarantine was freed and not yet released: its header is there.
            next = unsafe { (*header).next.get() };
            // SAFETY: 1. it is a block of this allocator, and 2. its owner freed it; it is in the list once.
            unsafe { release(header) };
        }
        // Later frees must find nothing to unlink these from.
        let mut live = watch.live.replace(ptr::null());
        // SAFETY: blocks in the list are live.
        while let Some(header) = unsafe { live.as_ref() } {
            live = header.next.replace(ptr::null());
            header.previous.set(ptr::null());
        }
    });
}

/// Checks that no block was freed twice.
///
/// # Panics
///
/// When one was: the model has failed.
pub(crate) fn assert_sound() {
    assert!(!WATCH.with(|watch| watch.freed_twice.replace(false)), "memory is freed twice");
}

/// A block that an execution allocated and did not free.
struct LiveBlock {
    start: *const u8,
    size: usize,
}

/// The blocks that an execution allocated and did not free, by address.
pub(crate) struct LiveBlocks(Vec<LiveBlock>);

impl LiveBlocks {
    /// Whether an address lies in one of the blocks.
    pub(crate) fn contain(&self, address: usize) -> bool {
        self.find(address).is_some()
    }

    /// The eight bytes at `address`, if they lie in one of the blocks. Any value, if they were never written
    /// or are the padding of what was written there last.
    pub(crate) fn word_at(&self, address: usize) -> Option<u64> {
        let block = self.find(address)?;
        let offset = address - block.start.addr();
        if block.size - offset < size_of::<u64>() {
            return None;
        }
        // SAFETY: `read_unaligned` needs
        // 1. a pointer that is valid for reads of eight bytes: they lie in the block, which is live, as
        //    `live_blocks` ran after the execution's threads had ended and its caller frees nothing before it
        //    is done; and the pointer is the allocator's own, so it may reach the whole block, and no
        //    reference is made to memory that may by now be of another type;
        // 2. no concurrent write: threads of a model run on this thread of the system, and have ended;
        // 3. an initialised value of the type that is read: `MaybeUninit<u64>` has no invalid one.
        // It needs no alignment.
        let word = unsafe { block.start.add(offset).cast::<MaybeUninit<u64>>().read_unaligned() };
        let value: u64;
        // `MaybeUninit::assume_init` would be undefined behaviour for padding. A register always holds some
        // number, and assembly that the compiler cannot look into returns it: this is how one freezes a value
        // in Rust today.
        // SAFETY: the instructions have to
        // 1. keep to the registers that are declared, and to the options: there are none, only a comment;
        // 2. leave a valid `u64` in `value`: it is the register that `word` was passed in, and each number is
        //    valid.
        unsafe {
            asm!("/* {0} */", inlateout(reg) word => value, options(pure, nomem, nostack, preserves_flags));
        }
        Some(value)
    }

    fn find(&self, address: usize) -> Option<&LiveBlock> {
        let after = self.0.partition_point(|block| block.start.addr() <= address);
        let block = self.0[..after].last()?;
        (address - block.start.addr() < block.size).then_some(block)
    }
}

/// The blocks that the current execution allocated and did not free. Called when its threads have ended.
pub(crate) fn live_blocks() -> LiveBlocks {
    unwatched(|| {
        let mut blocks = Vec::new();
        let mut live = WATCH.with(|watch| watch.live.get());
        // SAFETY: blocks in the list are live.
        while let Some(header) = unsafe { live.as_ref() } {
            blocks.push(LiveBlock { start: block_of(live), size: header.size });
            live = header.next.get();
        }
        blocks.sort_unstable_by_key(|block| block.start.addr());
        LiveBlocks(blocks)
    })
}

/// Runs `then`, whose allocations are not the model's.
pub(crate) fn unwatched<R>(then: impl FnOnce() -> R) -> R {
    WATCH.with(|watch| {
        let on = watch.on.replace(false);
        let result = then();
        watch.on.set(on);
        result
    })
}
