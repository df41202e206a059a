//! The interface of `std`: each item does what std's item of that name does, on what `exec` provides.

pub mod cell;
pub mod collections;
pub mod hash;
pub mod hint;
pub mod sync;
pub mod thread;
pub mod time;
