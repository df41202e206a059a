//! The wrapper of `parking_lot`: its lock, without poison as `spin`'s, whose waiters the scheduler wakes.

#![cfg(any(loom, shuttle))]

pub use spin::{Mutex, MutexGuard};

/// As parking_lot's.
pub const fn const_mutex<T>(value: T) -> Mutex<T> {
    Mutex::new(value)
}
