//! The meters: what a round costs besides wall time, and how steady the machine was. One file for each.
//!
//! Each thread of a round reads [`ThreadUsage`] and [`Allocations`] at the start barrier and at its end; the
//! round reports the difference. The other meters concern the whole process or the machine, and the runner
//! reads them before and after each round. A meter that the system does not have gives `None` or a reason,
//! never a zero.

pub mod allocations;
pub mod counters;
pub mod memory;
pub mod noise;
mod usage;

pub use self::allocations::Allocations;
pub use self::usage::ThreadUsage;
