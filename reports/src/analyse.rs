//! From records and measurements to what the page says: which cells there are and what became of each, how they compare,
//! what the checks can and cannot say, and what to be warned of. No HTML here, and no files.

pub mod article;
pub mod cells;
pub mod changes;
pub mod checks;
pub mod choice;
pub mod compare_runs;
pub mod costs;
pub mod fingerprints;
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
