//! The life of a primitive: in which execution it was used last, and whether it is still there.

use std::cell::Cell;
use std::panic::Location;
use std::ptr::from_ref;

use crate::run;

/// What a [`Life`] holds after its primitive was dropped.
const DROPPED: u64 = 0xDEAD_DEAD_DEAD_DEAD;

/// The byte that freed memory is filled with, see `memory.rs`.
pub(crate) const FREED_BYTE: u8 = 0xDB;

/// What a [`Life`] in freed memory holds.
const FREED: u64 = u64::from_ne_bytes([FREED_BYTE; 8]);

/// The execution in which a primitive was used last, by its number; 0 before its first use, so that zeroed memory holds a new one.
#[derive(Debug)]
pub(crate) struct Life(Cell<u64>);

impl Life {
    pub(crate) const fn new() -> Self {
        Life(Cell::new(0))
    }

    /// Notes that a primitive is used; true when it was last used in another execution, and so begins anew.
    ///
    /// # Panics
    ///
    /// When it was dropped or its memory was freed: the failure of the model.
    pub(crate) fn used(&self, place: &'static Location<'static>) -> bool {
        let (last, now) = (self.0.get(), run::number());
        if last == now {
            return false;
        }
        match last {
            DROPPED => panic!("used after it was dropped: at {place}"),
            FREED => panic!("used after its memory was freed: at {place}"),
            _ => {}
        }
        self.0.set(now);
        run::first_use(from_ref(self), place);
        last != 0
    }

    /// Notes the end of a primitive.
    ///
    /// # Panics
    ///
    /// When it had come before.
    pub(crate) fn ends(&self, what: &'static str) {
        let last = self.0.get();
        // A second panic would end the process before the first was told.
        if !std::thread::panicking() {
            assert!(last != DROPPED, "{what} is dropped twice");
            assert!(last != FREED, "{what} is dropped after its memory was freed");
        }
        // SAFETY: `write_volatile` asks for a place that is valid for writes and aligned: it is this cell's own. Volatile, since nobody
        // is meant to read it: only a mistake does.
        unsafe { self.0.as_ptr().write_volatile(DROPPED) }
    }

    /// Whether the primitive was used in the execution `number` and not dropped since.
    pub(crate) fn is_live(&self, number: u64) -> bool {
        self.0.get() == number
    }
}
