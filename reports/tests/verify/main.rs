//! `chanlab verify`, as a user starts it: its records and its output for channels that fail, hang or crash
//! their process.

mod bench;
mod failures;
mod planted;
mod processes;
mod shards;
mod stops;
mod words;
