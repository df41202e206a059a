//! `std::sync::LazyLock`, whose value is made once in each execution.

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::mem::{ManuallyDrop, needs_drop};
use std::ops::Deref;
use std::panic::{RefUnwindSafe, UnwindSafe};

use super::once_lock::OnceLock;

/// As std's. In a `static` its maker runs once in each execution.
pub struct LazyLock<T, F = fn() -> T> {
    cell: OnceLock<T>,
    /// The maker; moved out by the first call.
    make: UnsafeCell<ManuallyDrop<F>>,
    /// Whether the maker was called, in this execution or an earlier one.
    was_called: Cell<bool>,
}

// SAFETY: as std's: the maker may be moved to another thread, where it runs. All else is plain, since the
// threads of a model run one at a time, on one thread of the system.
unsafe impl<T: Send + Sync, F: Send> Sync for LazyLock<T, F> {}
impl<T: UnwindSafe, F: UnwindSafe> UnwindSafe for LazyLock<T, F> {}
impl<T: RefUnwindSafe + UnwindSafe, F: UnwindSafe> RefUnwindSafe for LazyLock<T, F> {}

impl<T, F: FnOnce() -> T> LazyLock<T, F> {
    /// As std's.
    pub const fn new(make: F) -> Self {
        LazyLock {
            cell: OnceLock::new(),
            make: UnsafeCell::new(ManuallyDrop::new(make)),
            was_called: Cell::new(false),
        }
    }

    /// As std's.
    ///
    /// # Panics
    ///
    /// When the maker panics or has panicked; and when it owns what it captures and would have to run a second
    /// time, in another execution.
    #[track_caller]
    pub fn force(this: &Self) -> &T {
        this.cell.make("LazyLock", false, || {
            assert!(
                !(this.was_called.replace(true) && needs_drop::<F>()),
                "a limit of chanlab: the maker of a LazyLock in a static owns what it captures, so it cannot run in \
                 a second execution"
            );
            // SAFETY: the maker is moved out once, or it has no destructor: then nothing that it captures ends
            // with a call, and a copy of its bytes can be called again.
            let make = ManuallyDrop::into_inner(unsafe { this.make.get().read() });
            make()
        })
    }
}

impl<T, F: FnOnce() -> T> Deref for LazyLock<T, F> {
    type Target = T;

    #[track_caller]
    fn deref(&self) -> &T {
        LazyLock::force(self)
    }
}

impl<T, F> Drop for LazyLock<T, F> {
    fn drop(&mut self) {
        if !self.was_called.get() {
            // SAFETY: the maker was not moved out, and is not used again.
            unsafe { ManuallyDrop::drop(self.make.get_mut()) };
        }
    }
}

impl<T: Default> Default for LazyLock<T> {
    fn default() -> Self {
        LazyLock::new(T::default)
    }
}

impl<T: fmt::Debug, F> fmt::Debug for LazyLock<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LazyLock").field(&self.cell).finish()
    }
}
