//! The workloads, one file each. To add one: write its file and name it here (`CONTRIBUTING.md` tells how).

pub mod fan_in;
pub mod open_loop;
pub mod ping_pong;
pub mod pipeline;
pub mod producer_consumer;
pub mod token_bucket;
pub mod worker_pool;

use crate::workload::Workload;

/// Does something with every workload.
pub trait Visitor {
    /// Called once for each.
    fn visit<W: Workload>(&mut self);
}

/// The registry of workloads, in the order in which everything shows them.
pub fn each(visitor: &mut impl Visitor) {
    visitor.visit::<producer_consumer::ProducerConsumer>();
    visitor.visit::<fan_in::FanIn>();
    visitor.visit::<pipeline::Pipeline>();
    visitor.visit::<worker_pool::WorkerPool>();
    visitor.visit::<token_bucket::TokenBucket>();
    visitor.visit::<ping_pong::PingPong>();
    visitor.visit::<open_loop::OpenLoop>();
}
