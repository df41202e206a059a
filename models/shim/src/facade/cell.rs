//! `std::cell`, whose [`UnsafeCell`] checks its lifecycle and, under shuttle, is a step.

use std::fmt;
use std::mem::ManuallyDrop;
use std::panic::Location;

pub use std::cell::{BorrowError, BorrowMutError, Cell, LazyCell, OnceCell, Ref, RefCell, RefMut};

use crate::exec::explorer::Common;
use crate::exec::lifecycle::Lifecycle;
use crate::exec::{initial, steps};

/// As std's. Under shuttle other threads may run before each [`UnsafeCell::get`]; what the crate does with
/// the pointer is not observed, and is one step. Under loom it is no step: the shim cannot tell a read from a
/// write.
#[repr(C)]
pub struct UnsafeCell<T: ?Sized> {
    lifecycle: Lifecycle,
    value: std::cell::UnsafeCell<T>,
}

impl<T> UnsafeCell<T> {
    /// As std's.
    pub const fn new(value: T) -> Self {
        UnsafeCell { lifecycle: Lifecycle::new(), value: std::cell::UnsafeCell::new(value) }
    }

    /// As std's.
    pub fn into_inner(self) -> T {
        self.lifecycle.end("a cell");
        let this = ManuallyDrop::new(self);
        // SAFETY: after `read`, the value must not be used at its old address: `this` is never dropped.
        unsafe { this.value.get().read() }
    }
}

impl<T: ?Sized> UnsafeCell<T> {
    /// As std's.
    #[track_caller]
    pub fn get(&self) -> *mut T {
        if cfg!(shuttle) {
            steps::step(Common::Clock, "reaches into a cell", Location::caller());
        }
        let used = self.lifecycle.usage(Location::caller());
        // SAFETY: the value lives as long as the cell. At the first use in an execution no pointer to it is in use.
        unsafe { initial::renew(self.value.get(), used) };
        self.value.get()
    }

    /// As std's. The access is exclusive, so no other thread runs before it.
    #[track_caller]
    pub fn get_mut(&mut self) -> &mut T {
        self.lifecycle.used(Location::caller());
        self.value.get_mut()
    }
}

impl<T: ?Sized> Drop for UnsafeCell<T> {
    fn drop(&mut self) {
        self.lifecycle.end("a cell");
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
