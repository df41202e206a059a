//! Stands in for `std`, `core` and `alloc` under a channel crate that is instrumented: what lets threads meet is shuttle's to schedule.
//!
//! `models/instrument` ends the root of a crate with `extern crate chanlab_shim as std;` (and `as core`, `as alloc`). Everything of the
//! real `std` is here by one glob; the modules below stand before it: `sync`, `thread`, `cell`, `time` and `hint`. Each of them
//! names what it has. What it does not have is an error of the compiler in the crate's own line, and no silent hole in the model.
//! Nothing of chanlab depends on this crate but the workspace that is generated for an instrumented channel.
//!
//! # What is faithful
//!
//! - **Interleavings.** Each access of an atomic, a lock, a condition variable, a parker or an `cell::UnsafeCell` may be preceded by
//!   any number of steps of other threads.
//! - **Waiting.** A thread that waits runs again only when it is woken; `park` keeps its token; a notification wakes any one waiter.
//! - **Time** is virtual (`time`). A deadline passes at *any* moment after it was made, which is a choice of the scheduler like all
//!   others, so that a race between a timeout and a message is explored, and replayed.
//! - **Life.** An atomic, a lock or a cell that is used or dropped after its end is told (`run`), and so is one that is left behind in
//!   memory that nobody frees. Memory that an execution frees is kept apart until its end (`memory.rs`), so that none of this is by luck.
//! - **Each execution begins anew**: an atomic in a `static` has its first value again, the clock its first time.
//!
//! # What is not
//!
//! - **Weak memory.** Orderings are not looked at: everything is sequentially consistent.
//! - A `compare_exchange_weak` does not fail without cause, and no wait ends without cause.
//! - `Arc` counts, `OnceLock`, `Cell` and `RefCell` are the real ones: no thread runs between the halves of what they do. A
//!   lazily made `static` is made once, and not for each execution.
//! - A loop that spins lets others run once, however long it spins; `available_parallelism` is two.

#[cfg(shuttle)]
pub mod cell;
#[cfg(shuttle)]
pub mod hint;
#[cfg(shuttle)]
mod life;
#[cfg(shuttle)]
mod looks;
#[cfg(shuttle)]
mod memory;
#[cfg(shuttle)]
pub mod run;
#[cfg(shuttle)]
pub mod sync;
#[cfg(shuttle)]
mod tasks;
#[cfg(shuttle)]
pub mod thread;
#[cfg(shuttle)]
pub mod time;

#[cfg(shuttle)]
pub use ::shuttle::thread_local;
pub use ::std::*;
