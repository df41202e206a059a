//! Stands in for `std`, `core` and `alloc` under a channel crate that is instrumented: what lets threads meet is loom's or
//! shuttle's to schedule.
//!
//! `models/instrument` ends the root of a crate with `extern crate chanlab_shim as std;` (and `as core`, `as alloc`). Everything of the
//! real `std` is here by one glob; the modules below stand before it: `sync`, `thread`, `cell`, `time` and `hint`. Each of them
//! names what it has. What it does not have is an error of the compiler in the crate's own line, and no silent hole in the model.
//! Nothing of chanlab depends on this crate but the workspace that is generated for an instrumented channel.
//!
//! # What is faithful
//!
//! - **Interleavings.** Each access of an atomic, a lock, a condition variable or a parker may be preceded by any number of steps of other
//!   threads; under shuttle each of a `cell::UnsafeCell` as well.
//! - **Orderings**, under loom: a load may show whatever its ordering allows, as far as loom knows (`explorer/exhaustive.rs`).
//! - **Waiting.** A thread that waits runs again only when it is woken; `park` keeps its token; a notification wakes any one waiter.
//! - **Time** is virtual (`time`). A deadline passes at *any* moment after it was made, which is a choice of the scheduler like all
//!   others, so that a race between a timeout and a message is explored, and replayed.
//! - **Life.** An atomic, a lock or a cell that is used or dropped after its end is told (`run`), and so is, under shuttle, one that is left
//!   behind in memory that nobody frees. Memory that an execution frees is kept apart until its end (`memory.rs`), so that none of this is by luck.
//! - **Each execution begins anew**: an atomic in a `static` has its first value again, the clock its first time.
//!
//! # What is not
//!
//! - **Orderings**, under shuttle: everything is sequentially consistent there. Under loom `SeqCst` is told from the others by the newest value, and its
//!   fences are not ordered with its accesses.
//! - **Plain memory**: what is written through a pointer is there for everybody at once. That nothing orders it is seen of messages alone,
//!   which the models make of what loom watches.
//! - A `compare_exchange_weak` does not fail without cause, and no wait ends without cause.
//! - `Arc`, `OnceLock`, `Cell` and `RefCell` are the real ones: no thread runs between the halves of what they do, and loom neither sees what an
//!   `Arc` orders nor tries both orders of two drops of one. A lazily made `static` is made once, and not for each execution.
//! - A loop that spins lets others run once, however long it spins; one that does not say so lets them run after some hundred steps (`run`), as
//!   a system's scheduler does sooner or later. `available_parallelism` is two.
//! - Under loom whoever yields lets another take a step before it goes on. A channel that yields many times before it waits (crossfire) comes to wait only
//!   when the others are done or wait as well; its waits with a deadline, which are counted, tell of that. Shuttle has schedules without such turns.

#[cfg(any(loom, shuttle))]
pub mod cell;
#[cfg(any(loom, shuttle))]
mod explorer;
#[cfg(any(loom, shuttle))]
pub mod hint;
#[cfg(any(loom, shuttle))]
mod life;
#[cfg(any(loom, shuttle))]
mod looks;
#[cfg(any(loom, shuttle))]
mod memory;
#[cfg(any(loom, shuttle))]
pub mod run;
#[cfg(any(loom, shuttle))]
pub mod sync;
#[cfg(any(loom, shuttle))]
mod tasks;
#[cfg(any(loom, shuttle))]
pub mod thread;
#[cfg(any(loom, shuttle))]
pub mod time;

#[cfg(shuttle)]
pub use ::shuttle::thread_local;
pub use ::std::*;

#[doc(hidden)]
#[cfg(loom)]
pub use ::loom as __loom;

/// As std's: loom's, which knows no `const { … }`.
#[cfg(loom)]
#[macro_export]
macro_rules! thread_local {
    () => {};
    ($(#[$attribute:meta])* $visible:vis static $name:ident: $type:ty = $first:expr; $($others:tt)*) => {
        $crate::__loom::thread_local!($(#[$attribute])* $visible static $name: $type = $first);
        $crate::thread_local!($($others)*);
    };
    ($(#[$attribute:meta])* $visible:vis static $name:ident: $type:ty = $first:expr) => {
        $crate::__loom::thread_local!($(#[$attribute])* $visible static $name: $type = $first);
    };
}
