//! Stands in for `parking_lot` under an instrumented channel crate: its lock, which is without poison as `spin`'s is, and whose waiting the scheduler sees.

#![cfg(any(loom, shuttle))]

pub use spin::{Mutex, MutexGuard};

/// As parking_lot's.
pub const fn const_mutex<T>(value: T) -> Mutex<T> {
    Mutex::new(value)
}
