//! Every type that goes to disk or over a pipe. Each line and file has a version ([`format`](mod@format)).
//!
//! - [`plan`] and [`rounds`] are a run: what it measures, and a line for each thing that happened.
//! - [`protocol`] is the runner protocol.
//! - [`verify`] is the protocol of the verify workers: methods, tasks, outcomes, findings.
//! - [`model_report`] is the protocol of model processes.
//! - [`record`] has the lines that benchmarks, models and verifications leave behind.
//! - [`crash`] is what is left of a process that failed, [`machine`] the fingerprint of a machine.
//! - [`checksum`] is what each recorded line ends in, and [`lines`] reads the lines of a file with it.
//!
//! The only other behaviour here is in [`files`], appending and reading files, and the folders that hold them, in [`command`],
//! which writes a command as a shell reads it, and in [`text`], the escapes of hidden characters. They have to be in a crate that
//! the models compile too. Numbers and reports in words are in the crate `wording`.

pub mod checksum;
pub mod command;
pub mod crash;
pub mod files;
pub mod format;
pub mod lines;
pub mod machine;
pub mod model_report;
pub mod plan;
pub mod protocol;
pub mod record;
pub mod rounds;
pub mod text;
pub mod verify;
