//! The channels that chanlab compares, and the workloads on which it compares them.
//!
//! - [`channel`] is the contract; [`channels`] holds the baseline. The other channels are in the package `adapters`.
//! - [`workload`] is the contract of a workload; [`workloads`] holds one file for each.
//! - [`registry`] knows both by name and combines them into cells; a cell runs rounds.
//! - A round consists of checked messages ([`message`]), the record of their deliveries ([`ledger`]), the
//!   violations that a check can find ([`violation`]), and threads with a deadline ([`thread_group`]). Its
//!   [`size`] and the [`placement`] of its threads come from the caller.
//! - [`meters`] measure what a round costs besides wall time; [`latency`] is the time of each message;
//!   [`fairness`] is how evenly the threads shared the work.
//! - [`record`] and [`machine`] are what a benchmark or a model leaves behind for the page.
//! - [`verify`] holds the requests to, and the results of, the verification methods of the crate `verify`.
//! - [`sync`] is the synchronisation that chanlab's own code is written on: real, loom's or shuttle's.
//! - [`shard`] splits a verification among machines.
//!
//! # Example
//!
//! ```
//! use harness::registry::Registry;
//!
//! let registry = Registry::baseline();
//! let params = registry.params("producer_consumer", "producers=2,capacity=16")?;
//! let cell = registry.cell("mutex-deque", "producer_consumer", params, Some(1_000))?;
//! let round = cell.round().expect("the baseline delivers each message once");
//! assert_eq!(round.messages, 1_000);
//! println!("{cell}: {:.0} ns/op", round.ns_per_op());
//! # Ok::<(), harness::registry::UsageError>(())
//! ```

pub mod channel;
pub mod channels;
mod endpoints;
pub mod fairness;
pub mod latency;
pub mod ledger;
pub mod machine;
pub mod message;
pub mod meters;
pub mod model_report;
mod pacing;
pub mod params;
#[cfg_attr(any(loom, shuttle), expect(dead_code, reason = "modelled threads are not placed"))]
pub mod placement;
pub mod profile;
pub mod protocol;
pub mod record;
pub mod registry;
pub mod runner;
pub mod shard;
pub mod size;
pub mod slowed;
pub mod sync;
#[cfg(feature = "planted")]
pub mod testing;
#[cfg_attr(any(loom, shuttle), path = "thread_group/modelled.rs")]
pub mod thread_group;
pub mod verify;
pub mod violation;
pub mod work;
pub mod workload;
pub mod workloads;
