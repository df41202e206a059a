//! The subcommands, one file each.

pub(crate) mod ab;
pub(crate) mod article;
mod begin;
pub(crate) mod bucket;
mod changes;
pub(crate) mod choose;
pub(crate) mod compare;
pub(crate) mod consume;
pub(crate) mod honesty;
pub(crate) mod list;
pub(crate) mod log;
mod measure;
pub(crate) mod report;
pub(crate) mod round;
pub(crate) mod run;
pub(crate) mod runner;
pub(crate) mod sandbox;
mod trace;
pub(crate) mod verify;

use clap::Subcommand;
use reports::exit;

/// The commands.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Measure: every channel in its own process, in interleaved blocks; every round is kept
    #[command(after_help = exit::help("run"))]
    Run(run::Arguments),
    /// Measure one cell and recommend a channel for it
    #[command(after_help = exit::help("choose"))]
    Choose(choose::Arguments),
    /// Test the measurements themselves: count false alarms, and look for planted slowdowns
    #[command(after_help = exit::help("honesty"))]
    Honesty(honesty::Arguments),
    /// Compare two versions of a channel's crate side by side in one run; fails when the new one is slower
    #[command(after_help = exit::help("ab"))]
    Ab(ab::Arguments),
    /// Compare two runs that were made separately on the same machine
    #[command(after_help = exit::help("compare"))]
    Compare(compare::Arguments),
    /// Draw the page: one self-contained HTML file with all recorded results. It only reads; it runs nothing that a
    /// record names
    #[command(after_help = exit::help("report"))]
    Report(report::Arguments),
    /// Run verified rounds of one cell
    #[command(after_help = exit::help("round"))]
    Round(round::Arguments),
    /// Reproduce the benchmark of the article that chanlab began with: Go's functions and Rust's channels in
    /// one document
    #[command(after_help = exit::help("article"))]
    Article(article::Arguments),
    /// Put a bucket of tokens before a service that is asked faster than the limit allows, over each channel and
    /// beside the crate governor, and draw what was granted
    #[command(after_help = exit::help("bucket"))]
    Bucket(bucket::Arguments),
    /// Serve the runner protocol, or check a runner
    Runner(runner::Arguments),
    /// Verify channels with cases that are harder than benchmark rounds; prints a matrix, and a command that
    /// repeats each failure
    #[command(after_help = exit::help("verify"))]
    Verify(verify::Arguments),
    /// Execute a command without a network, and with some folders to write into
    #[command(hide = true, name = engine::sandbox::SUBCOMMAND)]
    Sandbox(sandbox::Arguments),
    /// Fill and read the embedded log: partitions of messages in a folder
    Log(log::Arguments),
    /// Consume a partitioned log: workers, retries, dead letters, commits, and a drain when it is stopped
    #[command(after_help = exit::help("consume"))]
    Consume(consume::Arguments),
    /// Print the channels and the workloads
    #[command(after_help = exit::help("list"))]
    List,
}
