//! The system under test: the channel that the models explore, here the baseline.
//!
//! For an instrumented channel, `chanlab verify` generates a workspace with another crate of this name in its
//! place (`models/driver/src/instrumented/workspace.rs`), so the source of the models is the same for every
//! channel.

use std::any::Any;
use std::sync::Arc;

pub use baseline::MutexDeque as Adapter;
pub use contract::sync::{Observer, schedule};

/// The command line that runs a model again, but for the environment before it and the model's name after it.
/// `None` of chanlab's own code, whose models `scripts/` runs, and for which an execution beyond loom's
/// limits is a failure.
pub const REPLAY: Option<&str> = None;

/// Whether a panic with this payload says that the execution needs more primitives than the explorer has. The
/// baseline's primitives are the explorer's own.
pub fn is_out_of_primitives(_: &(dyn Any + Send)) -> bool {
    false
}

/// The number of waits with a deadline that were woken, and that expired. The baseline's are not counted: its
/// deadlines are threads of the model.
pub fn timed_waits() -> Option<(u64, u64)> {
    None
}

/// Runs one execution of a model.
pub fn execution(model: &Arc<dyn Fn() + Send + Sync>) {
    model();
}
