//! The interface to the explorer: its threads, the choice of the next one at each step, and the values that
//! an atomic may show to a load.
//!
//! Locks, waits, parkers and the clock are written once, on plain memory: all threads of a model run on one
//! thread of the system, and one at a time. `random.rs` is shuttle, which chooses a thread at each step
//! whatever the step does. `exhaustive.rs` is loom, which has to know which steps depend on each other: each
//! is a step at a [`Location`].

#[cfg(loom)]
mod exhaustive;
mod operations;
#[cfg(shuttle)]
mod random;

#[cfg(all(loom, shuttle))]
compile_error!("a build explores with loom or with shuttle: pass either --cfg loom or --cfg shuttle");

#[cfg(loom)]
pub use self::exhaustive::*;
pub use self::operations::Value;
pub(crate) use self::operations::{Common, Native};
#[cfg(shuttle)]
pub use self::random::*;
