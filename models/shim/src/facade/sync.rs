//! `std::sync`: the model's locks and condition variables, and what is the same in every model.
//!
//! `RwLock`, `Once`, `Barrier` and `mpsc` are shuttle's own, and missing under loom. `Arc` is the real one.

pub mod atomic;
mod condvar;
mod mutex;

pub use std::sync::{Arc, LazyLock, LockResult, OnceLock, PoisonError, TryLockError, TryLockResult, Weak};

#[cfg(shuttle)]
pub use crate::exec::explorer::{
    Barrier, BarrierWaitResult, Once, OnceState, RwLock, RwLockReadGuard, RwLockWriteGuard, mpsc,
};

pub use self::condvar::{Condvar, WaitTimeoutResult};
pub use self::mutex::{Mutex, MutexGuard};
