//! A member of a consumer group against librdkafka's own broker, in this process.

#[path = "../support/cluster.rs"]
mod cluster;
mod group;
#[path = "../support/member.rs"]
mod member;
mod traps;
#[path = "../support/wait.rs"]
mod wait;
