//! Every type that goes to disk or over a pipe. `docs/FORMATS.md` shows a line of each.
//!
//! - [`plan`] and [`rounds`] are a run: what it measures, and a line for each thing that happened.
//! - [`protocol`] is the runner protocol.
//! - [`verify`] is the protocol of the verify workers: methods, tasks, outcomes, findings.
//! - [`model_report`] is the protocol of model processes.
//! - [`record`] has the lines that benchmarks, models and verifications leave behind.
//! - [`crash`] is what is left of a process that failed, [`machine`] the fingerprint of a machine.
//! - [`numbers`] writes numbers for people, the same way everywhere.

pub mod crash;
pub mod machine;
pub mod model_report;
pub mod numbers;
pub mod plan;
pub mod protocol;
pub mod record;
pub mod rounds;
pub mod verify;
