//! Models of chanlab's own code: every schedule of a small scenario within stated bounds, or random ones of a larger one.
//!
//! `tests/` holds the models, one file for each subject; this library runs them ([`model`]), says how far they go
//! ([`bounds`]) and gives them messages that tell what became of them ([`payload`]).
//!
//! A model is a closure that runs a few threads through the real code: the baseline channel, the workloads' own rounds and what
//! coordinates them (the worker pool's [`serve`] and [`Quit`], the token bucket's [`tick`]). The same source is explored in two ways:
//!
//! - With `--cfg loom` (`scripts/loom`), [loom] runs it once for every way in which the threads can interleave and every value
//!   that an atomic may show.
//! - With `--cfg shuttle` (`scripts/shuttle`), [shuttle] runs it by random and PCT schedules, of more threads and messages where
//!   the model says so ([`bounds::sized`]).
//!
//! Otherwise each model runs some hundred times on real threads, which shows that it compiles and holds on this machine, and no
//! more.
//!
//! # What a pass means, and what it does not
//!
//! No schedule that was run deadlocks, breaks an assertion of the model, or leaks a channel. *Exhausted* is said only of a model of
//! which loom ran every schedule. With a bound of preemptions nothing is said of schedules with more; of shuttle's, nothing of those
//! that were not tried. Loom models less than the machine does in three ways: a notification wakes the thread that has waited
//! longest, never another; a wait does not end without cause, except where a timed wait on the same condition variable ends (those
//! models exist); and at most five threads take part, a deadline being one of them. Shuttle wakes any waiter and has any number of
//! threads, but its atomics are sequentially consistent: weak memory is loom's part alone.
//!
//! # When a model fails
//!
//! The failure says in which execution, with which steps, and which command runs it again: by loom, whose exploration is
//! deterministic, the same model fails in the same execution; by shuttle, the schedule itself is given. `scripts/mutants` plants
//! mutants in the code and checks that the models catch them.
//!
//! [loom]: https://docs.rs/loom
//! [shuttle]: https://docs.rs/shuttle
//! [`serve`]: harness::workloads::worker_pool::serve
//! [`Quit`]: harness::workloads::worker_pool::Quit
//! [`tick`]: harness::workloads::token_bucket::tick

pub mod bounds;
mod failure;
pub mod needs;
pub mod payload;
mod runner;

pub use self::runner::{Model, joined, model, unsupported};
