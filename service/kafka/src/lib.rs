//! A consumer group of Kafka as a [`Source`](service_core::source::Source) of partitions.
//!
//! [`Kafka::connect`] joins a group. Each member of the group has some of the topic's partitions, so more processes are
//! more members: Kafka is what distributes the work.
//!
//! # What it promises
//!
//! - A commit is stored by the group's coordinator, with the offset map as its metadata. Nothing is committed but what
//!   the caller commits, and only for a partition that this member has.
//! - A revoked partition is drained, committed and let go, in this order, while the others go on to commit. The
//!   rebalance goes on when the last one was let go.
//! - A lost partition belongs to somebody else: nothing more of it is committed.
//!
//! # How
//!
//! librdkafka asks for a rebalance by an event, and waits until `assign` or `unassign` is called. Here the callback only
//! notes the event (`context`), and [`Source::poll`](service_core::source::Source::poll) calls `assign` once the
//! commits are fetched, and `unassign` once the partitions are let go (`rebalance`). No callback waits, so the heartbeats and
//! the results of commits go on while partitions drain.
//!
//! Each partition has a queue of its own (`lane`), split before `assign`, so that its first message cannot come by
//! the common queue. A queue is polled by its thread and has no callback.

// Without the feature the crate is empty, and the links above lead nowhere.
#![cfg_attr(not(feature = "kafka"), allow(rustdoc::broken_intra_doc_links))]
#![cfg(feature = "kafka")]

mod context;
mod error;
mod lane;
mod native;
mod rebalance;
mod settings;
mod source;

pub use error::KafkaError;
pub use lane::KafkaLane;
pub use settings::{Assignor, Settings, Start, Trouble};
pub use source::Kafka;
