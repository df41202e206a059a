//! The coordination of a consumer of a partitioned log, apart from threads, clocks and I/O.
//!
//! - [`tracker`]: what is done of a partition, and the position to commit
//! - [`offset_map`]: what is done beyond that position, as text for the commit's metadata
//! - [`scheduler`]: which message may be worked at: order, retries, bounds
//! - [`coordinator`]: all of it together, and the life of a partition: the pure state machine
//! - [`shared`]: the coordinator as threads share it
//! - [`roles`]: the loops of the threads, over the channels of the contract
//! - [`source`]: what a source of partitions does
//!
//! The workload `partitioned_log` measures it over every channel with a log in memory.
//!
//! # What it promises
//!
//! A message is committed only after it was processed or written to the dead-letter output. After a restart from the
//! last commit and its offset map, nothing is repeated that was done before that commit. Messages of one lane (a key, a
//! partition) are worked at one after the other, retries included. Everything is bounded: the messages that are held,
//! the memory of the tracker, the length of the offset map.

pub mod coordinator;
pub mod offset_map;
pub mod roles;
pub mod scheduler;
pub mod shared;
pub mod source;
pub mod tracker;
