//! The std shim: it replaces `std`, `core` and `alloc` in an instrumented channel crate, so that loom or
//! shuttle schedules everything by which threads communicate.
//!
//! `models/instrument` ends the root of a crate with `extern crate chanlab_shim as std;` (and the same for
//! `core` and `alloc`). A glob re-exports the real `std`; the modules `sync`, `thread`, `cell`, `time`, `hint`,
//! `hash` and `collections` shadow its own and list each name that they offer. A name that is missing is a compile error in the
//! crate's own line, not a silent hole in the model. Only the workspaces that chanlab generates for
//! instrumented channels depend on this crate.
//!
//! There are two layers, and calls go down only: `facade` has the interface of `std`, and `exec` below it
//! runs an execution (explorer, tasks, clock, quarantine). `run` is the interface for the program that
//! explores.
//!
//! # What is faithful
//!
//! - **Interleavings.** Other threads may take any number of steps before each access of an atomic, a lock, a
//!   condition variable or a parker; under shuttle also before each access of a `cell::UnsafeCell`.
//! - **Orderings**, under loom: a load returns any value that its ordering allows, within loom's memory model
//!   (`exec/explorer/exhaustive.rs`).
//! - **Waiting.** A waiting thread runs again only when it is woken; `park` keeps its token; a notification
//!   wakes any one waiter.
//! - **Time** is virtual (`exec/clock.rs`). A deadline passes at *any* step after it was set. When it passes
//!   is a choice of the scheduler like all others, so the race between a timeout and a message is explored
//!   and replayed.
//! - **Lifecycles.** Using or dropping an atomic, a lock or a cell after its end fails the model
//!   (`exec/lifecycle.rs`), and so does, under shuttle, leaking one. The memory that an execution frees stays
//!   in quarantine until the execution ends (`exec/quarantine.rs`), so these checks do not depend on luck.
//! - **What is made once**: while a maker runs, which may take steps, a second thread that needs the value waits
//!   for a lock of the model (`facade/sync/once.rs`).
//! - **Each execution starts afresh.** An atomic in a `static` has its initial value again, and so has the clock.
//!   On Linux so has what a lock or a cell in a `static` holds (`exec/initial.rs`). The value of a `OnceLock` or a
//!   `LazyLock` in a `static` is made anew in each execution and dropped at its end (`exec/statics.rs`).
//! - **Thread-locals** are dropped by their thread before those who join it go on, and their destructors may take
//!   steps (`exec/locals.rs`).
//! - **Each execution is the same for the same choices**: hash maps and sets, and `RandomState`, have no random
//!   keys (`facade/hash.rs`), and the wrappers of random numbers draw what the choices decide.
//!
//! # What is not
//!
//! - **Orderings**, under shuttle: everything is sequentially consistent. Under loom, a `SeqCst` access
//!   differs from weaker ones in that it sees the newest value, and `SeqCst` fences are not ordered with
//!   `SeqCst` accesses.
//! - **Plain memory**: a write through a pointer is visible to all threads at once. The models detect a
//!   missing happens-before edge for messages alone, whose payload is a cell that loom checks.
//! - A `compare_exchange_weak` never fails spuriously, and no wait ends spuriously.
//! - `Arc`, `Cell`, `RefCell` and what else is not shadowed are the real ones: each operation is one step, or
//!   none. Loom sees neither the ordering that an `Arc` provides nor both orders of two drops of one.
//! - **Code that blocks or spins for real**, in a dependency or an adapter that uses std itself, stops the
//!   explorer. The watchdog of `models` ends such a model, and says where it hangs.
//! - **Statics**: the destructor of a `OnceLock`'s value runs, which no real program does. Memory that a lock in a
//!   `static` owns at the end of an execution is taken for leaked if it holds a primitive. Other plain data in a
//!   `static` keeps its value from one execution to the next.
//! - **Addresses** differ from one execution to the next. A crate that decides by them is found to be not
//!   deterministic, and so is one whose dependency has random numbers of its own.
//! - A spin loop yields once per read of shared state, however often it spins; one that spins without a
//!   hint yields after some hundred steps (`exec/trace.rs`), as a system's scheduler preempts it sooner or
//!   later. `available_parallelism` is two.
//! - Under loom, a thread that yields lets another take a step before it goes on. A channel that yields many
//!   times before it waits (crossfire) therefore waits only when the other threads have finished or wait as
//!   well; the count of its waits with a deadline shows that. Shuttle also has schedules without such turns.

#[cfg(any(loom, shuttle))]
mod exec;
#[cfg(any(loom, shuttle))]
mod facade;
#[cfg(any(loom, shuttle))]
pub mod run;

pub use ::std::*;

#[cfg(any(loom, shuttle))]
pub use crate::facade::{cell, collections, hash, hint, sync, thread, time};
