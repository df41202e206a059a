//! What chanlab compares, and on what work.
//!
//! - [`channel`] is the contract; [`channels`] holds one file for each channel.
//! - [`workload`] says what a workload is; [`workloads`] holds one file for each.
//! - [`registry`] has both under their names and makes cells of them; a cell runs rounds.
//! - [`message`], [`ledger`], [`fault`] and [`crew`] are what a round is made of: checked messages, the record of
//!   deliveries, what can be wrong with it, threads with a deadline.
//! - [`placement`] is where their threads are put.
//! - [`meters`] is what a round costs beside wall time; [`latency`] is how long each of its messages took; [`fairness`] is how evenly its threads shared it.
//! - [`record`] and [`machine`] are what a benchmark or a model leaves behind for the page.
//! - [`verify`] is what the methods that verify a channel are asked and answer; they are in the crate of that name.
//! - [`sync`] is the synchronisation that chanlab's own code is written on: real, loom's or shuttle's; [`mutants`] are the
//!   mistakes that can be planted in that code, to test what checks it.
//! - [`shard`] splits a verification among machines.
//!
//! # Example
//!
//! ```
//! use harness::registry::Registry;
//!
//! let registry = Registry::new();
//! let params = registry.params("producer_consumer", "producers=2,capacity=16")?;
//! let cell = registry.cell("mutex-deque", "producer_consumer", params, Some(1_000))?;
//! let round = cell.round().expect("the baseline delivers each message once");
//! assert_eq!(round.messages, 1_000);
//! println!("{cell}: {:.0} ns/op", round.ns_per_op());
//! # Ok::<(), harness::registry::UsageError>(())
//! ```

pub mod channel;
pub mod channels;
#[cfg_attr(any(loom, shuttle), path = "crew/modelled.rs")]
pub mod crew;
pub mod fairness;
pub mod fault;
mod holders;
pub mod latency;
pub mod ledger;
pub mod machine;
pub mod message;
pub mod meters;
pub mod model_report;
pub mod mutants;
mod pace;
pub mod params;
#[cfg_attr(any(loom, shuttle), expect(dead_code, reason = "modelled threads are put nowhere"))]
pub mod placement;
#[cfg(feature = "planted")]
pub mod planted;
pub mod profile;
pub mod protocol;
pub mod record;
pub mod registry;
pub mod runner;
pub mod shard;
#[cfg(feature = "third-party")]
pub mod slowed;
pub mod sync;
pub mod verify;
pub mod workload;
pub mod workloads;
