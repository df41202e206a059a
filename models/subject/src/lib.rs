//! The channel that the models of `models/tests` explore: here the baseline.
//!
//! For an instrumented channel, `chanlab verify` generates a workspace in which another crate of this name stands in this one's place
//! (`reports/src/verify/instrumented/workspace.rs`). So the models are one source for all.

use std::sync::Arc;

pub use harness::channels::mutex_deque::MutexDeque as Adapter;
/// The steps of the execution that this thread explores.
pub use harness::sync::schedule;

/// How a panic begins that is no failure of the model; the baseline has none.
pub const TOO_LARGE: &str = "too large";

/// A command line that runs a model again, but for the environment's settings before it and the name of the model behind it.
pub const REPLAY: Option<&str> = None;

/// How the waits with a deadline ended so far. Nobody counts the baseline's: its deadlines are threads of the model.
pub fn timed_waits() -> Option<(u64, u64)> {
    None
}

/// Runs one execution of a model.
pub fn execution(model: &Arc<dyn Fn() + Send + Sync>) {
    model();
}
