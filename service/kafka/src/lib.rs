//! A consumer group of Kafka as a source of partitions.
#![cfg(feature = "kafka")]
