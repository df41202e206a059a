//! The lifecycle of a primitive: new, used in an execution, dropped, freed.

use std::cell::{Cell, RefCell};
use std::ptr::from_ref;

use super::quarantine::{self, FREED_BYTE, LiveBlocks};
use super::trace::CallSite;

/// The word of a [`Lifecycle`] whose primitive was dropped.
const DROPPED: u64 = 0xDEAD_DEAD_DEAD_DEAD;

/// The word of a [`Lifecycle`] in freed memory.
const FREED: u64 = u64::from_ne_bytes([FREED_BYTE; 8]);

/// The address of a [`Lifecycle`], and the call site of its primitive's first use in this execution.
type FirstUse = (usize, CallSite);

thread_local! {
    /// The number of the current execution, from 1.
    static EXECUTION: Cell<u64> = const { Cell::new(0) };
    static FIRST_USES: RefCell<Vec<FirstUse>> = const { RefCell::new(Vec::new()) };
}

/// Starts a new execution: every primitive is unused in it.
pub(crate) fn begin() {
    EXECUTION.set(EXECUTION.get() + 1);
    FIRST_USES.with_borrow_mut(Vec::clear);
}

/// Which use of a primitive it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// The first one of all.
    First,
    /// The first one in this execution, after some in earlier ones: it has to start afresh.
    FirstInExecution,
    /// Any other.
    Again,
}

/// The number of the execution in which a primitive was last used; 0 before its first use, so zeroed memory
/// holds a new primitive.
#[derive(Debug)]
pub(crate) struct Lifecycle(Cell<u64>);

impl Lifecycle {
    pub(crate) const fn new() -> Self {
        Lifecycle(Cell::new(0))
    }

    /// As [`Lifecycle::usage`]; true if the primitive was last used in an earlier execution, and so has to start
    /// afresh.
    pub(crate) fn used(&self, site: CallSite) -> bool {
        self.usage(site) == Use::FirstInExecution
    }

    /// Notes a use of the primitive.
    ///
    /// # Panics
    ///
    /// When the primitive was dropped or its memory was freed: the model has failed.
    pub(crate) fn usage(&self, site: CallSite) -> Use {
        let (last, now) = (self.0.get(), EXECUTION.get());
        if last == now {
            return Use::Again;
        }
        match last {
            DROPPED => panic!("used after it was dropped: at {site}"),
            FREED => panic!("used after its memory was freed: at {site}"),
            _ => {}
        }
        self.0.set(now);
        let first = (from_ref(self).addr(), site);
        quarantine::unwatched(|| FIRST_USES.with_borrow_mut(|uses| uses.push(first)));
        if last == 0 { Use::First } else { Use::FirstInExecution }
    }

    /// Notes the drop of the primitive, which `what` names with its article.
    ///
    /// # Panics
    ///
    /// When it was dropped before, or its memory was freed: the model has failed.
    pub(crate) fn end(&self, what: &'static str) {
        let last = self.0.get();
        // A second panic would abort the process before the first one is reported.
        if !std::thread::panicking() {
            assert!(last != DROPPED, "{what} is dropped twice");
            assert!(last != FREED, "{what} is dropped after its memory was freed");
        }
        // Volatile: only a defect of the crate reads the word again, so the compiler would leave the store
        // out.
        // SAFETY: `write_volatile` needs a pointer that
        // 1. is valid for writes: it is that of this very cell;
        // 2. is aligned: it is a `Cell<u64>`'s.
        unsafe { self.0.as_ptr().write_volatile(DROPPED) }
    }
}

/// The first use of a primitive that this execution used and did not drop, and that lies in one of `blocks`.
///
/// Where a primitive was forgotten and its memory written over, the word there is another number than this
/// execution's, unless the bytes happen to agree.
pub(crate) fn first_live_in(blocks: &LiveBlocks) -> Option<CallSite> {
    let now = EXECUTION.get();
    FIRST_USES.with_borrow(|uses| {
        uses.iter().find(|&&(address, _)| blocks.word_at(address) == Some(now)).map(|&(_, site)| site)
    })
}
