//! The subcommands, one file each.

pub(crate) mod list;
pub(crate) mod report;
pub(crate) mod round;

use clap::Subcommand;

/// What `chanlab` can do.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Draw the page: one self-contained HTML file from what the benchmarks and models left behind
    Report(report::Arguments),
    /// Run verified rounds of one cell
    Round(round::Arguments),
    /// Print the channels and the workloads
    List,
}
