//! Verification: every method over every channel, each in a process of its own, and what came of it recorded.
//!
//! [`program`] builds the worker program, [`worker`] runs cases in it, [`models`] runs the scripts of loom and shuttle,
//! [`instrumented`] their models over a published channel crate, [`evidence`] derives a verdict from their reports, and
//! [`engine`] divides the budget and records.

pub mod engine;
pub mod evidence;
pub mod instrumented;
pub mod models;
pub mod program;
pub mod worker;
