//! What a round costs beside wall time, and how steady the machine was meanwhile: a file for each meter.
//!
//! [`ThreadUsage`] and [`Allocations`] are read by each thread of a round at the gate and at its end, and stand in the round. The others
//! are of the whole process or of the machine; whoever runs rounds reads them before and after each. A meter that the
//! system does not have answers `None`, or why: never a zero.

pub mod allocations;
pub mod counters;
pub mod memory;
pub mod noise;
mod usage;

pub use self::allocations::Allocations;
pub use self::usage::ThreadUsage;
