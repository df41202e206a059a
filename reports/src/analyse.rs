//! Computes everything that the page, the terminal and the documents show, as numbers. The words are [`crate::render`]'s; files are
//! read by [`crate::collect`].

pub mod article;
pub mod build;
pub mod cells;
pub mod changes;
pub mod checks;
pub mod choice;
pub mod compare_runs;
pub mod costs;
pub mod criterion;
pub mod differences;
pub mod honesty;
pub mod noise;
pub mod page;
pub mod paired_test;
pub mod rank_summary;
pub mod ranking;
pub mod runs;
pub mod scaling;
pub mod statistics;
pub mod verification;
