//! A member of a consumer group against librdkafka's own broker, in this process.

mod cluster;
mod group;
mod member;
mod traps;
