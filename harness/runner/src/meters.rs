//! The meters of a runner's process and of the machine, read before and after each round. One file for each.
//!
//! A meter that the system does not have gives `None` or a reason, never a zero. The meters of a round's
//! threads are those of `workloads::meters`.

pub mod counters;
pub mod memory;
pub mod noise;
