//! The workloads, one file each. To add one, write its file and name it here; `CONTRIBUTING.md` explains how.

pub mod fan_in;
pub mod open_loop;
pub mod ping_pong;
pub mod pipeline;
pub mod producer_consumer;
mod roles;
pub mod token_bucket;
pub mod worker_pool;

use crate::workload::Workload;

/// Visits every workload with its type.
pub trait Visitor {
    /// Called once for each workload.
    fn visit<W: Workload>(&mut self);
}

/// Visits the workloads in the order in which all output shows them.
pub fn each(visitor: &mut impl Visitor) {
    visitor.visit::<producer_consumer::ProducerConsumer>();
    visitor.visit::<fan_in::FanIn>();
    visitor.visit::<pipeline::Pipeline>();
    visitor.visit::<worker_pool::WorkerPool>();
    visitor.visit::<token_bucket::TokenBucket>();
    visitor.visit::<ping_pong::PingPong>();
    visitor.visit::<open_loop::OpenLoop>();
}
