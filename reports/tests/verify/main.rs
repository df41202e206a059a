//! `chanlab verify`, as a user starts it: what is recorded and said when channels are wrong, hang or take their process down.

mod bench;
mod failures;
mod planted;
mod processes;
mod shards;
mod stops;
mod words;
