//! Reads runs, criterion's files, and the records of models and verifications. Whatever is damaged or contradicts
//! itself is a [`problem::Problem`], which the page and the terminal show; the rest is still read.

pub(crate) mod against_plan;
pub mod contradiction;
pub mod criterion;
pub mod problem;
pub mod records;
pub mod runs;
pub(crate) mod sequence;
pub mod sources;
pub mod timelines;
pub mod verdicts;
pub mod verified;
mod work;
