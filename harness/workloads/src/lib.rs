//! The workloads, and what their rounds are made of.
//!
//! - [`workload`] is the contract of a workload; each has a file here. To add one, write its file and name it
//!   in [`each`]; `CONTRIBUTING.md` explains how.
//! - A round consists of checked messages ([`message`]), the record of their deliveries ([`ledger`]), the
//!   violations that a check can find ([`violation`]), and threads with a deadline ([`thread_group`]). Its
//!   [`size`] and the [`placement`] of its threads come from the caller.
//! - [`meters`] measure what a round costs its threads besides wall time; [`latency`] is the time of each
//!   message; [`fairness`] is how evenly the threads shared the work.
//! - [`registry`] knows channels and workloads by name and combines them into cells; a cell runs rounds.
//!
//! # Example
//!
//! ```
//! use workloads::registry::Registry;
//!
//! let registry = Registry::baseline();
//! let params = registry.params("producer_consumer", "producers=2,capacity=16")?;
//! let cell = registry.cell("mutex-deque", "producer_consumer", params, Some(1_000))?;
//! let round = cell.round().expect("the baseline delivers each message once");
//! assert_eq!(round.messages, 1_000);
//! println!("{cell}: {:.0} ns/op", round.ns_per_op());
//! # Ok::<(), workloads::registry::UsageError>(())
//! ```

mod endpoints;
pub mod fairness;
pub mod fan_in;
pub mod latency;
pub mod ledger;
pub mod limited_service;
pub mod message;
pub mod meters;
pub mod open_loop;
mod pacing;
pub mod params;
pub mod partitioned_log;
pub mod ping_pong;
pub mod pipeline;
#[cfg_attr(any(loom, shuttle), expect(dead_code, reason = "modelled threads are not placed"))]
pub mod placement;
pub mod producer_consumer;
pub mod profile;
pub mod registry;
mod roles;
pub mod size;
pub mod slowed;
#[cfg_attr(any(loom, shuttle), path = "thread_group/modelled.rs")]
pub mod thread_group;
pub mod token_bucket;
pub mod violation;
pub mod work;
pub mod worker_pool;
pub mod workload;

use crate::workload::Workload;

/// Visits every workload with its type.
pub trait WorkloadVisitor {
    /// Called once for each workload.
    fn visit<W: Workload>(&mut self);
}

/// Visits the workloads in the order in which all output shows them.
pub fn each(visitor: &mut impl WorkloadVisitor) {
    visitor.visit::<producer_consumer::ProducerConsumer>();
    visitor.visit::<fan_in::FanIn>();
    visitor.visit::<pipeline::Pipeline>();
    visitor.visit::<worker_pool::WorkerPool>();
    visitor.visit::<token_bucket::TokenBucket>();
    visitor.visit::<ping_pong::PingPong>();
    visitor.visit::<open_loop::OpenLoop>();
    visitor.visit::<partitioned_log::PartitionedLog>();
}
