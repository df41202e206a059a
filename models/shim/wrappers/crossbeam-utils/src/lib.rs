//! The wrapper of `crossbeam-utils`: the part that crossbeam-channel uses.
//!
//! A `Backoff` lets other threads run at each of its steps and is completed after one. A few steps therefore
//! reach both what a channel does while it spins and what it does when it has spun enough.

#![cfg(any(loom, shuttle))]

use std::cell::Cell;
use std::ops::{Deref, DerefMut};

use chanlab_shim::thread;

/// As crossbeam's.
#[derive(Debug, Default)]
pub struct Backoff {
    snoozed: Cell<bool>,
}

impl Backoff {
    /// As crossbeam's.
    pub fn new() -> Self {
        Backoff::default()
    }

    /// As crossbeam's.
    pub fn reset(&self) {
        self.snoozed.set(false);
    }

    /// As crossbeam's: other threads run.
    pub fn spin(&self) {
        thread::yield_now();
    }

    /// As crossbeam's: other threads run.
    pub fn snooze(&self) {
        self.snoozed.set(true);
        thread::yield_now();
    }

    /// As crossbeam's: true after one snooze.
    pub fn is_completed(&self) -> bool {
        self.snoozed.get()
    }
}

/// As crossbeam's, without the padding: a model has no caches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct CachePadded<T>(T);

impl<T> CachePadded<T> {
    /// As crossbeam's.
    pub const fn new(value: T) -> Self {
        CachePadded(value)
    }

    /// As crossbeam's.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for CachePadded<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for CachePadded<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// As crossbeam's.
pub mod atomic {
    use chanlab_shim::sync::{Mutex, MutexGuard, PoisonError};

    /// As crossbeam's: for any type, behind a lock.
    #[derive(Debug, Default)]
    pub struct AtomicCell<T>(Mutex<T>);

    impl<T> AtomicCell<T> {
        /// As crossbeam's.
        pub const fn new(value: T) -> Self {
            AtomicCell(Mutex::new(value))
        }

        #[track_caller]
        fn held(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }

        /// As crossbeam's.
        #[track_caller]
        pub fn store(&self, value: T) {
            *self.held() = value;
        }
    }

    impl<T: Copy> AtomicCell<T> {
        /// As crossbeam's.
        #[track_caller]
        pub fn load(&self) -> T {
            *self.held()
        }
    }

    impl<T: Copy + Eq> AtomicCell<T> {
        /// As crossbeam's.
        ///
        /// # Errors
        ///
        /// The value, if it is not `current`.
        #[track_caller]
        pub fn compare_exchange(&self, current: T, new: T) -> Result<T, T> {
            let mut held = self.held();
            match *held {
                found if found == current => Ok(std::mem::replace(&mut held, new)),
                found => Err(found),
            }
        }
    }
}
