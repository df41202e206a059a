//! Known and planted defects: what explorations have to find, and whether they do.

pub mod data;
pub mod judge;
