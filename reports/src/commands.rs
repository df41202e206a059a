//! The subcommands, one file each.

pub(crate) mod ab;
pub(crate) mod article;
mod changes;
pub(crate) mod choose;
pub(crate) mod compare;
pub(crate) mod honesty;
pub(crate) mod list;
mod measure;
pub(crate) mod report;
pub(crate) mod round;
pub(crate) mod run;
pub(crate) mod runner;
pub(crate) mod verify;

use clap::Subcommand;

/// What `chanlab` can do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Measure: every channel in a process of its own, in interleaved blocks; every round is kept
    Run(run::Arguments),
    /// Measure one cell, and say which channel to take for it and why
    Choose(choose::Arguments),
    /// Ask whether the measurements can be believed: false alarms, and slowdowns that are planted
    Honesty(honesty::Arguments),
    /// Compare two versions of a channel's crate: both in one run, side by side; fails when something is slower
    Ab(ab::Arguments),
    /// Compare two runs that were made apart, on the same machine
    Compare(compare::Arguments),
    /// Draw the page: one self-contained HTML file from what the benchmarks and models left behind
    Report(report::Arguments),
    /// Run verified rounds of one cell
    Round(round::Arguments),
    /// The benchmark of the article that chanlab began with, reproduced: Go's functions and Rust's channels in one document
    Article(article::Arguments),
    /// Runners: the programs that run the rounds
    Runner(runner::Arguments),
    /// Verify channels, harder than the rounds of a benchmark do: a matrix of channels and methods, and how to see each failure again
    Verify(verify::Arguments),
    /// Print the channels and the workloads
    List,
}
