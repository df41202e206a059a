//! The one supervisor of child processes: runners, workers, models, builds and every other program that
//! chanlab starts.
//!
//! A child may hang, exit, be killed, or write unexpected or too much output. [`Supervised`] reads it with
//! limits on time and size, ends it, and turns a failure into a [`ProcessFailure`](records::crash::ProcessFailure).
//!
//! # Process groups
//!
//! Every child leads a process group of its own, so that Ctrl-C in a terminal does not reach it. The whole
//! group is killed in every ending, the normal one included: a child's own children never outlive it. They do
//! not outlive this process either, even after `kill -9`: a small shell, the reaper, outlives this
//! process just long enough to kill every group that is still registered. A grandchild that moves to another
//! process group is a stray (`strays`): it is found by its environment and its ancestors, killed, and named.

mod backtrace;
mod deadline;
mod process;
mod reaper;
mod report;
mod strays;
mod streams;

pub use self::deadline::Deadline;
pub use self::process::{END_TIMEOUT, Ending, Output, Supervised, command_from_words, output};
pub use self::report::{excerpt, status_words, stray_words};
pub use self::strays::adopt_strays;
pub use self::streams::{LineLimits, NoLine, Streams};
