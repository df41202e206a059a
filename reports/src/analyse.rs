//! Computes everything that the page, the terminal and the documents show, as numbers. The words are
//! [`crate::render`]'s; files are read by [`crate::collect`].

pub mod article;
pub mod build;
pub(crate) mod cells;
pub mod changes;
pub mod checks;
pub mod choice;
pub mod compare_runs;
pub(crate) mod costs;
pub(crate) mod criterion;
pub(crate) mod differences;
pub mod honesty;
pub(crate) mod noise;
pub mod page;
pub mod paired_test;
pub mod provenance;
pub(crate) mod rank_summary;
pub(crate) mod ranking;
pub mod runs;
pub(crate) mod scaling;
pub(crate) mod statistics;
pub mod undecided;
pub mod verification;
