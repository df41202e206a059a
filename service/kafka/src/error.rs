//! Why the source failed.

use std::time::Duration;

/// Why the source failed, or could not begin.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KafkaError {
    /// A setting makes no sense.
    #[error("{0}")]
    Setting(String),
    /// A drain could take longer than the group waits for a member that is silent.
    #[error(
        "the grace of {} ms is not below the session time-out of {} ms: a drain has to end before the group gives \
         the partitions to others",
        grace.as_millis(), session.as_millis()
    )]
    Grace {
        /// The longest time that a drain takes.
        grace: Duration,
        /// The session time-out.
        session: Duration,
    },
    /// The client could not be made.
    #[error("the Kafka client could not be made: {0}")]
    Client(String),
    /// The brokers do not answer, or have no such topic.
    #[error("topic {topic} at {brokers}: {reason}")]
    Topic {
        /// The topic.
        topic: String,
        /// The addresses that were asked.
        brokers: String,
        /// What is wrong.
        reason: String,
    },
    /// The topic has more partitions than at the start.
    #[error("the topic had {known} partitions at the start and has partition {partition} now: start again")]
    Grown {
        /// The number of partitions at the start.
        known: usize,
        /// The new partition.
        partition: i32,
    },
    /// The client has failed for good.
    #[error("Kafka: {0}")]
    Failed(String),
    /// A message came by the common queue.
    #[error(
        "offset {offset} of partition {partition} came past the partition's queue: librdkafka broke its promise"
    )]
    Stray {
        /// The partition.
        partition: i32,
        /// The offset.
        offset: i64,
    },
    /// A partition can deliver no more.
    #[error("partition {partition}: {reason}")]
    Lane {
        /// The partition.
        partition: usize,
        /// What is wrong.
        reason: String,
    },
    /// The end of some commits is not known.
    #[error("{0} commits had no answer when the member left: what they cover may be repeated")]
    Unanswered(usize),
    /// The group was not left in time.
    #[error("the group was not left within {} s", .0.as_secs())]
    NotLeft(Duration),
}
