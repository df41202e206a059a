//! `std::cell`, where an [`UnsafeCell`] tells that it is used, and whether it still may be.

use std::fmt;
use std::mem::ManuallyDrop;
use std::panic::Location;

pub use std::cell::{BorrowError, BorrowMutError, Cell, LazyCell, OnceCell, Ref, RefCell, RefMut};

use crate::explorer::Common;
use crate::life::Life;
use crate::run;

/// As std's. Under shuttle other threads may run before each [`UnsafeCell::get`]: what is done with the pointer is not seen, and done at
/// once. For loom it is no step: nothing tells whether it reads or writes.
#[repr(C)]
pub struct UnsafeCell<T: ?Sized> {
    life: Life,
    value: std::cell::UnsafeCell<T>,
}

impl<T> UnsafeCell<T> {
    /// As std's.
    pub const fn new(value: T) -> Self {
        UnsafeCell { life: Life::new(), value: std::cell::UnsafeCell::new(value) }
    }

    /// As std's.
    pub fn into_inner(self) -> T {
        self.life.ends("a cell");
        let this = ManuallyDrop::new(self);
        // SAFETY: `read` asks that the value is not used again where it was: `this` is forgotten.
        unsafe { this.value.get().read() }
    }
}

impl<T: ?Sized> UnsafeCell<T> {
    /// As std's.
    #[track_caller]
    pub fn get(&self) -> *mut T {
        if cfg!(shuttle) {
            run::step(Common::Clock, "reaches into a cell", Location::caller());
        }
        self.life.used(Location::caller());
        self.value.get()
    }

    /// As std's. Nobody else can be there, so nobody else runs.
    #[track_caller]
    pub fn get_mut(&mut self) -> &mut T {
        self.life.used(Location::caller());
        self.value.get_mut()
    }
}

impl<T: ?Sized> Drop for UnsafeCell<T> {
    fn drop(&mut self) {
        self.life.ends("a cell");
    }
}

impl<T> From<T> for UnsafeCell<T> {
    fn from(value: T) -> Self {
        UnsafeCell::new(value)
    }
}

impl<T: Default> Default for UnsafeCell<T> {
    fn default() -> Self {
        UnsafeCell::new(T::default())
    }
}

impl<T: ?Sized> fmt::Debug for UnsafeCell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnsafeCell").finish_non_exhaustive()
    }
}
