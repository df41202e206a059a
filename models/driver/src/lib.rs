//! The driver of models: from a published version of a crate, or from the baseline, to typed reports.
//!
//! - [`versions`] names a version of a crate and generates workspaces that build it, for measuring.
//! - [`instrumented`] fetches a crate, instruments a copy, and explores the models over it.
//! - [`models`] runs the scripts that explore the baseline and the workloads.
//! - [`evidence`] makes the outcome of a method from the reports of its models.
//! - [`defects`] compares what is found with what `models/defects` expects.

pub mod defects;
pub mod evidence;
pub mod instrumented;
pub mod models;
pub mod versions;
