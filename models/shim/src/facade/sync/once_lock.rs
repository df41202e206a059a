//! `std::sync::OnceLock`, whose value is made once in each execution.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};

use super::once::Once;
use crate::exec::statics;

/// As std's.
pub struct OnceLock<T> {
    once: Once,
    /// The number of the value.
    number: Cell<u64>,
    owns: PhantomData<T>,
}

// SAFETY: as std's: the value may be made on one thread, used on others and dropped on yet another. All else is
// plain, since the threads of a model run one at a time, on one thread of the system.
unsafe impl<T: Send> Send for OnceLock<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for OnceLock<T> {}
impl<T: UnwindSafe> UnwindSafe for OnceLock<T> {}
impl<T: RefUnwindSafe + UnwindSafe> RefUnwindSafe for OnceLock<T> {}

impl<T> OnceLock<T> {
    /// As std's.
    pub const fn new() -> Self {
        OnceLock { once: Once::new(), number: Cell::new(statics::NONE), owns: PhantomData }
    }

    /// As std's.
    #[track_caller]
    pub fn get(&self) -> Option<&T> {
        if self.once.is_completed() { self.value() } else { None }
    }

    /// As std's.
    pub fn get_mut(&mut self) -> Option<&mut T> {
        // SAFETY: the value is this cell's, which is borrowed exclusively, and lives as long as the cell.
        statics::find::<T>(self.number.get()).map(|value| unsafe { &mut *value })
    }

    /// As std's.
    ///
    /// # Errors
    ///
    /// The value, when there is one already.
    ///
    /// # Panics
    ///
    /// Never: a value is made at most once.
    #[track_caller]
    pub fn set(&self, value: T) -> Result<(), T> {
        let mut value = Some(value);
        self.make("OnceLock", true, || value.take().expect("a value is made once"));
        value.map_or(Ok(()), Err)
    }

    /// As std's.
    #[track_caller]
    pub fn get_or_init(&self, make: impl FnOnce() -> T) -> &T {
        self.make("OnceLock", true, make)
    }

    /// As std's.
    pub fn into_inner(mut self) -> Option<T> {
        self.take()
    }

    /// As std's.
    pub fn take(&mut self) -> Option<T> {
        self.once = Once::new();
        statics::take(self.number.take())
    }

    /// The value, which `make` makes unless there is one.
    #[track_caller]
    pub(super) fn make(&self, what: &str, ignores_poison: bool, make: impl FnOnce() -> T) -> &T {
        if self.once.is_completed() {
            match self.value() {
                Some(value) => return value,
                // A destructor at the end of the execution reaches a static whose value is gone.
                None => self.once.renew(),
            }
        }
        self.once.call(what, ignores_poison, |_| self.number.set(statics::keep(make())));
        self.value().expect("a value was made")
    }

    fn value(&self) -> Option<&T> {
        // SAFETY: the value lives as long as this cell, which is borrowed; only a static's goes before, at the
        // end of the execution, when its threads hold no borrow any more. It is of type `T`: `keep` got it from
        // this very cell.
        statics::find::<T>(self.number.get()).map(|value| unsafe { &*value })
    }
}

impl<T> Drop for OnceLock<T> {
    fn drop(&mut self) {
        drop(statics::take::<T>(self.number.get()));
    }
}

impl<T> Default for OnceLock<T> {
    fn default() -> Self {
        OnceLock::new()
    }
}

impl<T> From<T> for OnceLock<T> {
    fn from(value: T) -> Self {
        let cell = OnceLock::new();
        // A new cell has no value.
        let _ = cell.set(value);
        cell
    }
}

impl<T: Clone> Clone for OnceLock<T> {
    fn clone(&self) -> Self {
        self.get().cloned().map_or_else(OnceLock::new, OnceLock::from)
    }
}

impl<T: PartialEq> PartialEq for OnceLock<T> {
    fn eq(&self, other: &Self) -> bool {
        self.get() == other.get()
    }
}

impl<T: Eq> Eq for OnceLock<T> {}

impl<T: fmt::Debug> fmt::Debug for OnceLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnceLock").field(&self.value()).finish()
    }
}
