//! Carries out a verification: every method on every channel, each in a process of its own, every verdict
//! recorded.
//!
//! [`engine`] divides the budget among the jobs and records, [`worker`] runs the cases of one method on one
//! channel in a worker process, and [`program`] builds that worker. Models are explored by the crate
//! `model_driver`.

// What people read goes through `wording::terminal`.
#![cfg_attr(not(test), warn(clippy::print_stdout, clippy::print_stderr))]

pub mod engine;
pub mod program;
pub mod worker;
