//! Models of chanlab's own code: every schedule of a small scenario, within stated bounds.
//!
//! `tests/` holds the models, one file for each subject; this library runs them ([`model`]), says how far they go
//! ([`bounds`]) and gives them messages that tell what became of them ([`payload`]).
//!
//! A model is a closure that runs a few threads through the real code: the baseline channel, the worker pool's [`serve`]
//! and [`Quit`], the token bucket's [`refill`]. Built with `--cfg loom` (`scripts/loom`), [loom] runs it once for every way
//! in which the threads can interleave and every value that an atomic may show. Otherwise each model runs some hundred
//! times on real threads, which shows that it compiles and holds on this machine, and no more.
//!
//! # What a pass means, and what it does not
//!
//! No schedule within the bounds deadlocks, breaks an assertion of the model, or leaks a channel. Beyond the bounds (more
//! preemptions, more threads, more messages) nothing is said. Loom models less than the machine does in three ways: a
//! notification wakes the thread that has waited longest, never another; a wait does not end without cause, except where
//! a timed wait on the same condition variable ends (those models exist); and at most five threads take part, a deadline
//! being one of them.
//!
//! # When a model fails
//!
//! The failure says in which execution, with which steps, and which command runs it again: exploration is deterministic, so
//! the same model fails in the same execution. `tests/planted/` shows for a set of planted mistakes that they are caught.
//!
//! [loom]: https://docs.rs/loom
//! [`serve`]: harness::workloads::worker_pool::serve
//! [`Quit`]: harness::workloads::worker_pool::Quit
//! [`refill`]: harness::workloads::token_bucket::refill

pub mod bounds;
mod failure;
pub mod payload;
mod runner;

pub use self::runner::{Model, joined, model};
