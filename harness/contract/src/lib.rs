//! The contract of a channel, and the primitives of chanlab's own code.
//!
//! - [`channel`] is the contract: the traits that an adapter implements, capacities, capabilities, errors.
//! - [`sync`] is the synchronisation of the baseline and of the workloads: real, loom's or shuttle's.
//! - [`schedule`] is a schedule as text, as a replay reads it.
//! - [`shard`] splits cases and schedules among machines.

pub mod channel;
pub mod schedule;
pub mod shard;
pub mod sync;

/// The version of chanlab's own channels.
pub const OWN_VERSION: &str = concat!("chanlab ", env!("CARGO_PKG_VERSION"));
