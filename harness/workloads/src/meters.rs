//! The meters of a round's threads. One file for each.
//!
//! Each thread of a round reads [`ThreadUsage`] and [`Allocations`] at the start barrier and at its end; the
//! round reports the difference. A meter that the system does not have gives `None`, never a zero. The meters
//! of the process and of the machine are the runner's.

pub mod allocations;
mod usage;
#[cfg(not(any(loom, shuttle)))]
pub(crate) mod waits;

pub use self::allocations::Allocations;
pub use self::usage::ThreadUsage;
