//! The consumer of a partitioned log as a program: `chanlab consume`.
//!
//! - [`consumer`]: the threads, and what ends them
//! - [`source`]: where the messages come from, by name; [`log_source`]: the embedded log
//! - [`carrier`]: the channel that carries them, by name
//! - [`process`]: what is done with a message
//! - [`output`]: where processed messages and dead letters go
//! - [`report`]: how it ended, for people and as JSON; [`monitor`] and [`metrics`]: how it goes
//! - [`signals`]: the requests to stop
//!
//! The coordination is that of `service_core`, which has no I/O.
//!
//! # Threads
//!
//! ```text
//! main        notes: signals, failures, ends      every commit interval: commit what is done
//! source      owns the source: polls it, hands over commits, lets partitions go
//! fetcher, feeder    two for each partition, with a channel between them
//! dispatcher  sends jobs to the workers and commits to the committer
//! worker      processes, then writes to the sink or the dead letters
//! committer   takes all commits that wait, syncs sink and dead letters once, passes the commits on to the source
//! ```
//!
//! # Why a commit is never ahead of the sink
//!
//! A worker answers that a message is done after it has written it to the sink. The coordinator makes a commit of
//! answered messages only. The committer syncs the outputs after it has received the commit, and only then passes it on.
//! So everything that a stored commit covers is on the disk, in the sink or among the dead letters. After a failed write
//! or sync an output stays failed, no commit passes, and the consumer ends.

pub mod carrier;
pub mod consumer;
mod failure;
mod lanes;
pub mod log_source;
pub mod metrics;
pub mod monitor;
pub mod output;
pub mod process;
pub mod report;
pub mod signals;
pub mod source;
mod work;

pub use self::failure::Failure;
