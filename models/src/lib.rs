//! Models: scenarios that are explored in every schedule within stated bounds, or in random schedules of a
//! larger size.
//!
//! `tests/` holds the models; each file there ends in a table of them. This library explores them ([`run`],
//! [`Model`]), bounds them ([`bounds`]) and gives them messages that record whether each was dropped
//! ([`payload`]).
//!
//! A scenario is a closure that runs a few threads through the real code: the system under test ([`sut`]),
//! the workloads' own rounds, and what coordinates them (the worker pool's [`serve`] and [`Quit`], the token
//! bucket's [`tick`], the coordinator of a partitioned log in `service/core`). The same source is explored in two ways:
//!
//! - With `--cfg loom` (`scripts/loom`), [loom] runs it in every interleaving of the threads, with every
//!   value that an atomic may show.
//! - With `--cfg shuttle` (`scripts/shuttle`), [shuttle] runs it in random and PCT schedules, with more
//!   threads and messages where the model says so ([`bounds::sized`]).
//!
//! Other builds run each scenario a few hundred times on real threads. That shows that it compiles and holds
//! on this machine, and no more.
//!
//! # What a pass means
//!
//! No schedule that was run deadlocks, breaks an assertion of the scenario, or leaks a channel. A model is
//! *exhausted* only when loom ran every schedule it has. A bound of preemptions says nothing about schedules
//! with more preemptions, and shuttle says nothing about schedules that it did not try. An exploration that
//! ended at a limit is *cut short* and not a pass. Loom models less than the machine does in three ways: a
//! notification wakes the thread that has waited longest, never another; no wait ends spuriously, except
//! where a timed wait on the same condition variable ends (those models exist); and at most five threads take
//! part, a deadline being one of them. Shuttle wakes any waiter and has any number of threads, but its
//! atomics are sequentially consistent: weak memory is loom's part alone.
//!
//! # When a model fails
//!
//! The report has the execution, its steps, and the command that runs it again: loom is deterministic and
//! fails in the same execution; of shuttle, the report has the schedule. A model process writes its reports
//! as [`records::model_report`] describes. `scripts/mutants` plants mutants in the code and checks that the
//! models find them.
//!
//! # When a model hangs or diverges
//!
//! Code that waits for something that the explorer does not control stops the explorer too. A watchdog ends a model
//! that takes no step for [`bounds::DEADLINE`]: it *hung*, which is a failure, and the report has the stack.
//!
//! A replay works only when the same choices lead to the same execution. Shuttle's exploration repeats one execution
//! of each hundred and compares it with the first, loom notices it by itself, and a replay compares each choice with
//! what can run. Where they differ the model *diverged*: the code decides by something that the explorer does not
//! control. That is neither a failure nor a pass.
//!
//! [loom]: https://docs.rs/loom
//! [shuttle]: https://docs.rs/shuttle
//! [`serve`]: workloads::worker_pool::coordination::serve
//! [`Quit`]: workloads::worker_pool::coordination::Quit
//! [`tick`]: workloads::token_bucket::tick

pub mod bounds;
mod failure;
mod foreign;
pub mod needs;
pub mod payload;
mod runner;
mod running;
mod watchdog;

pub use self::runner::{joined, run};
pub use self::running::Model;
